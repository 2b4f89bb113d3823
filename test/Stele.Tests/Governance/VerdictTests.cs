using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Governance;

/// <summary>
/// Verdicts say what each rule's outcome rested on, and come out as the same bytes wherever they are made again.
/// </summary>
public sealed class VerdictTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    static IEnumerable<Verdict> Verdicts(Mortgage m) =>
        m.World.Replay.Entries.Select(f => f.Statement).OfType<Verdict>();

    static string Values(RuleOutcome rule) => string.Join("; ", rule.Values);

    [Fact]
    public void It_names_the_values_that_each_rule_rested_on()
    {
        var refused = Verdicts(Lived).First(v => !v.Passed);
        Assert.Equal([Lived.V1], refused.Releases);
        Assert.Equal("checks.fairness[0].metrics.approval_ratio = 0.731",
            Values(refused.Rules.Single(r => r.Rule == "four-fifths")));
        Assert.Equal("size(approvals) = 1", Values(refused.Rules.Single(r => r.Rule == "two-person")));
        Assert.Equal("release.components.filter(c, c.kind == 'model')[0].strength = \"built\"",
            Values(refused.Rules.Single(r => r.Rule == "built")));
        Assert.Equal("checks.fairness[0].metrics.approval_ratio = 0.842",
            Values(Verdicts(Lived).First(v => v.Passed).Rules.Single(r => r.Rule == "four-fifths")));
        Assert.All(Verdicts(Lived), v => Assert.Equal((0, true), (v.Cut, v.Waivers.IsEmpty)));
    }

    /// <summary>
    /// The kind of an error, and where it came up; its words are no part of what must come out the same forever.
    /// </summary>
    [Fact]
    public void An_error_is_a_value_too_and_fails_closed()
    {
        var m = Mortgage.Released();
        m.World.Add(m.World.PutPolicy(m.World.Policy("strict", null,
            ("absent", "deploy", "release.name == 'v2' && environment.head.entry > 0"))), World.Owners);
        m.World.Refuse(m.World.Deploying(m.V2), World.Deployer);
        var rule = Assert.Single(Verdicts(m).Single().Rules);
        Assert.Equal((RuleResult.Error, "NoSuchKey", "environment.head.entry: NoSuchKey"),
            (rule.Result, rule.Message, Values(rule)));
    }

    /// <summary>
    /// Whatever a rule says, and however much: a verdict and a refusal can be written, are read as they were written,
    /// and fit an entry.
    /// </summary>
    [Fact]
    public void Whatever_rules_say_can_be_explained()
    {
        var random = new Random(3);
        var lived = Lived.World.Replay;
        var refused = lived.Entries.First(f => f.Statement is Verdict { Passed: false });
        var envelope = Envelope.Parse(Lived.World.Find(((Verdict)refused.Statement).Envelope)!);
        var before = lived.At(((Verdict)refused.Statement).Size);
        var entry = new Entry(((Verdict)refused.Statement).Time, envelope);
        var outcome = Assert.IsType<Outcome.Refused>(Fold.Apply(before, entry, lived.Documents));
        for (var i = 0; i < 200; i++)
        {
            string Text() => random.Next(20) == 0
                ? new string((char)random.Next(0x10000), 1 << 20)
                : string.Concat(Enumerable.Range(0, random.Next(60)).Select(_ => (char)(random.Next(3) switch
            {
                0 => random.Next(0xD800, 0xE000),
                1 => random.Next(32),
                _ => random.Next(0x10000)
            })));
            var said = outcome with
            {
                Message = Text(),
                Judgement = outcome.Judgement! with { Rules =
                    [.. outcome.Judgement.Rules.Select(r => r with { Message = Text() })] }
            };
            var verdict = Explain.Verdict(before, entry, said)!;
            Assert.Equal(verdict.Encode(), StatementKinds.Parse(verdict.Encode()).Encode());
            Assert.InRange(verdict.Encode().Length, 1, Envelope.MaxPayload);
            Assert.Equal(outcome.Judgement.FirstFailure!.Rule, verdict.Rules.First(r => !r.Allows).Rule);
            Assert.NotEmpty(Explain.Refusal(before, entry, said).Encode());
            Assert.NotEmpty(CanonicalJson.EncodeShown(Problem.Of(said).ToJson()));
        }
    }

    /// <summary>
    /// Whatever stands in a report, the server can write down what it made of it: half a character is not shown, and
    /// what is nested deep is.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_no_statement_could_hold_is_not_in_a_verdict(bool deep)
    {
        var m = Mortgage.Released();
        var w = m.World;
        var odd = deep
            ? Enumerable.Range(0, Report.MaxDepth - 1).Aggregate(Json.Of(1), (j, _) => Json.Array(j))
            : Json.Of(new string('a', 199) + "😀" + new string('b', 300));
        var report = w.Put(Json.Object(("metrics", Json.EmptyObject), ("counts", Json.Object(("rows", odd)))));
        w.Add(World.Evaluate(m.V2, m.Check, report), World.Evaluator);
        w.Add(w.PutPolicy(w.Policy("odd", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("rows", "deploy", "checks.fairness.all(e, int(e.counts.rows) >= 100)"))), World.Owners);
        w.Refuse(w.Deploying(m.V2), World.Deployer);
        var verdict = Verdicts(m).Single();
        Assert.Equal(RuleResult.Error, verdict.Rules.Single().Result);
        Assert.Equal(verdict.Encode(), StatementKinds.Parse(verdict.Encode()).Encode());
        Assert.Empty(w.Verify().Findings);
    }

    [Fact]
    public void A_canary_is_judged_release_by_release()
    {
        var m = Mortgage.Released();
        var w = m.World;
        foreach (var v in new[] { m.V1, m.V2 })
            w.Add(w.Approve(v, DeploymentAction.Canary,
                routes: w.Move(DeploymentAction.Canary, World.Prod, m.V1, m.V2).Routes),
                World.Approver);
        w.Refuse(w.Move(DeploymentAction.Canary, World.Prod, m.V1, m.V2), World.Deployer);
        var verdict = Verdicts(m).Single();
        Assert.Equal([m.V1, m.V2], verdict.Releases);
        Assert.Equal([(m.V1, RuleResult.Failed), (m.V2, RuleResult.Passed)],
            verdict.Rules.Where(r => r.Rule == "four-fifths").Select(r => (r.Release!.Value, r.Result)));
        Assert.Equal(["checks.fairness[0].metrics.approval_ratio = 0.731",
            "checks.fairness[0].metrics.approval_ratio = 0.842"],
            verdict.Rules.Where(r => r.Rule == "four-fifths").Select(Values));
        Assert.Empty(w.Verify().Findings);
    }

    [Fact]
    public void A_halt_that_a_rule_judges_has_its_verdict()
    {
        var m = Mortgage.Lived();
        var w = m.World;
        w.Deploy(w.Move(DeploymentAction.Halt, World.Prod));
        Assert.Equal(Verdicts(Lived).Count(), Verdicts(m).Count());   // no rule on it, nothing to tell
        m.Deploy(m.V3);
        w.Add(w.PutPolicy(w.Policy("stopping", null, ("never", "halt", "actor.members.size() > 5"),
            ("any", "deploy", "true"))), World.Owners);
        w.Refuse(w.Move(DeploymentAction.Halt, World.Prod), World.Deployer);
        var verdict = Verdicts(m).Last();
        Assert.Equal((false, true, "actor.members.size() = 1"),
            (verdict.Passed, verdict.Releases.IsEmpty, Values(Assert.Single(verdict.Rules))));
        Assert.Empty(w.Verify().Findings);
    }

    [Fact]
    public void A_policy_in_force_for_two_scopes_judges_once()
    {
        var m = Mortgage.Released();
        var w = m.World;
        w.Add(w.PutPolicy(m.Policy, environment: World.Prod), World.Owners);
        w.Add(w.PutPolicy(m.Policy, system: null), World.Owners);
        m.Deploy(m.V2);
        var verdict = Verdicts(m).Single();
        Assert.Equal((3, 3), (verdict.Policies.Length, verdict.Rules.Length));
        Assert.Empty(w.Verify().Findings);
    }

    /// <summary>
    /// Candidates are told of too, with what they rested on; one that asks for a check that nobody ran fails.
    /// </summary>
    [Fact]
    public void What_candidates_would_have_said_stands_in_it()
    {
        var m = Mortgage.Released();
        var w = m.World;
        var stricter = w.Policy("stricter", new Dictionary<string, Digest> { ["fairness"] = m.Check },
            ("nine-tenths", "deploy", "checks.fairness.all(e, e.metrics.approval_ratio >= 0.9)"));
        var unready = w.Policy("unready", new Dictionary<string, Digest> { ["safety"] = w.Put("safety") },
            ("safe", "deploy", "checks.safety.all(e, true)"));
        w.Add(w.PutPolicy(m.Policy) with { Candidate = stricter }, World.Owners);
        w.Add(w.PutPolicy(null, environment: World.Prod) with { Candidate = unready }, World.Owners);
        var deployed = m.Deploy(m.V2);
        var verdict = Verdicts(m).Single();
        Assert.True(verdict.Passed);
        Assert.Equal([(stricter, "nine-tenths", RuleResult.Failed, "checks.fairness[0].metrics.approval_ratio = 0.842"),
            (unready, "safe", RuleResult.Failed, "checks.safety = []")],
            verdict.Would.Select(r => (r.Policy, r.Rule, r.Result, Values(r))));
        Assert.Equal(["nine-tenths", "safe"],
            Reexecuted.Of(w.Replay, w.Find, deployed).Explanation!.Would.Select(x => x.Outcome.Rule));
        Assert.Contains("failed  safe",
            ExplanationLines.Of(Reexecuted.Of(w.Replay, w.Find, deployed).Explanation!).Select(l => l.Line));
        Assert.Empty(w.Verify().Findings);
    }

    /// <summary>
    /// However much there is to tell, a verdict fits an entry, and says how far it was cut: the first failure with what
    /// it rested on stays.
    /// </summary>
    [Theory]
    [InlineData(60, 1)]
    [InlineData(64, 4)]
    public void It_fits_an_entry(int rules, int cut)
    {
        var m = Mortgage.Released();
        var long1 = string.Join(" + ", Enumerable.Repeat("release.name", 30));
        var all = Enumerable.Range(0, rules - 1)
            .Select(i =>
                ($"rule-{i}", "deploy",
                    $"{(cut == 1 ? "" : "!")}({string.Join(" && ", Enumerable.Range(0, 5).Select(k => $"'{k}' + {long1} != 'x'"))})")).Append(("last", "deploy", "release.name == 'other'")).ToArray();
        m.World.Add(m.World.PutPolicy(m.World.Policy("many", null, all)), World.Owners);
        m.World.Refuse(m.World.Deploying(m.V2), World.Deployer);
        var verdict = Verdicts(m).Single();
        Assert.InRange(verdict.Encode().Length, 1, Envelope.MaxPayload);
        Assert.Equal(cut, verdict.Cut);
        var failure = verdict.Rules.First(r => !r.Allows);
        Assert.NotEmpty(failure.Values);
        Assert.NotNull(failure.Message);
        Assert.Equal(rules, verdict.Rules.Length);
        Assert.Empty(m.World.Verify().Findings);
    }

    [Fact]
    public void Every_verdict_and_refusal_is_reproduced_and_explained()
    {
        foreach (var folded in Lived.World.Replay.Entries.Where(f => f.Statement is Verdict or Refusal))
        {
            var again = Reexecuted.Of(Lived.World.Replay, Lived.World.Find, folded.Index);
            Assert.True(again.Agrees);
            Assert.Empty(again.Differences());
            Assert.Equal(folded.Index, again.Told!.Index);
            if (folded.Statement is not Verdict v) continue;
            // An explanation says what the verdict says, and shows all of it.
            var explained = again.Explanation!.ToJson();
            Assert.Equal(v.Input, explained["input"].AsDigest);
            Assert.Equal(v.Rules.Select(r => r.ToJson().ToString()),
                again.Explanation.Rules.Select(r => r.Outcome.ToJson().ToString()));
            Assert.All(explained["rules"].AsArray,
                r => Assert.Equal("bool", r["tree"]["value"].Kind.ToString().ToLowerInvariant()));
        }
        // The act itself leads to its verdict, and any act that was judged can be explained.
        Assert.IsType<Verdict>(Reexecuted.Of(Lived.World.Replay, Lived.World.Find, Lived.DeployedV2).Told!.Statement);
        Assert.Null(Reexecuted.Of(Lived.World.Replay, Lived.World.Find, 0).Explanation);
        Assert.Throws<FormatException>(() =>
            Reexecuted.Of(Lived.World.Replay, Lived.World.Find, Lived.World.State.Size));
    }

    [Fact]
    public void What_differs_is_named()
    {
        var m = Mortgage.Lived();
        var (index, verdict) = m.World.Replay.Entries.Where(f => f.Statement is Verdict { Passed: false })
            .Select(f => (f.Index, (Verdict)f.Statement)).First();
        var forged = m.World.Add(new Entry(m.World.Now, Envelope.Sign((verdict with
        {
            Passed = true,
            Rules = verdict.Rules.SetItem(0, verdict.Rules[0] with { Result = RuleResult.Passed })
        }).Encode(), World.Server.Key)));
        var again = Reexecuted.Of(m.World.Replay, m.World.Find, forged);
        Assert.False(again.Agrees);
        Assert.Equal(["/predicate/https://stele.dev/verdict/v1/rules/0/result", "/predicate/verificationResult",
            "/predicate/verifiedLevels/0"], again.Differences());
        Assert.Contains(m.World.Verify().Findings, f => f.Name == "verdict-differs");
        Assert.True(Reexecuted.Of(m.World.Replay, m.World.Find, index).Agrees);
    }

    [Fact]
    public void People_read_the_tree()
    {
        var index = Lived.World.Replay.Entries.First(f => f.Statement is Verdict { Passed: false }).Index;
        var lines = ExplanationLines.Of(Reexecuted.Of(Lived.World.Replay, Lived.World.Find, index).Explanation!)
            .Select(l => l.Line.TrimEnd()).ToArray();
        Assert.Equal($"""

            failed  four-fifths
              medium, of the policy admission {Lived.Policy.Short}
              checks.fairness.all(e, e.metrics.approval_ratio >= 0.8)  false
                checks.fairness                                        a list of 1 element
                with checks.fairness[0]
                  e.metrics.approval_ratio >= 0.8                      false
                    e.metrics.approval_ratio                           0.731
              rests on  checks.fairness[0].metrics.approval_ratio = 0.731
              says      the rule four-fifths is not fulfilled for deploy
            """, string.Join('\n', lines.Take(10)));
    }
}
