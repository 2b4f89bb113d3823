using System.Globalization;
using Cel;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>How a line is to be seen, where there are colours.</summary>
public enum Tone { Plain, Strong, Faint, Good, Bad }

/// <summary>
/// An explanation as people read it: each rule, its expression as a tree with what every part came to, and what its
/// outcome rested on.
/// </summary>
public static class ExplanationLines
{
    const int MostText = 100, MostValue = 60, MostColumn = 72;

    public static IEnumerable<(Tone Tone, string Line)> Of(Explanation explanation)
    {
        foreach (var rule in explanation.Rules)
            foreach (var line in Of(rule)) yield return line;
        if (explanation.Would.IsEmpty) yield break;
        yield return (Tone.Plain, "");
        yield return (Tone.Strong, "what the candidate would have said; nothing was decided by it");
        foreach (var rule in explanation.Would)
            foreach (var line in Of(rule)) yield return line;
    }

    static IEnumerable<(Tone Tone, string Line)> Of(ExplainedRule rule)
    {
        var o = rule.Outcome;
        yield return (Tone.Plain, "");
        yield return (o.Result == RuleResult.Passed ? Tone.Good : o.Allows ? Tone.Strong : Tone.Bad,
            $"{RuleOutcome.Results[o.Result]}  {o.Rule}" + (o.Waiver is { } w
                ? string.Create(CultureInfo.InvariantCulture, $"  by the waiver in entry {w}") : ""));
        if (rule is { Rule: { } asked, Trace: { } trace })
        {
            yield return (Tone.Faint,
                $"  {(asked.Description is { } d ? OneLine(d) + " — " : "")}{asked.Severity}, of the policy "
                + $"{rule.PolicyName} {o.Policy.Short}{(asked.Controls.IsEmpty ? "" : $", for {string.Join(", ", asked.Controls)}")}{(o.Release is { } r ? $", on the release {r.Short}" : "")}");
            var rows = new List<(string Text, string Value, bool Known)>();
            Walk(trace, 1, rows);
            var column = rows.Where(x => x.Value.Length > 0).Select(x => x.Text.Length).Where(n => n <= MostColumn)
                .DefaultIfEmpty(0).Max() + 2;
            foreach (var (text, value, known) in rows) yield return (known ? Tone.Plain : Tone.Faint,
                value.Length == 0 ? text : text.PadRight(column) + (text.Length > column ? "  " : "") + value);
        }
        if (!o.Values.IsEmpty) yield return (Tone.Plain, $"  rests on  {string.Join("; ", o.Values)}");
        if (o.Message is { } message)
            foreach (var (i, line) in message.Split('\n').Index()) yield return (Tone.Plain,
                $"  {(i == 0 ? "says      " : "          ")}{line}");
    }

    static void Walk(CelTrace t, int depth, List<(string Text, string Value, bool Known)> rows)
    {
        var indent = new string(' ', depth * 2);
        var round = t.Kind == CelTraceKind.Round;
        rows.Add((indent + (round ? "with " + t.Place : OneLine(t.Text)), round ? "" : !t.Evaluated ? "not evaluated"
            : t.Error is { } e ? "error: " + OneLine(e.Reason) : Show(t), t.Evaluated));
        // What is written as a constant is seen already.
        foreach (var part in t.Parts.Where(p => p.Kind != CelTraceKind.Constant)) Walk(part, depth + 1, rows);
        if (t.Omitted > 0)
            rows.Add((indent + string.Create(CultureInfo.InvariantCulture, $"  … {t.Omitted} more"), "", false));
    }

    static string Show(CelTrace t) => t.Value.ToString() is var s && s.Length <= MostValue ? s : t.Value.Kind switch
    {
        Cel.Values.CelKind.List => t.Value.AsList().Count is 1
            ? "a list of 1 element"
            : string.Create(CultureInfo.InvariantCulture, $"a list of {t.Value.AsList().Count} elements"),
        Cel.Values.CelKind.Map =>
            $"{{{string.Join(", ", t.Value.AsMap().Take(6).Select(m => m.Key))}{(t.Value.AsMap().Count() > 6 ? ", …" : "")}}}",
        _ => s[..MostValue] + "…",
    };

    static string OneLine(string text)
    {
        var line = string.Join(' ',
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        return line.Length <= MostText ? line : line[..MostText] + "…";
    }
}
