using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>What the step from one policy to another means.</summary>
public sealed record PolicyChange(ImmutableArray<string> Added, ImmutableArray<string> Removed, ImmutableArray<string> Changed, bool Loosens)
{
    public static PolicyChange Of(Policy? from, Policy? to)
    {
        var (before, after) = (Rules(from), Rules(to));
        string[] removed = [.. before.Keys.Except(after.Keys).Order(StringComparer.Ordinal)], added = [.. after.Keys.Except(before.Keys).Order(StringComparer.Ordinal)];
        var definitions = from is null || to is null || from.Document.Definitions.SequenceEqual(to.Document.Definitions);
        string[] changed = [.. before.Keys.Intersect(after.Keys).Where(id => !definitions || !Core(before[id]).Equals(Core(after[id]))).Order(StringComparer.Ordinal)];
        bool Allows(IEnumerable<Rule> rules) => rules.Any(r => r.Effect == Effect.Allow);
        var loosens = changed.Length > 0 || removed.Any(id => before[id].Effect != Effect.Allow || !Allows(after.Values)) || (Allows(before.Values) && added.Any(id => after[id].Effect == Effect.Allow))
            || (from is not null && from.Checks.Any(c => to is null || !to.Checks.TryGetValue(c.Key, out var same) || same != c.Value));
        return new([.. added], [.. removed], [.. changed], loosens);
    }

    static Dictionary<string, Rule> Rules(Policy? policy) => policy?.Rules.ToDictionary(r => r.Id, StringComparer.Ordinal) ?? [];
    static Json Core(Rule r) => (r with { Description = null, Message = null, Severity = "medium", Controls = [] }).ToJson();
}
