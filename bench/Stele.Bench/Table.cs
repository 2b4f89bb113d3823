using System.Globalization;
using System.Text;
using Stele.Proof;

namespace Stele.Bench;

/// <summary>One line: a side's number, and its ratio to its limit, which is the one to trust.</summary>
sealed record Row(string Name, string Unit, Spread Value, string? Limit, Spread? Ratio,
    (string Column, Spread Value)[] More);

/// <summary>What a bench came to, for people and as JSON.</summary>
sealed record Table(string Name, string About, int Rounds, TimeSpan Took, Row[] Rows)
{
    public string Text()
    {
        var columns = Rows.SelectMany(r => r.More.Select(m => m.Column)).Distinct(StringComparer.Ordinal).ToArray();
        var lines = new List<string[]> { (string[])["", "median", "(least – greatest)", "", "× limit",
            "(least – greatest)", .. columns] };
        foreach (var row in Rows)
            lines.Add([
                row.Name, Number(row.Value.Median), $"({Number(row.Value.Min)} – {Number(row.Value.Max)})", row.Unit,
                row.Ratio is { } r ? Ratio(r.Median) : "", row.Ratio is { } s ? $"({Ratio(s.Min)} – {Ratio(s.Max)})"
                    : row.Limit is null ? "" : "?",
                .. columns.Select(c => row.More.FirstOrDefault(m => m.Column == c) is { Column: not null } more
                    ? Number(more.Value.Median)
                    : ""),
            ]);
        var widths = Enumerable.Range(0, lines[0].Length).Select(i => lines.Max(l => l[i].Length)).ToArray();
        var text = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"{Name}: {About}")
            .AppendLine(CultureInfo.InvariantCulture, $"{Rounds} rounds in {Took.TotalSeconds:0} s");
        foreach (var line in lines)
            text.AppendLine(("  " + string.Join("  ",
                line.Select((cell, i) => i is 0 or 3 ? cell.PadRight(widths[i]) : cell.PadLeft(widths[i])))).TrimEnd());
        foreach (var limit in Rows.Where(r => r.Limit is not null).GroupBy(r => r.Limit, StringComparer.Ordinal))
            text.AppendLine(CultureInfo.InvariantCulture,
                $"  × limit of {string.Join(", ", limit.Select(r => $"'{r.Name}'"))}: '{limit.Key}'");
        return text.ToString();
    }

    public Json ToJson() =>
        Json.Object(("name", Name), ("about", About), ("rounds", Rounds),
            ("milliseconds", (long)Took.TotalMilliseconds), ("rows", Json.Array(Rows.Select(row => Json.Object(
        ("name", row.Name), ("unit", row.Unit), ("value", ToJson(row.Value)),
        ("limit", row.Limit is null ? null : Json.Of(row.Limit)), ("ratio", row.Ratio is { } r ? ToJson(r) : null),
        ("more", row.More.Length == 0
            ? null
            : Json.Object(row.More.Select(m => KeyValuePair.Create(m.Column, ToJson(m.Value))))))))));

    static Json ToJson(Spread s) => Json.Object(("median", s.Median), ("min", s.Min), ("max", s.Max));

    static string Number(double n) => n.ToString(Math.Abs(n) switch
    {
        >= 100 => "#,0",
        >= 10 => "0.0",
        >= 0.095 or 0 => "0.##",
        _ => "0.####"
    }, CultureInfo.InvariantCulture);

    static string Ratio(double n) => n.ToString(n >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
}
