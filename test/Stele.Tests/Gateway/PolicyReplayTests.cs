using System.Globalization;
using System.Text;
using Stele.Cli;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Host;
using Stele.Tests.Worlds;
using DecisionLog = Stele.Host.DecisionLog;

namespace Stele.Tests.Gateway;

/// <summary>
/// What a policy would have changed: every flip, held against an oracle that knows nothing of CEL, and against what was
/// recorded while the policy was watched.
/// </summary>
public sealed class PolicyReplayTests
{
    /// <summary>
    /// A request as the oracle knows it. An amount is null (none), a number, or text that no rule can compare.
    /// </summary>
    sealed record Made(string Path, string Role, long Time, string Body, object? Amount, bool Named)
    {
        public int Size => Encoding.UTF8.GetByteCount(Body);
    }

    const long Late = 1_800_000_000_000;

    static Policy OfPresent => new(new PolicyDocument("present")
    {
        Rules =
        [
            EffectTests.OpenHouse, EffectTests.On("small", Effect.Deny, "request.size > 300"), EffectTests.On("desk",
                Effect.Require, "principal.roles.exists(r, r in ['desk', 'clerk'])"),
            EffectTests.On("no-names", Effect.Mask, "has(request.body) && has(request.body.name)", null, "/name"),
        ],
    });

    static Policy OfNext => new(new PolicyDocument("next")
    {
        Definitions =
            System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.WithComparers(
                StringComparer.Ordinal).Add("large",
                    "has(request.body) && has(request.body.amount) && request.body.amount > 500"),
        Rules =
        [
            EffectTests.OpenHouse, EffectTests.On("small", Effect.Deny, "request.size > 200", "'larger than 200'"),
            EffectTests.On("only-desk", Effect.Require, "'desk' in principal.roles"),
            EffectTests.On("large", Effect.Hold, "large"), EffectTests.On("not-late", Effect.Deny, $"time > {Late}"),
        ],
    });

    /// <summary>The oracle: the rules above, and the release's own, said once more in C#.</summary>
    static (string Outcome, string? Rule) Was(Made r) =>
        r.Path != "/predict" ? ("deny", "predict-only") : r.Size > 300 ? ("deny", "small")
        : r.Role is not ("desk" or "clerk") ? ("deny", "desk") : r.Named ? ("mask", "no-names") : ("allow", null);

    static (string? Outcome, string? Rule) Now(Made r)
    {
        if (r.Path != "/predict") return ("deny", "predict-only");
        if (r.Size > 200) return ("deny", "small");
        if (r.Role != "desk") return ("deny", "only-desk");
        if (r.Amount is string) return ("deny", "large");   // does not evaluate
        if (r.Time > Late) return ("deny", "not-late");
        return r.Amount is > 500 ? ("hold", "large") : ("allow", null);
    }

    /// <summary>
    /// Of an erased one the record tells the size, and the path where it was let through: role, body and time are gone.
    /// </summary>
    static (string? Outcome, string? Rule, string[] Open) NowErased(Made r)
    {
        var let = Was(r).Outcome is "allow" or "mask";
        if (r.Size > 200) return ("deny", "small", []);
        return (null, null,
            let ? r.Size == 0 ? ["only-desk", "not-late"] : ["only-desk", "large", "not-late"] : r.Size == 0
                ? ["predict-only", "only-desk", "not-late"] : ["predict-only", "only-desk", "large", "not-late"]);
    }

