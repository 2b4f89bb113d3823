using System.Collections.Immutable;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Policies;

/// <summary>Bundles in force in a whole world: what they see is what the ledger says.</summary>
public sealed class BundlesInForceTests
{
    static Digest Put(World w, string bundle, params (string Name, string Value)[] sets) => w.Put(PolicySource.Compile(
        bundle, ReadyMade.Text(bundle)!,
        sets.ToImmutableSortedDictionary(s => s.Name, s => s.Value, StringComparer.Ordinal)).ToJson());

    static string[] Failing(Outcome outcome) =>
        outcome is Outcome.Refused { Judgement: { } judged }
            ? [.. judged.Rules.Where(r => !r.Allows).Select(r => r.Rule)]
            : [];

    /// <summary>
    /// The baseline refuses what lacks any of its four, and lets pass what has them; the pack proves it again.
    /// </summary>
    [Fact]
    public void The_baseline_asks_for_origin_licence_a_second_build_and_a_second_person()
    {
        var m = Mortgage.Founded();
        var w = m.World;
        Digest rows = w.Put("rows"), program = w.Put("program"), model = w.Put("model");
        w.Add(World.Frozen(World.Builder, rows, "rows", "dataset", null), World.Builder);
        w.Add(World.Frozen(World.Builder, program, "trainer", "code", "MIT"), World.Builder);
        w.Add(World.OriginOf(World.Builder, Origin.Pipeline, model, program, rows), World.Builder);
        var (release, document) = w.Close("v1", null, ("model", "model", model));
        w.Add(World.Release(release, document), World.Builder);
        w.Add(w.PutPolicy(Put(w, "baseline")), World.Owners);

        Assert.Equal(["origin", "licence", "reproduced", "four-eyes"],
            Failing(w.Try(w.Deploying(release), World.Deployer)));
        w.Add(World.OriginOf(World.Builder2, Origin.Pipeline, model, program, rows), World.Builder2);
        w.Add(w.Approve(release), World.Approver);
        Assert.Equal(["origin", "licence"], Failing(w.Try(w.Deploying(release), World.Deployer)));
        // A second statement about the rows does not hide the first.
        w.Add(World.Frozen(World.Builder2, rows, "rows", "dataset", "CC0-1.0", "https://example.com/rows"),
            World.Builder2);
        var refused = w.Try(w.Deploying(release), World.Deployer);
        Assert.Equal(["origin", "licence"], Failing(refused));
        Assert.Contains("rows (none is stated",
            ((Outcome.Refused)refused).Judgement!.Rules.Single(r => r.Rule == "licence").Message,
            StringComparison.Ordinal);

        var good = w.Put("good rows");
        var better = w.Put("better model");
        w.Add(World.Frozen(World.Builder, good, "good-rows", "dataset", "CC0-1.0", "https://example.com/rows"),
            World.Builder);
        foreach (var builder in new[] { World.Builder, World.Builder2 })
            w.Add(World.OriginOf(builder, Origin.Pipeline, better, program, good), builder);
        var (next, its) = w.Close("v2", null, ("model", "model", better));
        w.Add(World.Release(next, its), World.Builder);
        w.Add(w.Approve(next), World.Approver);
        w.Deploy(w.Deploying(next));
        Assert.Empty(w.Verify().Findings);
    }

