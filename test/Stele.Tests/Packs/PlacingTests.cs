using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Tamper;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>
/// Verdicts and refusals stand where a server writes them; times stand between those that bound them. What is only a
/// limit or a remark says so and changes no exit code.
/// </summary>
public sealed class PlacingTests
{
    static readonly Mortgage Lived = Mortgage.Lived();
    static World W => Lived.World;
    static readonly Trust Unwitnessed = W.Trust with { Witnesses = [], Quorum = 0 };

    static byte[] ByServer(Statement statement, long time) =>
        new Entry(time, Envelope.Sign(statement.Encode(), World.Server.Key)).Bytes;

    static VerifyReport Verify(params byte[][] more)
    {
        var f = Forgery.Of(W);
        f.Entries.AddRange(more);
        return Verifier.Verify(new MemoryStream(f.Resign().Write()), Unwitnessed);
    }

    [Fact]
    public void Everything_in_honest_ledgers_is_placed_rightly()
    {
        foreach (var kept in Kept.All())
        {
            var told = kept.World.Replay.Entries.Where(f => f.Statement is Verdict or Refusal).ToList();
            Assert.All(told, f => Assert.Null(Reexecuted.Of(kept.World.Replay, kept.World.Find, f.Index).Misplaced));
        }
        Assert.Contains(W.Replay.Entries, f => f.Statement is Refusal);
        Assert.Contains(W.Replay.Entries, f => f.Statement is Verdict { Passed: false });
        Assert.Contains(W.Replay.Entries, f => f.Statement is Verdict { Passed: true });
    }

    /// <summary>
    /// Every act that was admitted, told as refused at every earlier size at which the fold would truly have refused
    /// it: the bytes come out again, and the place gives the lie away.
    /// Deployments come with their failed verdict too.
    /// </summary>
    [Fact]
    public void An_admitted_act_is_not_told_as_refused_before()
    {
        var lies = new List<(string Name, byte[][] Entries)>();
        foreach (var folded in W.Replay.Entries.Where(f => f.Index > 0 && f.Statement is not (Verdict or Refusal)))
        {
            var found = 0;
            for (var size = folded.Index - 1; size > 0 && found < 2; size--)
            {
                var before = W.Replay.At(size);
                var judged = new Entry(W.Replay.Entries[(int)size].Entry.Time, folded.Entry.Envelope);
                if (Fold.Apply(before, judged,
                    W.Replay.Documents) is not Outcome.Refused { Member: not null } refused) continue;
                found++;
                var refusal = ByServer(Explain.Refusal(before, judged, refused), W.Now);
                lies.Add(($"entry {folded.Index} ({folded.Statement.Kind}) at size {size}: {refused.Code.Name()}",
                    [refusal]));
                if (Explain.Verdict(before, judged, refused) is { } verdict) lies.Add(
                    ($"{folded.Index} with its verdict", [ByServer(verdict, W.Now), refusal]));
            }
        }
        Assert.True(lies.Count >= 20, $"{lies.Count}");
        foreach (var (name, entries) in lies)
        {
            var f = Forgery.Of(W);
            f.Entries.AddRange(entries);
            foreach (var folded in W.Replay.Entries)
                f.Documents[$"documents/{Explain.EnvelopeDigest(folded.Entry.Envelope).Hex}"] =
                    folded.Entry.Envelope.ToJson().ToBytes();
            var report = Verifier.Verify(new MemoryStream(f.Resign().Write()), Unwitnessed);
            Assert.Equal(1, (int)report.Result);
            Assert.True(report.Findings.Any(x => x.Name == "refusal-misplaced" && x.Message.Contains("the server's " +
                "key signed", StringComparison.Ordinal)), $"{name}: {string.Join(" | ", report.Findings.Take(4))}");
            Assert.DoesNotContain(report.Findings, x => x.Name is "refusal-differs" or "verdict-differs");
            if (entries.Length == 2) Assert.Contains(report.Findings, x => x.Name == "verdict-misplaced");
        }
    }

