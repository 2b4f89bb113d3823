using System.Numerics;

namespace Stele.Proof;

/// <summary>
/// Proofs about a part of a tree, as draft-ietf-plants-merkle-tree-certs §4 defines them and a witness's
/// <c>sign-subtree</c> takes them (C2SP tlog-witness). A subtree [start, end) is what a tree of the leaves from start
/// on would look like: start is a multiple of the smallest power of two that is not less than end − start. [0, n) is
/// the tree of n leaves itself.
/// </summary>
public static class Subtrees
{
    /// <summary>
    /// Whether [start, end) is a subtree of some tree. An empty one is, anywhere, and its hash is the empty tree's.
    /// </summary>
    public static bool IsValid(long start, long end) =>
        start >= 0 && end >= start
        && (start == end || ((ulong)start & (BitOperations.RoundUpToPowerOf2((ulong)(end - start)) - 1)) == 0);

    /// <summary>
    /// Whether the leaf hash stands at <paramref name="index"/>, counted from the log's start, in the subtree with this
    /// hash.
    /// </summary>
    public static bool VerifyInclusion(long index, long start, long end, Digest leafHash, ReadOnlySpan<Digest> proof,
        Digest hash) =>
        IsValid(start, end) && index >= start && index < end
        && Proofs.VerifyInclusion(index - start, end - start, leafHash, proof, hash);

    /// <summary>
    /// Whether the subtree with this hash holds the leaves that the tree of <paramref name="size"/> leaves has there.
    /// </summary>
    public static bool VerifyConsistency(long start, long end, long size, Digest hash, Digest root,
        ReadOnlySpan<Digest> proof)
    {
        if (!IsValid(start, end) || end > size) return false;
        if (start == end) return proof.IsEmpty && hash == Merkle.EmptyRoot;
        // fn and sn are the first and the last node of the subtree on the level that was reached, tn the last of the
        // tree.
        long fn = start, sn = end - 1, tn = size - 1;
        while (fn != sn && (end == size || (sn & 1) == 1)) (fn, sn, tn) = (fn >> 1, sn >> 1, tn >> 1);
        // A subtree that is a node of the tree is its own first hash, which the proof leaves out.
        if (fn != sn && proof.IsEmpty) return false;
        var first = fn == sn ? hash : proof[0];
        var rest = fn == sn ? proof : proof[1..];
        Digest fr = first, sr = first;
        foreach (var c in rest)
        {
            if (tn == 0) return false;
            if ((sn & 1) == 1 || sn == tn)
            {
                if (fn < sn) fr = Merkle.Node(c, fr);
                sr = Merkle.Node(c, sr);
                while ((sn & 1) == 0) (fn, sn, tn) = (fn >> 1, sn >> 1, tn >> 1);
            }
            else
            {
                sr = Merkle.Node(sr, c);
            }
            (fn, sn, tn) = (fn >> 1, sn >> 1, tn >> 1);
        }
        return tn == 0 && fr == hash && sr == root;
    }

    /// <summary>
    /// The proof that the leaf at <paramref name="index"/> is in the subtree; the leaf's sibling first.
    /// </summary>
    /// <param name="subtree">The hash of a complete subtree by level and index, counted from the log's start.</param>
    public static Digest[] Inclusion(long index, long start, long end, Func<int, long, Digest> subtree)
    {
        if (!IsValid(start, end) || start == end)
            throw new ArgumentException($"[{start}, {end}) is not a subtree with leaves");
        return Proofs.Inclusion(index - start, end - start, (level, i) => subtree(level, (start >> level) + i));
    }

    /// <summary>The proof that the subtree is part of the tree of <paramref name="size"/> leaves.</summary>
    public static Digest[] Consistency(long start, long end, long size, Func<int, long, Digest> subtree)
    {
        if (!IsValid(start, end)) throw new ArgumentException($"[{start}, {end}) is not a subtree");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, size);
        var proof = new List<Digest>();
        if (start < end) Walk(0, size, start, whole: true);
        return [.. proof];

        // Proves [first, end) in the node [from, to); whole as long as that is all of the subtree.
        void Walk(long from, long to, long first, bool whole)
        {
            if (from == first && to == end)
            {
                if (!whole) proof.Add(Proofs.RangeHash(from, to, subtree));
                return;
            }
            var middle = from + Proofs.Split(to - from);
            if (end <= middle)
            {
                Walk(from, middle, first, whole);
                proof.Add(Proofs.RangeHash(middle, to, subtree));
                return;
            }
            if (middle <= first) Walk(middle, to, first, whole);
            else Walk(middle, to, middle, whole: false);
            proof.Add(Proofs.RangeHash(from, middle, subtree));
        }
    }
}
