using System.Collections;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Stele.Proof.Governance;

/// <summary>
/// Facts of one noun by their key: a persistent sorted map that knows its digest, so that the digest of a state costs
/// what changed since the last one was asked for, not what there is.
/// <code>
/// path of a fact    the bits of SHA-256(key as text), the highest first
/// no fact           SHA-256("")
/// one fact          RFC 6962 leaf hash of the canonical JSON {"key":text,"value":…}
/// several           RFC 6962 node hash of those whose next bit is 0 and those whose next bit is 1
/// </code>
/// The digest follows from what the map holds, whatever the order in which it came there. <see cref="FactPath"/> proves
/// one fact, or that there is none, to a reader who has the digest.
/// </summary>
#pragma warning disable CA1710 // "Dictionary" would say how, "map" says what.
public sealed class FactMap<TKey, TValue> : IReadOnlyDictionary<TKey, TValue> where TKey : notnull
#pragma warning restore CA1710
{
    readonly ImmutableSortedDictionary<TKey, TValue> _sorted;
    readonly Node? _tree;
    readonly Asking? _asking;

    FactMap(ImmutableSortedDictionary<TKey, TValue> sorted, Node? tree, Asking? asking = null) =>
        (_sorted, _tree, _asking) = (sorted, tree, asking);

    public static FactMap<TKey, TValue> Create(IComparer<TKey>? order = null) =>
        new(ImmutableSortedDictionary.Create<TKey, TValue>(order), null);

    public int Count => _sorted.Count;
    public bool IsEmpty => _sorted.IsEmpty;
    public IEnumerable<TKey> Keys => _sorted.Keys;
    public IEnumerable<TValue> Values => _sorted.Values;
    public TValue this[TKey key] =>
        TryGetValue(key, out var value) ? value : throw new KeyNotFoundException($"no fact '{Text(key)}'");
    public bool ContainsKey(TKey key) => TryGetValue(key, out _);

    public bool TryGetValue(TKey key, [MaybeNullWhen(false)] out TValue value)
    {
        var there = _sorted.TryGetValue(key, out value);
        _asking?.Invoke(Text(key), there);
        return there;
    }

    /// <summary>
    /// The same facts in a map that tells which keys it is asked for. Listing the facts asks for none.
    /// </summary>
    internal FactMap<TKey, TValue> Telling(Asking asking) => new(_sorted, _tree, asking);

    /// <summary>Those of the facts that are wanted.</summary>
    internal FactMap<TKey, TValue> Only(Func<TKey, TValue, bool> wanted) =>
        Create(_sorted.KeyComparer).AddRange(_sorted.Where(f => wanted(f.Key, f.Value)));

    /// <summary>What proves that a key has its value here, or none.</summary>
    /// <param name="key">The key as text.</param>
    /// <param name="json">The one form of a value, as for <see cref="Digest"/>.</param>
    internal FactPath PathTo(string key, Func<TValue, Json> json)
    {
        var (path, siblings) = (FactPath.BitsOf(key), ImmutableArray.CreateBuilder<Digest>());
        var node = _tree;
        for (; node is Branch b; node = path.Bit(siblings.Count - 1) ? b.One : b.Zero)
            siblings.Add(DigestOf(path.Bit(siblings.Count) ? b.Zero : b.One, json));
        return node is not Leaf leaf ? new(key, null, siblings.ToImmutable(), null)
            : leaf.Path == path ? new(key, json(leaf.Value), siblings.ToImmutable(), null)
            : new(key, null, siblings.ToImmutable(), new(Text(leaf.Key), json(leaf.Value)));
    }

    /// <exception cref="ArgumentException">The key is there, with another value.</exception>
    public FactMap<TKey, TValue> Add(TKey key, TValue value) =>
        new(_sorted.Add(key, value), Put(_tree, new Leaf(key, value), 0), _asking);

    public FactMap<TKey, TValue> SetItem(TKey key, TValue value) =>
        new(_sorted.SetItem(key, value), Put(_tree, new Leaf(key, value), 0), _asking);

    public FactMap<TKey, TValue> AddRange(IEnumerable<KeyValuePair<TKey, TValue>> facts) =>
        facts.Aggregate(this, (map, fact) => map.Add(fact.Key, fact.Value));

    public FactMap<TKey, TValue> Remove(TKey key) =>
        _sorted.ContainsKey(key) ? new(_sorted.Remove(key), Take(_tree!, PathOf(key), 0), _asking) : this;

    /// <param name="json">The one form of a value; always the same, since what it gave is kept.</param>
    public Digest Digest(Func<TValue, Json> json) => DigestOf(_tree, json);

    public IEnumerator<KeyValuePair<TKey, TValue>> GetEnumerator() => _sorted.GetEnumerator();
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    static string Text(TKey key) => string.Create(CultureInfo.InvariantCulture, $"{key}");
    static Digest PathOf(TKey key) => FactPath.BitsOf(Text(key));

    abstract class Node
    {
        // Computed when first asked for. Two threads may both compute it; they write the same object's worth.
        public object? Digest;
    }

    sealed class Leaf(TKey key, TValue value) : Node
    {
        public readonly TKey Key = key;
        public readonly TValue Value = value;
        public readonly Digest Path = PathOf(key);
    }

    sealed class Branch(Node? zero, Node? one) : Node
    {
        public readonly Node? Zero = zero, One = one;
    }

    static Node Put(Node? node, Leaf leaf, int depth) => node switch
    {
        null => leaf,
        Leaf there when there.Path == leaf.Path => leaf,
        Leaf there => Put(there.Path.Bit(depth) ? new Branch(null, there) : new Branch(there, null), leaf, depth),
        Branch b => leaf.Path.Bit(depth)
            ? new Branch(b.Zero, Put(b.One, leaf, depth + 1))
            : new Branch(Put(b.Zero, leaf, depth + 1), b.One),
        _ => throw new InvalidOperationException(),
    };

    static Node? Take(Node node, Digest path, int depth)
    {
        if (node is not Branch b) return null;
        var (zero, one) = path.Bit(depth)
            ? (b.Zero, Take(b.One!, path, depth + 1))
            : (Take(b.Zero!, path, depth + 1), b.One);
        // Invariant: a subtree of one fact is that fact.
        return zero is null && one is Leaf or null ? one : one is null && zero is Leaf ? zero : new Branch(zero, one);
    }

    static Digest DigestOf(Node? node, Func<TValue, Json> json)
    {
        if (node is null) return Merkle.EmptyRoot;
        if (node.Digest is Digest known) return known;
        var digest = node is Leaf leaf ? FactPath.LeafOf(Text(leaf.Key), json(leaf.Value))
            : Merkle.Node(DigestOf(((Branch)node).Zero, json), DigestOf(((Branch)node).One, json));
        node.Digest = digest;
        return digest;
    }
}
