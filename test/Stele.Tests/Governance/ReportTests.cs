using System.Text;
using Stele.Proof.Governance;

namespace Stele.Tests.Governance;

public sealed class ReportTests
{
    static Report Parse(string json) => Report.Parse(Encoding.UTF8.GetBytes(json));

    [Fact]
    public void An_undefined_metric_is_absent()
    {
        var report =
            Parse(
                """{"counts":{"n":3},"groups":{"a":{"x":{"undefined":"none"},"y":1}},"metrics":{"auc":0.5,"ratio":{"undefined":"no rows"}}}""");
        Assert.Equal(("{\"auc\":0.5}", "{\"a\":{\"y\":1}}", "{\"n\":3}"),
            (report.Metrics.ToString(), report.Groups.ToString(), report.Counts.ToString()));
    }

    [Theory]
    [InlineData("""{}"""), InlineData("""[]"""), InlineData("""{"metrics":1}"""), InlineData("""{"metrics":{"a":"0.9"}}"""), InlineData("""{"metrics":{"a":null}}"""), InlineData("""{"metrics":{"a":true}}""")]
    [InlineData("""{"metrics":{"a":{"undefined":1}}}"""), InlineData("""{"metrics":{"a":{"undefined":"x","y":1}}}"""), InlineData("""{"metrics":{"a":{}}}"""), InlineData("""{"groups":[],"metrics":{}}""")]
    [InlineData("""{"groups":{"a":1},"metrics":{}}"""), InlineData("""{"groups":{"a":{"b":"c"}},"metrics":{}}"""), InlineData("""{"groups":{"a":{"b":{"c":1}}},"metrics":{}}""")]
    [InlineData("""{"counts":3,"metrics":{}}"""), InlineData("""{"metrics":{},"more":{}}"""), InlineData("""{"metrics":{} }""")]
    public void What_is_no_report_is_refused(string json) => Assert.Throws<FormatException>(() => Parse(json));

    [Fact]
    public void Counts_are_nested_no_deeper_than_eight()
    {
        static string Nested(int depth) =>
            "{\"counts\":" + string.Concat(Enumerable.Repeat("{\"a\":", depth - 1)) + "[]" + new string('}', depth - 1)
            + ",\"metrics\":{}}";
        Parse(Nested(Report.MaxDepth));
        Assert.Contains("more than 8 deep",
            Assert.Throws<FormatException>(() => Parse(Nested(Report.MaxDepth + 1))).Message, StringComparison.Ordinal);
    }
}
