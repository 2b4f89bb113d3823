using System.Collections.Immutable;
using Cel.Syntax;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>What came of one expectation of a policy's own tests.</summary>
/// <param name="Got">The outcome, one of <see cref="Policy.OutcomesOf"/>.</param>
/// <param name="Message">What the rule said.</param>
public sealed record Trial(PolicyTest Test, string Rule, string Expected, string Got, string? Message)
{
    public bool Passed => Expected == Got;

    public override string ToString() =>
        $"test '{Test.Name}': the rule '{Rule}' should be {Expected} and is "
        + $"{Got}{(Message is null ? "" : $" ({Message})")}";
}

// A policy's own tests.
public sealed partial class Policy
{
    /// <summary>
    /// What all tests of a policy may cost together: they run while an entry is judged, and nothing else is admitted
    /// meanwhile. That is as much as one judgement.
    /// </summary>
    public const long TestsLimit = Policy.JudgementLimit;

    public const string Silent = "silent";
    internal static readonly string Passed = RuleOutcome.Results[RuleResult.Passed],
        Failed = RuleOutcome.Results[RuleResult.Failed], Error = RuleOutcome.Results[RuleResult.Error],
        Waived = RuleOutcome.Results[RuleResult.Waived];

    ImmutableArray<Trial> _trials;

    /// <summary>What a rule can come to: what a test can expect of it. On deployments it may be waived.</summary>
    public static ImmutableArray<string> OutcomesOf(Rule rule) =>
        rule.Occasion == Occasion.Admission ? [Passed, Failed, Error,
            .. rule.On.Any(Actions.Deployments.Contains) ? [Waived] : ImmutableArray<string>.Empty]
        : [(rule.Effect == Effect.Require ? Effect.Deny : rule.Effect).Name(), Silent, Error];

    /// <summary>Runs the policy's own tests: every expectation, in order. Pure, and done once.</summary>
    public ImmutableArray<Trial> Try()
    {
        if (!_trials.IsDefault) return _trials;
        var trials = ImmutableArray.CreateBuilder<Trial>();
        var budget = new Budget(TestsLimit, "the policy's tests together cost");
        foreach (var test in Document.Tests)
        {
            var given = InputOf(Document, test, (_, _) => { });
            var input = InputSchema.ToCel(given);
            foreach (var (id, expected) in test.Expect)
            {
                var (got, message) = OutcomeOf(_rules.First(r => r.Rule.Id == id), input, budget);
                if ((got == Failed || got == Error) && Waives(given, id)) got = Waived;
                trials.Add(new Trial(test, id, expected, got, message));
            }
        }
        return _trials = trials.ToImmutable();
    }

    /// <summary>The first expectation that its own tests don't meet.</summary>
    public Trial? FirstBroken => Try().FirstOrDefault(t => !t.Passed);

    static (string Outcome, string? Message) OutcomeOf(Compiled c, IReadOnlyDictionary<string, CelValue> input,
        Budget budget)
    {
        var (holds, failure) = Eval(c, input, budget);
        if (failure is not null) return (Error, failure);
        if (holds == (c.Rule.Effect == Effect.Require))
            return (c.Rule.Occasion == Occasion.Admission ? Passed : Silent, null);
        return (c.Rule.Occasion == Occasion.Admission ? Failed : OutcomesOf(c.Rule)[0],
            Say(c, null, input, budget));
    }

    /// <summary>
    /// Whether a test's input waives a rule: on a deployment, by a waiver that names no policy. That is this one, which
    /// can't name itself by its digest.
    /// </summary>
    static bool Waives(Json input, string rule) =>
        Actions.Deployments.Contains(input["action"].AsString)
        && input["waivers"].AsArray.Any(w => w["rule"].AsString == rule && w["policy"].AsString.Length == 0);

    static Json InputOf(PolicyDocument d, PolicyTest test, Action<string, string> problem) =>
        InputSchema.Complete(test.On, d.Checks.Keys, d.Attestations, test.Input, problem);

    static void CheckTests(PolicyDocument d, Action<PolicyProblem> tell)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var rules = d.Rules.ToDictionary(r => r.Id, StringComparer.Ordinal);
        for (var i = 0; i < d.Tests.Length; i++)
        {
            var (test, at) = (d.Tests[i], PolicyCheck.At("/tests", i));
            var subject = $"test '{test.Name}'";
            if (test.Name.Length is 0 or > PolicyCheck.MaxName)
                tell(new(at + "/name", null, $"a test has a name of 1 to {PolicyCheck.MaxName} characters"));
            else if (!names.Add(test.Name))
                tell(new(at + "/name", null, $"the {subject} stands twice: give one of them another name"));
            if (!Actions.All.Contains(test.On))
            {
                tell(new(at + "/on", subject, PolicyCheck.OneOf("action", test.On, Actions.All)));
                continue;
            }
            InputOf(d, test, (path, reason) => tell(new(at + "/input" + path, subject, reason)));
            if (test.Expect.IsEmpty)
                tell(new(at + "/expect", subject, "it expects nothing: name a rule and its outcome"));
            foreach (var (id, outcome) in test.Expect)
            {
                var here = InputSchema.Pointer(at + "/expect", id);
                if (!rules.TryGetValue(id, out var rule))
                    tell(new(here, subject, $"the policy has no rule '{id}'{Spelling.Hint(id, rules.Keys)}"));
                else if (!rule.On.Contains(test.On))
                    tell(new(here, subject,
                        $"the rule '{id}' is not asked on '{test.On}', but on {string.Join(", ", rule.On)}"));
                else if (!OutcomesOf(rule).Contains(outcome)
                    || (outcome == Waived && !Actions.Deployments.Contains(test.On)))
                    tell(new(here, subject,
                        $"'{outcome}' can't come of the rule '{id}': " + (outcome == Waived
                            ? "deployments alone are waived" : $"write {string.Join(" or ", OutcomesOf(rule))}")));
            }
        }
    }
}
