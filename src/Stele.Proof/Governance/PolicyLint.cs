using System.Collections.Immutable;
using Cel;

namespace Stele.Proof.Governance;

/// <summary>Something about a policy that is allowed, and probably not meant.</summary>
/// <param name="Code">Permanent.</param>
/// <param name="Path">A JSON pointer into the document.</param>
public sealed record PolicyRemark(string Code, string Path, string Message);

/// <summary>Reads a policy as a careful colleague would. Pure: the same remarks everywhere.</summary>
public static class PolicyLint
{
    static readonly string[] Macros = ["all", "exists", "exists_one", "existsOne", "map", "filter", "transformList",
        "transformMap", "bind"];

    public static ImmutableArray<PolicyRemark> Read(Policy policy)
    {
        var d = policy.Document;
        var remarks = ImmutableArray.CreateBuilder<PolicyRemark>();
        var used = new HashSet<string>(StringComparer.Ordinal);
        var words = d.Rules.SelectMany(r => new[] { r.Expr, r.Message ?? "" }).Concat(d.Definitions.Values)
            .Select(CelProgram.Words).ToArray();

        var onNothing = OnNothing(policy);
        for (var i = 0; i < d.Rules.Length; i++)
        {
            var (rule, at) = (d.Rules[i], PolicyCheck.At("/rules", i));
            var (expr, message) = policy.ProgramsOf(i);
            used.UnionWith(expr.Definitions);
            if (message is not null) used.UnionWith(message.Definitions);

            if (expr.Variables.Count == 0)
            {
                var value = expr.Eval(ImmutableDictionary<string, Cel.Values.CelValue>.Empty, Policy.CostLimit);
                Say(value.Error is null ? $"always-{(value.Value.AsBool() ? "true" : "false")}" : "always-error",
                    at + "/expr",
                    $"the rule '{rule.Id}' reads nothing: its '{rule.Effect.Name()}' is "
                    + $"{(value.Error is null ? $"always {(value.Value.AsBool() ? "true" : "false")}" : "always an error")}");
            }
            foreach (var variable in expr.Variables)
                if (rule.On.Where(a => !InputSchema.Has(a, variable)).ToArray() is [var action, ..])
                    Say("absent-input", at + "/expr",
                        $"the rule '{rule.Id}' reads '{variable}', which '{action}' does not have: it is null there, "
                        + $"and a rule that selects from it fails");
            foreach (var list in onNothing.GetValueOrDefault(i) ?? [])
                Say("passes-on-nothing", at + "/expr",
                    $"the rule '{rule.Id}' is true where nothing is in '{list}': it lets pass what nobody looked "
                    + $"at; demand that something is there as well, as in size({list}) > 0 && …");
            foreach (var c in Cel.Comparisons.Of(rule.Expr, name => d.Definitions.GetValueOrDefault(name))
                .Where(c => rule.Occasion == Occasion.Request && c.Read.StartsWith("request.", StringComparison.Ordinal)
                && SlipsBy(rule.Effect, c)))
                Say("case-sensitive", at + "/expr", $"the rule '{rule.Id}' compares {c.Read} with '{c.Text}' letter "
                    + "for letter: what a release that ignores case takes for the same slips by; compare in lower "
                    + "case, with lowerAscii()");
            if (rule.Message is null)
                Say("no-message", at,
                    $"the rule '{rule.Id}' has no message: those it stops are told its id and no more");
            if (rule.Controls.IsEmpty)
                Say("no-controls", at, $"the rule '{rule.Id}' names no control: no coverage report will count it");

            var seen = d.Tests.Where(t => t.Expect.ContainsKey(rule.Id)).Select(t => t.Expect[rule.Id])
                .ToHashSet(StringComparer.Ordinal);
            var (idle, busy) = rule.Occasion == Occasion.Admission
                ? (Policy.Passed, Policy.Failed)
                : (Policy.Silent, Policy.OutcomesOf(rule)[0]);
            if (seen.Count == 0) Say("untested", at, $"no test says anything of the rule '{rule.Id}'");
            else if (!seen.Contains(busy))
                Say("half-tested", at, $"no test shows the rule '{rule.Id}' come to '{busy}': it might never");
            else if (!seen.Contains(idle))
                Say("half-tested", at, $"no test shows the rule '{rule.Id}' come to '{idle}': it might always speak");
            for (var j = 0; j < i; j++)
                if (Plain(d.Rules[j].Id) == Plain(rule.Id))
                    Say("look-alike", at + "/id",
                        $"the rules '{d.Rules[j].Id}' and '{rule.Id}' are told apart by punctuation alone");
            Shadows(rule.Expr, at + "/expr", $"the rule '{rule.Id}'");
            if (rule.Message is not null) Shadows(rule.Message, at + "/message", $"the message of '{rule.Id}'");
        }
        foreach (var (name, source) in d.Definitions)
        {
            if (!used.Contains(name))
                Say("unused-definition", InputSchema.Pointer("/define", name), $"no rule uses the definition '{name}'");
            Shadows(source, InputSchema.Pointer("/define", name), $"the definition '{name}'");
        }
        foreach (var name in d.Checks.Keys)
            if (!words.Any(w => Names(w, name)))
                Say("unused-check", InputSchema.Pointer("/checks", name),
                    $"the check '{name}' must exist, and no rule looks at what it found");
        for (var i = 0; i < d.Attestations.Length && !words.Any(Computes); i++)
            if (!words.Any(w => w.Any(x => x.Contains(d.Attestations[i], StringComparison.Ordinal))))
                Say("unused-attestation", PolicyCheck.At("/attestations", i),
                    $"no rule looks at the attestation of '{d.Attestations[i]}'");
        return [.. remarks.OrderBy(r => r.Path, StringComparer.Ordinal)];

        void Say(string code, string path, string message) => remarks.Add(new(code, path, message));

        // A loop variable that hides an input or a definition.
        void Shadows(string source, string path, string where)
        {
            var w = CelProgram.Words(source);
            for (var k = 0; k + 2 < w.Count; k++)
                if (w[k + 1] == "(" && Macros.Contains(w[k]) && k > 0 && w[k - 1] == "."
                    && (d.Definitions.ContainsKey(w[k + 2]) || InputSchema.Variables(Occasion.Admission)
                        .ContainsKey(w[k + 2])) && k + 3 < w.Count && w[k + 3] == ",")
                    Say("shadowed", path,
                        $"in {where} '{w[k + 2]}' is a loop's own variable, and hides the "
                        + $"{(d.Definitions.ContainsKey(w[k + 2]) ? "definition" : "input")} of that name: call it "
                        + $"something else");
        }
    }

