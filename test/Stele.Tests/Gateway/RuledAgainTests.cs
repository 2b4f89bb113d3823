using System.Collections.Immutable;
using System.Text;
using Stele.Gateway;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Tests.Host;
using Stele.Tests.Worlds;

namespace Stele.Tests.Gateway;

/// <summary>
/// A recorded decision judged again under the very policies that judged it comes out as it did: what the rules said is
/// told apart from what came of it.
/// </summary>
public sealed class RuledAgainTests
{
    static readonly string[] Expressions =
    [
        "request.path == '/predict'", "request.method == 'POST'", "'desk' in principal.roles", "request.size > 20",
        "has(request.body) && has(request.body.n) && request.body.n > 5", "request.body.n == 1",
        "request.tool == 'shell'", "!has(request.tool)",
        "request.model == ''", "time % 2 == 0", "system.risk == 'high'", "principal.id.startsWith('0')",
        "request.query == ''", "environment.name == 'prod'", "size(request.arguments) > 0", "true", "false",
    ];

    static readonly string?[] Bodies =
    [
        null, "{}", """{"n":1}""", """{"n":6,"name":"a"}""", """{"n":"much"}""", "[1,2]",
        """{"method":"tools/call","params":{"name":"shell","arguments":{"a":1}}}""", """[{"method":"tools/call"}]""",
        """{"model":"m"}""", """{"Model":"m"}""", "3",
    ];

    [Fact]
    public void Nothing_flips_under_the_policies_that_judged_it()
    {
        var random = new Random(29);
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var w = m.World;
        var seen = new Dictionary<(DecisionOutcome Outcome, bool Masks, bool Erased, Flip), int>();
        for (var round = 0; round < 60; round++)
        {
            var rules = Enumerable.Range(0, random.Next(1, 6)).Select(i =>
            {
                var effect = (Effect)random.Next(5);
                var expr = random.Next(3) switch
                {
                    0 => $"{Pick()} && {Pick()}",
                    1 => $"{Pick()} || {Pick()}",
                    _ => Pick()
                };
                return EffectTests.On($"r{i}", effect, expr, random.Next(2) == 0
                    ? null
                    : "'no ' + request.path + string(request.body.n)", effect == Effect.Mask ? ["/n", "/nothing"] : []);
            });
            var policy = new Policy(new PolicyDocument("random") { Rules = [EffectTests.OpenHouse, .. rules] });
            w.Add(w.PutPolicy(w.Put(policy.ToJson())), World.Owners);
            var state = w.State;
            var at = w.Decide();
            var replay = new PolicyReplay(w.Replay, World.Sys, policy);
            for (var i = 0; i < 60; i++)
            {
                var text = Bodies[random.Next(Bodies.Length)];
                var bytes = Encoding.UTF8.GetBytes(text ?? "");
                var body = text is null ? null : CanonicalJson.Parse(bytes, bytes.Length);
                var context = new RequestContext(random.Next(3) == 0 ? "GET" : "POST",
                    random.Next(4) == 0 ? "/other" : "/predict", random.Next(3) == 0 ? "?q=1" : "",
                    [random.Next(2) == 0 ? "desk" : "guest"], w.Now + random.Next(3));
                var judged = RequestJudgement.Of(new Asked(state, state.Releases[m.V2], World.Sys, World.Prod,
                    at.Deployment, at.Principal, context, body, bytes.Length), d => w.Replay.Documents.Policy(d)!);
                var ruling = judged.Ruling;
                var refused = ruling.Effect is Effect.Deny or Effect.Hold;
                // What came of it: refused; let through; or an error, as the release's, or as of masks that made it too
                // large.
                var outcome = refused ? Enum.Parse<DecisionOutcome>($"{ruling.Effect}")
                    : random.Next(3) == 0 ? DecisionOutcome.Error : DecisionOutcome.Allow;
                var d = at with
                {
                    Time = context.Time + random.Next(5), Policies = judged.Policies, Outcome = outcome,
                    Rule = ruling.Rule, RulePolicy = ruling.Policy, Input = new Commitment(default, bytes.Length),
                    Duration = 10_000,
                    Operation = outcome == DecisionOutcome.Allow && random.Next(3) > 0
                        ? $"{context.Method} {context.Path}"
                        : $"{context.Method} *", Size = state.Size,
                    Masked = ruling.Effect == Effect.Mask && outcome == DecisionOutcome.Allow && body is not null
                        ? new Commitment(default, bytes.Length)
                        : null,
                };
                foreach (var erased in new[] { false, true })
                {
                    var again = replay.Decision("d", d, erased ? HeldRequest.Nothing : new HeldRequest(context, body));
                    Assert.True(again.Flip == Flip.Same || (erased && again.Flip == Flip.Undecidable),
                        $"{again.ToJson()} of {d.Outcome} {d.Rule}: {text} {string.Join(" | ", policy.Document.Rules.Select(r => $"{r.Effect} {r.Expr}"))}");
                    if (again.Flip == Flip.Same && !erased)
                        Assert.Equal((ruling.Effect.Outcome(), ruling.Rule, ruling.Error
                            ? "it does not evaluate"
                            : ruling.Message), (again.Now!.Value, again.Rule, again.Message));
                    var kind = (outcome, ruling.Effect == Effect.Mask, erased, again.Flip);
                    seen[kind] = seen.GetValueOrDefault(kind) + 1;
                }
            }
        }
        foreach (var outcome in new[] { DecisionOutcome.Allow, DecisionOutcome.Deny, DecisionOutcome.Hold,
            DecisionOutcome.Error })
            Assert.True(seen.GetValueOrDefault((outcome, false, false, Flip.Same)) > 10, $"{outcome}");
        foreach (var outcome in new[] { DecisionOutcome.Allow, DecisionOutcome.Error })
            Assert.True(seen.GetValueOrDefault((outcome, true, false, Flip.Same)) > 10, $"masked, {outcome}");
        foreach (var flip in new[] { Flip.Same, Flip.Undecidable })
            Assert.True(seen.Where(s => s.Key.Erased && s.Key.Item4 == flip).Sum(s => s.Value) > 50, flip.ToString());

        string Pick() => Expressions[random.Next(Expressions.Length)];
    }

