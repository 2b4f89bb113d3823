using System.Collections.Immutable;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Policies;

/// <summary>
/// The ready-made policies: they compile, do what their own tests say, and refer to controls that there are.
/// </summary>
public sealed class BundleTests
{
    public static TheoryData<string> Bundles => [.. ReadyMade.Names];

    /// <summary>What has no text of its own to stand for it: checks by a digest, tools by a name.</summary>
    static ImmutableSortedDictionary<string, string> Least(string bundle) =>
        Yaml.Parameters(ReadyMade.Text(bundle)!).Where(p => p.Default is null)
        .ToImmutableSortedDictionary(p => p.Name,
            p => p.Name == "tools" ? "search,read_page" : Digest.Of("check"u8).ToString(), StringComparer.Ordinal);

    static Policy Compile(string bundle, ImmutableSortedDictionary<string, string>? sets = null) =>
        PolicySource.Compile(ReadyMade.Prefix + bundle, ReadyMade.Text(bundle)!, sets ?? Least(bundle));

    [Fact]
    public void They_are_the_files_of_the_repository()
    {
        var folder = Path.Combine(Repository.Root, "policies");
        Assert.Equal(["baseline", "fairness", "high-risk", "iso-42001", "llm-agent", "nist-ai-rmf"], ReadyMade.Names);
        Assert.Equal(["eu-ai-act", "iso-42001", "nist-ai-rmf"], ReadyMade.CatalogueNames);
        Assert.Equal(Directory.GetFiles(folder, "*.yaml").Select(f => Path.GetFileNameWithoutExtension(f))
            .Order(StringComparer.Ordinal), ReadyMade.Names);
        foreach (var name in ReadyMade.Names)
            Assert.Equal(File.ReadAllText(Path.Combine(folder, name + ".yaml")), ReadyMade.Text(name));
        Assert.Null(ReadyMade.Text("nothing"));
        Assert.Null(ReadyMade.Text("catalogues/eu-ai-act"));
    }

    [Theory]
    [MemberData(nameof(Bundles))]
    public void Its_own_tests_pass_and_show_every_rule_passing_and_not(string bundle)
    {
        var policy = Compile(bundle);
        Assert.Equal(bundle, policy.Name);
        Assert.All(policy.Try(), t => Assert.True(t.Passed, t.ToString()));
        foreach (var rule in policy.Rules)
        {
            var got = policy.Try().Where(t => t.Rule == rule.Id).Select(t => t.Got).ToHashSet();
            string[] both = rule.Occasion == Occasion.Admission
                ? ["passed", "failed"]
                : [Policy.Silent, (rule.Effect == Effect.Require ? Effect.Deny : rule.Effect).Name()];
            Assert.True(got.SetEquals(both), $"rule {rule.Id} is shown as {string.Join(", ", got)}");
            Assert.False(string.IsNullOrEmpty(rule.Description), rule.Id);
            Assert.NotNull(rule.Message);
        }
    }

    /// <summary>A judge reads what was frozen, and gets the same.</summary>
    [Theory]
    [MemberData(nameof(Bundles))]
    public void What_is_frozen_is_the_same_policy(string bundle)
    {
        var policy = Compile(bundle);
        var again = Policy.Parse(policy.ToJson().ToBytes());
        Assert.Equal(policy.Digest, again.Digest);
        Assert.Null(again.FirstBroken);
    }