    /// <summary>
    /// Whether a request that is spelt otherwise gets past the rule: it is not stopped by one that stops, or is let
    /// through by one that must hold.
    /// </summary>
    static bool SlipsBy(Effect effect, Cel.Comparison c) => effect is Effect.Require or Effect.Allow ? c.Holds == false
        : c.Holds != false;

    /// <summary>
    /// What shows that somebody did something, and has nothing in it until they do. Other lists are empty for good
    /// reasons (a release without sources from outside), or never (its components).
    /// </summary>
    static readonly string[] Evidence = ["approvals", "attestations", "checks", "principal.roles", "release.ran"];

    /// <summary>
    /// By rule, the lists of evidence that let it pass because nothing is in them. Each is evaluated on an input in
    /// which nothing is; where another rule that must hold for the same action fails on it
    /// for want of that list, nothing gets past the policy.
    /// </summary>
    static Dictionary<int, SortedSet<string>> OnNothing(Policy policy)
    {
        var d = policy.Document;
        var found = new Dictionary<int, SortedSet<string>>();
        foreach (var action in d.Rules.SelectMany(r => r.On).Distinct(StringComparer.Ordinal))
        {
            var nothing = InputSchema.ToCel(InputSchema.Complete(action, d.Checks.Keys, d.Attestations,
                Json.EmptyObject, (_, _) => { }));
            var asked = Enumerable.Range(0, d.Rules.Length)
                .Where(i => d.Rules[i].On.Contains(action) && d.Rules[i].Effect is Effect.Require or Effect.Allow)
                .Select(i => (Rule: i, Trace: policy.ProgramsOf(i).Expr.Trace(nothing, Policy.CostLimit).Trace))
                    .Where(r => r.Trace.Evaluated && r.Trace.Error is null).ToArray();
            string[] demanded = [.. asked.Where(r =>
                d.Rules[r.Rule].Effect == Effect.Require && !r.Trace.Value.AsBool())
                .SelectMany(r => r.Trace.Rests().Select(t => t.Place))];
            foreach (var (rule, trace) in asked.Where(r => r.Trace.Value.AsBool()))
                foreach (var list in trace.RestsOnNothing().Select(t => t.Place)
                    .Where(p => Shows(p) && !demanded.Any(x => x.Contains(p, StringComparison.Ordinal))))
                {
                    if (!found.TryGetValue(rule, out var lists)) found[rule] = lists = new(StringComparer.Ordinal);
                    lists.Add(list);
                }
        }
        return found;

        // A name that was asked for before stands for itself in a trace.
        bool Shows(string place) => d.Definitions.TryGetValue(place, out var source) ? Reads.Of(source).Any(Shows)
            : Evidence.Any(e => place.StartsWith(e, StringComparison.Ordinal)
                && (place.Length == e.Length || place[e.Length] is '.' or '['));
    }

    static bool Names(IReadOnlyList<string> words, string check)
    {
        for (var k = 0; k + 2 < words.Count; k++)
            if (words[k] == "checks" && (words[k + 1] is "." && words[k + 2] == check || words[k + 1] is "["
                && words[k + 2].Trim('"', '\'', '`') == check)) return true;
        // Walked or handed on as a whole.
        for (var k = 0; k < words.Count; k++)
            if (words[k] == "checks" && (k + 1 == words.Count || words[k + 1] is not ("." or "[") || k + 2 < words.Count
                && Macros.Contains(words[k + 2]))) return true;
        return false;
    }

    /// <summary>
    /// Whether attestations are looked up by a name that is put together, or walked: then any of them may be meant.
    /// </summary>
    static bool Computes(IReadOnlyList<string> words)
    {
        for (var k = 0; k < words.Count; k++)
            if (words[k] == "attestations" && !(k + 3 < words.Count && words[k + 1] == "[" && words[k + 3] == "]"
                && words[k + 2][0] is '"' or '\'')) return true;
        return false;
    }

    static string Plain(string id) => string.Concat(id.Where(char.IsAsciiLetterOrDigit));
}
