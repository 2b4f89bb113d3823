using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Tests.Governance;

public sealed class PolicyLintTests
{
    static readonly Rule Good = Rule.Require("good", ["deploy"], "size(approvals) > 0 && size(checks.fair) > 0", "'no'") with { Controls = ["x/1"] };

    static readonly PolicyDocument Clean = new("p")
    {
        Checks = ImmutableSortedDictionary<string, Digest>.Empty.Add("fair", default),
        Rules = [Good],
        Tests = [Test("passed", """{"approvals":[{}],"checks":{"fair":[{}]}}"""), Test("failed", "{}")],
    };

    static PolicyTest Test(string outcome, string input, string rule = "good") =>
        new(outcome, "deploy", CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(input), 1000), ImmutableSortedDictionary<string, string>.Empty.Add(rule, outcome));

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
        Assert.Equal("absent-input absent-input", Codes(Clean with { Rules = [Good with { On = ["deploy", "member"] }] }));
        Assert.Equal("shadowed", Codes(Clean with { Rules = [Good with { Expr = "checks.fair.all(release, release.entry > 0) && size(approvals) > 0" }] }));
        Assert.Equal("always-true", Codes(Clean with { Checks = Clean.Checks.Clear(), Rules = [Good with { Expr = "1 == 1" }], Tests = [Test("passed", "{}"), Test("failed", "{}") with { Name = "x" }] }));
        Assert.Contains("look-alike", Codes(Clean with { Rules = [Good, Good with { Id = "go-od" }] }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("checks[\"fair\"].all(e, e.entry > 0)")]
    [InlineData("checks.all(name, size(checks[name]) > 0)")]
    [InlineData("size(checks) == 1")]
    public void A_check_is_used_however_it_is_reached(string expr) => Assert.DoesNotContain("unused-check", Codes(Clean with { Rules = [Good with { Expr = expr + " && size(approvals) > 0" }] }), StringComparison.Ordinal);
}
