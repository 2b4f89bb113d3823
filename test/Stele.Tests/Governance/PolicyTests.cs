using System.Collections.Immutable;
using System.Diagnostics;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

public sealed class PolicyTests
{

    static Rule On(string action, string id, Effect effect, string expr) => new(id, [action], effect, expr);
    static Rule Ask(string id, Effect effect, string expr, params string[] fields) =>
        On("decide", id, effect, expr) with { Fields = [.. fields] };
    static PolicyDocument Of(params Rule[] rules) => new("p") { Rules = [.. rules] };

    static Json Request(string method = "POST", string? body = null) => Json.Object(
        ("method", method), ("path", "/predict"), ("query", ""), ("size", 1),
        ("body", body is null ? null : CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(body), 1000)));

    static IReadOnlyDictionary<string, global::Cel.Values.CelValue> Input(Json request) => PolicyInput.ForRequest(
        Json.Object(("id", "x"), ("roles", Json.Array(Json.Of("desk")))), request, Json.EmptyObject, Json.EmptyObject,
        Json.EmptyObject, 1);

    static Ruling Decide(PolicyDocument d, Json? request = null) =>
        new Policy(d).Decide(Input(request ?? Request()), new Budget());

    [Fact]
    public void A_policy_has_one_form()
    {
        var document = Of(Rule.Require("a", ["rollback", "deploy"], "size(approvals) > 0", "'no'") with
        {
            Controls = ["x/2", "x/1"],
            Severity = "high",
            Description = "d"
        }, Ask("m", Effect.Mask, "true", "/b", "/a")) with
        {
            Description = "d", Scope = new("mortgage", "prod"), Attestations = ["eu-ai-act/14"],
            Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("one", "1"),
            Checks = ImmutableSortedDictionary<string, Digest>.Empty.Add("fairness", default),
            Tests = [new("t", "deploy", Json.EmptyObject,
                ImmutableSortedDictionary<string, string>.Empty.Add("a", "failed"))],
        };
        var bytes = document.ToJson().ToBytes();
        Assert.Equal(
            """{"attestations":["eu-ai-act/14"],"checks":{"fairness":"sha256:0000000000000000000000000000000000000000000000000000000000000000"},"define":{"one":"1"},"description":"d","name":"p","rules":[{"controls":["x/1","x/2"],"description":"d","effect":"require","expr":"size(approvals) > 0","id":"a","message":"'no'","on":["deploy","rollback"],"severity":"high"},{"controls":[],"effect":"mask","expr":"true","fields":["/a","/b"],"id":"m","on":["decide"],"severity":"medium"}],"scope":{"environment":"prod","system":"mortgage"},"tests":[{"expect":{"a":"failed"},"input":{},"name":"t","on":"deploy"}],"version":1}""",
            System.Text.Encoding.UTF8.GetString(bytes));
        var policy = Policy.Parse(bytes);
        Assert.Equal(Digest.Of(bytes), policy.Digest);
        Assert.Null(policy.FirstBroken);
        // Every list that is a set has one order, and nothing else is taken.
        Assert.Throws<FormatException>(() =>
            PolicyDocument.Parse(System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(bytes)
                .Replace("[\"x/1\",\"x/2\"]", "[\"x/2\",\"x/1\"]", StringComparison.Ordinal))));
        Assert.Throws<FormatException>(() =>
            PolicyDocument.Parse(System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(bytes)
                .Replace("\"version\":1", "\"version\":1,\"w\":1", StringComparison.Ordinal))));
        Assert.Throws<FormatException>(() =>
            PolicyDocument.Parse(System.Text.Encoding.UTF8.GetBytes(System.Text.Encoding.UTF8.GetString(bytes)
                .Replace("\"version\":1", "\"version\":2", StringComparison.Ordinal))));
    }

    /// <summary>Persisted forever: they may only grow.</summary>
    [Fact]
    public void Names_are_permanent()
    {
        Assert.Equal("allow mask hold deny require alert", string.Join(' ', Effects.Names));
        Assert.Equal("deploy rollback canary halt policy system member waiver revocation decide monitor",
            string.Join(' ', Actions.All));
        Assert.Equal("low medium high critical", string.Join(' ', Rule.Severities));
    }

    [Fact]
    public void Deny_wins_over_hold_over_mask_over_allow()
    {
        Rule allow = Ask("allow", Effect.Allow, "true"), mask = Ask("mask", Effect.Mask, "true", "/a"),
            hold = Ask("hold", Effect.Hold, "true"), deny = Ask("deny", Effect.Deny, "true");
        Assert.Equal(Ruling.Through, Decide(Of(On("deploy", "other", Effect.Require, "false"))));
        Assert.Equal(Effect.Allow, Decide(Of(allow)).Effect);
        Assert.Equal(("mask", Effect.Mask), (Decide(Of(mask, allow)).Rule, Decide(Of(mask, allow)).Effect));
        Assert.Equal(("hold", Effect.Hold), (Decide(Of(mask, hold, allow)).Rule, Decide(Of(hold, mask, allow)).Effect));
        foreach (var order in new[] { new[] { deny, hold, mask, allow }, [allow, mask, hold, deny], [mask, deny, allow,
            hold] }) Assert.Equal(("deny", Effect.Deny), (Decide(Of(order)).Rule, Decide(Of(order)).Effect));
        Assert.Equal(("need", Effect.Deny), (Decide(Of(allow, Ask("need", Effect.Require, "false"))).Rule,
            Decide(Of(Ask("need", Effect.Require, "false"))).Effect));
        Assert.Equal(["/a", "/b", "/c"],
            Decide(Of(mask, Ask("more", Effect.Mask, "true", "/c", "/b"),
                Ask("not", Effect.Mask, "false", "/z"))).Fields);
        Assert.Equal((Effect.Hold, "/a"),
            (Decide(Of(mask)).And(Decide(Of(hold))).Effect, Decide(Of(mask)).And(Decide(Of(hold))).Fields.Single()));
    }

    [Fact]
    public void Where_some_allow_one_must()
    {
        var policy = Of(Ask("read", Effect.Allow, "request.method == 'GET'") with { Message = "'only reading'" },
            Ask("predict", Effect.Allow, "request.path == '/predict' && request.method == 'PUT'"));
        Assert.Equal((Effect.Deny, new Policy(policy).Digest, "read", "only reading"),
            (Decide(policy).Effect, Decide(policy).Policy!.Value, Decide(policy).Rule, Decide(policy).Message));
        Assert.Equal(Effect.Allow, Decide(policy, Request("GET")).Effect);
        Assert.Equal(Effect.Allow, Decide(policy, Request("PUT")).Effect);
    }

    [Theory]
    [InlineData(Effect.Allow)]
    [InlineData(Effect.Mask)]
    [InlineData(Effect.Hold)]
    [InlineData(Effect.Deny)]
    [InlineData(Effect.Require)]
    public void What_does_not_evaluate_denies(Effect effect)
    {
        var ruling = Decide(Of(Ask("odd", effect, "request.body.nothing == 1", effect == Effect.Mask ? ["/a"] : []),
            Ask("fine", Effect.Allow, "true")));
        Assert.Equal((Effect.Deny, "odd", true), (ruling.Effect, ruling.Rule, ruling.Error));
        // Also where something allows it before.
        ruling = Decide(Of(Ask("fine", Effect.Allow, "true"),
            Ask("odd", effect, "request.body.nothing == 1", effect == Effect.Mask ? ["/a"] : [])));
        Assert.Equal((Effect.Deny, "odd", true), (ruling.Effect, ruling.Rule, ruling.Error));
    }

    [Fact]
    public void A_tool_call_is_told_from_other_bodies()
    {
        var shell = Of(Ask("no-shell", Effect.Deny, "request.tool == 'shell'"),
            Ask("small", Effect.Require, "request.tool != 'query' || size(string(request.arguments.sql)) < 10"),
            Ask("models", Effect.Require, "request.model in ['', 'm-1']"));
        Assert.Equal("no-shell",
            Decide(shell, Request(body: """{"method":"tools/call","params":{"name":"shell","arguments":{}}}""")).Rule);
        Assert.Equal("small",
            Decide(shell,
                Request(
                    body: """{"method":"tools/call","params":{"name":"query","arguments":{"sql":"select everything"}}}""")).Rule);
        Assert.Equal("models", Decide(shell, Request(body: """{"model":"m-2"}""")).Rule);
        foreach (var body in new[] { null, """{"method":"tools/list"}""", """{"params":{"name":"shell"}}""", """[1]""",
            "2" }) Assert.Equal(Effect.Allow, Decide(shell, Request(body: body)).Effect);
    }

    /// <summary>
    /// What somebody might read otherwise is not there, so that a rule that reads it denies; anyone who asks
    /// <c>has()</c> may decide.
    /// </summary>
    [Theory]
    [InlineData("T A M", null)]
    [InlineData("T A M", "[]")]
    [InlineData("T A M", """[{"id":1}]""")]
    [InlineData("T A M", "\"tools/call\"")]
    [InlineData("T A M", """{"method":"tools/list","params":{"Name":1}}""")]
    [InlineData("T=t A=1 M=m",
        """{"jsonrpc":"2.0","method":"tools/call","params":{"name":"t","arguments":{"a":1}},"model":"m"}""")]
    [InlineData("T=t A M", """{"method":"tools/call","params":{"name":"t"}}""")]
    [InlineData("M", """[{"method":"tools/list"}]""")]
    [InlineData("M", """[1,{"Method":"tools/call"}]""")]
    [InlineData("T A", """[{"model":"m"}]""")]
    [InlineData("M=m", """{"method":["tools/call"],"model":"m"}""")]
    [InlineData("M", """{"method":"tools/call"}""")]
    [InlineData("M", """{"method":"tools/call","params":["t"]}""")]
    [InlineData("M", """{"method":"tools/call","params":{"name":1}}""")]
    [InlineData("M", """{"method":"tools/call","params":{"name":"t","arguments":null}}""")]
    [InlineData("M", """{"method":"tools/call","params":{"name":"t","Arguments":{}}}""")]
    [InlineData("M", """{"method":"tools/call","params":{"NAME":"t"}}""")]
    [InlineData("M", """{"METHOD":"tools/call","params":{"name":"t"}}""")]
    [InlineData("M", """{"method":"tools/call","Params":{"name":"t"}}""")]
    [InlineData("M", """{"method":"tools/call","param\u017f":{"name":"t"}}""")]
    [InlineData("M", """{"JsonRpc":"2.0"}""")]
    [InlineData("T A", """{"Model":"m"}""")]
    [InlineData("T A", """{"model":["m"]}""")]
    public void What_could_be_read_otherwise_is_absent(string expected, string? body)
    {
        var request = Input(Request(body: body))["request"].AsMap().ToDictionary(m => m.Key.AsString(), m => m.Value,
            StringComparer.Ordinal);
        var told = new List<string>();
        if (request.TryGetValue("tool", out var tool))
            told.Add(tool.AsString().Length == 0 ? "T" : $"T={tool.AsString()}");
        if (request.TryGetValue("arguments", out var arguments))
            told.Add(!arguments.AsMap().Any() ? "A" : $"A={arguments.AsMap().Count()}");
        if (request.TryGetValue("model", out var model))
            told.Add(model.AsString().Length == 0 ? "M" : $"M={model.AsString()}");
        Assert.Equal(expected, string.Join(' ', told));
        foreach (var (field, letter) in new[] { ("tool", 'T'), ("model", 'M') })
        {
            Assert.Equal(told.Any(t => t[0] == letter) ? Effect.Allow : Effect.Deny,
                Decide(Of(Ask("reads", Effect.Require, $"request.{field} != 'x'")), Request(body: body)).Effect);
            Assert.Equal(Effect.Allow,
                Decide(Of(Ask("asks", Effect.Require, $"!has(request.{field}) || request.{field} != 'x'")),
                    Request(body: body)).Effect);
        }
        // A policy's own test sees the same, where it does not say otherwise.
        if (body is null) return;
        var test = new PolicyTest("t", "decide",
            Json.Object(
                ("request",
                    Json.Object(("body", CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(body), 10000))))),
            ImmutableSortedDictionary<string, string>.Empty.Add("there",
                told.Any(t => t[0] == 'T') ? "deny" : "silent"));
        Assert.Null(new Policy(new PolicyDocument("p")
        {
            Rules = [Ask("there", Effect.Deny, "has(request.tool)")],
            Tests = [test]
        }).FirstBroken);
    }

    /// <summary>A policy may cost so much and no more, whatever its rules are; those after the limit fail.</summary>
    [Fact]
    public void A_judgement_is_bounded_as_a_whole()
    {
        const string Heavy =
            "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, a + b + c > 0)))";
        var policy = new Policy(
            Of([.. Enumerable.Range(0, 1000).Select(i => Rule.Require($"r{i}", ["member"], Heavy))]));
        var clock = Stopwatch.GetTimestamp();
        var outcomes = policy.Judge("member", InputSchema.ToCel(Json.Object(("action", "member"))),
            ImmutableDictionary<string, long>.Empty, new Budget());
        Assert.Equal(RuleResult.Passed, outcomes[0].Result);
        Assert.Equal((RuleResult.Error, $"the judgement as a whole costs more than {Policy.JudgementLimit}"),
            (outcomes[^1].Result, outcomes[^1].Message));
        Assert.True(Stopwatch.GetElapsedTime(clock) < TimeSpan.FromSeconds(60));
    }

    /// <summary>
    /// A policy's tests run while it is admitted, and the ledger waits for it: they cost no more than a judgement, or
    /// the policy is none, in force or in a release.
    /// </summary>
    [Fact]
    public void The_tests_of_a_policy_are_bounded_as_a_whole()
    {
        const string Heavy =
            "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, a + b + c > 0)))";
        static Policy Of(int tests) => new(new PolicyDocument("heavy")
        {
            Rules = [Rule.Require("r", ["deploy"], Heavy)],
            Tests =
                [.. Enumerable.Range(0, tests).Select(i => new PolicyTest($"t{i}", "deploy", Json.EmptyObject,
                    ImmutableSortedDictionary<string, string>.Empty.Add("r", "passed")))],
        });
        var one = new Budget();
        Of(0).Judge("deploy", InputSchema.ToCel(Json.Object(("action", "deploy"))),
            ImmutableDictionary<string, long>.Empty, one);
        var most = (int)(2_000_000 / (2_000_000 - one.Left));
        Assert.InRange(most, 10, Policy.MaxTests - 1);
        var (good, heavy) = (Of(most), Of(most + 1));
        Assert.Null(good.FirstBroken);
        Assert.EndsWith("(the policy's tests together cost more than 2000000)", heavy.FirstBroken!.ToString(),
            StringComparison.Ordinal);

        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.PutPolicy(w.Put(good.ToJson())), World.Owners);
        Assert.Equal(RefusalCode.PolicyTestFailed, w.Refused(w.PutPolicy(w.Put(heavy.ToJson())), World.Owners));
        var (release, document) = w.Close("v4", heavy.Digest, ("code", "code", m.Code));
        Assert.Equal(RefusalCode.PolicyTestFailed, w.Refused(World.Release(release, document), World.Builder));
    }

    /// <summary>
    /// What the policy of one scope spent, that of the next lacks: more policies are no way to more work.
    /// </summary>
    [Fact]
    public void All_policies_share_one_budget()
    {
        const string Heavy =
            "[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, a + b + c > 0)))";
        static Policy Of(string name, string action, int rules) =>
            new(new PolicyDocument(name) { Rules =
                [.. Enumerable.Range(0, rules).Select(i => new Rule($"r{i}", [action], Effect.Require, Heavy))] });
        var one = new Budget();
        Of("one", "policy", 1).Judge("policy", InputSchema.ToCel(Json.Object(("action", "policy"))),
            ImmutableDictionary<string, long>.Empty, one);
        var most = (int)(Policy.JudgementLimit * 6 / 10 / (Policy.JudgementLimit - one.Left));

        var w = new World();
        w.Add(World.Genesis(threshold: 1), World.Owner);
        w.Add(w.Declare(World.Sys, new EnvironmentTerms(World.Prod, null, null, false)), World.Owner);
        w.Add(w.PutPolicy(w.Put(Of("wide", "policy", most).ToJson()), null), World.Owner);
        // judged by the wide one alone
        w.Add(w.PutPolicy(w.Put(Of("narrow", "policy", most).ToJson())), World.Owner);
        var refused = Assert.IsType<Outcome.Refused>(w.Try(w.PutPolicy(null), World.Owner));
        Assert.Equal(RefusalCode.PolicyFailed, refused.Code);
        Assert.Contains($"the judgement as a whole costs more than {Policy.JudgementLimit}", refused.Message);
        // Anyone who traces it comes to the same.
        foreach (var (outcome, of) in Explain.Traced(refused.Judgement!.Rules,
            refused.Judgement.Sittings)) Assert.Equal(outcome.Result == RuleResult.Error,
                of!.Value.Trace.Error is not null);

        // A request too.
        var input = PolicyInput.ForRequest(Json.Object(("id", "x"), ("roles", Json.EmptyArray)), Request(),
            Json.EmptyObject, Json.EmptyObject, Json.EmptyObject, 1);
        var budget = new Budget();
        Assert.Equal(Effect.Allow, Of("own", "decide", most).Decide(input, budget).Effect);
        Assert.Equal((Effect.Deny, true),
            (Of("in-force", "decide", most).Decide(input, budget) is var said ? said.Effect : default, said.Error));
    }

    [Fact]
    public void Its_own_tests_show_what_a_rule_comes_to()
    {
        static ImmutableSortedDictionary<string, string> Expect(params string[] all) =>
            all.ToImmutableSortedDictionary(a => a.Split('=')[0], a => a.Split('=')[1], StringComparer.Ordinal);
        var policy = new Policy(Of(
            Rule.Require("a", ["deploy"], "size(approvals) > 0", "'nobody'"),
            Rule.Require("b", ["deploy"], "approvals[0].entry > 0"), Ask("deny", Effect.Deny,
                "request.tool == 'shell'"), On("monitor", "slow", Effect.Alert, "metrics.p99_ms > 500.0")) with
        {
            Tests =
            [
                new("nobody", "deploy", Json.EmptyObject, Expect("a=failed", "b=error")),
                new("somebody", "deploy", CanonicalJson.Parse("""{"approvals":[{"entry":1}]}"""u8, 100),
                    Expect("a=passed", "b=passed")),
                new("shell", "decide", CanonicalJson.Parse("""{"request":{"tool":"shell"}}"""u8, 100),
                    Expect("deny=deny")),
                new("other", "decide", Json.EmptyObject, Expect("deny=silent")),
                new("slow", "monitor", CanonicalJson.Parse("""{"metrics":{"p99_ms":501}}"""u8, 100),
                    Expect("slow=alert")),
                new("quick", "monitor", CanonicalJson.Parse("""{"metrics":{"p99_ms":500}}"""u8, 100),
                    Expect("slow=silent")),
                new("wrong", "monitor", Json.EmptyObject, Expect("slow=alert")),
            ],
        });
        Assert.Equal(
            "test 'wrong': the rule 'slow' should be alert and is error (1:8: no such key: 'p99_ms'\n | metrics.p99_ms > 500.0\n | .......^)", policy.FirstBroken!.ToString());
        Assert.All(policy.Try().SkipLast(1), t => Assert.True(t.Passed, t.ToString()));
        Assert.Equal(9, policy.Try().Length);
    }

    /// <summary>
    /// Half a second on a machine as busy as it likes; alone it takes some tens of milliseconds, which the benchmarks
    /// show.
    /// </summary>
    [Fact]
    public void A_policy_of_a_thousand_rules_compiles()
    {
        var bytes = Thousand().ToJson().ToBytes();
        Policy.Parse(bytes);
        var best = Enumerable.Range(0, 5).Min(_ =>
        {
            var began = Stopwatch.GetTimestamp();
            Policy.Parse(bytes);
            return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        });
        TestContext.Current.SendDiagnosticMessage($"1,000 rules compiled in {best:0.0} ms");
        Assert.True(best < 5000, $"{best} ms");
    }

    public static PolicyDocument Thousand() => new("thousand")
    {
        Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("built",
            "release.components.all(c, c.strength in ['built', 'reproduced'])"),
        Checks = ImmutableSortedDictionary<string, Digest>.Empty.Add("fairness", default),
        Rules = [.. Enumerable.Range(0, 1000).Select(i => Rule.Require($"rule-{i}", ["deploy", "canary"],
            $"built && size(approvals) >= {i % 3} && checks.fairness.all(e, has(e.metrics.approval_ratio) && e.metrics.approval_ratio >= 0.{i % 9 + 1})", $"'rule {i}: the ratio is too low for ' + release.name"))],
    };
}
