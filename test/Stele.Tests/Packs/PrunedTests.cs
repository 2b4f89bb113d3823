using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>What is not there any more, as the ledger declares it: the rest is proved as ever.</summary>
public sealed class PrunedTests
{
    [Fact]
    public void A_log_pruned_below_its_floor_is_a_declared_gap_and_the_rest_verifies()
    {
        var m = Mortgage.Pruned();
        var report = m.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal((VerifyResult.DeclaredGaps, 1), (report.Result, report.DeclaredGaps));
        Assert.Contains(report.Notes,
            n => n.Contains("512 leaves were pruned, below the floor of 600", StringComparison.Ordinal));
        Assert.Equal(m.World.Pack(), m.World.Pack());
    }

    /// <summary>
    /// Whatever the floor and wherever the anchors: every multiple of 256, anchors on it, right above it and far from
    /// it.
    /// </summary>
    [Theory]
    [InlineData(256, 256, 700)]
    [InlineData(256, 257, 700)]
    [InlineData(512, 512, 512)]
    [InlineData(512, 600, 700)]
    [InlineData(768, 768, 1100)]
    [InlineData(1024, 1100, 1100)]
    public void Any_floor_verifies(long floor, int anchored, int leaves)
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        for (var i = 1; i <= leaves; i++)
        {
            m.Log.Add(m.World.Decide());
            if (i == anchored || i == leaves) m.Anchor();
        }
        m.World.Add(World.Retain(m.Log.Origin, floor), World.Owners);
        m.Log.Floor = m.Log.FloorAt(floor);
        var report = m.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.DeclaredGaps, report.Result);
    }

    [Fact]
    public void Leaves_below_a_floor_that_was_never_admitted_are_missing_and_no_pack_is_written()
    {
        var m = Mortgage.Pruned(floor: 500);
        m.Log.Floor = m.Log.FloorAt(512);
        Assert.Contains("missing, not pruned", Assert.Throws<FormatException>(() => m.World.Pack()).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_receipt_from_before_the_floor_is_held_to_the_anchor_of_its_size()
    {
        var m = Mortgage.Pruned();
        VerifyReport Against(Receipt receipt) =>
            Verifier.Verify(new MemoryStream(m.World.Pack()), m.World.Trust, receipt: receipt);
        Assert.Equal([], Against(m.Receipt(10)).Findings.Select(f => f.ToString()));
        var fork = new DecisionLog(m.Log.Key);
        for (var i = 0; i < 400; i++) fork.Add(m.World.Decide());
        Assert.Equal(["log-forked"], Against(m.Receipt(10, fork)).Findings.Select(f => f.Name));
    }

    [Fact]
    public void A_receipt_says_that_its_bodies_were_erased_and_proves_the_decision_as_before()
    {
        var m = Mortgage.Lived();
        var before = m.Receipt(8).Encode();
        var receipt = m.ErasedReceipt(8, 2, 5, 8);
        foreach (var bytes in new[] { before, receipt.Encode() })
            Assert.Equal(VerifyResult.Complete, ReceiptVerifier.Verify(bytes, m.World.Trust).Result);
        Assert.Contains(ReceiptVerifier.Verify(receipt.Encode(), m.World.Trust).Facts,
            f =>
                f.Sentence.Contains($"keys and salts were erased, as entry {receipt.Erased!.Entry} states (by request)",
                    StringComparison.Ordinal));
        var report = m.World.Verify();
        Assert.Equal(VerifyResult.DeclaredGaps, report.Result);
        Assert.Contains(report.Notes,
            n => n.Contains("keys and salts of 3 records were erased, as 1 entry declares", StringComparison.Ordinal));
    }

    /// <summary>What was destroyed before its node could know of a hold is told, and the pack says so.</summary>
    [Fact]
    public void An_erasure_that_a_hold_overtook_is_admitted_and_shown()
    {
        var m = Mortgage.Lived();
        var known = m.World.State.Size;
        var hold = m.World.Add(World.PlaceHold(), World.Owners);
        m.World.Add(World.Erase(m.Log.Origin, size: known), World.Owners);
        var report = m.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Contains(report.Notes, n => n.Contains($"held by entry {hold}", StringComparison.Ordinal));
        Assert.Contains(report.Remarks, r => r.Name == RemarkName.ErasedUnderHold && r.Sentence.Contains("did not " +
            "know of the hold", StringComparison.Ordinal));
        m.World.Add(World.ReleaseHold(hold), World.Owners);
        Assert.DoesNotContain(m.World.Verify().Notes, n => n.Contains("held by", StringComparison.Ordinal));
    }

    /// <summary>
    /// Counts that a node's key vouches for may add up to more than a number can tell: the pack is judged all the same.
    /// </summary>
    [Fact]
    public void Erasures_of_more_records_than_there_are_numbers_are_counted()
    {
        var m = Mortgage.Released();
        m.World.Add(Governance.Refusing.Beyond(m, 0, 0, Json.MaxInt), World.Node);
        for (var i = 0; i < 1026; i++) m.World.Add(World.Erase(m.Log.Origin, Json.MaxInt, $"list {i}"), World.Owners);
        m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
        m.World.Logs.Clear();
        Assert.Contains(m.World.Verify().Notes,
            n => n.Contains("keys and salts of 9241386435364256766 records were erased, as 1026 entries declare",
                StringComparison.Ordinal));
    }

    /// <summary>
    /// How stale a node may be is asked of the terms that stood when it decided, not of those that came later.
    /// </summary>
    [Fact]
    public void Staleness_is_held_to_the_terms_of_its_time()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        void Then(long? staleAfter) =>
            m.World.Add(m.World.Declare(World.Sys, new EnvironmentTerms(World.Prod, staleAfter, null, true)),
                World.Owners);
        m.Log.Add(m.World.Decide() with { Staleness = 700_000 });
        Then(1_000_000);
        m.Log.Add(m.World.Decide() with { Staleness = 700_000 });
        m.Log.Add(m.World.Decide() with { Staleness = 1_700_000 });
        Then(null);
        m.Log.Add(m.World.Decide() with { Staleness = 1_700_000 });
        m.Log.Add(m.World.Decide() with { Staleness = 1_700_000, Operation = "größer" });
        Assert.Contains(m.World.Verify().Limits, l => l.Name == LimitName.StaleDecisions && l.Sentence.Contains(": 2 " +
            "served on a ledger older than was allowed then", StringComparison.Ordinal));
    }

    [Fact]
    public void A_list_shows_each_of_its_records_and_no_other()
    {
        for (var n = 1; n <= 20; n++)
        {
            var list = Mortgage.ErasedList([.. Enumerable.Range(0, n).Select(i => 3L * i + 1)]);
            for (var index = 0L; index < 3 * n; index++)
            {
                var shown = list.Prove(index);
                Assert.Equal(index % 3 == 1, shown is not null);
                if (shown is null) continue;
                Assert.True(shown.Shows(index, list.Root, n));
                Assert.False(shown.Shows(index + 1, list.Root, n));
                Assert.Equal(shown.ToJson().ToString(), ErasedRecord.FromJson(shown.ToJson()).ToJson().ToString());
            }
        }
        Assert.Throws<FormatException>(() => Mortgage.ErasedList());
        Assert.Throws<FormatException>(() => Mortgage.ErasedList(2, 2));
    }
}
