using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>What gateway counters, anchors and leaves say together, and what they can't hide.</summary>
public sealed class ReconcileTests
{
    /// <summary>Ten leaves so far, nine anchored without counters; the gateway begins to count now.</summary>
    static Mortgage Counting()
    {
        var m = Mortgage.Lived();
        m.Log.Counted = new GatewayCount(10, 0, 0, 0, 0, 0);
        m.Anchor();
        m.World.Now += 60_000;
        return m;
    }

    /// <summary>So many decisions more, the counters as they are said to stand, and an anchor.</summary>
    static long Then(Mortgage m, int leaves, GatewayCount counted, Func<Decision, Decision>? change = null)
    {
        for (var i = 0; i < leaves; i++) m.Log.Add(change is null ? m.World.Decide() : change(m.World.Decide()));
        m.Log.Counted = counted;
        m.Anchor();
        return m.World.Now += 60_000;
    }

    static string[] Differences(Reconcile r) =>
        [.. r.Logs.SelectMany(l => l.Differences).Select(d => $"{d.Name} {d.Count} [{d.First},{d.Past})")];

    /// <summary>Signed, admitted, and judged again from a pack.</summary>
    static VerifyReport Stated(Mortgage m, Reconcile r, Person? by = null)
    {
        m.World.Add(r, by ?? World.Monitor);
        var report = m.World.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        return report;
    }

