using System.Collections.Immutable;
using Stele.Proof.Decisions;

namespace Stele.Proof.Governance;

/// <summary>What rules make of one request: whether it is forwarded, and as it is or with values masked; and the rule that this rests on.</summary>
/// <param name="Outcome">allow, deny, mask or hold.</param>
/// <param name="Rule">What denied or held, or masked first; null where nothing did.</param>
/// <param name="Fields">JSON pointers into the body, whose values are masked: those of every rule that masks.</param>
public sealed record Ruling(string Outcome, Digest? Policy, string? Rule, string? Message, ImmutableArray<string> Fields)
{
    public static readonly Ruling Allowed = new(Decision.Allow, null, null, null, []);

    /// <summary>Whether the release is not asked.</summary>
    public bool Refuses => Outcome is Decision.Deny or Decision.Hold;

    /// <summary>What several policies come to: deny wins over hold, hold over mask, mask over allow; of two alike the first is named. Masks add up.</summary>
    public static Ruling Of(IEnumerable<Ruling> rulings)
    {
        var found = Allowed;
        foreach (var ruling in rulings)
        {
            var fields = found.Fields.AddRange(ruling.Fields);
            found = (Weight(ruling) > Weight(found) ? ruling : found) with { Fields = fields };
        }
        return found.Outcome == Would.Mask ? found with { Fields = [.. found.Fields.Distinct(StringComparer.Ordinal)] } : found with { Fields = [] };
    }

    static int Weight(Ruling r) => r.Outcome switch { Decision.Deny => 3, Decision.Hold => 2, Would.Mask => 1, _ => 0 };
}

static class Provisional
{
    public static Ruling Rule(this Policy policy, IReadOnlyDictionary<string, Cel.Values.CelValue> input, IReadOnlyDictionary<string, long> waived)
    {
        foreach (var outcome in policy.Judge("decide", input, waived))
            if (!outcome.Allows) return new(Decision.Deny, policy.Digest, outcome.Rule, outcome.Message, []);
        return Ruling.Allowed;
    }
}
