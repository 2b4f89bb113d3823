using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Cel;
using Cel.Library;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Tests.Cel;

/// <summary>
/// docs/CEL.md is true: its examples hold, it names every function there is and none that isn't, and its limits are the
/// code's.
/// </summary>
public class LanguagePageTests
{
    static readonly string Page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "CEL.md"));

    static readonly (string Section, string[] Cells)[] Rows = [.. Page.Split("\n## ").Skip(1)
        .SelectMany(section => section.Split('\n').Where(line => line.StartsWith("| `", StringComparison.Ordinal))
            .Select(line => (section.Split('\n')[0], line.Split('|')[1..^1])))];

    static string[] Code(string cell) => [.. Regex.Matches(cell, "`([^`]+)`").Select(m => m.Groups[1].Value)];

    internal static IEnumerable<(string Section, string[] Names, string Example)> Examples
        =>
        Rows.Where(r => r.Section is "Macros" or "Functions")
            .Select(r => (r.Section, Code(r.Cells[0]), Code(r.Cells[2]).Single()));

    [Fact]
    public void Every_example_holds_and_shows_what_it_is_of()
    {
        foreach (var (_, names, example) in Examples)
        {
            var result = CelProgram.Compile(example, new Dictionary<string, CelType>(), CelType.Bool)
                .Eval(new Dictionary<string, CelValue>(), 1000);
            Assert.True(result.Error is null && result.Value == CelValue.True,
                $"{example}: {result.Error?.Message ?? "false"}");
            Assert.All(names,
                name => Assert.True(Regex.IsMatch(example,
                    $@"(?<![\w.]){Regex.Escape(name)}\(|\.{Regex.Escape(name)}\("), $"{example} shows no {name}"));
        }
        Assert.True(Examples.Count() > 60);
    }

    [Fact]
    public void Every_function_is_named_once_and_no_other()
    {
        var named = Examples.Where(e => e.Section == "Functions").SelectMany(e => e.Names).Order(StringComparer.Ordinal)
            .ToArray();
        // Operators have names that no program can write.
        var there = StandardLibrary.Functions.Names.Where(n => char.IsAsciiLetter(n[0])).Order(StringComparer.Ordinal)
            .ToArray();
        Assert.Equal(there, named);
    }

    /// <summary>
    /// A macro is recognised by its name and number of arguments; as a function it is not there, so an example could
    /// not hold by mistake.
    /// </summary>
    [Fact]
    public void Every_macro_is_one()
    {
        var macros = Examples.Where(e => e.Section == "Macros").SelectMany(e => e.Names).ToArray();
        Assert.All(macros, m => Assert.Null(StandardLibrary.Functions.Find(m)));
        var source = File.ReadAllText(Path.Combine(Repository.Root, "src", "Cel", "Syntax", "Macros.cs"));
        var handled = Regex.Matches(source, "\\(\"(\\w+)\"(?: or \"(\\w+)\")?, \\d\\)")
            .SelectMany(m => m.Groups.Values.Skip(1).Where(g => g.Success)).Select(g => g.Value)
            .Append("has").Distinct().Order(StringComparer.Ordinal);
        Assert.Equal(handled,
            macros.Select(m => m.Replace("cel.", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Limits_are_the_codes()
    {
        var written = Rows.Where(r => r.Section == "Limits").ToDictionary(r => Code(r.Cells[0]).Single(),
            r => r.Cells[1].Trim());
        var there = new[] { typeof(Limits), typeof(ValueLimits),
            typeof(global::Cel.Regex.PatternLimits) }.SelectMany(t =>
                t.GetFields(BindingFlags.Public | BindingFlags.Static))
            .ToDictionary(f => $"{f.DeclaringType!.Name}.{f.Name}",
                f => Convert.ToString(f.GetRawConstantValue(), CultureInfo.InvariantCulture)!);
        Assert.Equal(there.OrderBy(p => p.Key, StringComparer.Ordinal),
            written.OrderBy(p => p.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void The_zones_are_of_the_version_told() =>
        Assert.Contains($"IANA data {ZoneTable.Version}", Page, StringComparison.Ordinal);
}