    /// <summary>
    /// The same over a real gateway: masks with nothing to mask, with no body, with one that grew too large, and a
    /// release at fault.
    /// </summary>
    [Fact]
    public async Task A_gateways_own_records_flip_nothing()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(gateway: new GatewayOptions { MaxRequest = 2000 });
        await using var _ = h;
        var digest = await EffectTests.Put(h, "masks", EffectTests.On("mask", Effect.Mask, "request.path != '/plain'",
            null, "/card", "/deep/*"), EffectTests.On("hold", Effect.Hold, "request.size == 7"));
        await EffectTests.State(h, digest);
        string?[] bodies = [null, "{}", """{"card":1}""", """{"a":1}""",
            $$"""{"deep":[{{string.Join(',', Enumerable.Repeat("1", 600))}}]}"""];
        foreach (var path in new[] { "/say", "/plain", "/junk", "/deny" })
            foreach (var body in bodies) await h.Ask(path, body);
        var log = h.Hosted!.Log!.Log;
        var leaves = Enumerable.Range(0, (int)log.Size).Select(i => Decision.Parse(log.ReadEntry(i))).ToArray();
        Assert.Equal(20, leaves.Length);
        Assert.Contains(leaves, d => d is { Outcome: DecisionOutcome.Error, Rule: "mask", Status: 413, Masked: null });
        Assert.Contains(leaves, d => d is { Outcome: DecisionOutcome.Allow, Rule: "mask", Input.Size: 0,
            Masked: null });
        Assert.Contains(leaves, d => d is { Outcome: DecisionOutcome.Error, Rule: "mask", Status: 502 });
        var policy = h.Town.Host.Admission.Replay.Documents.Policy(digest)!;
        using var node = new Stele.Cli.NodeClient(h.Node.Address.ToString(), h.NodeToken);
        var replayed = Assert.Single(await node.Replay(new ReplayRequest(policy, Hamlet.System, 0,
            DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() + 1000, h.Town.State.Size), TimeProvider.System, default));
        Assert.Equal((20, 0), (replayed.Flips[Flip.Same], replayed.Flips.Listed.Count));
    }

    /// <summary>
    /// A look back takes as long as there is much; anyone who waits for another's can go, and holds no thread.
    /// </summary>
    [Fact]
    public async Task Anyone_who_waits_for_anothers_look_back_can_go()
    {
        var m = Mortgage.Lived();
        using var begun = new SemaphoreSlim(0);
        using var go = new ManualResetEventSlim();
        using var replays = new DecisionReplays(_ =>
        {
            begun.Release();
            Assert.True(go.Wait(TimeSpan.FromMinutes(2)));
            return null;
        });
        var request = new ReplayRequest(m.World.Replay.Documents.Policy(m.Policy)!, World.Sys, 0, 1, 1);
        var first = replays.Run(request, () => m.World.Replay, default);
        Assert.True(await begun.WaitAsync(TimeSpan.FromMinutes(2)));
        using var gone = new CancellationTokenSource();
        var second = replays.Run(request, () => throw new InvalidOperationException("it is not its turn"), gone.Token);
        Assert.False(second.IsCompleted);
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        go.Set();
        Assert.Empty(await first);
        // And the next has its turn.
        Assert.Empty(await replays.Run(request, () => m.World.Replay, default));
    }
}
