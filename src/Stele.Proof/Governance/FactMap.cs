using System.Collections;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Stele.Proof.Governance;

/// <summary>
/// Facts of one noun by their key: a persistent map that knows its digest, so that the digest of a state costs what
/// changed since the last one was asked for, not what there is.
/// <code>
/// path of a fact    the bits of SHA-256(key as text), the highest first
/// no fact           SHA-256("")
/// one fact          RFC 6962 leaf hash of the canonical JSON {"key":text,"value":…}
/// several           RFC 6962 node hash of those whose next bit is 0 and those whose next bit is 1
/// </code>
/// The digest follows from what the map holds, whatever the order in which it came there. <see cref="FactPath"/> proves
/// one fact, or that there is none, to a reader who has the digest.
///
/// The same tree is how a map is kept outside memory (<see cref="Save"/>): what is asked for is read, and what was kept
/// before is not written again. Listing the facts takes all of them, in the order of their keys.
/// </summary>
#pragma warning disable CA1710 // "Dictionary" would say how, "map" says what.
public sealed class FactMap<TKey, TValue> : IReadOnlyDictionary<TKey, TValue> where TKey : notnull
#pragma warning restore CA1710
{
    readonly IComparer<TKey> _order;
    readonly Node? _tree;
    readonly Asking? _asking;
    KeyValuePair<TKey, TValue>[]? _listed;   // in order, when first asked for

    FactMap(IComparer<TKey> order, Node? tree, int count, Asking? asking) =>
        (_order, _tree, Count, _asking) = (order, tree, count, asking);

    public static FactMap<TKey, TValue> Create(IComparer<TKey>? order = null) =>
        new(order ?? Comparer<TKey>.Default, null, 0, null);

    public int Count { get; }
    public bool IsEmpty => Count == 0;
    public IEnumerable<TKey> Keys => Listed.Select(f => f.Key);
    public IEnumerable<TValue> Values => Listed.Select(f => f.Value);
    public TValue this[TKey key] =>
        TryGetValue(key, out var value) ? value : throw new KeyNotFoundException($"no fact '{Text(key)}'");
    public bool ContainsKey(TKey key) => TryGetValue(key, out _);

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        var there = Find(PathOf(key));
        _asking?.Invoke(Text(key), there is not null);
        value = there is null ? default : there.Value;
        return there is not null;
    }

    /// <summary>
    /// The same facts in a map that tells which keys it is asked for. Listing the facts asks for none.
    /// </summary>
    internal FactMap<TKey, TValue> Telling(Asking asking) => new(_order, _tree, Count, asking);

    /// <summary>Those of the facts that are wanted.</summary>
    internal FactMap<TKey, TValue> Only(Func<TKey, TValue, bool> wanted) =>
        Create(_order).AddRange(Listed.Where(f => wanted(f.Key, f.Value)));

    /// <summary>What proves that a key has its value here, or none.</summary>
    /// <param name="key">The key as text.</param>
    /// <param name="json">The one form of a value, as for <see cref="Digest"/>.</param>
    internal FactPath PathTo(string key, Func<TValue, Json> json)
    {
        var (path, siblings) = (FactPath.BitsOf(key), ImmutableArray.CreateBuilder<Digest>());
        var node = Whole(_tree);
        for (; node is Branch b; node = Whole(path.Bit(siblings.Count - 1) ? b.One : b.Zero))
            siblings.Add(DigestOf(path.Bit(siblings.Count) ? b.Zero : b.One, json));
        return node is not Leaf leaf ? new(key, null, siblings.ToImmutable(), null)
            : leaf.Path == path ? new(key, json(leaf.Value), siblings.ToImmutable(), null)
            : new(key, null, siblings.ToImmutable(), new(Text(leaf.Key), json(leaf.Value)));
    }

    /// <exception cref="ArgumentException">The key is there, with another value.</exception>
    public FactMap<TKey, TValue> Add(TKey key, TValue value)
    {
        var leaf = new Leaf(key, value);
        return Find(leaf.Path) is not { } there ? new(_order, Put(_tree, leaf, 0), Count + 1, _asking)
            : EqualityComparer<TValue>.Default.Equals(there.Value, value) ? this
            : throw new ArgumentException($"the fact '{Text(key)}' is there, with another value");
    }

    public FactMap<TKey, TValue> SetItem(TKey key, TValue value)
    {
        var leaf = new Leaf(key, value);
        return new(_order, Put(_tree, leaf, 0), Find(leaf.Path) is null ? Count + 1 : Count, _asking);
    }

    public FactMap<TKey, TValue> AddRange(IEnumerable<KeyValuePair<TKey, TValue>> facts) =>
        facts.Aggregate(this, (map, fact) => map.Add(fact.Key, fact.Value));

    public FactMap<TKey, TValue> Remove(TKey key) => PathOf(key) is var path && Find(path) is not null
        ? new(_order, Take(_tree!, path, 0), Count - 1, _asking) : this;

    /// <param name="json">The one form of a value; always the same, since what it gave is kept.</param>
    public Digest Digest(Func<TValue, Json> json) => DigestOf(_tree, json);

    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() =>
        ((IEnumerable<KeyValuePair<TKey, TValue>>)Listed).GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>
    /// Keeps all that is not kept yet, and tells how to find it again. What is kept is not held in memory any more,
    /// here and in every map that shares it; who asks for it reads it again.
    /// </summary>
    internal Json Save(FactForm<TKey, TValue> form, INodes nodes)
    {
        if (_tree is null) return Json.Object(("count", 0));
        var root = KeptNode.Of(Keep(_tree, form, nodes), Known(_tree, form));
        Release(_tree, form, nodes);
        _listed = null;
        return Json.Object(("count", Count), ("root", root.ToJson()));
    }

    /// <summary>The map that was kept. Nothing of it is read before it is asked for.</summary>
    /// <exception cref="FormatException">This names no map.</exception>
    internal static FactMap<TKey, TValue> Load(Json saved, FactForm<TKey, TValue> form, INodes nodes) =>
        new(form.Order, saved.Find("root") is { } root ? new Stub(KeptNode.FromJson(root), form, nodes) : null,
            checked((int)saved["count"].AsInt), null);

    static string Text(TKey key) => string.Create(CultureInfo.InvariantCulture, $"{key}");
    static Digest PathOf(TKey key) => FactPath.BitsOf(Text(key));

    // Two threads may both list them; they come to the same.
    KeyValuePair<TKey, TValue>[] Listed
    {
        get
        {
            if (_listed is { } known) return known;
            var all = new KeyValuePair<TKey, TValue>[Count];
            var next = 0;
            Walk(_tree);
            Array.Sort(all, (a, b) => _order.Compare(a.Key, b.Key));
            return _listed = all;

            void Walk(Node? node)
            {
                switch (Whole(node))
                {
                    case Leaf leaf:
                        all[next++] = new(leaf.Key, leaf.Value);
                        break;
                    case Branch b:
                        Walk(b.Zero);
                        Walk(b.One);
                        break;
                }
            }
        }
    }

    Leaf? Find(Digest path)
    {
        var node = Whole(_tree);
        for (var depth = 0; node is Branch b; depth++) node = Whole(path.Bit(depth) ? b.One : b.Zero);
        return node is Leaf leaf && leaf.Path == path ? leaf : null;
    }

    abstract class Node
    {
        // Computed when first asked for. Two threads may both compute it; they write the same object's worth.
        public object? Digest;

        // Where it is kept, boxed; null: nowhere yet. One thread keeps nodes.
        public object? At;
    }

    sealed class Leaf(TKey key, TValue value) : Node
    {
        public readonly TKey Key = key;
        public readonly TValue Value = value;
        public readonly Digest Path = PathOf(key);
    }

    // A child that is kept gives its place to its stub: the same facts, so that no reader sees a difference.
    sealed class Branch(Node? zero, Node? one) : Node
    {
        public Node? Zero = zero, One = one;
    }

    /// <summary>A node that is kept and was not asked for yet.</summary>
    sealed class Stub : Node
    {
        readonly FactForm<TKey, TValue> _form;
        readonly INodes _nodes;
        volatile Node? _read;

        public Stub(KeptNode kept, FactForm<TKey, TValue> form, INodes nodes)
        {
            (At, Digest, _form, _nodes) = (kept.At, kept.Known is { } d ? d : null, form, nodes);
        }

        // Two threads may both read it.
        public Node Read()
        {
            if (_read is { } known) return known;
            var bytes = _nodes.Read((NodeRef)At!);
            try
            {
                Node node = bytes is [LeafMark, ..] ? LeafOf(bytes) : new Branch(
                    KeptNode.Find(bytes, 0) is { } zero ? new Stub(zero, _form, _nodes) : null,
                    KeptNode.Find(bytes, 1) is { } one ? new Stub(one, _form, _nodes) : null);
                (node.Digest, node.At) = (Digest, At);
                return _read = node;
            }
            catch (FormatException e)
            {
                throw new NodeException($"a kept fact is not readable: {e.Message}", e);
            }
        }

        public void Forget() => _read = null;

        Leaf LeafOf(byte[] bytes)
        {
            var fact = CanonicalJson.Parse(bytes.AsSpan(1), bytes.Length);
            var key = _form.Key(fact["key"].AsString);
            return new(key, _form.Read(key, fact["value"], _nodes));
        }
    }

    const byte LeafMark = 1;

    static Node? Whole(Node? node) => node is Stub stub ? stub.Read() : node;

    static NodeRef Keep(Node node, FactForm<TKey, TValue> form, INodes nodes)
    {
        if (node.At is NodeRef kept) return kept;
        NodeRef at;
        if (node is Leaf leaf)
        {
            var fact = Json.Object(("key", Text(leaf.Key)), ("value", form.Write(leaf.Value, nodes))).ToBytes();
            at = nodes.Add([LeafMark, .. fact]);
        }
        else
        {
            var b = (Branch)node;
            at = nodes.Add(KeptNode.Pair(
                b.Zero is { } z ? KeptNode.Of(Keep(z, form, nodes), Known(z, form)) : null,
                b.One is { } o ? KeptNode.Of(Keep(o, form, nodes), Known(o, form)) : null));
            Release(b, form, nodes);
        }
        node.At = at;
        return at;
    }

    /// <summary>Lets go of what is kept below a node.</summary>
    static void Release(Node node, FactForm<TKey, TValue> form, INodes nodes)
    {
        if (node is not Branch b) return;
        b.Zero = Released(b.Zero);
        b.One = Released(b.One);

        Node? Released(Node? child)
        {
            if (child is Stub stub) stub.Forget();
            return child is null or Stub || child.At is not NodeRef at ? child
                : new Stub(KeptNode.Of(at, child.Digest is Digest d ? d : null), form, nodes);
        }
    }

    static Digest? Known(Node node, FactForm<TKey, TValue> form) =>
        form.Hashed is { } json ? DigestOf(node, json) : null;

    static Node? Put(Node? there, Leaf leaf, int depth) => Whole(there) switch
    {
        null => leaf,
        Leaf other when other.Path == leaf.Path => leaf,
        Leaf other => Put(other.Path.Bit(depth) ? new Branch(null, other) : new Branch(other, null), leaf, depth),
        Branch b => leaf.Path.Bit(depth)
            ? new Branch(b.Zero, Put(b.One, leaf, depth + 1))
            : new Branch(Put(b.Zero, leaf, depth + 1), b.One),
        _ => throw new InvalidOperationException(),
    };

    static Node? Take(Node there, Digest path, int depth)
    {
        if (Whole(there) is not Branch b) return null;
        var (zero, one) = path.Bit(depth)
            ? (b.Zero, Take(b.One!, path, depth + 1))
            : (Take(b.Zero!, path, depth + 1), b.One);
        // Invariant: a subtree of one fact is that fact.
        return zero is null && Whole(one) is Leaf or null ? one
            : one is null && Whole(zero) is Leaf ? zero : new Branch(zero, one);
    }

    static Digest DigestOf(Node? node, Func<TValue, Json> json)
    {
        if (node is null) return Merkle.EmptyRoot;
        if (node.Digest is Digest known) return known;
        var digest = Whole(node) is Leaf leaf ? FactPath.LeafOf(Text(leaf.Key), json(leaf.Value))
            : Merkle.Node(DigestOf(((Branch)Whole(node)!).Zero, json), DigestOf(((Branch)Whole(node)!).One, json));
        node.Digest = digest;
        return digest;
    }
}

