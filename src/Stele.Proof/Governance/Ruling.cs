using System.Collections.Immutable;
using Cel.Values;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>What one policy, or all of them, say to a request: let it through, with fields masked, after a person's approval, or not at all; and the rule that decided.</summary>
/// <param name="Policy">Whose rule decided; null where no rule spoke.</param>
/// <param name="Error">The rule's expression did not evaluate, and so denies.</param>
public sealed record Ruling(Effect Effect, Digest? Policy = null, string? Rule = null, string? Message = null, bool Error = false)
{
    /// <summary>Nothing is against it.</summary>
    public static readonly Ruling Through = new(Effect.Allow);

    /// <summary>JSON pointers of what is to be masked, sorted: those of every mask that fired.</summary>
    public ImmutableSortedSet<string> Fields { get; init; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    /// <summary>The stricter of two: deny wins over hold, hold over mask, mask over allow, the first of equals; masks add up.</summary>
    public Ruling And(Ruling other) => (other.Effect > Effect ? other : this) with { Fields = Fields.Union(other.Fields) };
}

// What the gateway asks.
public sealed partial class Policy
{
    /// <summary>
    /// Decides a request. Every rule on <c>decide</c> is asked in order, until one denies: a <c>deny</c> that is true, a <c>require</c> that is not, or any rule that does not evaluate. Where there are
    /// <c>allow</c> rules, one must be true.
    /// </summary>
    /// <param name="waived">Waivers by rule id: such a rule is not asked; if it allows, it does.</param>
    public Ruling Decide(IReadOnlyDictionary<string, CelValue> input, IReadOnlyDictionary<string, long> waived)
    {
        var left = JudgementLimit;
        var ruling = Ruling.Through;
        Compiled? unmet = null;
        var allowed = false;
        foreach (var c in _rules)
        {
            var rule = c.Rule;
            if (rule.Occasion != Occasion.Request) continue;
            if (waived.ContainsKey(rule.Id))
            {
                allowed |= rule.Effect == Effect.Allow;
                continue;
            }
            if (rule.Effect == Effect.Allow && allowed) continue;
            var (holds, failure) = Eval(c, input, ref left);
            if (failure is not null) return Said(Effect.Deny, true);
            switch (rule.Effect)
            {
                case Effect.Allow when holds: allowed = true; break;
                case Effect.Allow: unmet ??= c; break;
                case Effect.Require when holds: break;
                case Effect.Require: return Said(Effect.Deny);
                case Effect.Deny when holds: return Said(Effect.Deny);
                case Effect.Hold when holds: ruling = ruling.And(Said(Effect.Hold)); break;
                case Effect.Mask when holds: ruling = ruling.And(Said(Effect.Mask) with { Fields = [.. rule.Fields] }); break;
            }

            Ruling Said(Effect effect, bool error = false) => new(effect, Digest, rule.Id, Say(c, failure, input, ref left), error);
        }
        if (unmet is null || allowed) return ruling;
        var said = Say(unmet, null, input, ref left);
        return new Ruling(Effect.Deny, Digest, unmet.Rule.Id, said ?? "no rule allows it");
    }
}
