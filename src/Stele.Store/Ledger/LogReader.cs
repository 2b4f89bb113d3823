using System.Collections.Concurrent;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A log as it is read: entries, tiles, bundles, proofs and roots, by anybody at any time. Invariant: everything up to
/// <see cref="Size"/> is durable and under <see cref="Checkpoint"/>, and can be read and proved, however the log grows
/// meanwhile; nothing beyond it is shown. An entry that is read is the one that the checkpoint covers, whatever became
/// of the objects meanwhile: a bundle out of the store is proved to be in the tree.
/// </summary>
abstract class LogReader
{
    const int CachedTiles = 512, CachedBundles = 16;

    /// <summary>What the log is at one moment. Replaced whole.</summary>
    internal sealed record Moment(long Size, Digest Root, string Checkpoint, Frontier Frontier);

    readonly LogObjects _objects;
    readonly LogTree _tree;
    readonly ConcurrentDictionary<(int, long), Digest[]> _cache = new();
    readonly ConcurrentDictionary<long, byte[][]> _bundles = new();
    readonly Waiters _waiters;
    volatile Moment _head = new(0, Merkle.EmptyRoot, "", new Frontier());

    private protected LogReader(VerifierKey key, LogObjects objects, LogTree tree)
    {
        (Key, _objects, _tree) = (key, objects, tree);
        _waiters = new Waiters(() => Size, () => Ended);
    }

    public string Origin => Key.Name;
    public VerifierKey Key { get; }

    /// <summary>Entries that are durable and under <see cref="Checkpoint"/>.</summary>
    public long Size => _head.Size;

    /// <summary>
    /// How many entries a replica holds: more than <see cref="Size"/> while it is being extended in steps.
    /// </summary>
    public long Held => _tree.Size;

    public Digest Root => _head.Root;
    public Frontier Frontier => _head.Frontier;

    /// <summary>The newest signed checkpoint; empty for a replica that was never extended.</summary>
    public string Checkpoint => _head.Checkpoint;

    /// <summary>The same, all of one moment.</summary>
    internal Moment Head => _head;

    /// <summary>
    /// The first entry that the records can give, by whole bundles; those below were pruned or moved. 0 unless they
    /// were.
    /// </summary>
    public long Floor { get; private protected init; }

    /// <summary>The tree as it was where the log begins; null when it begins at 0.</summary>
    public Frontier? Beginning
    {
        get
        {
            if (Floor == 0) return null;
            var (subtree, peaks, at) = (Subtree(Size), new List<Digest>(), 0L);
            for (var height = 62; height >= 0; height--)
            {
                if ((Floor >> height & 1) == 0) continue;
                peaks.Add(subtree(height, at >> height));
                at += 1L << height;
            }
            return new Frontier(Floor, [.. peaks]);
        }
    }

    /// <summary>
    /// Why what derives from the records could not be stored when it was last tried; null: it was. It is tried again.
    /// </summary>
    public abstract string? LastPublishError { get; }

    /// <summary>Shows what is durable and signed for, and tells those who wait.</summary>
    private protected void Show(Moment head)
    {
        _head = head;
        Wake();
    }

    /// <summary>Why the log grows no more; null while it may.</summary>
    internal abstract Exception? Ended { get; }

    private protected void Wake() => _waiters.Wake();

    /// <summary>Completes once the log is larger than <paramref name="size"/>.</summary>
    /// <exception cref="IOException">The log failed before.</exception>
    /// <exception cref="OperationCanceledException">It was closed before.</exception>
    public Task WaitBeyond(long size, CancellationToken cancellation) => _waiters.Beyond(size, cancellation);

