using System.Collections.Immutable;
using Stele.Build;
using Stele.Proof.Governance;
using Stele.Tests.Samples;

namespace Stele.Tests.Build;

public sealed class PolicyLayoutTests
{
    const string Messy = """
        # whose policy this is
        rules:
            # the first
            -   on:
                - deploy
                - canary
                require: >-
                    size(approvals) >= 1
                    && true
                id: approved   # by whom?
                message: 'no'
            - { id: b, require: "time > 0", on: [deploy] }
        checks: {fairness:   "${fairness}"}
        name:   p
        define:
            # one
            one:   size(approvals) >= 1
        # the end
        """;

    const string Neat = """
        name: p

        checks: { fairness: "${fairness}" }

        define:
          # one
          one: size(approvals) >= 1

        # whose policy this is
        rules:
          # the first
          - id: approved # by whom?
            on: [deploy, canary]
            require: >-
              size(approvals) >= 1
              && true
            message: 'no'

          - id: b
            on: [deploy]
            require: "time > 0"
        # the end

        """;

    [Fact]
    public void Keys_lists_and_comments_come_to_their_places() =>
        Assert.Equal(Neat, PolicyLayout.Format("p.yaml", Messy));

    [Fact]
    public void Laid_out_twice_is_laid_out_once() => Assert.Equal(Neat, PolicyLayout.Format("p.yaml", Neat));

    [Theory]
    [InlineData("admission")]
    [InlineData("service")]
    public void The_samples_are_laid_out_so(string name)
    {
        var text = File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "policies", name + ".yaml"));
        Assert.Equal(text, PolicyLayout.Format(name, text));
    }

    /// <summary>However the sample is written, it stays the policy that it is, or is left alone.</summary>
    [Fact]
    public void The_digest_stays_the_same()
    {
        var text = File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "policies", "admission.yaml"));
        var digest = Digest(text);
        var random = new Random(7);
        var laid = 0;
        for (var i = 0; i < 60; i++)
        {
            var lines = text.Split('\n').ToList();
            var at = random.Next(lines.Count);
            lines.Insert(at, random.Next(2) == 0 ? "# a remark" : "");
            var changed = string.Join('\n', lines);
            try
            {
                if (Digest(changed) != digest) continue;
            }
            catch (FormatException)
            {
                continue;
            }
            var once = PolicyLayout.Format("p.yaml", changed);
            Assert.Equal(digest, Digest(once));
            Assert.Equal(once, PolicyLayout.Format("p.yaml", once));
            laid++;
        }
        Assert.True(laid > 20, $"{laid}");
    }

    static string Digest(string text) =>
        PolicySource.Draft("p.yaml", text, ImmutableSortedDictionary<string, string>.Empty).Digest.ToString();
}
