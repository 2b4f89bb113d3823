using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Tests.Governance;

public sealed class PolicyLintTests
{
    static readonly Rule Good = Rule.Require("good", ["deploy"], "size(approvals) > 0 && size(checks.fair) > 0",
        "'no'") with { Controls = ["x/1"] };

    static readonly PolicyDocument Clean = new("p")
    {
        Checks = ImmutableSortedDictionary<string, Digest>.Empty.Add("fair", default),
        Rules = [Good],
        Tests = [Test("passed", """{"approvals":[{}],"checks":{"fair":[{}]}}"""), Test("failed", "{}")],
    };

    static PolicyTest Test(string outcome, string input, string rule = "good") =>
        new(outcome, "deploy", CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(input), 1000),
            ImmutableSortedDictionary<string, string>.Empty.Add(rule, outcome));

    static string Codes(PolicyDocument d) => string.Join(' ', PolicyLint.Read(new Policy(d)).Select(r => r.Code));

    [Fact]
    public void A_careful_policy_gets_no_remark() => Assert.Equal("", Codes(Clean));

    [Fact]
    public void Each_slip_is_remarked_on_by_name()
    {
        Assert.Equal("unused-definition", Codes(Clean with { Definitions = Clean.Definitions.Add("left", "1") }));
        Assert.Equal("unused-check", Codes(Clean with { Checks = Clean.Checks.Add("safe", default) }));
        Assert.Equal("unused-attestation", Codes(Clean with { Attestations = ["x/2"] }));
        Assert.Equal("no-message", Codes(Clean with { Rules = [Good with { Message = null }] }));
        Assert.Equal("no-controls", Codes(Clean with { Rules = [Good with { Controls = [] }] }));
        Assert.Equal("untested", Codes(Clean with { Tests = [] }));
        Assert.Equal("half-tested", Codes(Clean with { Tests = [Clean.Tests[0]] }));
        Assert.Equal("half-tested", Codes(Clean with { Tests = [Clean.Tests[1]] }));
        Assert.Equal("absent-input absent-input",
            Codes(Clean with { Rules = [Good with { On = ["deploy", "member"] }] }));
        Assert.Equal("shadowed",
            Codes(Clean with { Rules =
                [Good with { Expr = "checks.fair.all(release, release.entry > 0) && size(approvals) > 0" }] }));
        Assert.Equal("always-true", Codes(Clean with
        {
            Checks = Clean.Checks.Clear(),
            Rules = [Good with { Expr = "1 == 1" }],
            Tests = [Test("passed", "{}"), Test("failed", "{}") with { Name = "x" }]
        }));
        Assert.Contains("look-alike", Codes(Clean with { Rules = [Good, Good with { Id = "go-od" }] }),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("checks[\"fair\"].all(e, e.entry > 0)")]
    [InlineData("checks.all(name, size(checks[name]) > 0)")]
    [InlineData("size(checks) == 1")]
    public void A_check_is_used_however_it_is_reached(string expr) =>
        Assert.DoesNotContain("unused-check",
            Codes(Clean with { Rules = [Good with { Expr = expr + " && size(approvals) > 0" }] }),
            StringComparison.Ordinal);

    [Theory]
    [InlineData("checks.fair.all(e, e.entry > 0)", "checks.fair")]
    [InlineData("!checks.fair.exists(e, e.entry < 0)", "checks.fair")]
    [InlineData("size(checks.fair.filter(e, e.entry < 0)) == 0", "checks.fair")]
    [InlineData("bad.size() == 0", "checks.fair")]
    [InlineData("all_of.all(e, e.entry > 0)", "checks.fair")]
    [InlineData("checks[\"fair\"].all(e, e.entry > 0)", "checks[\"fair\"]")]
    [InlineData("has(environment.head) || approvals.all(a, a.member != \"x\")", "approvals")]
    [InlineData("has(environment.head) ? false : approvals.all(a, a.member != \"x\")", "approvals")]
    [InlineData("attestations[\"x/1\"].all(a, a.member != \"x\")", "attestations[\"x/1\"]")]
    [InlineData("release.ran.all(r, r.environment == \"staging\")", "release.ran")]
    public void A_rule_that_passes_where_nobody_looked_is_remarked_on(string expr, string list)
    {
        var d = Clean with
        {
            Attestations = ["x/1"],
            Definitions = Clean.Definitions.Add("bad", "checks.fair.filter(e, e.entry < 0)")
                .Add("all_of", "checks.fair"),
            Rules = [Good with { Expr = expr }],
        };
        Assert.Contains($"the rule 'good' is true where nothing is in '{list}'",
            string.Join('\n', PolicyLint.Read(new Policy(d)).Where(r => r.Code == "passes-on-nothing")
            .Select(r => r.Message)), StringComparison.Ordinal);
        // Not where the rule itself, or another that must hold for the same action, demands that something is there.
        Assert.DoesNotContain("passes-on-nothing",
            Codes(d with { Rules = [Good with { Expr = $"size({list}) > 0 && ({expr})" }] }), StringComparison.Ordinal);
        var other = Good with { Id = "other", Expr = $"size({list}) > 0" };
        Assert.DoesNotContain("passes-on-nothing", Codes(d with { Rules = [d.Rules[0], other] }),
            StringComparison.Ordinal);
        Assert.Contains("passes-on-nothing", Codes(d with { Rules = [d.Rules[0], other with { On = ["canary"] }] }),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("release.sources.all(s, s.licence != \"\")")]
    [InlineData("size(checks.fair) == 0 || checks.fair.all(e, e.entry > 0)")]
    [InlineData("checks.fair.exists(e, e.entry > 0)")]
    [InlineData("waivers.all(w, w.member != \"x\")")]
    public void What_may_be_empty_is_not(string expr) =>
        Assert.DoesNotContain("passes-on-nothing", Codes(Clean with { Rules = [Good with { Expr = expr }] }),
        StringComparison.Ordinal);

    [Theory]
    [InlineData("deny", "request.path == \"/admin\"", "request.path")]
    [InlineData("deny", "\"/admin\" == request.path", "request.path")]
    [InlineData("deny", "request.path.startsWith(\"/admin\")", "request.path")]
    [InlineData("deny", "request.path in [\"/1\", \"/admin\"]", "request.path")]
    [InlineData("deny", "request.path.matches(\"^/admin\")", "request.path")]
    [InlineData("hold", "request.body.items.exists(i, i.name == \"knife\")", "request.body.items[].name")]
    [InlineData("deny", "place == \"Zürich\"", "request.body.place")]
    [InlineData("deny", "request.size > 3 ? request.model == \"m\" : false", "request.model")]
    [InlineData("deny", "forbidden", "request.method")]
    [InlineData("require", "request.path != \"/admin\"", "request.path")]
    [InlineData("require", "!(request.path == \"/admin\" || request.path.contains(\"root\"))", "request.path")]
    [InlineData("allow", "!request.query.contains(\"debug\")", "request.query")]
    public void What_case_folding_slips_by_is_remarked_on(string effect, string expr, string read)
    {
        var remarks = PolicyLint.Read(new Policy(Deciding(effect, expr))).Where(r => r.Code == "case-sensitive")
            .ToArray();
        Assert.NotEmpty(remarks);
        Assert.All(remarks, r => Assert.StartsWith($"the rule 'decides' compares {read} with '", r.Message,
            StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("deny", "request.path.lowerAscii() == \"/admin\"")]
    [InlineData("deny", "request.path.lowerAscii().startsWith(\"/admin\")")]
    [InlineData("deny", "request.path.matches(\"(?i)^/admin\")")]
    [InlineData("deny", "request.path.matches(\"^/\\\\d+$\")")]
    [InlineData("deny", "request.path == \"/1\"")]
    [InlineData("deny", "release.name == \"v1\"")]
    [InlineData("deny", "request.path != \"/predict\"")]
    [InlineData("require", "request.path == \"/predict\"")]
    [InlineData("allow", "request.path.startsWith(\"/predict\") && request.method == \"POST\"")]
    public void What_fails_closed_is_not(string effect, string expr) =>
        Assert.DoesNotContain("case-sensitive", Codes(Deciding(effect, expr)), StringComparison.Ordinal);

    static PolicyDocument Deciding(string effect, string expr) => new("p")
    {
        Definitions = ImmutableSortedDictionary<string, string>.Empty.Add("place", "request.body.place")
            .Add("forbidden", "request.method == \"DELETE\""),
        Rules = [new Rule("decides", ["decide"], Effects.Parse(effect)!.Value, expr)],
    };

    [Fact]
    public void Attestations_are_looked_up_by_names_that_are_put_together() =>
        Assert.Equal("", Codes(Clean with { Attestations = ["x/2"],
            Rules = [Good with { Expr = Good.Expr + " && [\"2\"].all(c, size(attestations[\"x/\" + c]) >= 0)" }] }));
}