    /// <summary>One entry's bytes.</summary>
    /// <exception cref="IOException">What is stored as this entry is another.</exception>
    public byte[] ReadEntry(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Size);
        MustBeHere(index);
        return _tree.EntryAtEdge(index) ?? Proven(index / Proof.Tile.Full)[index % Proof.Tile.Full];
    }

    /// <summary>The entries [from, to), a bundle at a time.</summary>
    /// <exception cref="IOException">What is stored as one of them is another.</exception>
    public IEnumerable<byte[]> ReadEntries(long from, long to)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(to, Size);
        if (from < to) MustBeHere(from);
        return Stream();

        IEnumerable<byte[]> Stream()
        {
            for (var at = from; at < to;)   // walked again, it begins from the start
            {
                var n = at / Proof.Tile.Full;
                var end = Math.Min(to, (n + 1) * Proof.Tile.Full);
                var entries = _tree.BundleInMemory(n) ?? Proven(n);
                for (; at < end; at++) yield return entries[at % Proof.Tile.Full];
            }
        }
    }

    /// <summary>The entries of a full bundle.</summary>
    byte[][] Proven(long n)
    {
        if (_bundles.TryGetValue(n, out var known)) return known;
        byte[][] entries;
        try
        {
            entries = Proof.Tile.DecodeBundle(_tree.Read(Proof.Tile.Entries, n, Proof.Tile.Full), Proof.Tile.Full);
        }
        catch (FormatException e)
        {
            throw new IOException($"{new Tile(Proof.Tile.Entries, n)} of {Origin} is damaged: {e.Message}", e);
        }
        var leaves = entries.Select(e => Merkle.Leaf(e)).ToArray();
        // Its first leaf's proof goes through the roots of all its other parts.
        var (first, head) = (n * Proof.Tile.Full, _head);
        var (size, root) = first + Proof.Tile.Full <= head.Size ? (head.Size, head.Root) : _tree.Now;
        if (!IsIn(first, size, root, leaves))
            throw new IOException(
                $"{new Tile(Proof.Tile.Entries, n)} of {Origin} does not hold the entries that the checkpoint over "
                + $"{size} covers, or the hashes that say so are damaged");
        if (_bundles.Count >= CachedBundles) _bundles.Clear();
        return _bundles[n] = entries;
    }

    bool IsIn(long first, long size, Digest root, Digest[] leaves)
    {
        var proof = Proofs.Inclusion(first, size, Subtree(size));
        for (var (level, at) = (0, 1); at < leaves.Length; level++, at *= 2)
            proof[level] = Merkle.Perfect(leaves.AsSpan(at, at));
        return Proofs.VerifyInclusion(first, size, leaves[0], proof, root);
    }

    void MustBeHere(long index)
    {
        if (index < Floor && !_objects.Exists(new Tile(Proof.Tile.Entries, index / Proof.Tile.Full)))
            throw new LogException(LogError.Pruned,
                $"entry {index} of {Origin} is not here any more: the log begins at {Floor}");
    }

    /// <summary>The bytes of an entry bundle of any width that this log has signed for; null when it has not.</summary>
    public byte[]? Bundle(long n, int width) => Tile(Proof.Tile.Entries, n, width);

    /// <summary>The bytes of a hash tile of any width that this log has signed for; null when it has not.</summary>
    public byte[]? Tile(int level, long n, int width)
    {
        if (level is < Proof.Tile.Entries or > Proof.Tile.MaxLevel || n < 0 || width < 1
            || width > Proof.Tile.WidthAt(Size, level, n)) return null;
        if (level == Proof.Tile.Entries && n < Floor / Proof.Tile.Full && !_objects.Exists(new Tile(level, n)))
            return null;
        return _tree.Read(level, n, width);
    }

    /// <summary>The proof that the entry is in the tree of that size; the leaf's sibling first.</summary>
    public Digest[] InclusionProof(long index, long size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return Proofs.Inclusion(index, size, Subtree(size));
    }

    /// <summary>
    /// The proof that the tree of size <paramref name="a"/> is a prefix of the tree of size <paramref name="b"/>; a is
    /// at least 1.
    /// </summary>
    public Digest[] ConsistencyProof(long a, long b)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(b, Size);
        return Proofs.Consistency(a, b, Subtree(b));
    }

    /// <summary>The root that the log had at a size.</summary>
    public Digest RootAt(long size)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, Size);
        return Proofs.TreeHash(size, Subtree(size));
    }

    /// <summary>Finds subtree hashes in the tiles of the tree of a size.</summary>
    Func<int, long, Digest> Subtree(long size) => (level, index) =>
    {
        var tile = Proof.Tile.Holding(level, index, size);
        if (!_cache.TryGetValue((tile.Level, tile.Index), out var hashes) || hashes.Length < tile.Width)
        {
            hashes = Proof.Tile.Decode(Hashes(tile), tile.Width);
            if (_cache.Count >= CachedTiles) _cache.Clear();
            if (!tile.IsPartial) _cache[(tile.Level, tile.Index)] = hashes;
        }
        return Proof.Tile.Subtree(level, index, hashes);
    };

    byte[] Hashes(Tile tile)
    {
        try
        {
            return _tree.Read(tile.Level, tile.Index, tile.Width);
        }
        catch (FileNotFoundException) when ((tile.Index + 1) << 8 * (tile.Level + 1) <= Floor)
        {
            throw new LogException(LogError.Pruned,
                $"{tile} of {Origin} is lost, and the entries to make it again were pruned: the log begins at {Floor}");
        }
    }
}
