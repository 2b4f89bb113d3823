using System.Collections.Immutable;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Samples;

/// <summary>
/// The sample's policies, read from their YAML and judged by the engine that judges them in a ledger.
/// </summary>
public sealed class MortgagePolicyTests
{
    [Theory]
    [InlineData("admission")]
    [InlineData("service")]
    public void Their_own_tests_pass_and_nothing_is_to_be_remarked(string name)
    {
        var policy = Read(name);
        Assert.NotEmpty(policy.Try());
        Assert.All(policy.Try(), t => Assert.True(t.Passed, t.ToString()));
        Assert.Empty(PolicyLint.Read(policy));
    }

    [Fact]
    public void A_release_that_shows_everything_passes() =>
        Assert.All(Admit(Input()), o => Assert.Equal(RuleResult.Passed, o.Result));

    [Fact]
    public void Four_fifths_is_refused_with_the_ratio_and_both_rates()
    {
        var failed =
            Failed(
                Admit(
                    Input(
                        metrics: """{"approval_rate_protected":0.674418604651,"approval_rate_reference":0.920432220039,"approval_ratio":0.732719465886,"auc":0.81}""")));
        Assert.Equal("four-fifths", failed.Rule);
        Assert.Equal(
            "four-fifths rule: the approval ratio 0.733 is below 0.8; approved are 67.4 % of the protected group and 92 % of the reference group", failed.Message);
    }

    [Theory]
    [InlineData("""{"approval_ratio":0.8,"auc":0.75}""", null)]
    [InlineData("""{"approval_ratio":1,"auc":1}""", null)]
    [InlineData("""{"auc":0.8}""", "four-fifths")]
    [InlineData("""{"approval_ratio":0.9,"auc":0.749999}""", "auc")]
    [InlineData("""{"approval_ratio":0.9}""", "auc")]
    public void The_bounds_are_the_bounds(string metrics, string? rule)
    {
        var outcomes = Admit(Input(metrics: metrics));
        if (rule is null) Assert.All(outcomes, o => Assert.Equal(RuleResult.Passed, o.Result));
        else Assert.Equal((rule, RuleResult.Failed), (Failed(outcomes).Rule, Failed(outcomes).Result));
    }

    [Fact]
    public void One_bad_evaluation_among_good_ones_refuses() =>
        Assert.Equal("four-fifths",
            Failed(
                Admit(
                    Input(
                        checks: """[{"metrics":{"approval_ratio":0.9,"auc":0.8}},{"metrics":{"approval_ratio":0.7,"approval_rate_protected":0.5,"approval_rate_reference":0.6,"auc":0.8}}]"""))).Rule);

    [Fact]
    public void No_evaluation_is_not_a_good_one() => Assert.Equal("checked", Failed(Admit(Input(checks: "[]"))).Rule);

    [Theory]
    [InlineData("code")]
    [InlineData("model")]
    public void What_nobody_built_on_record_is_refused(string kind)
    {
        var failed =
            Failed(
                Admit(
                    Input(
                        components: $$"""[{"kind":"{{kind}}","role":"scorer","strength":"claimed"},{"kind":"environment","role":"environment","strength":"imported"}]""")));
        Assert.Equal(("built", "not built by a recorded pipeline run: scorer"), (failed.Rule, failed.Message));
    }

    [Theory]
    [InlineData("deploy")]
    [InlineData("canary")]
    [InlineData("rollback")]
    public void Nothing_moves_without_a_second_person(string action)
    {
        var failed = Failed(Admit(Input(approvals: "[]"), action));
        Assert.Equal(("two-person", $"nobody but the release's authors has approved this {action}"),
            (failed.Rule, failed.Message));
    }

    [Theory]
    [InlineData("POST", "/predict", "applicant-desk", null)]
    [InlineData("GET", "/predict", "applicant-desk", "predict-only")]
    [InlineData("POST", "/predict/", "applicant-desk", "predict-only")]
    [InlineData("POST", "/health", "applicant-desk", "predict-only")]
    [InlineData("POST", "/predict", "visitor", "applicant-desk")]
    public void Requests_are_let_through_by_operation_and_role(string method, string path, string role, string? rule)
    {
        var input =
            Parse(
                $$"""{"action":"decide","principal":{"id":"p1","roles":["{{role}}"]},"request":{"method":"{{method}}","path":"{{path}}"},"time":1}""");
        var outcomes = Read("service").Judge("decide", InputSchema.ToCel(input),
            ImmutableDictionary<string, long>.Empty, new Budget());
        Assert.Equal(2, outcomes.Length);
        Assert.Equal(rule, outcomes.SingleOrDefault(o => o.Result != RuleResult.Passed)?.Rule);
    }

    static ImmutableArray<RuleOutcome> Admit(Json input, string? action = null)
    {
        action ??= "deploy";
        var outcomes = Read("admission").Judge(action,
            InputSchema.ToCel(
                Json.Object(input.AsObject.Select(m => m.Key == "action"
                    ? KeyValuePair.Create(m.Key, Json.Of(action))
                    : m))), ImmutableDictionary<string, long>.Empty, new Budget());
        Assert.Equal(action == "rollback" ? 2 : 5, outcomes.Length);
        return outcomes;
    }

    static RuleOutcome Failed(ImmutableArray<RuleOutcome> outcomes) =>
        Assert.Single(outcomes, o => o.Result != RuleResult.Passed);

    static Json Input(string? metrics = null, string? checks = null, string? components = null,
        string? approvals = null) => Parse($$"""
        {"action":"deploy","time":1,"system":{"name":"mortgage","risk":"high"},"environment":{"name":"prod"},
         "release":{"name":"v","components":{{components ?? """[{"kind":"code","role":"service","strength":"built"},{"kind":"model","role":"model","strength":"reproduced"},{"kind":"config","role":"config","strength":"claimed"}]"""}}},
         "checks":{"fairness":{{checks ?? $$"""[{"entry":7,"metrics":{{metrics ?? """{"approval_ratio":0.83,"auc":0.8}"""}}}]"""}}},
         "approvals":{{approvals ?? """[{"entry":8,"expires":9,"member":"m"}]"""}}}
        """);

    static Json Parse(string json) => CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(json), 1 << 16);

    static Policy Read(string name) =>
        PolicySource.Compile(name, File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "policies", $"{name}.yaml")),
        name == "service"
            ? ImmutableSortedDictionary<string, string>.Empty
            : ImmutableSortedDictionary<string, string>.Empty.Add("fairness", Digest.Of("check"u8).ToString()));
}