    [Fact]
    public void A_lossless_run_has_no_difference()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        Then(m, 4, new GatewayCount(10, 5, 4, 3, 0, 7));   // one under way, one recorded and not answered yet
        var to = Then(m, 3, new GatewayCount(10, 8, 7, 7, 1, 9)) - 1;
        var r = m.World.Reckon(from, to, upstream: 7);
        Assert.Equal([], Differences(r));
        var row = Assert.Single(r.Logs);
        Assert.Equal((10, 17, 7, 4), (row.Window.First, row.Window.Past, row.Window.Wholes, row.Window.Unanchored));
        // a minute or more after the last observation, which is all that is allowed
        Assert.Equal(new LeafCount(7, 0, 0, 0, 0, 7), row.Leaves);
        Assert.Contains(Stated(m, r).Notes,
            n => n.Contains("7 leaves, nothing is missing; reckoned again here, it agrees", StringComparison.Ordinal));
        Stated(m, m.World.Reckon(from, to, system: null), World.Owner);
    }

    [Fact]
    public void An_answer_that_is_not_on_record_is_found()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        var to = Then(m, 4, new GatewayCount(10, 6, 6, 6, 0, 0)) - 1;
        var r = m.World.Reckon(from, to);
        Assert.Equal(["records-missing 2 [10,14)", "answers-missing 2 [10,14)"], Differences(r));
        Assert.Contains(Stated(m, r).Notes,
            n => n.Contains("2 more answers were given than the log has leaves", StringComparison.Ordinal));
        // What was missing before is not counted again in a later window, and more of it is.
        var later = Then(m, 1, new GatewayCount(10, 7, 7, 7, 0, 0)) - 1;
        Assert.Equal([], Differences(m.World.Reckon(to, later)));
        var last = Then(m, 1, new GatewayCount(10, 9, 9, 9, 0, 0)) - 1;
        Assert.Equal(["records-missing 1 [15,16)", "answers-missing 1 [15,16)"],
            Differences(m.World.Reckon(later, last)));
        Assert.Equal(["records-missing 3 [10,16)", "answers-missing 3 [10,16)"],
            Differences(m.World.Reckon(from, last)));
    }

    [Fact]
    public void Leaves_that_nobody_asked_for_are_found()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        Assert.Equal(["leaves-unasked 3 [10,14)"],
            Differences(m.World.Reckon(from, Then(m, 4, new GatewayCount(10, 1, 1, 1, 0, 0)) - 1)));
    }

    [Fact]
    public void Counters_that_begin_again_leave_leaves_uncounted()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        Then(m, 4, new GatewayCount(10, 4, 4, 4, 0, 0));
        Then(m, 2, new GatewayCount(15, 1, 1, 1, 0, 0));
        Assert.Equal(["uncounted 5 [10,16)"], Differences(m.World.Reckon(from, m.World.Now - 1)));
        Assert.Equal(["uncounted 10 [0,16)"], Differences(m.World.Reckon(World.Start, m.World.Now - 1))
            .Select(d => d.Replace("uncounted 15", "uncounted 10", StringComparison.Ordinal)));
        m.Log.Add(m.World.Decide());
        m.Log.Counted = null;
        m.Anchor();
        Assert.Equal(["uncounted 7 [10,17)"], Differences(m.World.Reckon(from, m.World.Now - 1)));
    }

    [Fact]
    public void An_open_without_its_close_is_found()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        var closed = m.Log.Add(m.World.Decide(DecisionKind.Open));
        m.Log.Add(m.World.Decide(DecisionKind.Open));
        m.Log.Add(m.World.Decide(DecisionKind.Close, closed));
        Assert.Equal(["unclosed 1 [10,13)"],
            Differences(m.World.Reckon(from, Then(m, 0, new GatewayCount(10, 3, 3, 2, 0, 0)) - 1)));
    }

    [Theory]
    [InlineData(4, null)]
    [InlineData(5, null)]               // the release may have heard of what it failed
    [InlineData(6, null)]               // and of what could not be recorded
    [InlineData(7, "upstream-more 1 [10,17)")]
    [InlineData(3, "upstream-fewer 1 [10,17)")]
    public void The_upstreams_own_count_is_held_against_it(long upstream, string? difference)
    {
        var m = Counting();
        var from = m.World.Now - 1;
        Then(m, 4, new GatewayCount(10, 4, 4, 4, 0, 0));
        Then(m, 1, new GatewayCount(10, 5, 5, 5, 0, 0), d => d with { Outcome = DecisionOutcome.Error, Status = 502 });
        var to = Then(m, 2, new GatewayCount(10, 8, 7, 7, 1, 0), d => d with
        {
            Outcome = DecisionOutcome.Deny,
            Rule = "predict-only",
            RulePolicy = d.ReleasePolicy,
            Status = 403
        }) - 1;
        var r = m.World.Reckon(from, to, upstream);
        Assert.Equal(difference is null ? [] : [difference], Differences(r));
        Assert.Equal((4, 2, 1), (r.Logs[0].Leaves!.Allowed, r.Logs[0].Leaves!.Denied, r.Logs[0].Leaves!.Errors));
        Stated(m, r);
    }

    [Fact]
    public void What_was_served_stale_or_unobserved_is_counted()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        m.World.Add(m.World.Observe(), World.Node);
        m.Log.Add(m.World.Decide());
        m.Log.Add(m.World.Decide() with { Staleness = 600_001 });
        m.World.Now += 61_000;
        var to = Then(m, 1, new GatewayCount(10, 3, 3, 3, 0, 0)) - 1;
        var r = m.World.Reckon(from, to);
        Assert.Equal(new LeafCount(3, 0, 0, 0, 1, 1), r.Logs[0].Leaves);
        Stated(m, r);
    }

    /// <summary>
    /// The window takes in all that may have happened between the times: from the last anchor entered by then to the
    /// first one issued after.
    /// </summary>
    [Fact]
    public void A_window_reaches_over_its_times_and_says_how_far()
    {
        var m = Counting();
        var one = Then(m, 2, new GatewayCount(10, 2, 2, 2, 0, 0));
        Then(m, 3, new GatewayCount(10, 5, 5, 5, 0, 0));
        var log = m.World.State.Logs[m.Log.Origin];
        Assert.Equal((0, 4), Span(World.Start - 1, World.Start));
        Assert.Equal((12, 15), Span(one - 30_000, one - 10));
        Assert.Equal((10, 15), Span(log.Anchors[3].Time, log.Anchors[4].Issued + 1));
        Assert.Equal((10, 12), Span(log.Anchors[3].Time, log.Anchors[4].Issued));
        Assert.Equal((15, 15), Span(m.World.Now - 2, m.World.Now - 1));
        Assert.Equal(log.Anchors[^1].Issued, Reconciliation.Window(log, World.Start, m.World.Now).Until);
        Assert.Equal(new AnchoredWindow(null, null, 0, 0, null, 0, 0, 0, 0, null, null),
            Reconciliation.Window(log with { Anchors = Sequence<Anchored>.Empty }, World.Start, m.World.Now));

        (long, long) Span(long from, long to) => Reconciliation.Window(log, from, to) is var w
            ? (w.First, w.Past)
            : default;
    }

    /// <summary>A signer who counts leaves otherwise than they are is caught by anyone who has them.</summary>
    [Fact]
    public void A_reckoning_that_the_leaves_do_not_bear_out_is_found_in_the_pack()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        var r = m.World.Reckon(from, Then(m, 4, new GatewayCount(10, 4, 4, 4, 0, 0)) - 1);
        m.World.Add(r with { Logs = [r.Logs[0] with { Leaves = r.Logs[0].Leaves! with
        {
            Denied = 1,
            Allowed = 3
        } }] }, World.Monitor);
        var report = m.World.Verify();
        Assert.Equal(["reconcile-differs"], report.Findings.Select(f => f.Name));
        Assert.Equal(VerifyResult.Failed, report.Result);
    }

    [Fact]
    public void A_lost_log_is_a_difference()
    {
        var m = Counting();
        var from = m.World.Now - 1;
        var to = Then(m, 4, new GatewayCount(10, 4, 4, 4, 0, 0)) - 1;
        m.World.Add(World.EndLog(LogAction.Lost, m.Log.Origin), World.Owners);
        m.World.Logs.Clear();
        var r = m.World.Reckon(from, to);
        Assert.Equal(["log-lost 4 [10,14)"], Differences(r));
        Assert.Contains(Stated(m, r).Notes, n => n.Contains("its leaves are not here", StringComparison.Ordinal));
    }

    /// <summary>Persisted in statements forever: the list may only grow, and only at its end.</summary>
    [Fact]
    public void Names_are_permanent()
    {
        Assert.Equal(
            "records-missing answers-missing leaves-unasked uncounted unclosed upstream-more upstream-fewer log-lost",
            string.Join(' ', Difference.All));
        Assert.Equal("two-checkpoints other-leaf other-leaves other-root later-smaller",
            string.Join(' ', Enum.GetValues<ContradictionKind>().Select(k => new Contradiction(k, "").Name)));
        Assert.Equal("Complete=0 Failed=1 Unauthenticated=3 DeclaredGaps=4 Early=5 FraudProven=6 Stopped=7",
            string.Join(' ', Enum.GetValues<VerifyResult>().Select(r => $"{r}={(int)r}")));
        Assert.Equal("Consistent=0 NothingProven=1 Undecided=4 Proven=6",
            string.Join(' ', Enum.GetValues<FraudVerdict>().Select(r => $"{r}={(int)r}")));
    }
}