    /// <summary>
    /// A word that a policy demands must stand when the deployment is entered: not before it is given, not after it
    /// ends, not on another release.
    /// </summary>
    [Fact]
    public void A_demanded_word_must_stand_when_the_entry_comes()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var policy = w.Put(new Policy(new PolicyDocument("words")
        {
            Attestations = ["eu-ai-act/14.1"],
            Rules =
            [
                Rule.Require("oversight", ["deploy"],
                    "attestations[\"eu-ai-act/14.1\"].exists(a, !(a.member in release.authors) && a.expires > time)"),
                Rule.Require("evidence", ["deploy"], "attestations[\"eu-ai-act/14.1\"].all(a, has(a.evidence))"),
            ],
        }).ToJson());
        w.Add(w.PutPolicy(policy), World.Owners);
        Assert.Equal(["oversight"], Failing(w.Try(w.Deploying(m.V2), World.Deployer)));
        w.Add(w.Attest(World.Approver, "eu-ai-act/14.1", m.V2, 60_000, m.Data), World.Approver);
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(m.V2), World.Deployer));
        Assert.Equal(["oversight"], Failing(w.Try(w.Deploying(m.V3), World.Deployer)));
        w.Now += 60_000;
        Assert.Equal(["oversight"], Failing(w.Try(w.Deploying(m.V2), World.Deployer)));
        w.Add(w.Attest(World.Approver, "eu-ai-act/14.1"), World.Approver);
        Assert.Equal(["evidence"], Failing(w.Try(w.Deploying(m.V3), World.Deployer)));
        w.Add(w.Attest(World.Approver, "eu-ai-act/14.1", evidence: m.Data), World.Approver);
        w.Deploy(w.Deploying(m.V3));
        Assert.Empty(w.Verify().Findings);
    }

    /// <summary>
    /// What the inputs say of a place: whether its decisions are recorded, its limits, and how long records are kept.
    /// </summary>
    [Fact]
    public void Logs_limits_and_retention_are_seen()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var policy = w.Put(new Policy(new PolicyDocument("place")
        {
            Rules =
            [
                Rule.Require("recorded", ["deploy"], "environment.recorded"), Rule.Require("gap", ["deploy"],
                    "has(environment.observationGap) && environment.observationGap == 60000"),
                Rule.Require("stale", ["deploy"], "has(environment.staleAfter)"), Rule.Require("kept", ["deploy"],
                    "has(system.retention) && system.retention.leaves == 200 && !has(system.retention.bodies)"),
            ],
        }).ToJson());
        w.Add(w.PutPolicy(policy), World.Owners);
        Assert.Equal(["kept"], Failing(w.Try(w.Deploying(m.V2), World.Deployer)));
        Assert.Equal(["recorded", "gap", "stale", "kept"],
            Failing(w.Try(w.Deploying(m.V2, World.Test), World.Deployer)));
        w.Add(w.Declare(World.Sys, [.. w.State.Systems[World.Sys].Environments]) with { Retention =
            new RetentionTerms(null, 200) }, World.Owners);
        Assert.IsType<Outcome.Accepted>(w.Try(w.Deploying(m.V2), World.Deployer));
        w.Add(World.EndLog(LogAction.Close, m.Log.Origin), World.Owners);
        Assert.Equal(["recorded"], Failing(w.Try(w.Deploying(m.V2), World.Deployer)));
    }

    /// <summary>Requests as the gateway describes them, decided by the agent's bundle.</summary>
    [Theory]
    [InlineData("allow", "")]
    [InlineData("allow", """{"jsonrpc":"2.0","id":1,"method":"tools/list"}""")]
    [InlineData("allow",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"q":"tides"}}}""")]
    [InlineData("deny tools",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"shell","arguments":{}}}""")]
    [InlineData("deny tool-names",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search,send_mail","arguments":{}}}""")]
    [InlineData("hold approval",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"send_mail","arguments":{}}}""")]
    [InlineData("deny one-call",
        """[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"shell","arguments":{}}}]""")]
    [InlineData("deny one-call", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["shell"]}}""")]
    [InlineData("deny argument-patterns",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":{"path":"a/../../b"}}}""")]
    [InlineData("allow", """{"model":"m1","max_completion_tokens":100,"messages":[]}""")]
    [InlineData("deny models", """{"model":"m2","max_completion_tokens":100}""")]
    [InlineData("deny token-budget", """{"model":"m1","messages":[]}""")]
    [InlineData("deny token-budget", """{"model":"m1","max_completion_tokens":"many"}""")]
    [InlineData("deny token-budget", """{"model":"m1","max_completion_tokens":5000}""")]
    [InlineData("deny token-budget", """{"model":"m1","max_completion_tokens":1,"max_tokens":5000}""")]
    [InlineData("deny token-budget", """{"model":"m1","max_tokens":-1}""")]
    [InlineData("deny known-kind", """{"max_completion_tokens":100,"messages":[]}""")]
    [InlineData("deny known-kind", """{"model":"","messages":[]}""")]
    [InlineData("deny known-kind", """{"model":"m1","max_tokens":1,"functions":[{"name":"shell"}]}""")]
    [InlineData("deny known-kind",
        """{"model":"m1","max_tokens":1,"Tools":[{"type":"function","function":{"name":"shell"}}]}""")]
    [InlineData("deny known-kind", """{"model":"m1","max_tokens":1,"user,metadata":1}""")]
    [InlineData("deny known-kind", """{"jsonrpc":"2.0","id":1,"method":"tools/list","model":"m1","max_tokens":1}""")]
    [InlineData("deny known-kind", """{"jsonrpc":"2.0","id":1,"result":{"role":"assistant"}}""")]
    [InlineData("deny methods",
        """{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}""")]
    [InlineData("deny methods", """{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p"}}""")]
    [InlineData("deny methods", """{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}""")]
    [InlineData("deny methods", """{"jsonrpc":"2.0","id":1,"method":"tools/list,tools/call"}""")]
    [InlineData("deny one-call", """[]""")]
    [InlineData("deny one-call", "\"tools/call\"")]
    [InlineData("deny one-call", """{"jsonrpc":"2.0","id":1,"Method":"tools/call","params":{"name":"shell"}}""")]
    [InlineData("deny one-call", """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"Name":"shell"}}""")]
    [InlineData("deny one-call", """{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"shell"}}""")]
    [InlineData("deny one-call",
        """{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":["shell"]}}""")]
    [InlineData("deny one-call", """{"Model":"m2","max_tokens":1}""")]
    [InlineData("deny one-call", """{"model":["m1"],"max_tokens":1}""")]
    [InlineData("deny offered-tools",
        """{"model":"m1","max_tokens":1,"tools":[{"type":"function","function":{"name":"shell"}}]}""")]
    public void The_agents_bundle_decides_requests(string expected, string body)
    {
        var policy = PolicySource.Compile("llm-agent", ReadyMade.Text("llm-agent")!,
            ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal,
                [KeyValuePair.Create("tools", "search,send_mail"), KeyValuePair.Create("models", "m1")]));
        var bytes = System.Text.Encoding.UTF8.GetBytes(body);
        Json Request(string role) => Json.Object(("id", new string('0', 32)), ("roles", Json.Array(role)));
        var request = Json.Object(("method", "POST"), ("path", "/mcp"), ("query", ""), ("size", bytes.Length),
            ("body", bytes.Length == 0 ? null : CanonicalJson.Parse(bytes, bytes.Length)));
        Ruling Decide(string role) =>
            policy.Decide(PolicyInput.ForRequest(Request(role), request,
            Json.Object(("digest", ""), ("name", "v1"), ("document", "")),
            Json.Object(("name", "desk"), ("risk", "limited"), ("owner", "")),
            Json.Object(("name", "prod"), ("deployment", 1)), 1), new Budget());
        var ruling = Decide("agent");
        Assert.Equal(expected, ruling.Rule is null ? ruling.Effect.Name() : $"{ruling.Effect.Name()} {ruling.Rule}");
        Assert.Equal("known-agent", Decide("clerk").Rule);
    }
}
