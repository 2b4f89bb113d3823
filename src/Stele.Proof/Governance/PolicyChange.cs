using System.Collections.Immutable;
using Cel;

namespace Stele.Proof.Governance;

/// <summary>
/// What one policy makes of another: by rule id, and by what is judged, not by how it is written. A rule that only
/// moved, or got another description or layout, is the same. Severity and controls of a rule, and the policy's name,
/// are what waivers of it are judged by: another one may let a waiver pass.
/// </summary>
/// <param name="Changed">
/// Rules of both that judge differently, or whose definitions do, or that say something else, or whose waivers are
/// judged by something else.
/// </param>
/// <param name="Loosening">
/// Why something may pass that did not before, one line each; empty = it is at least as strict. What can't be told
/// counts as looser.
/// </param>
public sealed record PolicyChange(ImmutableArray<string> Added, ImmutableArray<string> Removed,
    ImmutableArray<string> Changed, ImmutableArray<string> Loosening)
{
    public bool Loosens => !Loosening.IsEmpty;

    public bool IsNothing => Added.IsEmpty && Removed.IsEmpty && Changed.IsEmpty && Loosening.IsEmpty;

    public static PolicyChange Of(Policy? from, Policy? to) => Between(from?.Document, to?.Document);

    /// <param name="from">Null: there was none.</param>
    /// <param name="to">Null: there is none any more.</param>
    public static PolicyChange Between(PolicyDocument? from, PolicyDocument? to)
    {
        var (before, after) = (from ?? new PolicyDocument("none"), to ?? new PolicyDocument("none"));
        var (old, now) = (before.Rules.ToDictionary(r => r.Id, StringComparer.Ordinal),
            after.Rules.ToDictionary(r => r.Id, StringComparer.Ordinal));
        var words = new Words(before, after);
        var loosening = ImmutableArray.CreateBuilder<string>();
        var changed = ImmutableArray.CreateBuilder<string>();
        var hadAllow = before.Rules.Any(r => r.Effect == Effect.Allow);

        if (from is not null && to is not null && from.Name != to.Name)
            loosening.Add(
                $"the policy is called '{to.Name}' and no longer '{from.Name}': waivers of its rules are judged by "
                + $"the name");
        foreach (var rule in before.Rules)
        {
            if (!now.TryGetValue(rule.Id, out var next))
            {
                // Also one that allows: where it did not evaluate, it denied.
                loosening.Add($"the rule '{rule.Id}' is gone");
                continue;
            }
            if (Weaker(rule, next, words) is { } why) loosening.Add($"the rule '{rule.Id}' {why}");
            if (!Same(rule, next, words)) changed.Add(rule.Id);
        }
        foreach (var rule in after.Rules)
            if (rule.Effect == Effect.Allow && hadAllow && !old.ContainsKey(rule.Id))
                loosening.Add($"the rule '{rule.Id}' allows more");
        foreach (var (name, digest) in before.Checks)
            if (!after.Checks.TryGetValue(name, out var check))
                loosening.Add($"the check '{name}' is no longer required");
            else if (check != digest) loosening.Add($"the check '{name}' is another one");
        return new([.. now.Keys.Except(old.Keys).Order(StringComparer.Ordinal)],
            [.. old.Keys.Except(now.Keys).Order(StringComparer.Ordinal)], [.. changed.Order(StringComparer.Ordinal)],
            loosening.ToImmutable());
    }

    static string? Weaker(Rule a, Rule b, Words words)
    {
        if (a.On.Except(b.On).ToArray() is [var gone, ..]) return $"is no longer asked on '{gone}'";
        if (a.Effect == Effect.Allow && b.On.Except(a.On).ToArray() is [var more, ..]) return $"allows on '{more}' too";
        var same = words.Same(a.Expr, b.Expr);
        // On the same condition nothing is stricter than a denial. A hold is not stricter than a mask: what a person
        // lets through goes unmasked.
        if (a.Effect != b.Effect)
            return same && a.Effect is Effect.Mask or Effect.Hold && b.Effect == Effect.Deny
                ? null
                : $"says '{b.Effect.Name()}' where it said '{a.Effect.Name()}'";
        if (!same) return "judges by something else";
        if (a.Fields.Except(b.Fields).ToArray() is [var field, ..]) return $"no longer masks {field}";
        // Neither order is known to be the stricter: what waivers are judged by is some rule's matter.
        if (a.Severity != b.Severity)
            return $"has the severity '{b.Severity}' where it had '{a.Severity}': waivers of it are judged by that";
        return SameSet(a.Controls, b.Controls) ? null : "serves other controls: waivers of it are judged by those";
    }

    static bool Same(Rule a, Rule b, Words words) =>
        a.Effect == b.Effect && SameSet(a.On, b.On) && SameSet(a.Fields, b.Fields) && a.Severity == b.Severity
        && SameSet(a.Controls, b.Controls)
        && words.Same(a.Expr, b.Expr) && words.Same(a.Message ?? "", b.Message ?? "");

    static bool SameSet(ImmutableArray<string> a, ImmutableArray<string> b) =>
        a.ToHashSet(StringComparer.Ordinal).SetEquals(b);

    /// <summary>
    /// What the words of two policies mean: whether the same ones mean the same. Definitions do not where they differ
    /// or use one that does. Nor do <c>checks</c> and <c>attestations</c> where the policies look up others, unless a
    /// word takes one that both do. A field of such a name counts as a use; that can only make two expressions differ
    /// that don't.
    /// </summary>
    sealed class Words
    {
        readonly HashSet<string> _differing = new(StringComparer.Ordinal);
        readonly (string Variable, ImmutableHashSet<string> Both)[] _lookups;

        public Words(PolicyDocument before, PolicyDocument after)
        {
            _lookups = [.. Lookup("checks", [.. before.Checks.Keys], [.. after.Checks.Keys]),
                .. Lookup("attestations", before.Attestations, after.Attestations)];
            var uses = new Dictionary<string, HashSet<string>>(StringComparer.Ordinal);
            foreach (var name in before.Definitions.Keys.Union(after.Definitions.Keys))
            {
                var (old, now) = (Of(before, name), Of(after, name));
                if (old is null || now is null || !old.SequenceEqual(now) || LooksElsewhere(now)) _differing.Add(name);
                uses[name] = [.. old ?? [], .. now ?? []];
            }
            for (var grew = true; grew;)
            {
                grew = false;
                foreach (var (name, used) in uses) if (!_differing.Contains(name) && used.Overlaps(_differing))
                    grew |= _differing.Add(name);
            }
        }

        static IEnumerable<(string, ImmutableHashSet<string>)> Lookup(string variable, ImmutableArray<string> before,
            ImmutableArray<string> after)
        {
            var (old, now) = (before.ToImmutableHashSet(StringComparer.Ordinal),
                after.ToImmutableHashSet(StringComparer.Ordinal));
            if (!old.SetEquals(now)) yield return (variable, old.Intersect(now));
        }

        static IReadOnlyList<string>? Of(PolicyDocument document, string name) =>
            document.Definitions.TryGetValue(name, out var source) ? CelProgram.Words(source) : null;

        /// <summary>
        /// Whether the words use a variable that holds others now, otherwise than by the name of one that it still
        /// holds: <c>checks.name</c>, <c>checks["name"]</c>.
        /// </summary>
        bool LooksElsewhere(IReadOnlyList<string> words)
        {
            string At(int i) => i < words.Count ? words[i] : "";
            foreach (var (variable, both) in _lookups)
                for (var i = 0; i < words.Count; i++)
                    if (words[i] == variable
                        && !(At(i + 1) == "." && both.Contains(At(i + 2)) && At(i + 3) != "(")
                        && !(At(i + 1) == "[" && At(i + 2) is [('"' or '\'') and var open, .. var name, var close]
                            && open == close && both.Contains(name) && At(i + 3) == "]"))
                        return true;
            return false;
        }

        /// <summary>Whether two expressions are written with the same words, which mean the same.</summary>
        public bool Same(string a, string b)
        {
            var words = CelProgram.Words(a);
            return words.SequenceEqual(CelProgram.Words(b)) && !words.Any(_differing.Contains)
                && !LooksElsewhere(words);
        }
    }
}
