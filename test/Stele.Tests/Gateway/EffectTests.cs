using System.Collections.Immutable;
using System.Net;
using System.Text;
using Stele.Blobs;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Host;

namespace Stele.Tests.Gateway;

/// <summary>
/// What rules make of requests: allow, deny, mask and hold, and a candidate that is only watched, over a real gateway
/// to a real release.
/// </summary>
public sealed class EffectTests
{
    internal static Rule On(string id, Effect effect, string expr, string? message = null, params string[] fields) =>
        new(id, ["decide"], effect, expr)
    {
        Message = message,
        Fields = [.. fields]
    };

    internal static readonly Rule OpenHouse = Rule.Require("open-house", ["deploy", "canary", "rollback"], "true");

    internal static async Task<Digest> Put(Hamlet h, string name, params Rule[] rules) =>
        await h.Town.Server.Put(new Policy(new PolicyDocument(name) { Rules = [OpenHouse, .. rules] }).ToJson()
            .ToBytes());

    /// <summary>States the policy, and a candidate, for the system, and waits until the gateway goes by it.</summary>
    internal static async Task State(Hamlet h, Digest? policy, Digest? candidate = null, int share = 0)
    {
        var entry = await h.Town.Admit(h.Town.Act(new PolicyStatement(Hamlet.System, null,
            h.Town.State.Policies[Hamlet.System].Entry, policy, candidate, share)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Eventually(() => h.Hosted!.Table!.State.Size > entry, "not folded");
    }

    static Decision Leaf(Hamlet h, HttpResponseMessage answer) =>
        Decision.Parse(h.Hosted!.Log!.Log.ReadEntry(Index(answer)));

    static long Index(HttpResponseMessage answer) =>
        Decision.TryParseId(Assert.Single(answer.Headers.GetValues("Stele-Decision")), out _, out var index)
            ? index
            : throw new FormatException();

    [Fact]
    public async Task Deny_wins_over_hold_hold_over_mask_and_mask_over_allow()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        await State(h, await Put(h, "effects",
            On("known", Effect.Allow, "request.path == '/say'"),
            On("headers", Effect.Allow, "request.path == '/headers'"),
            On("no-shell", Effect.Deny, "has(request.body) && has(request.body.tool) && request.body.tool == 'shell'",
                "'no shell for ' + principal.id"),
            On("large", Effect.Hold, "has(request.body) && has(request.body.amount) && request.body.amount > 1000",
                "'more than 1000'"),
            On("names", Effect.Mask, "has(request.body) && has(request.body.people)", null, "/people/*/name"),
            On("cards", Effect.Mask, "has(request.body) && has(request.body.card)", null, "/card"),
            On("modest", Effect.Require, "request.size < 400")));

        async Task Gets(string body, int status, string? rule, DecisionOutcome outcome, string? forwarded,
            string path = "/say")
        {
            var (got, said, answer) = await h.Ask(path, body);
            Assert.Equal(status, (int)got);
            var d = Leaf(h, answer);
            Assert.Equal((outcome, rule, status), (d.Outcome, d.Rule, d.Status));
            if (forwarded is null)
            {
                Assert.Equal((outcome == DecisionOutcome.Hold ? "held" : "denied", rule),
                    (said["code"].AsString, said["rule"].AsString));
                Assert.Null(d.Masked);
            }
            else
            {
                Assert.Equal(CanonicalJson.Parse(Encoding.UTF8.GetBytes(forwarded), 1000), said["said"]);
                Assert.Equal(forwarded == body ? null : forwarded.Length, d.Masked?.Size);
            }
        }
        await Gets("""{"n":1}""", 200, null, DecisionOutcome.Allow, """{"n":1}""");
        // no allow rule is true
        await Gets("""{"n":1}""", 403, "known", DecisionOutcome.Deny, null, "/elsewhere");
        await Gets("""{"tool":"shell"}""", 403, "no-shell", DecisionOutcome.Deny, null);
        await Gets("""{"amount":1001}""", 403, "large", DecisionOutcome.Hold, null);
        // deny over hold
        await Gets("""{"amount":1001,"card":"4111","tool":"shell"}""", 403, "no-shell", DecisionOutcome.Deny, null);
        // hold over mask
        await Gets("""{"amount":1001,"card":"4111"}""", 403, "large", DecisionOutcome.Hold, null);
        await Gets("""{"card":"4111"}""", 200, "cards", DecisionOutcome.Allow, """{"card":"***"}""");
        // masks add up
        await Gets("""{"card":{"number":4111},"people":[{"name":"a","n":1},{"n":2},{"name":["b"]}]}""", 200, "names",
            DecisionOutcome.Allow,
            """{"card":"***","people":[{"name":"***","n":1},{"n":2},{"name":"***"}]}""");
        // what does not evaluate denies, whatever its effect
        await Gets("""{"amount":"much"}""", 403, "large", DecisionOutcome.Deny, null);
        await Gets($$"""{"text":"{{new string('x', 400)}}"}""", 403, "modest", DecisionOutcome.Deny, null);

        // Anyone who is held is told that it is a person's approval that is wanted, and that nobody can be waited for.
        var (_, held, _) = await h.Ask("/say", """{"amount":1001}""");
        Assert.Equal("more than 1000", held["message"].AsString);
        Assert.Contains("approve", held["hint"].AsString, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_masked_never_reaches_the_release_and_the_leaf_commits_to_both()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(gateway: new GatewayOptions { MaxRequest = 2000 });
        await using var _ = h;
        await State(h, await Put(h, "masks", On("cards", Effect.Mask, "true", null, "/card", "/deep/*/0", "/a~1b")));

        const string asked = """{ "card" : "4111 1111", "deep": {"x": [7, 8], "y": [9]}, "a/b": true, "n": 1.50 }""",
            forwarded = """{ "card" : "***", "deep": {"x": ["***", 8], "y": ["***"]}, "a/b": "***", "n": 1.50 }""";
        var (status, _, answer) = await h.Ask("/say", asked);
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains(forwarded, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        var d = Leaf(h, answer);
        Assert.Equal((asked.Length, forwarded.Length), (d.Input!.Size, d.Masked!.Size));
        Assert.Equal((DecisionOutcome.Allow, "cards"), (d.Outcome, d.Rule));

        // Both are sealed beside the log, with what the rules saw, and are what the leaf commits to.
        var opened = CanonicalJson.Parse(
            (await h.Page($"bodies/{NodeFolder.NameOf(h.Hosted!.Log!.Origin)}/{Index(answer)}"))!, 1 << 20);
        string Body(string field)
        {
            Assert.Equal("whole", opened[field]["state"].AsString);
            return Encoding.UTF8.GetString(Convert.FromBase64String(opened[field]["base64"].AsString));
        }
        Assert.Equal((asked, forwarded), (Body("input"), Body("masked")));
        var context = RequestContext.Parse(Encoding.UTF8.GetBytes(Body("context")));
        Assert.Equal(("POST", "/say", "", "desk"),
            (context.Method, context.Path, context.Query, Assert.Single(context.Roles)));

        // Nothing that tells of the unmasked bytes goes along.
        using var request = new HttpRequestMessage(HttpMethod.Post,
            "headers") { Content = new StringContent("""{"card":1}""", Encoding.UTF8, "application/json") };
        request.Content.Headers.Add("Content-Digest", "sha-256=:AAAA:");
        request.Headers.Add("tracestate", "stays=1");
        var headers = await (await h.Client.SendAsync(request)).Content.ReadAsStringAsync();
        Assert.Contains("tracestate: stays=1", headers, StringComparison.Ordinal);
        Assert.DoesNotContain("Content-Digest", headers, StringComparison.OrdinalIgnoreCase);
        Assert.Contains($"Content-Length: {"""{"card":"***"}""".Length}", headers, StringComparison.Ordinal);

        // Without a body there is nothing to mask. What is no JSON is not forwarded, and neither is what is too large,
        // be it by its masks.
        Assert.Null(Leaf(h, (await h.Ask("/say", null)).Answer).Masked);
        using var plain = new StringContent("card=4111", Encoding.UTF8, "text/plain");
        Assert.Equal(HttpStatusCode.BadRequest, (await h.Client.PostAsync("say", plain)).StatusCode);
        Assert.Equal(HttpStatusCode.BadRequest, (await h.Ask("/say", "{\"card\":")).Status);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge,
            (await h.Ask("/say", $"\"{new string('x', 2000)}\"")).Status);
        var (grown, because, refused) = await h.Ask("/say",
            $$"""{"deep":[{{string.Join(',', Enumerable.Repeat("[1]", 450))}}]}""");
        Assert.Equal((HttpStatusCode.RequestEntityTooLarge, "too-large"), (grown, because["code"].AsString));
        Assert.Equal((DecisionOutcome.Error, "cards", 413, true), (Leaf(h, refused).Outcome, Leaf(h, refused).Rule,
            Leaf(h, refused).Status, Leaf(h, refused).Masked is null));

        // The folder is as it must be, new bodies included.
        await h.StopNode();
        var found = new Stele.Ledger.Findings(h.Folder.Path);
        NodeFsck.Check(h.Folder, h.Town.Trust, found, default);
        Assert.Empty(found.Violations);
    }

    [Fact]
    public async Task A_candidate_is_watched_and_then_decides_for_a_share_of_principals()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var present = await Put(h, "present", On("no-shell", Effect.Deny, "request.path == '/deny'"));
        var candidate = await Put(h, "candidate",
            On("small", Effect.Deny, "has(request.body) && has(request.body.n) && request.body.n > 5"),
            On("hold-nine", Effect.Hold, "has(request.body) && has(request.body.n) && request.body.n == 5"),
            On("mask-x", Effect.Mask, "has(request.body) && has(request.body.x)", null, "/x"));
        await State(h, present, candidate);

        // Watched: nothing changes but the record.
        async Task<Decision> Asked(string body, HttpStatusCode status, string path = "/say", string? token = null)
        {
            var (got, _, answer) = await h.Ask(path, body, token);
            Assert.Equal(status, got);
            return Leaf(h, answer);
        }
        Assert.Equal([new Would(candidate, RuledOutcome.Allow, null)],
            (await Asked("""{"n":1}""", HttpStatusCode.OK)).Would);
        Assert.Equal([new Would(candidate, RuledOutcome.Deny, "small", candidate)],
            (await Asked("""{"n":6}""", HttpStatusCode.OK)).Would);
        Assert.Equal([new Would(candidate, RuledOutcome.Hold, "hold-nine", candidate)],
            (await Asked("""{"n":5}""", HttpStatusCode.OK)).Would);
        var unmasked = await Asked("""{"x":1}""", HttpStatusCode.OK);
        Assert.Equal([new Would(candidate, RuledOutcome.Mask, "mask-x", candidate)], unmasked.Would);
        Assert.Null(unmasked.Masked);
        var refused = await Asked("""{"n":1}""", HttpStatusCode.Forbidden, "/deny");
        // it has not that rule
        Assert.Equal([new Would(candidate, RuledOutcome.Allow, null)], refused.Would);
        Assert.Equal([present], refused.Policies);

        // For half of them it decides: for those, and only those, whose hash says so.
        await State(h, present, candidate, 50);
        var people = Enumerable.Range(0, 24).Select(_ => TokenFile.AddPrincipal(h.Folder.Principals, ["desk"],
            [Hamlet.Place])).ToArray();
        Assert.InRange(people.Count(p => PolicyStatement.FallsInto(50, candidate, p.Id)), 1, 23);
        foreach (var (id, token) in people)
        {
            var chosen = PolicyStatement.FallsInto(50, candidate, id);
            var d = await Asked("""{"n":6}""", chosen ? HttpStatusCode.Forbidden : HttpStatusCode.OK, token: token);
            Assert.Equal((id, chosen ? DecisionOutcome.Deny : DecisionOutcome.Allow, chosen ? "small" : null,
                chosen ? candidate : (Digest?)null), (d.Principal, d.Outcome, d.Rule, d.RulePolicy));
            Assert.Equal([chosen ? candidate : present], d.Policies);
            Assert.Equal(chosen ? [] :
                ImmutableArray.Create(new Would(candidate, RuledOutcome.Deny, "small", candidate)), d.Would);
        }

        // Promoted it decides for all, and nothing is watched any more.
        await State(h, candidate);
        var decided = await Asked("""{"n":6}""", HttpStatusCode.Forbidden);
        Assert.Equal((candidate, 0), (Assert.Single(decided.Policies), decided.Would.Length));

        // Anyone who has the ledger and the log comes to the same: which candidates stood, for whom they decided.
        await h.StopNode();
        var report = GatewayTests.Verify(h);
        Assert.True(report.Findings.Count == 0, string.Join('\n', report.Findings));
    }
}
