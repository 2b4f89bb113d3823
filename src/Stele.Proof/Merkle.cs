namespace Stele.Proof;

/// <summary>
/// The Merkle tree hashes of RFC 6962 §2.1: leaf = SHA-256(00 ‖ data), node = SHA-256(01 ‖ left ‖ right), empty tree =
/// SHA-256("").
/// </summary>
public static class Merkle
{
    public static readonly Digest EmptyRoot = Digest.Of([]);

    public static Digest Leaf(ReadOnlySpan<byte> data)
    {
        var buffer = data.Length < 4096 ? stackalloc byte[data.Length + 1] : new byte[data.Length + 1];
        buffer[0] = 0;
        data.CopyTo(buffer[1..]);
        return Digest.Of(buffer);
    }

    public static Digest Node(Digest left, Digest right)
    {
        Span<byte> buffer = stackalloc byte[1 + 2 * Digest.Size];
        buffer[0] = 1;
        left.CopyTo(buffer[1..]);
        right.CopyTo(buffer[(1 + Digest.Size)..]);
        return Digest.Of(buffer);
    }

    /// <summary>The root over a power of two of hashes, all of one level.</summary>
    public static Digest Perfect(ReadOnlySpan<Digest> hashes)
    {
        if (!System.Numerics.BitOperations.IsPow2(hashes.Length))
            throw new ArgumentException($"{hashes.Length} hashes are no perfect subtree");
        if (hashes.Length == 1) return hashes[0];
        Span<Digest> work = stackalloc Digest[Tile.Full];
        if (hashes.Length > work.Length)
            return Node(Perfect(hashes[..(hashes.Length / 2)]), Perfect(hashes[(hashes.Length / 2)..]));
        hashes.CopyTo(work);
        for (var n = hashes.Length / 2; n > 0; n /= 2)
            for (var i = 0; i < n; i++) work[i] = Node(work[2 * i], work[2 * i + 1]);
        return work[0];
    }

    /// <summary>
    /// The perfect subtrees that cover leaves which stand from <paramref name="first"/> on, from the left: a frontier
    /// takes them one by one. Uses up the hashes.
    /// </summary>
    public static IReadOnlyList<(int Level, Digest Root)> Subtrees(long first, Span<Digest> leafHashes)
    {
        var found = new List<(int, Digest)>();
        while (!leafHashes.IsEmpty)
        {
            var level = Math.Min(System.Numerics.BitOperations.TrailingZeroCount(first | 1L << 62),
                System.Numerics.BitOperations.Log2((uint)leafHashes.Length));
            var hashes = leafHashes[..(1 << level)];
            for (var width = hashes.Length / 2; width > 0; width /= 2)
                for (var i = 0; i < width; i++) hashes[i] = Node(hashes[2 * i], hashes[2 * i + 1]);
            found.Add((level, hashes[0]));
            first += 1L << level;
            leafHashes = leafHashes[(1 << level)..];
        }
        return found;
    }

    /// <summary>
    /// The root over a whole list of leaf hashes. For large trees use <see cref="Frontier"/> or tiles.
    /// </summary>
    public static Digest Root(IEnumerable<Digest> leafHashes)
    {
        var frontier = new Frontier();
        foreach (var leaf in leafHashes) frontier = frontier.Add(leaf);
        return frontier.Root;
    }
}

/// <summary>
/// The right edge of a tree: the roots of its perfect subtrees, largest first. Enough to append and to know the root.
/// Immutable.
/// </summary>
public sealed class Frontier
{
    readonly Digest[] _peaks;

    public Frontier() : this(0, []) { }

    /// <param name="peaks">One root for each set bit of <paramref name="size"/>, the largest subtree first.</param>
    public Frontier(long size, ReadOnlySpan<Digest> peaks)
    {
        if (size < 0 || peaks.Length != System.Numerics.BitOperations.PopCount((ulong)size))
            throw new ArgumentException($"a tree of {size} leaves does not have {peaks.Length} perfect subtrees");
        Size = size;
        _peaks = peaks.ToArray();
    }

    Frontier(Digest[] owned, long size) => (_peaks, Size) = (owned, size);

    public long Size { get; }

    public IReadOnlyList<Digest> Peaks => _peaks;

    public Frontier Add(Digest leafHash) => Add(0, leafHash);

    /// <summary>
    /// Adds a perfect subtree of 2^<paramref name="level"/> leaves, of which this tree must hold a whole number.
    /// </summary>
    public Frontier Add(int level, Digest root)
    {
        if ((Size & ((1L << level) - 1)) != 0)
            throw new ArgumentException($"a subtree of 2^{level} leaves can't stand at {Size}");
        var merges = System.Numerics.BitOperations.TrailingZeroCount(~(ulong)(Size >> level));
        var kept = _peaks.Length - merges;
        var peaks = new Digest[kept + 1];
        Array.Copy(_peaks, peaks, kept);
        for (var i = _peaks.Length - 1; i >= kept; i--) root = Merkle.Node(_peaks[i], root);
        peaks[kept] = root;
        return new Frontier(peaks, Size + (1L << level));
    }

    public Digest Root
    {
        get
        {
            if (Size == 0) return Merkle.EmptyRoot;
            var hash = _peaks[^1];
            for (var i = _peaks.Length - 2; i >= 0; i--) hash = Merkle.Node(_peaks[i], hash);
            return hash;
        }
    }
}