    /// <summary>
    /// A deployment that was refused, told as one that passed at a size where it would have: no such entry was ever
    /// admitted.
    /// </summary>
    [Fact]
    public void An_act_that_was_never_admitted_is_not_told_as_passed()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        w.Add(w.Approve(m.V3), World.Approver);
        var (before, entry) = (w.State, w.Sign(w.Fresh(w.Deploying(m.V3)), World.Deployer));
        var verdict = Explain.Verdict(before, entry, w.Replay.Try(entry))!;
        Assert.True(verdict.Passed);
        w.Put(entry.Envelope.ToJson());
        w.Add(w.Attest(World.Approver, "eu-ai-act/15"), World.Approver);
        w.Add(new Entry(w.Now, Envelope.Sign(verdict.Encode(), World.Server.Key)));
        Assert.Equal(["verdict-misplaced"], w.Verify().Findings.Select(f => f.Name));
    }

    /// <summary>A retry that got in: refused truly, admitted truly.</summary>
    [Fact]
    public void A_refused_envelope_that_is_admitted_later_is_a_remark()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var entry = w.Sign(w.Fresh(w.Deploying(m.V2)), World.Deployer);
        var refused = Assert.IsType<Outcome.Refused>(w.Replay.Try(entry));
        w.Put(entry.Envelope.ToJson());
        var before = w.State;
        w.Add(new Entry(entry.Time,
            Envelope.Sign(Explain.Verdict(before, entry, refused)!.Encode(), World.Server.Key)));
        w.Add(new Entry(w.Now, Envelope.Sign(Explain.Refusal(before, entry, refused).Encode(), World.Server.Key)));
        w.Add(w.Approve(m.V2), World.Approver);
        var again = new Entry(w.Now, entry.Envelope);
        var state = w.State;
        var outcome = w.Replay.Try(again);
        var admitted = w.Add(again);
        w.Add(new Entry(w.Now, Envelope.Sign(Explain.Verdict(state, again, outcome)!.Encode(), World.Server.Key)));
        var report = w.Verify();
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Contains(report.Remarks, r => r.Name == RemarkName.RefusedThenAdmitted && r.Sentence.Contains($"as " +
            $"entry {admitted}", StringComparison.Ordinal));
        Assert.Equal(0, (int)report.Result);
    }

    /// <summary>Every lie about a verdict or a refusal that the matrix knows is told with what differs.</summary>
    [Fact]
    public void A_verdict_that_differs_says_what_differs()
    {
        var seen = 0;
        foreach (var attack in Matrix.All.Where(a =>
            a.Kind == "pack" && a.Expected is ["verdict-differs"] or ["refusal-differs"]))
        {
            var (bytes, trust) = attack.Make();
            var found = Verifier.Verify(new MemoryStream(bytes), trust)
                .Findings.First(f => f.Name == attack.Expected[0]);
            Assert.True(found.Message.Contains("/predicate", StringComparison.Ordinal)
                || found.Message.Contains("/_type", StringComparison.Ordinal)
                || found.Message.Contains("/subject", StringComparison.Ordinal)
                || found.Message.Contains("nothing of the kind", StringComparison.Ordinal), $"{attack}: {found}");
            seen++;
        }
        Assert.True(seen >= 15, $"{seen}");
    }

    // Times.

    static Mortgage Dated(Func<Mortgage, int, Decision, Decision> date)
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        for (var i = 0; i < 6; i++)
        {
            m.Log.Add(date(m, i, m.World.Decide()));
            if (i is 1 or 3) m.Anchor();
        }
        m.Anchor();
        return m;
    }

    /// <summary>
    /// A record that is dated out of its anchors' bounds, on either side and anywhere, is a limit that names it; within
    /// five minutes it is not.
    /// </summary>
    [Fact]
    public void A_nodes_clock_that_deviates_is_a_limit()
    {
        foreach (var leaf in Enumerable.Range(0, 6))
            foreach (var (by, limited) in new[] { (-Fold.MaxSkew * 100, true), (Fold.MaxSkew * 100, true),
                (-World.Start + 1, true), (Fold.MaxSkew - 60_000, false), (0, false) })
            {
                var report = Dated((_, i, d) => i == leaf ? d with { Time = d.Time + by } : d).World.Verify();
                Assert.Equal([], report.Findings.Select(f => f.ToString()));
                Assert.Equal(0, (int)report.Result);
                Assert.Equal(limited, report.Limits.Any(l =>
                    l.Name == LimitName.NodeClock
                    && l.Sentence.Contains($"leaf {leaf} is dated", StringComparison.Ordinal)));
            }
    }

    /// <summary>
    /// What nodes sign may arrive at any time: the server's word alone, a remark; against a cosignature, a finding.
    /// </summary>
    [Fact]
    public void An_entry_beyond_every_cosignature_is_a_remark_and_against_one_a_finding()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        var (issued, late) = (w.Now, w.Fresh(w.Observe(ObservedEvent.Started)));
        w.Now += 1_000_000L * Fold.MaxDelay / 1000;
        w.Add(new Entry(w.Now, Envelope.Sign(late.Encode(), World.Node.Key)));
        var alone = w.Trust with { Witnesses = [], Quorum = 0 };
        var report = w.Verify(alone);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Contains(report.Remarks, r => r.Name == RemarkName.TimeBeyondCosignatures);
        Assert.Contains(report.Limits, l => l.Name == LimitName.NodeClock);
        Assert.Contains(report.Remarks, r => r.Name == RemarkName.ServerTimes && r.Sentence.Contains("except those " +
            "of anchors, observations and alerts", StringComparison.Ordinal));
        var f = Forgery.Of(w, w.Entries);
        f.Checkpoint = w.Witness.Sign(Note.Parse(w.Key.Checkpoint(w.Entries.Count, w.Root)), issued / 1000);
        Assert.Contains(Verifier.Verify(new MemoryStream(f.Write()), w.Trust).Findings, x =>
            x.Name == "time-after-cosignature");
    }

    /// <summary>
    /// Each thing that is not shown, by its name; and no honest ledger is told to be complete beside it.
    /// </summary>
    [Fact]
    public void What_is_not_shown_is_a_limit()
    {
        void Limited(LimitName name, Mortgage m, Func<Trust, Trust>? trust = null)
        {
            var report = m.World.Verify(trust?.Invoke(m.World.Trust));
            Assert.Equal([], report.Findings.Select(f => f.ToString()));
            Assert.Contains(report.Limits, l => l.Name == name);
            Assert.Equal(Headline.CompleteWithLimits, report.Headline);
            Assert.Contains(name.Name(), report.Sentence, StringComparison.Ordinal);
        }
        Mortgage Served(Action<Mortgage> then)
        {
            var m = Mortgage.Released();
            m.Deploy(m.V2);
            m.World.Add(m.World.Observe(ObservedEvent.Started), World.Node);
            m.Log.Add(m.World.Decide());
            m.Anchor();
            then(m);
            return m;
        }
        var whole = Served(_ => { });
        Assert.Equal((Headline.Complete, 0), (whole.World.Verify().Headline, whole.World.Verify().Limits.Count));
        Limited(LimitName.NoWitness, Served(_ => { }), t => t with { Witnesses = [], Quorum = 0 });
        Limited(LimitName.UnanchoredDecisions, Served(m => m.Log.Add(m.World.Decide())));
        Limited(LimitName.UnclosedDecisions,
            Served(m => { m.Log.Add(m.World.Decide(DecisionKind.Open)); m.Anchor(); }));
        Limited(LimitName.StaleDecisions,
            Served(m => { m.Log.Add(m.World.Decide() with { Staleness = 700_000 }); m.Anchor(); }));
        Limited(LimitName.EarlierDeployment, Served(m =>
        {
            var old = m.World.Decide();
            m.Deploy(m.V3);
            m.Log.Add(old with { Size = m.World.State.Size });
            m.Anchor();
        }));
        Limited(LimitName.ObservationGap,
            Served(m => { m.World.Now += 600_000; m.World.Add(m.World.Attest(World.Approver), World.Approver); }));
        var unwritten = Mortgage.Founded();
        unwritten.World.Logs.Clear();
        Limited(LimitName.LogNotShown, unwritten);
    }
}
