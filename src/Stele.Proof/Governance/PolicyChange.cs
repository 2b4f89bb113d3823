using System.Collections.Immutable;
using Cel;

namespace Stele.Proof.Governance;

/// <summary>
/// What one policy makes of another: by rule id, and by what is judged, not by how it is written. A rule that only moved, or got another description, severity, control or layout, is the same.
/// </summary>
/// <param name="Changed">Rules of both that judge differently, or whose definitions do, or that say something else.</param>
/// <param name="Loosening">Why something may pass that did not before, one line each; empty = it is at least as strict. What can't be told counts as looser.</param>
public sealed record PolicyChange(ImmutableArray<string> Added, ImmutableArray<string> Removed, ImmutableArray<string> Changed, ImmutableArray<string> Loosening)
{
    public bool Loosens => !Loosening.IsEmpty;

    public bool IsNothing => Added.IsEmpty && Removed.IsEmpty && Changed.IsEmpty && Loosening.IsEmpty;

    public static PolicyChange Of(Policy? from, Policy? to) => Between(from?.Document, to?.Document);

    /// <param name="from">Null: there was none.</param>
    /// <param name="to">Null: there is none any more.</param>
    public static PolicyChange Between(PolicyDocument? from, PolicyDocument? to)
    {
        var (before, after) = (from ?? new PolicyDocument("none"), to ?? new PolicyDocument("none"));
        var (old, now) = (before.Rules.ToDictionary(r => r.Id, StringComparer.Ordinal), after.Rules.ToDictionary(r => r.Id, StringComparer.Ordinal));
        var definitions = new Definitions(before, after);
        var loosening = ImmutableArray.CreateBuilder<string>();
        var changed = ImmutableArray.CreateBuilder<string>();
        var hadAllow = before.Rules.Any(r => r.Effect == Effect.Allow);
        var hasAllow = after.Rules.Any(r => r.Effect == Effect.Allow);

        foreach (var rule in before.Rules)
        {
            if (!now.TryGetValue(rule.Id, out var next))
            {
                // One way less to be allowed is stricter, unless it was the last: then nothing needs to be allowed.
                if (rule.Effect != Effect.Allow) loosening.Add($"the rule '{rule.Id}' is gone");
                continue;
            }
            if (Weaker(rule, next, definitions) is { } why) loosening.Add($"the rule '{rule.Id}' {why}");
            if (!Same(rule, next, definitions)) changed.Add(rule.Id);
        }
        if (hadAllow && !hasAllow) loosening.Add("no rule needs to allow a request any more");
        foreach (var rule in after.Rules)
            if (rule.Effect == Effect.Allow && hadAllow && !old.ContainsKey(rule.Id)) loosening.Add($"the rule '{rule.Id}' allows more");
        foreach (var (name, digest) in before.Checks)
            if (!after.Checks.TryGetValue(name, out var check)) loosening.Add($"the check '{name}' is no longer required");
            else if (check != digest) loosening.Add($"the check '{name}' is another one");
        return new([.. now.Keys.Except(old.Keys).Order(StringComparer.Ordinal)], [.. old.Keys.Except(now.Keys).Order(StringComparer.Ordinal)], [.. changed.Order(StringComparer.Ordinal)], loosening.ToImmutable());
    }

    static string? Weaker(Rule a, Rule b, Definitions definitions)
    {
        if (a.On.Except(b.On).ToArray() is [var gone, ..]) return $"is no longer asked on '{gone}'";
        if (a.Effect == Effect.Allow && b.On.Except(a.On).ToArray() is [var more, ..]) return $"allows on '{more}' too";
        var same = definitions.Same(a.Expr, b.Expr);
        if (a.Effect != b.Effect)
            // The same condition with a stricter consequence.
            return same && a.Effect is Effect.Mask or Effect.Hold && b.Effect is Effect.Hold or Effect.Deny && b.Effect > a.Effect ? null : $"says '{b.Effect.Name()}' where it said '{a.Effect.Name()}'";
        if (!same) return "judges by something else";
        return a.Fields.Except(b.Fields).ToArray() is [var field, ..] ? $"no longer masks {field}" : null;
    }

    static bool Same(Rule a, Rule b, Definitions definitions) =>
        a.Effect == b.Effect && a.On.ToHashSet(StringComparer.Ordinal).SetEquals(b.On) && a.Fields.ToHashSet(StringComparer.Ordinal).SetEquals(b.Fields)
        && definitions.Same(a.Expr, b.Expr) && definitions.Same(a.Message ?? "", b.Message ?? "");

    /// <summary>The definitions that two policies do not share: those that differ, and those that use one that does. A field of the same name counts as a use; that can only make two expressions differ that don't.</summary>
    sealed class Definitions
    {
        readonly HashSet<string> _differing = new(StringComparer.Ordinal);

        public Definitions(PolicyDocument before, PolicyDocument after)
        {
            var words = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
            foreach (var name in before.Definitions.Keys.Union(after.Definitions.Keys))
            {
                var (old, now) = (Words(before, name), Words(after, name));
                if (old is null || now is null || !old.SequenceEqual(now)) _differing.Add(name);
                words[name] = [.. old ?? [], .. now ?? []];
            }
            for (var grew = true; grew;)
            {
                grew = false;
                foreach (var (name, used) in words) if (!_differing.Contains(name) && used.Overlaps(_differing)) grew |= _differing.Add(name);
            }
        }

        static IReadOnlyList<string>? Words(PolicyDocument document, string name) => document.Definitions.TryGetValue(name, out var source) ? CelProgram.Words(source) : null;

        /// <summary>Whether two expressions are written with the same words, which mean the same.</summary>
        public bool Same(string a, string b)
        {
            var words = CelProgram.Words(a);
            return words.SequenceEqual(CelProgram.Words(b)) && !words.Any(_differing.Contains);
        }
    }
}
