using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>
/// A node key that signs two histories: every way in which what it gave out proves that, and everything that proves
/// nothing.
/// </summary>
public sealed class FraudTests
{
    static readonly Mortgage Lived = Mortgage.Lived();   // ten leaves; anchored at 4, 7 and 9
    static readonly Lazy<byte[]> Pack = new(() => Lived.World.Pack());

    static FraudReport With(Receipt early, Receipt other) =>
        Fraud.Judge(early.Encode(), other.Encode(), Lived.World.Trust);
    static FraudReport InPack(Receipt early) =>
        Fraud.Judge(early.Encode(), new MemoryStream(Pack.Value), Lived.World.Trust);

    static void Proves(FraudReport report, params string[] names)
    {
        Assert.Equal(names, report.Contradictions.Select(c => c.Name));
        Assert.Equal((FraudVerdict.Proven, 6), (report.Verdict, (int)report.Verdict));
        Assert.Empty(report.Findings);
    }

    static void Nothing(FraudReport report, string finding)
    {
        Assert.Equal((FraudVerdict.NothingProven, 1), (report.Verdict, (int)report.Verdict));
        Assert.Empty(report.Contradictions);
        Assert.Contains(report.Findings, f => f.Name == finding);
    }

    /// <summary>The node's other history: the same key, the honest leaves but for one, and so many in all.</summary>
    static DecisionLog Fork(int changed, int size, Mortgage? m = null)
    {
        m ??= Lived;
        var fork = new DecisionLog(m.Log.Key);
        for (var i = 0; i < size; i++)
        {
            var leaf = i < m.Log.Leaves.Count ? Decision.Parse(m.Log.Leaves[i]) : m.World.Decide();
            fork.Add(i == changed ? leaf with { Duration = leaf.Duration + 1 } : leaf);
        }
        return fork;
    }

    [Fact]
    public void Two_checkpoints_of_one_size() =>
        Proves(With(Lived.Receipt(0, Fork(7, 9)), Lived.Receipt(8)), "two-checkpoints", "other-leaves");

    [Fact]
    public void Two_checkpoints_of_one_size_that_the_ledger_anchors() =>
        Proves(InPack(Lived.Receipt(0, Fork(6, 7))), "two-checkpoints", "other-root");

    [Fact]
    public void One_index_with_two_leaves() =>
        Proves(With(Lived.Receipt(8, Fork(8, 12)), Lived.Receipt(8)), "other-leaf");

    [Fact]
    public void One_index_with_another_leaf_in_the_log_as_it_is_found() =>
        Proves(InPack(Lived.Receipt(8, Fork(8, 12))), "other-leaf");

    [Fact]
    public void Another_hash_of_the_leaves_that_two_proofs_share() =>
        Proves(With(Lived.Receipt(11, Fork(2, 12)), Lived.Receipt(8)), "other-leaves");

    [Fact]
    public void Another_root_than_the_log_as_it_is_found() =>
        Proves(InPack(Lived.Receipt(5, Fork(2, 8))), "other-root");

    [Fact]
    public void Two_early_receipts_are_enough() =>
        Proves(With(Lived.Receipt(8, Fork(8, 10)), Lived.Receipt(9, Fork(9, 10))), "two-checkpoints", "other-leaf",
            "other-leaves");

    [Fact]
    public void It_is_proven_from_either_side() =>
        Proves(With(Lived.Receipt(8), Lived.Receipt(8, Fork(8, 9))), "two-checkpoints", "other-leaf");

    /// <summary>The log was cut and anchored again long after the record says that it was written.</summary>
    [Theory]
    [InlineData(600_000, true)]
    [InlineData(1_000, false)]
    public void A_later_log_that_is_smaller(long later, bool proven)
    {
        var m = Mortgage.Lived();
        var early = m.Receipt(11, Fork(-1, 12, m));
        m.World.Now += later;
        m.World.Add(m.World.Anchoring(m.Log), World.Node);
        foreach (var report in new[]
        {
            Fraud.Judge(early.Encode(), new MemoryStream(m.World.Pack()), m.World.Trust),
            Fraud.Judge(early.Encode(), m.Receipt(9).Encode(), m.World.Trust),
            Fraud.Judge(m.Receipt(9).Encode(), early.Encode(), m.World.Trust),
        })
            if (proven) Proves(report, "later-smaller");
            // a flush that was under way, or a clock a little off, explains it
            else Assert.NotEqual(FraudVerdict.Proven, report.Verdict);
    }

    /// <summary>
    /// What the record says need not be true, or even possible: the signature over it is what counts.
    /// </summary>
    [Fact]
    public void A_record_that_lies_is_evidence_all_the_same()
    {
        var fork = new DecisionLog(Lived.Log.Key);
        foreach (var leaf in Lived.Log.Leaves.Take(8)) fork.Add(Decision.Parse(leaf));
        var lie = Decision.Parse(Lived.Log.Leaves[8]) with { Release = Lived.V3, Environment = World.Test };
        fork.Add(lie);
        var early = Lived.Receipt(8) with
        {
            LogCheckpoint = fork.Checkpoint(),
            Leaf = new ProvenLeaf(8, lie, [.. fork.Inclusion(8, 9)])
        };
        Assert.Equal(VerifyResult.FraudProven, ReceiptVerifier.Verify(early, Lived.World.Trust).Result);
        Proves(With(early, Lived.Receipt(8)), "two-checkpoints", "other-leaf");
        Proves(InPack(early), "two-checkpoints", "other-leaf", "other-root");
    }

