using System.Reflection;
using System.Text.RegularExpressions;

namespace Stele.Tests.House;

/// <summary>Every rule in CONTRIBUTING.md names the test that holds it, and that test exists.</summary>
public sealed class ContributingTests
{
    // A rule is a list item under "## Rules"; it ends with: Test: `Class.Method` (or `Class`, or several).
    static List<(string Rule, string[] Tests)> Rules(string text)
    {
        var section = text.Split("\n## ").Single(s => s.StartsWith("Rules\n", StringComparison.Ordinal));
        return [.. section.Split("\n- ").Skip(1)
            .Select(rule =>
                (rule.Split('\n')[0],
                    Regex.Matches(rule[Math.Max(0, rule.IndexOf("Test: ", StringComparison.Ordinal))..],
                        "`([A-Za-z0-9_.]+)`").Where(_ => rule.Contains("Test: ", StringComparison.Ordinal))
                        .Select(m => m.Groups[1].Value).ToArray()))];
    }

    internal static bool Exists(string test)
    {
        var parts = test.Split('.');
        return Assembly.GetExecutingAssembly().GetTypes()
            .Any(t => t.Name == parts[0] && Tests(t).Any(m => parts.Length == 1 || m.Name == parts[1]));
    }

    static IEnumerable<MethodInfo> Tests(Type type) =>
        type.GetMethods().Where(m => m.GetCustomAttributes<FactAttribute>().Any());

    [Fact]
    public void Every_rule_names_its_test()
    {
        var rules = Rules(File.ReadAllText(Path.Combine(Repository.Root, "CONTRIBUTING.md")));
        Assert.True(rules.Count >= 8);
        Assert.All(rules, r => Assert.True(r.Tests.Length > 0, "names no test: " + r.Rule));
        Assert.All(rules.SelectMany(r => r.Tests), t => Assert.True(Exists(t), "no such test: " + t));
    }

    [Fact]
    public void A_rule_without_a_test_is_seen()
    {
        var rules =
            Rules(
                "# A\n\n## Rules\n\n- One. Test: `ContributingTests`\n- Two `with code`\n- Three.\n  Test: `Absent.Method`\n\n## Next\n\n- not a rule\n");
        Assert.Equal([1, 0, 1], rules.Select(r => r.Tests.Length));
        Assert.True(Exists("ContributingTests"));
        Assert.True(Exists("ContributingTests.Every_rule_names_its_test"));
        Assert.False(Exists("Absent.Method"));
        Assert.False(Exists("ContributingTests.Exists"));
        Assert.False(Exists("Product"));
    }
}
