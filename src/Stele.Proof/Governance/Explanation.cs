using System.Collections.Immutable;
using Cel;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// One rule's outcome, and the tree of what its expression came from; null for an outcome that no expression gave, as
/// of a check that a candidate asks for and nobody ran.
/// </summary>
public sealed record ExplainedRule(RuleOutcome Outcome, string? PolicyName, Rule? Rule, CelTrace? Trace)
{
    /// <summary>Bytes of one value's JSON; a longer one is given by its size.</summary>
    const int MaxBytes = 4096;

    public Json ToJson() => Rule is null || Trace is null
        ? Outcome.ToJson()
        : Json.Object(Outcome.ToJson().AsObject.Concat(Json.Object(
        ("policyName", PolicyName!), ("expr", Rule.Expr), ("description", Rule.Description is { } d
            ? Json.Of(d)
            : null), ("severity", Rule.Severity), ("controls", Json.Array(Rule.Controls.Select(Json.Of))),
        ("tree", Tree(Trace))).AsObject));

    static Json Tree(CelTrace t)
    {
        var (value, size) = t is { Evaluated: true, Error: null } ? Rested.Bounded(t.Value, MaxBytes) : (null, null);
        return Json.Object(
            ("text", t.Text), ("definition", t.Definition is { } name ? Json.Of(name) : null),
            ("place", t.Place == t.Text ? null : Json.Of(t.Place)), ("kind", t.Kind.ToString().ToLowerInvariant()),
            ("value", value), ("size", size is { } s ? Json.Of(s) : null),
            ("error", t.Error is { } e ? Json.Of(e.Reason) : null), ("evaluated", t.Evaluated ? null : Json.False),
            ("parts", t.Parts.Count == 0 ? null : Json.Array(t.Parts.Select(Tree))),
            ("omitted", t.Omitted == 0 ? null : Json.Of((long)t.Omitted)));
    }
}

/// <summary>
/// What the policies in force made of one act, rule by rule, each with the tree of sub-expressions and what they came
/// to. Like a verdict it is a pure function of the state before, the envelope and the time; a verdict has the few
/// values that each outcome rested on, this has all.
/// </summary>
public sealed class Explanation
{
    Explanation(Statement statement, State before, Entry entry, Outcome outcome, Judgement judgement)
    {
        (Statement, Before, Entry, Outcome, Judgement) = (statement, before, entry, outcome, judgement);
        Rules = Traced(judgement.Rules, judgement.Sittings);
        Would = Traced(judgement.Would, judgement.WouldSittings);
    }

    /// <summary>What was judged.</summary>
    public Statement Statement { get; }

    public State Before { get; }
    public Entry Entry { get; }
    public Outcome Outcome { get; }
    public Judgement Judgement { get; }
    public ImmutableArray<ExplainedRule> Rules { get; }

    /// <summary>What candidates for the policies in force would have said.</summary>
    public ImmutableArray<ExplainedRule> Would { get; }

    /// <summary>Null where no rule judged it.</summary>
    public static Explanation? Of(State before, Entry entry, Outcome outcome)
    {
        var (statement, judgement) = Explain.Judged(outcome);
        return statement is null || judgement is null || judgement.Rules.IsEmpty && judgement.Would.IsEmpty
            ? null
            : new Explanation(statement, before, entry, outcome, judgement);
    }

    static ImmutableArray<ExplainedRule> Traced(ImmutableArray<RuleOutcome> outcomes,
        ImmutableArray<Sitting> sittings) =>
        [.. Explain.Traced(outcomes, sittings)
            .Select(t => t.Of is { } of ? new ExplainedRule(t.Outcome with { Values = Rested.On(of.Trace) },
                of.Policy.Name, of.Rule, of.Trace) : new ExplainedRule(t.Outcome, null, null, null))];

    public Json ToJson() => Json.Object(
        ("kind", Statement.Kind), ("passed", Outcome is Outcome.Accepted),
        ("code", Outcome is Outcome.Refused r ? Json.Of(r.Code.Name()) : null),
        ("size", Before.Size), ("time", Entry.Time), ("foldVersion", Before.FoldVersion),
        ("policies", Json.Array(Judgement.Policies.Select(Json.Of))), ("input", Digest.Of(Judgement.Input.ToBytes())),
        ("rules", Json.Array(Rules.Select(x => x.ToJson()))),
        ("would", Would.IsEmpty ? null : Json.Array(Would.Select(x => x.ToJson()))));
}