    /// <summary>
    /// Whatever parameters are set, the tests beside the rules still hold: nobody is kept from using a bundle by its
    /// own examples.
    /// </summary>
    [Theory]
    [InlineData("baseline", "licences=MIT", "approvals=1")]
    [InlineData("baseline", "licences=LicenseRef-Ours,GPL-3.0-only", "approvals=5")]
    [InlineData("fairness", "metric=parity", "least=0.95", "low=0.9", "count=people", "rows=1")]
    [InlineData("fairness", "least=0.01", "low=0.01", "rows=1000000")]
    [InlineData("high-risk", "metric=f1", "least=0.999", "ratio=parity", "least_ratio=1.25")]
    [InlineData("nist-ai-rmf", "metric=f1", "least=0", "ratio=parity", "least_ratio=0")]
    [InlineData("iso-42001", "metric=f1", "least=12")]
    [InlineData("llm-agent", "tools=one", "models=a-model,b-model", "ask=one", "role=robot", "tokens=1", "bytes=10",
        "characters=9", "decisions=1")]
    public void Its_parameters_change_the_rules_and_not_the_examples(string bundle, params string[] sets)
    {
        var given = sets.Select(s => s.Split('=', 2)).Aggregate(Least(bundle), (all, s) => all.SetItem(s[0], s[1]));
        var policy = Compile(bundle, given);
        Assert.All(policy.Try(), t => Assert.True(t.Passed, t.ToString()));
        Assert.NotEqual(Compile(bundle).Digest, policy.Digest);
    }

    [Theory]
    [MemberData(nameof(Bundles))]
    public void Its_controls_are_in_the_catalogues_and_words_are_asked_for_only_where_words_can_do(string bundle)
    {
        var policy = Compile(bundle);
        global::Stele.Build.Control Find(string reference) =>
            ReadyMade.Catalogue(reference.Split('/')[0])?.Controls.FirstOrDefault(c => c.Id == reference.Split('/')[1])
            ?? throw new InvalidOperationException($"{bundle}: no control {reference}");
        Assert.All(policy.Rules.SelectMany(r => r.Controls), c => Find(c));
        Assert.All(policy.Document.Attestations, a => Assert.NotEqual(MetBy.Machine, Find(a).Met));
        // What is asked for is looked at by a rule that names it.
        foreach (var word in policy.Document.Attestations)
            Assert.Contains(policy.Rules, r => r.Controls.Contains(word));
        // And a rule on something that words alone can meet asks for that word.
        foreach (var control in policy.Rules.SelectMany(r => r.Controls).Where(c => Find(c).Met == MetBy.Attestation))
            Assert.Contains(control, policy.Document.Attestations);
    }

    /// <summary>Every word that a bundle demands is really demanded: without that one alone, some rule fails.</summary>
    [Theory]
    [InlineData("high-risk")]
    [InlineData("iso-42001")]
    [InlineData("nist-ai-rmf")]
    public void No_word_can_be_left_out(string bundle)
    {
        var policy = Compile(bundle);
        var good = policy.Document.Tests[0];
        Assert.NotEmpty(policy.Document.Attestations);
        foreach (var word in policy.Document.Attestations)
        {
            var without = good with
            {
                Name = "without " + word,
                Input = good.Input.With("attestations", good.Input["attestations"].With(word, Json.EmptyArray))
            };
            var tried = new Policy(policy.Document with { Tests = [without] }).Try();
            var failed = Assert.Single(tried, t => !t.Passed);
            Assert.Equal("failed", failed.Got);
            Assert.Contains(word.Split('/')[1], failed.Message, StringComparison.Ordinal);
            Assert.Contains(word, policy.Rules.Single(r => r.Id == failed.Rule).Controls);
        }
    }

    /// <summary>What a bundle says of its parameters, above its name, are its parameters.</summary>
    [Theory]
    [MemberData(nameof(Bundles))]
    public void Its_head_names_its_parameters_and_how_it_is_put_in_force(string bundle)
    {
        var head = ReadyMade.Text(bundle)!.Split("\nname: ")[0];
        Assert.Contains($"stele policy set bundle:{bundle} --for SYSTEM", head, StringComparison.Ordinal);
        foreach (var (name, _) in Yaml.Parameters(ReadyMade.Text(bundle)!)) Assert.Matches(
            $@"(?m)^# (.*[ ,])?{name}[ ,]", head);
        if (bundle is "high-risk" or "iso-42001" or "nist-ai-rmf")
            Assert.Contains("legal advice", head, StringComparison.OrdinalIgnoreCase);
    }
}
