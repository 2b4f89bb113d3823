using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Stele.Build;

namespace Stele.Tests.Build;

/// <summary>Every class of mistake in a policy, with the whole message: where it is, and what to write instead. The cases are <c>policy-errors.txt</c>; adding one is adding a section.</summary>
public sealed class PolicyErrorTests
{
    static readonly (string Title, string Yaml, string Message)[] Cases = [.. Regex.Split(File.ReadAllText(Path.Combine(Repository.Root, "test", "Stele.Tests", "Build", "policy-errors.txt")), "^== ", RegexOptions.Multiline).Skip(1).Select(Case)];

    public static TheoryData<string> Titles => [.. Cases.Select(c => c.Title)];

    [Theory]
    [MemberData(nameof(Titles))]
    public void It_says_where_and_what_to_write_instead(string title)
    {
        var (_, yaml, message) = Cases.Single(c => c.Title == title);
        var e = Assert.Throws<FormatException>(() => PolicySource.Compile("p.yaml", yaml, ImmutableSortedDictionary<string, string>.Empty));
        Assert.Equal(message, e.Message);
    }

    [Fact]
    public void There_are_cases()
    {
        Assert.True(Cases.Length >= 50, $"{Cases.Length} cases");
        Assert.Equal(Cases.Length, Cases.Select(c => c.Title).Distinct().Count());
    }

    /// <summary>However a policy is cut or mangled, there is a message, and it names the file.</summary>
    [Fact]
    public void Whatever_is_broken_ends_in_a_message()
    {
        var good = File.ReadAllText(Path.Combine(Samples.MortgagePipeline.Sample, "policies", "admission.yaml"));
        PolicySource.Compile("p.yaml", good, ImmutableSortedDictionary<string, string>.Empty, draft: true);
        var random = new Random(4);
        for (var i = 0; i < 400; i++)
        {
            var at = random.Next(good.Length);
            var broken = (i % 4) switch
            {
                0 => good[..at],
                1 => good.Remove(at, 1),
                2 => good.Insert(at, "[]{}:#'\"\t\n&*!|>-${"[random.Next(18)].ToString()),
                _ => good[..at] + good[Math.Min(good.Length, at + random.Next(60))..],
            };
            try
            {
                PolicySource.Compile("p.yaml", broken, ImmutableSortedDictionary<string, string>.Empty, draft: true);
            }
            catch (FormatException e)
            {
                Assert.StartsWith("p.yaml:", e.Message);
            }
        }
    }

    [Theory]
    [InlineData("fairness: \"${fairness}\"", "p.yaml:2:21: the parameter 'fairness' is not given (--set fairness=…)")]
    public void A_parameter_that_is_not_given_is_named(string check, string message)
    {
        var e = Assert.Throws<FormatException>(() => PolicySource.Compile("p.yaml", $"name: p\nchecks: {{ {check} }}\nrules: []\n", ImmutableSortedDictionary<string, string>.Empty));
        Assert.StartsWith(message, e.Message);
    }

    static (string, string, string) Case(string section)
    {
        var (title, rest) = (section[..section.IndexOf('\n')], section[(section.IndexOf('\n') + 1)..]);
        var parts = rest.Split("\n--\n");
        return (title, parts[0] + "\n", parts[1].TrimEnd('\n'));
    }

}