    [Fact]
    public void An_honest_early_receipt_is_said_to_be_consistent()
    {
        var honest = Fork(-1, 9);
        foreach (var report in new[] { With(Lived.Receipt(8, honest), Lived.Receipt(8)),
            InPack(Lived.Receipt(8, honest)), InPack(Lived.Receipt(3, Fork(-1, 5))),
            With(Lived.Receipt(8), Lived.Receipt(8)), With(Lived.Receipt(2, Fork(-1, 6)), Lived.Receipt(2)) })
        {
            Assert.Equal((FraudVerdict.Consistent, 0), (report.Verdict, (int)report.Verdict));
            Assert.Contains(report.Notes, n => n.Contains("just as the receipt shows it", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_speaks_of_other_leaves_decides_nothing()
    {
        Assert.Equal((FraudVerdict.Undecided, 4),
            (With(Lived.Receipt(9), Lived.Receipt(4)).Verdict, (int)FraudVerdict.Undecided));
        var before = Mortgage.Lived();
        var early = before.Receipt(11, Fork(-1, 12, before));
        // the pack is from before it
        Assert.Equal(FraudVerdict.Undecided,
            Fraud.Judge(early.Encode(), new MemoryStream(before.World.Pack()), before.World.Trust).Verdict);
    }

    [Fact]
    public void A_forged_side_proves_nothing()
    {
        var fork = Lived.Receipt(8, Fork(8, 9));
        var stranger = new NoteSigner(Lived.Log.Origin, secret: "somebody else's");
        Nothing(With(fork with { LogCheckpoint = stranger.Checkpoint(9, Fork(8, 9).Root(9)) }, Lived.Receipt(8)),
            "checkpoint-signature");
        Nothing(InPack(fork with { LogCheckpoint = stranger.Checkpoint(9, Fork(8, 9).Root(9)) }),
            "checkpoint-signature");
        Nothing(With(Lived.Receipt(8), fork with { LogCheckpoint = stranger.Checkpoint(9, Fork(8, 9).Root(9)) }),
            "checkpoint-signature");
        Nothing(With(fork with { Leaf = fork.Leaf with { Decision = fork.Leaf.Decision with { Status = 500 } } },
            Lived.Receipt(8)), "decision-inclusion");
        Nothing(With(fork with { LogCheckpoint = Lived.Log.Checkpoint(9) }, Lived.Receipt(8)), "decision-inclusion");
        Nothing(
            With(
                fork with { Checkpoint = new NoteSigner(World.Name, secret: "somebody else's").Checkpoint(
                    Lived.World.Entries.Count, Lived.World.Root) }, Lived.Receipt(8)), "checkpoint-signature");
        Nothing(Fraud.Judge("{}"u8, Lived.Receipt(8).Encode(), Lived.World.Trust), "receipt-malformed");
        Nothing(Fraud.Judge(fork.Encode(), Lived.Receipt(8).Encode(), Mortgage.Founded("other.example").World.Trust),
            "trust-genesis");
        var changed = Forgery.Of(Lived.World);
        changed.Logs[Lived.Log.Origin].Leaves[2] = Fork(2, 3).Leaves[2];
        Nothing(Fraud.Judge(fork.Encode(), new MemoryStream(changed.Write()), Lived.World.Trust), "checkpoint-root");
    }

    /// <summary>
    /// Every pair of trees and leaves to 17: one history never contradicts itself, and two that differ in a leaf that
    /// both proofs cover always do.
    /// </summary>
    [Fact]
    public void No_honest_pair_is_accused_and_no_shared_difference_escapes()
    {
        const int most = 17;
        var honest = new DecisionLog(Lived.Log.Key);
        for (var i = 0; i < most; i++) honest.Add(Lived.World.Decide());
        var template = ReceiptVerifier.Open(Lived.Receipt(8), Lived.World.Trust).Record!;
        for (var a = 1; a <= most; a++)
            for (var i = 0; i < a; i++)
                for (var b = 1; b <= most; b++)
                    for (var j = 0; j < b; j += 3)
                    {
                        Assert.Empty(Held(Record(honest, i, a), Record(honest, j, b)).Contradictions);
                        if (a != b && i != j) continue;
                        var fork = Fork(honest, i);
                        if (i < b) Assert.NotEmpty(Held(Record(fork, i, a), Record(honest, j, b)).Contradictions);
                    }

        ProvenRecord Record(DecisionLog log, int leaf, int size)
        {
            if (!_made.TryGetValue((log, leaf, size), out var made))
                _made[(log, leaf, size)] = made = template with
                {
                    Anchor = null,
                    Checkpoint = new Checkpoint(log.Origin, size, log.Root(size)),
                    Receipt = template.Receipt with { Leaf = new ProvenLeaf(leaf, Decision.Parse(log.Leaves[leaf]),
                        [.. log.Inclusion(leaf, size)]) }
                };
            return made;
        }
    }

    readonly Dictionary<(DecisionLog, int, int), ProvenRecord> _made = [];
    readonly Dictionary<int, DecisionLog> _forks = [];

    DecisionLog Fork(DecisionLog honest, int changed)
    {
        if (_forks.TryGetValue(changed, out var fork)) return fork;
        _forks[changed] = fork = new DecisionLog(honest.Key);
        for (var i = 0; i < honest.Leaves.Count; i++)
            fork.Add(Decision.Parse(honest.Leaves[i]) is var leaf && i == changed ? leaf with { Duration = 1 } : leaf);
        return fork;
    }

    static HeldReceipt Held(ProvenRecord one, ProvenRecord other)
    {
        var held = new HeldReceipt(one);
        held.Against(other, "the other");
        return held;
    }
}
