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
    static readonly string[] Macros = ["all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap", "bind"];

    public static ImmutableArray<PolicyRemark> Read(Policy policy)
    {
        var d = policy.Document;
        var remarks = ImmutableArray.CreateBuilder<PolicyRemark>();
        var used = new HashSet<string>(StringComparer.Ordinal);
        var words = d.Rules.SelectMany(r => new[] { r.Expr, r.Message ?? "" }).Concat(d.Definitions.Values).Select(CelProgram.Words).ToArray();

        for (var i = 0; i < d.Rules.Length; i++)
        {
            var (rule, at) = (d.Rules[i], PolicyCheck.At("/rules", i));
            var (expr, message) = policy.ProgramsOf(i);
            used.UnionWith(expr.Definitions);
            if (message is not null) used.UnionWith(message.Definitions);

            if (expr.Variables.Count == 0)
            {
                var value = expr.Eval(ImmutableDictionary<string, Cel.Values.CelValue>.Empty, Policy.CostLimit);
                Say(value.Error is null ? $"always-{(value.Value.AsBool() ? "true" : "false")}" : "always-error", at + "/expr",
                    $"the rule '{rule.Id}' reads nothing: its '{rule.Effect.Name()}' is {(value.Error is null ? $"always {(value.Value.AsBool() ? "true" : "false")}" : "always an error")}");
            }
            foreach (var variable in expr.Variables)
                if (rule.On.Where(a => !InputSchema.Has(a, variable)).ToArray() is [var action, ..])
                    Say("absent-input", at + "/expr", $"the rule '{rule.Id}' reads '{variable}', which '{action}' does not have: it is null there, and a rule that selects from it fails");
            if (rule.Message is null) Say("no-message", at, $"the rule '{rule.Id}' has no message: whoever it stops is told its id and no more");
            if (rule.Controls.IsEmpty) Say("no-controls", at, $"the rule '{rule.Id}' names no control: no coverage report will count it");

            var seen = d.Tests.Where(t => t.Expect.ContainsKey(rule.Id)).Select(t => t.Expect[rule.Id]).ToHashSet(StringComparer.Ordinal);
            var (idle, busy) = rule.Occasion == Occasion.Admission ? ("passed", "failed") : (Policy.Silent, Policy.OutcomesOf(rule)[0]);
            if (seen.Count == 0) Say("untested", at, $"no test says anything of the rule '{rule.Id}'");
            else if (!seen.Contains(busy)) Say("half-tested", at, $"no test shows the rule '{rule.Id}' come to '{busy}': it might never");
            else if (!seen.Contains(idle)) Say("half-tested", at, $"no test shows the rule '{rule.Id}' come to '{idle}': it might always speak");
            for (var j = 0; j < i; j++)
                if (Plain(d.Rules[j].Id) == Plain(rule.Id)) Say("look-alike", at + "/id", $"the rules '{d.Rules[j].Id}' and '{rule.Id}' are told apart by punctuation alone");
            Shadows(rule.Expr, at + "/expr", $"the rule '{rule.Id}'");
            if (rule.Message is not null) Shadows(rule.Message, at + "/message", $"the message of '{rule.Id}'");
        }
        foreach (var (name, source) in d.Definitions)
        {
            if (!used.Contains(name)) Say("unused-definition", InputSchema.Pointer("/define", name), $"no rule uses the definition '{name}'");
            Shadows(source, InputSchema.Pointer("/define", name), $"the definition '{name}'");
        }
        foreach (var name in d.Checks.Keys)
            if (!words.Any(w => Names(w, name))) Say("unused-check", InputSchema.Pointer("/checks", name), $"the check '{name}' must exist, and no rule looks at what it found");
        for (var i = 0; i < d.Attestations.Length; i++)
            if (!words.Any(w => w.Any(x => x.Contains(d.Attestations[i], StringComparison.Ordinal)))) Say("unused-attestation", PolicyCheck.At("/attestations", i), $"no rule looks at the attestation of '{d.Attestations[i]}'");
        return [.. remarks.OrderBy(r => r.Path, StringComparer.Ordinal)];

        void Say(string code, string path, string message) => remarks.Add(new(code, path, message));

        // A loop variable that hides an input or a definition.
        void Shadows(string source, string path, string where)
        {
            var w = CelProgram.Words(source);
            for (var k = 0; k + 2 < w.Count; k++)
                if (w[k + 1] == "(" && Macros.Contains(w[k]) && k > 0 && w[k - 1] == "." && (d.Definitions.ContainsKey(w[k + 2]) || InputSchema.Variables(Occasion.Admission).ContainsKey(w[k + 2])) && k + 3 < w.Count && w[k + 3] == ",")
                    Say("shadowed", path, $"in {where} '{w[k + 2]}' is a loop's own variable, and hides the {(d.Definitions.ContainsKey(w[k + 2]) ? "definition" : "input")} of that name: call it something else");
        }
    }

    static bool Names(IReadOnlyList<string> words, string check)
    {
        for (var k = 0; k + 2 < words.Count; k++)
            if (words[k] == "checks" && (words[k + 1] is "." && words[k + 2] == check || words[k + 1] is "[" && words[k + 2].Trim('"', '\'', '`') == check)) return true;
        // Walked or handed on as a whole.
        for (var k = 0; k < words.Count; k++)
            if (words[k] == "checks" && (k + 1 == words.Count || words[k + 1] is not ("." or "[") || k + 2 < words.Count && Macros.Contains(words[k + 2]))) return true;
        return false;
    }

    static string Plain(string id) => string.Concat(id.Where(char.IsAsciiLetterOrDigit));
}
