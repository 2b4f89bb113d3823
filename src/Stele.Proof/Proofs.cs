using System.Numerics;

namespace Stele.Proof;

/// <summary>
/// Inclusion and consistency proofs of RFC 6962 trees: verified as RFC 9162 §2.1.3.2 and §2.1.4.2 say, and made from
/// the hashes of complete subtrees. A subtree is named by (level, index): the root over the leaves [index·2^level,
/// (index+1)·2^level).
/// </summary>
public static class Proofs
{
    /// <summary>
    /// Whether the leaf hash stands at <paramref name="index"/> in the tree of <paramref name="size"/> leaves with this
    /// root.
    /// </summary>
    public static bool VerifyInclusion(long index, long size, Digest leafHash, ReadOnlySpan<Digest> proof,
        Digest root) => InclusionRoot(index, size, leafHash, proof) == root;

    /// <summary>
    /// The root that a leaf hash and its proof lead to; null where the proof does not fit a tree of that size.
    /// </summary>
    public static Digest? InclusionRoot(long index, long size, Digest leafHash, ReadOnlySpan<Digest> proof)
    {
        if (index < 0 || index >= size) return null;
        long fn = index, sn = size - 1;
        var hash = leafHash;
        foreach (var p in proof)
        {
            if (sn == 0) return null;
            if ((fn & 1) == 1 || fn == sn)
            {
                hash = Merkle.Node(p, hash);
                while ((fn & 1) == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            }
            else
            {
                hash = Merkle.Node(hash, p);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 ? hash : null;
    }

    /// <summary>
    /// Whether the tree of <paramref name="oldSize"/> leaves is a prefix of the tree of <paramref name="newSize"/>.
    /// An old size of 0 is refused: everything extends the empty tree, so no proof says anything; the caller decides
    /// what that means.
    /// </summary>
    public static bool VerifyConsistency(long oldSize, long newSize, Digest oldRoot, Digest newRoot,
        ReadOnlySpan<Digest> proof) => ConsistencyRoot(oldSize, newSize, oldRoot, proof) == newRoot;

    /// <summary>
    /// The root of the newer tree that a proof leads to from the older one; null where it does not start from that.
    /// </summary>
    public static Digest? ConsistencyRoot(long oldSize, long newSize, Digest oldRoot, ReadOnlySpan<Digest> proof)
    {
        if (oldSize <= 0 || oldSize > newSize) return null;
        if (oldSize == newSize) return proof.IsEmpty ? oldRoot : null;
        if (proof.IsEmpty) return null;
        long fn = oldSize - 1, sn = newSize - 1;
        while ((fn & 1) == 1) (fn, sn) = (fn >> 1, sn >> 1);
        // A complete old tree is its own first node, which the proof leaves out.
        var first = BitOperations.IsPow2(oldSize) ? oldRoot : proof[0];
        var rest = BitOperations.IsPow2(oldSize) ? proof : proof[1..];
        Digest fr = first, sr = first;
        foreach (var c in rest)
        {
            if (sn == 0) return null;
            if ((fn & 1) == 1 || fn == sn)
            {
                fr = Merkle.Node(c, fr);
                sr = Merkle.Node(c, sr);
                while ((fn & 1) == 0 && fn != 0) (fn, sn) = (fn >> 1, sn >> 1);
            }
            else
            {
                sr = Merkle.Node(sr, c);
            }
            (fn, sn) = (fn >> 1, sn >> 1);
        }
        return sn == 0 && fr == oldRoot ? sr : null;
    }

    /// <summary>
    /// The proof that the leaf at <paramref name="index"/> is in the tree of <paramref name="size"/> leaves; the leaf's
    /// sibling first.
    /// </summary>
    /// <param name="subtree">The hash of a complete subtree; asked only for those inside the tree.</param>
    public static Digest[] Inclusion(long index, long size, Func<int, long, Digest> subtree)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        var proof = new List<Digest>();
        Walk(0, size);
        return [.. proof];

        void Walk(long from, long to)
        {
            if (to - from == 1) return;
            var middle = from + Split(to - from);
            if (index < middle)
            {
                Walk(from, middle);
                proof.Add(RangeHash(middle, to, subtree));
            }
            else
            {
                Walk(middle, to);
                proof.Add(RangeHash(from, middle, subtree));
            }
        }
    }

    /// <summary>
    /// The proof that the tree of <paramref name="oldSize"/> leaves, at least one, is a prefix of the tree of
    /// <paramref name="newSize"/>.
    /// </summary>
    public static Digest[] Consistency(long oldSize, long newSize, Func<int, long, Digest> subtree)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(oldSize, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(oldSize, newSize);
        var proof = new List<Digest>();
        Walk(0, newSize, wholeOldTree: true);
        return [.. proof];

        void Walk(long from, long to, bool wholeOldTree)
        {
            if (oldSize == to)
            {
                if (!wholeOldTree) proof.Add(RangeHash(from, to, subtree));
                return;
            }
            var middle = from + Split(to - from);
            if (oldSize <= middle)
            {
                Walk(from, middle, wholeOldTree);
                proof.Add(RangeHash(middle, to, subtree));
            }
            else
            {
                Walk(middle, to, wholeOldTree: false);
                proof.Add(RangeHash(from, middle, subtree));
            }
        }
    }

    /// <summary>The root of the tree of the first <paramref name="size"/> leaves.</summary>
    public static Digest TreeHash(long size, Func<int, long, Digest> subtree) => size == 0
        ? Merkle.EmptyRoot
        : RangeHash(0, size, subtree);

    /// <summary>
    /// The hash over the leaves [from, to), which must be a node of a tree: <paramref name="from"/> is a multiple of
    /// the power of two that covers the range.
    /// </summary>
    public static Digest RangeHash(long from, long to, Func<int, long, Digest> subtree)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(from, to);
        // Complete subtrees from the left, each as large as fits; then joined from the right.
        Span<Digest> parts = stackalloc Digest[64];
        var n = 0;
        while (from < to)
        {
            var level = BitOperations.Log2((ulong)(to - from));
            if ((from & ((1L << level) - 1)) != 0) throw new ArgumentException("the range is not a node of any tree");
            parts[n++] = subtree(level, from >> level);
            from += 1L << level;
        }
        var hash = parts[n - 1];
        for (var i = n - 2; i >= 0; i--) hash = Merkle.Node(parts[i], hash);
        return hash;
    }

    /// <summary>The largest power of two below n.</summary>
    internal static long Split(long n) => 1L << BitOperations.Log2((ulong)(n - 1));
}
