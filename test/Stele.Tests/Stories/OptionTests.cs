using System.CommandLine;
using System.Text.RegularExpressions;
using Stele.Cli;

namespace Stele.Tests.Stories;

/// <summary>
/// Every option that help names is run by some test: in a story, in the tour, or in a test's own call.
/// </summary>
public sealed class OptionTests
{
    static IEnumerable<(string Verb, string Option)> Options()
    {
        IEnumerable<(string Verb, string Option)> Below(string path, Verb verb) => verb.Shape.OfType<Option>()
            .Select(o => (path, o.Name)).Concat(verb.Verbs.SelectMany(v => Below($"{path} {v.Name}", v)));
        return Cli.Verbs.All.SelectMany(v => Below(v.Name, v));
    }

    /// <summary>Commands as they are typed in stories and in documents that a test runs.</summary>
    static IEnumerable<string> Typed() =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "test", "Stele.Tests", "Stories"), "*.txt")
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md"))
            .Append(Path.Combine(Repository.Root, "README.md"))
            .SelectMany(File.ReadLines)
            .Where(l => l.StartsWith("$ ", StringComparison.Ordinal) || l.StartsWith("& ", StringComparison.Ordinal)
                || l.StartsWith("stele ", StringComparison.Ordinal))
            .SelectMany(l => Regex.Split(l, @"&&|\|\||;|\|"));

    /// <summary>The statements of tests and of the tour, with their strings.</summary>
    static IEnumerable<string> Called() =>
        Directory.EnumerateFiles(Path.Combine(Repository.Root, "test", "Stele.Tests"), "*.cs",
            SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(Repository.Root, "src", "Stele", "Cli"), "Tour*.cs"))
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal)
                && !f.EndsWith("/OptionTests.cs", StringComparison.Ordinal))
            .SelectMany(f => File.ReadAllText(f).Split(";\n"));

    [Fact]
    public void Every_option_is_run_by_a_test()
    {
        var options = Options().ToArray();
        Assert.True(options.Length > 150, $"{options.Length} options");
        var (typed, called) = (Typed().ToArray(), Called().ToArray());
        var never = options.Where(o => !typed.Any(l => Runs(l, o.Verb, o.Option))
            && !called.Any(s => Calls(s, o.Verb, o.Option)))
            .Select(o => $"stele {o.Verb} {o.Option}").ToArray();
        Assert.True(never.Length == 0, $"no test runs\n{string.Join('\n', never)}");
    }

    static bool Runs(string line, string verb, string option) =>
        Regex.IsMatch(line, $@"stele {Regex.Escape(verb)}\b(.* )?{Regex.Escape(option)}( |=|$)");

    static bool Calls(string statement, string verb, string option) =>
        statement.Contains('"' + option + '"', StringComparison.Ordinal)
        && (statement.Contains('"' + verb.Replace(" ", "\", \"", StringComparison.Ordinal) + '"',
            StringComparison.Ordinal)
            || (verb == "up" && statement.Contains("Up.Start(", StringComparison.Ordinal)));
}
