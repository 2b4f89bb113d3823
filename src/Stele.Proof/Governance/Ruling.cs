using System.Collections.Frozen;
using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// What one policy, or all of them, say to a request: let it through, with fields masked, after a person's approval, or
/// not at all; and the rule that decided.
/// </summary>
/// <param name="Policy">Whose rule decided; null where no rule spoke.</param>
/// <param name="Error">The rule's expression did not evaluate, and so denies.</param>
public sealed record Ruling(Effect Effect, Digest? Policy = null, string? Rule = null, string? Message = null,
    bool Error = false)
{
    /// <summary>Nothing is against it.</summary>
    public static readonly Ruling Through = new(Effect.Allow);

    /// <summary>JSON pointers of what is to be masked, sorted: those of every mask that fired.</summary>
    public ImmutableSortedSet<string> Fields { get; init; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    /// <summary>
    /// The stricter of two: deny wins over hold, hold over mask, mask over allow, the first of equals; masks add up.
    /// </summary>
    public Ruling And(Ruling other) =>
        (other.Effect > Effect ? other : this) with { Fields = Fields.Union(other.Fields) };
}

/// <summary>What a policy makes of a request of which not everything is known any more.</summary>
/// <param name="Known">What the rules say that read nothing but what is known.</param>
/// <param name="Open">
/// The other rules that would have been asked: whether one of them lets the request through, nobody can say.
/// </param>
public sealed record PartialRuling(Ruling Known, ImmutableArray<string> Open)
{
    /// <summary>
    /// Whether the request is refused, or let through, whatever the open rules say; null: that depends on them.
    /// </summary>
    public bool? Refuses => Known.Effect is Effect.Deny or Effect.Hold ? true : Open.IsEmpty ? false : null;

    /// <summary>What two policies come to together.</summary>
    public PartialRuling And(PartialRuling other) => new(Known.And(other.Known), Open.AddRange(other.Open));
}

// What the gateway asks.
public sealed partial class Policy
{
    /// <summary>
    /// Decides a request. Every rule on <c>decide</c> is asked in order, until one denies: a <c>deny</c> that is true,
    /// a <c>require</c> that is not, or any rule that does not evaluate. Where there are
    /// <c>allow</c> rules, one must be true.
    /// </summary>
    public Ruling Decide(IReadOnlyDictionary<string, CelValue> input, Budget budget) =>
        Decide(input, FrozenSet<string>.Empty, budget).Known;

    /// <summary>
    /// The same of a request of which not everything is known: only rules are asked that read nothing unknown. What
    /// they deny or hold is refused, whatever the others would have said; where nothing is left open, it is let
    /// through. An open rule might also not evaluate, and so deny: none of them is without weight.
    /// </summary>
    /// <param name="input">With anything in the place of what is unknown.</param>
    /// <param name="unknown">
    /// Variables and their fields (<c>time</c>, <c>request.body</c>), and each variable whose fields are not all known
    /// (<c>request</c>).
    /// </param>
    public PartialRuling Decide(IReadOnlyDictionary<string, CelValue> input, IReadOnlySet<string> unknown,
        Budget budget)
    {
        var ruling = Ruling.Through;
        ImmutableArray<string> open = [];
        Compiled? unmet = null;
        bool allowed = false, perhaps = false;
        foreach (var c in _rules)
        {
            var rule = c.Rule;
            if (rule.Occasion != Occasion.Request) continue;
            if (IsOpen(rule.Expr, unknown))
            {
                open = open.Add(rule.Id);
                perhaps |= rule.Effect == Effect.Allow;
                continue;
            }
            var (holds, failure) = Eval(c, input, budget);
            if (failure is not null) ruling = ruling.And(Said(c, Effect.Deny, failure));
            else if (rule.Effect == Effect.Allow)
            {
                allowed |= holds;
                if (!holds) unmet ??= c;
            }
            else if (rule.Effect == Effect.Require ? !holds : holds)
                ruling = ruling.And(Said(c, rule.Effect == Effect.Require ? Effect.Deny : rule.Effect));
            // Nothing is stricter, and the first counts.
            if (ruling.Effect == Effect.Deny) return new(ruling, open);
        }
        if (unmet is not null && !allowed && !perhaps)
            ruling = ruling.And(Said(unmet, Effect.Deny) is { Message: not null } said
                ? said
                : new(Effect.Deny, Digest, unmet.Rule.Id, "no rule allows it"));
        return new(ruling, open);

        // What a message reads may be unknown; then it is not computed.
        Ruling Said(Compiled c, Effect effect, string? failure = null) =>
            new(effect, Digest, c.Rule.Id, failure is null && c.Rule.Message is { } m && IsOpen(m, unknown)
                ? null
                : Say(c, failure, input, budget), failure is not null)
            { Fields = effect == Effect.Mask ? [.. c.Rule.Fields] : Ruling.Through.Fields };
    }

    bool IsOpen(string source, IReadOnlySet<string> unknown) => unknown.Count > 0 && ReadBy(source).Overlaps(unknown);
}