    static Made[] Make(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            object? amount = random.Next(4) switch { 0 => null, 1 => "much", _ => random.Next(1000) };
            var named = random.Next(3) == 0;
            var members = new List<string>();
            if (amount is not null)
                members.Add(
                    $"\"amount\":{(amount is string s ? $"\"{s}\"" : string.Create(CultureInfo.InvariantCulture, $"{amount}"))}");
            if (named) members.Add("\"name\":\"a person\"");
            if (random.Next(2) == 0) members.Add($"\"text\":\"{new string('x', random.Next(400))}\"");
            var body = random.Next(12) == 0 ? "" : "{" + string.Join(',', members) + "}";
            return new Made(random.Next(8) == 0 ? "/other" : "/predict", random.Next(3) switch
            {
                0 => "clerk",
                1 => "guest",
                _ => "desk"
            }, Late + random.Next(-900, 100), body, body.Length == 0 ? null : amount, body.Length > 0 && named);
        })];
    }

    /// <summary>
    /// A ledger with a deployed release and the policy in force; a node's folder with a log beside it.
    /// </summary>
    sealed class Site : IDisposable
    {
        readonly Scratch _scratch = new(quick: true);

        public Site()
        {
            M.Deploy(M.V2);
            M.World.Add(M.World.PutPolicy(M.World.Put(OfPresent.ToJson())), World.Owners);
            var folder = new NodeFolder(_scratch.At("node"));
            folder.Open().Dispose();
            Log = DecisionLog.Open(folder, Mortgage.LogName, TimeProvider.System);
            Recorder = new Recorder(folder, Log);
        }

        public Mortgage M { get; } = Mortgage.Released();
        public DecisionLog Log { get; }
        public Recorder Recorder { get; }

        /// <summary>Decides and records them as a gateway does.</summary>
        public async Task Record(Made[] requests)
        {
            var (w, state) = (M.World, M.World.State);
            var at = w.Decide();
            foreach (var some in requests.Chunk(256))
                await Task.WhenAll(some.Select(r =>
                {
                    var body = Encoding.UTF8.GetBytes(r.Body);
                    var context = new RequestContext("POST", r.Path, "", [r.Role], r.Time);
                    var judged =
                        RequestJudgement.Of(new Asked(state, state.Releases[M.V2], World.Sys, World.Prod, at.Deployment,
                            at.Principal, context, r.Body.Length == 0 ? null : CanonicalJson.Parse(body, body.Length),
                            body.Length),
                        d => w.Replay.Documents.Policy(d)!);
                    var refused = judged.Ruling.Effect is Effect.Deny or Effect.Hold;
                    Assert.Equal(Was(r), (judged.Ruling.Effect.Name(), judged.Ruling.Rule));
                    List<(string, byte[])> bodies = [(SealedBodies.Context, context.Encode()),
                        (SealedBodies.Input, body), (SealedBodies.Output, "{}"u8.ToArray())];
                    if (judged.Ruling.Effect == Effect.Mask) bodies.Add((SealedBodies.Masked, body));
                    return Recorder.Record(() => at with
                    {
                        Time = r.Time + 3, Policies = judged.Policies,
                        Outcome = Enum.Parse<DecisionOutcome>(refused ? $"{judged.Ruling.Effect}" : "Allow"),
                        Rule = judged.Ruling.Rule,
                        RulePolicy = judged.Ruling.Policy, Operation = refused ? "POST *" : $"POST {r.Path}",
                        Status = refused ? 403 : 200,
                    }, bodies);
                }));
        }

        public Flips Replay(Policy policy, long since = 0, long until = long.MaxValue) =>
            Replayed(policy, since, until).Flips;

        public ReplayedLog Replayed(Policy policy, long since = 0, long until = long.MaxValue)
        {
            using var replays = new DecisionReplays(origin => origin == Log.Origin ? (Recorder, null) : null);
            return Assert.Single(replays.Run(new ReplayRequest(policy, World.Sys, since, until, M.World.State.Size),
                () => M.World.Replay, default).GetAwaiter().GetResult());
        }

        public void Dispose()
        {
            Recorder.Dispose();
            Log.Dispose();
            _scratch.Dispose();
        }
    }

    [Fact]
    public async Task Every_flip_is_the_one_that_an_oracle_without_cel_finds()
    {
        using var site = new Site();
        var made = Make(2000, 7);
        await site.Record(made);
        var random = new Random(8);
        var gone = Enumerable.Range(0, made.Length).Where(_ => random.Next(6) == 0).Select(i => (long)i).ToHashSet();
        // Records stand in the log in an order of their own.
        var order = new Made[made.Length];
        var left = made.ToLookup(r => (r.Time + 3, r.Size));
        for (var i = 0; i < made.Length; i++)
        {
            var d = Decision.Parse(site.Log.Log.ReadEntry(i));
            var context = RequestContext.Parse(site.Recorder.Open(i, SealedBodies.Context).Body!);
            var body = Encoding.UTF8.GetString(site.Recorder.Open(i, SealedBodies.Input).Body!);
            order[i] = left[(d.Time, body.Length)].First(r => r.Body == body && r.Path == context.Path
                && r.Role == context.Roles[0]);
        }
        Assert.Equal(gone.Count, site.Recorder.Erase(gone));

        var replayed = site.Replayed(OfNext);
        Assert.Equal((gone.Count, 0, 0), (replayed.Erased, replayed.Missing, replayed.Damaged));
        var found = replayed.Flips.Listed.ToDictionary(f => f.Of);
        var counts = new Dictionary<Flip, int>();
        for (var i = 0; i < order.Length; i++)
        {
            var (was, wasRule) = Was(order[i]);
            var (now, rule, open) = gone.Contains(i) ? NowErased(order[i]) : Now(order[i]) is var (n, r)
                ? (n, r, (string[])[]) : default;
            var flip = now is null ? Flip.Undecidable : (was is "deny" or "hold", now is "deny" or "hold") switch
            {
                (false, true) => Flip.Refused,
                (true, false) => Flip.Allowed,
                _ => was == now ? Flip.Same : Flip.Altered
            };
            counts[flip] = counts.GetValueOrDefault(flip) + 1;
            var id = Decision.Id(Mortgage.LogName, i);
            if (flip == Flip.Same)
            {
                Assert.False(found.ContainsKey(id), id);
                continue;
            }
            var f = found[id];
            Assert.Equal((flip, was, wasRule, now, rule, string.Join(' ', open)),
                (f.Flip, Would.Outcomes[f.Was], f.WasRule, f.Now is { } x ? Would.Outcomes[x] : null, f.Rule,
                    string.Join(' ', f.Open)));
            if (rule == "small") Assert.Equal("larger than 200", f.Message);
        }
        foreach (var flip in Enum.GetValues<Flip>())
        {
            Assert.Equal(counts.GetValueOrDefault(flip), replayed.Flips[flip]);
            if (flip != Flip.Allowed)
                Assert.True(counts.GetValueOrDefault(flip) > 20, $"{flip}: {counts.GetValueOrDefault(flip)}");
        }
        Assert.Equal(order.Length, replayed.Flips.All);

        // What a policy would have let through; and the counts by rule are those of the list.
        var open2 = site.Replay(new Policy(new PolicyDocument("open") { Rules = [EffectTests.OpenHouse] }));
        Assert.Equal(order.Where((r, i) => Was(r).Rule is "small" or "desk" && !gone.Contains(i)).Count(),
            open2[Flip.Allowed]);
        Assert.Equal(order.Where((r, i) => Was(r).Rule is "small" && !gone.Contains(i)).Count(),
            open2.Rules.Single(r => r.Rule == "small").Allowed);
        foreach (var (rule, refused, allowed, altered, undecidable) in replayed.Flips.Rules)
        {
            long Laid(Flip flip) => replayed.Flips.Listed.Count(f => f.Flip == flip && f.Rules.Contains(rule));
            Assert.Equal((refused, allowed, altered, undecidable),
                (Laid(Flip.Refused), Laid(Flip.Allowed), Laid(Flip.Altered), Laid(Flip.Undecidable)));
        }

        // The same policy changes nothing, but what nobody can say.
        var same = site.Replay(OfPresent);
        Assert.Equal((0L, 0L, 0L), (same[Flip.Refused], same[Flip.Allowed], same[Flip.Altered]));

        // A stretch of time is that of the records; and the answer goes over the wire whole.
        var from = Late - 500;
        Assert.Equal(order.Count(r => r.Time + 3 >= from && r.Time + 3 <= from + 200),
            site.Replay(OfNext, from, from + 200).All);
        Assert.Equal(replayed.ToJson(), ViewJson.Read<ReplayedLog>(replayed.ToJson()).ToJson());
    }

    /// <summary>Past verdicts: held against the fold itself, on states in which the other policy stood.</summary>
    [Fact]
    public void Every_deployment_that_would_have_come_out_otherwise_is_found()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        w.Add(w.Approve(m.V3), World.Approver);
        w.Deploy(w.Deploying(m.V3));
        w.Add(w.Waive(m.V1, m.Policy, "four-fifths"), World.Approver);
        w.Add(w.Approve(m.V1), World.Approver2);
        w.Deploy(w.Deploying(m.V1));
        var verdicts = w.Replay.Entries.Where(f => f.Statement is Verdict).ToArray();
        Assert.True(verdicts.Length >= 6);

        Policy[] candidates =
        [
            Next("stricter", ("four-fifths", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.9)")), Next("looser",
                ("four-fifths", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.7)")),
            Next("none-to-roll-back", ("four-fifths", "action != 'rollback'")), Next("error",
                ("four-fifths", "checks.fairness[1].metrics.auc > 0.1")), w.Replay.Documents.Policy(m.Policy)!,
            new(new PolicyDocument("checks-more")
            {
                Checks = Checks(("fairness", m.Check), ("another", Digest.Of("another"u8))),
                Rules = [Rule.Require("any", ["deploy", "rollback"], "true")]
            }),
            new(new PolicyDocument("deploys-only") { Rules = [Rule.Require("any", ["deploy"], "true")] }),
        ];
        var seen = new HashSet<Flip>();
        foreach (var policy in candidates)
        {
            w.Put(policy.ToJson());
            var flips = new PolicyReplay(w.Replay, World.Sys, policy).Acts(0, long.MaxValue, w.Find);
            Assert.Equal(verdicts.Length, flips.All);
            foreach (var folded in verdicts)
            {
                var v = (Verdict)folded.Statement;
                var before = w.Replay.At(v.Size);
                var envelope = Explain.EnvelopeDigest(w.Replay.Entries[(int)v.Size].Entry.Envelope) == v.Envelope
                    ? w.Replay.Entries[(int)v.Size].Entry.Envelope
                    : Envelope.Parse(w.Find(v.Envelope)!);
                // Approvals are for the policies in force by their digests: here they are moved along, as they count in
                // a replay.
                var fact = before.Policies[World.Sys];
                var moved =
                    before with { Policies = before.Policies.SetItem(World.Sys, fact with { Policy = policy.Digest }) };
                Digest Shows(State state, Approval a) =>
                    Digest.Of(Shown.Document(state, state.Releases[a.Release], a.System, a.Environment, a.Action,
                        a.Routes, v.Time).ToBytes());
                foreach (var (entry, a) in before.Approvals
                    .Where(a => a.Value.Approval.Shown == Shows(before, a.Value.Approval)))
                    moved = moved with { Approvals = moved.Approvals.SetItem(entry, a with { Approval = a.Approval with
                    {
                        Policies = [.. a.Approval.Policies.Select(p => p == fact.Policy ? policy.Digest : p)],
                        Shown = Shows(moved, a.Approval)
                    } }) };
                var outcome = Fold.Apply(moved, new Entry(v.Time, envelope), w.Replay.Documents);
                var flip = (v.Passed, outcome is Outcome.Accepted) switch
                {
                    (true, false) => Flip.Refused,
                    (false, true) => Flip.Allowed,
                    _ => Flip.Same
                };
                seen.Add(flip);
                var found = flips.Listed.SingleOrDefault(f => f.Of == $"entry {folded.Index}");
                Assert.Equal((policy.Name, flip), (policy.Name, found?.Flip ?? Flip.Same));
                if (flip == Flip.Refused && ((Outcome.Refused)outcome).Judgement?.FirstFailure is { } first)
                    Assert.Equal((first.Rule, first.Message), (found!.Rule, found.Message));
            }
        }
        Assert.Equal(3, seen.Count);

        // An envelope that nobody kept can't be judged again, and a scope that is another's is not looked at.
        Assert.Equal(verdicts.Count(v => !((Verdict)v.Statement).Passed),
            new PolicyReplay(w.Replay, World.Sys, candidates[0]).Acts(0, long.MaxValue, _ => null)[Flip.Undecidable]);
        Assert.Equal(0, new PolicyReplay(w.Replay, "elsewhere", candidates[0]).Acts(0, long.MaxValue, w.Find).All);
        Assert.Equal(1, new PolicyReplay(w.Replay, World.Sys, candidates[0]).Acts(((Verdict)verdicts[1].Statement).Time,
            ((Verdict)verdicts[1].Statement).Time, w.Find).All);

        Policy Next(string name, (string Id, string Expr) rule) => new(new PolicyDocument(name)
        {
            Checks = Checks(("fairness", m.Check)),
            Rules =
                [Rule.Require(rule.Id, ["deploy", "canary", "rollback"], rule.Expr, "'not fulfilled for ' + action"),
                    Rule.Require("two-person", ["deploy", "canary", "rollback"], "size(approvals) >= 1")],
        });

        static System.Collections.Immutable.ImmutableSortedDictionary<string, Digest> Checks(
            params (string, Digest)[] all) =>
            System.Collections.Immutable.ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal,
                all.Select(c => KeyValuePair.Create(c.Item1, c.Item2)));
    }

    /// <summary>
    /// What a node finds when it looks back is what it had recorded of the very policy while it was a candidate.
    /// </summary>
    [Fact]
    public async Task Looking_back_agrees_with_what_was_recorded_while_it_was_watched()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var present = await EffectTests.Put(h, "present",
            EffectTests.On("no-guests", Effect.Require, "'desk' in principal.roles"),
            EffectTests.On("odd", Effect.Deny, "has(request.body) && request.body.n % 2 == 1"));
        var candidate = await EffectTests.Put(h, "candidate",
            EffectTests.On("low", Effect.Deny, "has(request.body) && request.body.n > 9"),
            EffectTests.On("seven", Effect.Hold, "has(request.body) && request.body.n == 7"),
            EffectTests.On("mask", Effect.Mask, "has(request.body) && request.body.n == 4", null, "/n"));
        await EffectTests.State(h, present, candidate);
        for (var n = 0; n < 16; n++) await h.Ask(n % 5 == 0 ? "/elsewhere" : "/say", $$"""{"n":{{n}}}""");
        await h.Ask("/say", null);

        var log = h.Hosted!.Log!.Log;
        var policy = h.Town.Host.Admission.Replay.Documents.Policy(candidate)!;
        using var node = new NodeClient(h.Node.Address.ToString(), h.NodeToken);
        async Task<ReplayedLog> Replay() =>
            Assert.Single(await node.Replay(new ReplayRequest(policy, Hamlet.System, 0,
                DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), h.Town.State.Size), TimeProvider.System, default));
        void Agrees(ReplayedLog replayed, Func<long, bool> held)
        {
            Assert.Equal(log.Size, replayed.Flips.All);
            var found = replayed.Flips.Listed.ToDictionary(f => f.Of);
            for (var i = 0L; i < log.Size; i++)
            {
                var d = Decision.Parse(log.ReadEntry(i));
                var would = Assert.Single(d.Would);
                var f = found.GetValueOrDefault(Decision.Id(log.Origin, i));
                if (!held(i)) Assert.Equal(Flip.Undecidable, f!.Flip);
                else Assert.Equal((would.Outcome, f is null ? null : would.Rule),
                    (f?.Now ?? Enum.Parse<RuledOutcome>($"{d.Outcome}"), f?.Rule));
            }
        }
        var whole = await Replay();
        Agrees(whole, _ => true);
        // Of n = 0 to 15: 10, 12 and 14 are refused now; 1, 3, 5 and 9 are not any more; 7 is held where it was denied,
        // and 4 is masked.
        Assert.Equal("3 4 2 0",
            $"{whole.Flips[Flip.Refused]} {whole.Flips[Flip.Allowed]} {whole.Flips[Flip.Altered]} {whole.Flips[Flip.Undecidable]}");

        // What was erased can't be judged by rules that would read it, and is counted.
        Assert.Equal(2, h.Node.Erase(h.Hosted.Log, new HashSet<long> { 2, 3 }));
        var gone = await Replay();
        Agrees(gone, i => i is not (2 or 3));
        Assert.Equal((2L, 2L), (gone.Erased, gone.Flips.Rules.Single(r => r.Rule == "low").Undecidable));

        // Only anyone who has the node's token may have it done.
        using var stranger = new NodeClient(h.Node.Address.ToString(), h.Token);
        await Assert.ThrowsAsync<CliError>(() =>
            stranger.Replay(new ReplayRequest(policy, Hamlet.System, 0, 1, 1), TimeProvider.System, default));
    }
}
