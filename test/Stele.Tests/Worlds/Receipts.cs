using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;

namespace Stele.Tests.Worlds;

static class Receipts
{
    /// <summary>
    /// A receipt of one leaf: under the first anchor that covers it, else under the log as it is now. Another log may
    /// be put in the place of the world's.
    /// </summary>
    public static Receipt Receipt(this Mortgage m, long leaf, DecisionLog? fork = null, long? close = null,
        ErasedIn? erased = null, ReceiptForm? form = null)
    {
        var (w, log) = (m.World, fork ?? m.Log);
        var anchor = fork is null ? global::Stele.Proof.Packs.Receipt.AnchorOf(w.Replay, log.Origin,
            Math.Max(leaf, close ?? 0), w.State.Size) : null;
        var size = anchor?.Size ?? log.Leaves.Count;
        Digest Subtree(int level, long index) =>
            Merkle.Root(w.Entries.Skip((int)(index << level)).Take(1 << level).Select(e => Merkle.Leaf(e)));
        return global::Stele.Proof.Packs.Receipt.Build(
            w.Replay, w.Find, new ProvenTree(w.Checkpoint(), w.Entries.Count,
                i => Proofs.Inclusion(i, w.Entries.Count, Subtree)), log.Origin,
            new ProvenTree(anchor?.Anchor.Checkpoint ?? log.Checkpoint(), size, i => log.Inclusion(i, size)), leaf,
            Decision.Parse(log.Leaves[(int)leaf]), close is { } c ? (c, Decision.Parse(log.Leaves[(int)c])) : null,
            erased, form);
    }
}