/// <summary>How the facts of a map are kept outside memory.</summary>
/// <param name="Hashed">
/// The form of a value that the state's digest has; null for a map that the digest leaves out.
/// </param>
/// <param name="Write">A value, with all that its hashed form leaves out.</param>
sealed record FactForm<TKey, TValue>(IComparer<TKey> Order, Func<string, TKey> Key, Func<TValue, Json>? Hashed,
    Func<TValue, INodes, Json> Write, Func<TKey, Json, INodes, TValue> Read) where TKey : notnull
{
    /// <summary>All of a value, whatever it is kept in: to compare two. Null: what <see cref="Write"/> gives, which
    /// keeps nothing.</summary>
    public Func<TValue, IEnumerable<Json>>? Whole { get; init; }

    /// <summary>A map line by line, in the order of its keys.</summary>
    public IEnumerable<string> Lines(FactMap<TKey, TValue> map) =>
        from fact in map
        from part in Whole?.Invoke(fact.Value) ?? [Write(fact.Value, null!)]
        select string.Create(CultureInfo.InvariantCulture, $"{fact.Key} {part}");
}

/// <summary>A kept node as its parent names it, with the digest that it has in the map's tree.</summary>
readonly record struct KeptNode(NodeRef At, Digest? Known)
{
    const int Bytes = 1 + NodeRef.Bytes + Digest.Size;
    const byte Pairs = 2;

    public static KeptNode Of(NodeRef at, Digest? known) => new(at, known);

    /// <summary>The bytes of a branch: the mark, then for each side 0 for nothing, 1 for a node, 2 for one with its
    /// digest, and room for both.</summary>
    public static byte[] Pair(KeptNode? zero, KeptNode? one)
    {
        var bytes = new byte[1 + 2 * Bytes];
        bytes[0] = Pairs;
        zero?.CopyTo(bytes.AsSpan(1));
        one?.CopyTo(bytes.AsSpan(1 + Bytes));
        return bytes;
    }

    /// <exception cref="FormatException">It is no branch.</exception>
    public static KeptNode? Find(byte[] pair, int side)
    {
        if (pair.Length != 1 + 2 * Bytes || pair[0] != Pairs) throw new FormatException("a node of an unknown form");
        var bytes = pair.AsSpan(1 + side * Bytes, Bytes);
        return bytes[0] switch
        {
            0 => null,
            1 => new(NodeRef.From(bytes[1..]), null),
            2 => new(NodeRef.From(bytes[1..]), Digest.From(bytes[(1 + NodeRef.Bytes)..])),
            _ => throw new FormatException("a node of an unknown form"),
        };
    }

    void CopyTo(Span<byte> to)
    {
        to[0] = (byte)(Known is null ? 1 : 2);
        At.CopyTo(to[1..]);
        Known?.CopyTo(to[(1 + NodeRef.Bytes)..]);
    }

    public Json ToJson() => Json.Object(("node", At.ToJson()), ("known", Known is { } d ? Json.Of(d) : null));
    public static KeptNode FromJson(Json j) => new(NodeRef.FromJson(j["node"]), j.Find("known")?.AsDigest);
}
