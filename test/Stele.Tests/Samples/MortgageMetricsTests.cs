extern alias check;

using System.Text;
using check::Mortgage.Check;
using check::Mortgage.Model;
using Stele.Proof;

namespace Stele.Tests.Samples;

public sealed class MortgageMetricsTests
{
    static readonly Parameters Parameters = new("deny", "no", "afam", "yes", "no", 0.25);

    // Group a: 4 rows, 3 approved. Group b: 5 rows, 4 approved.
    static readonly Outcome[] Small =
    [
        new("yes", Favourable: true, Approved: true, 0.1),
        new("yes", Favourable: true, Approved: false, 0.5),
        new("yes", Favourable: false, Approved: true, 0.2),
        new("yes", Favourable: true, Approved: true, 0.2),
        new("no", Favourable: true, Approved: true, 0.1),
        new("no", Favourable: true, Approved: true, 0.0),
        new("no", Favourable: false, Approved: false, 0.9),
        new("no", Favourable: true, Approved: true, 0.2),
        new("no", Favourable: false, Approved: true, 0.1),
    ];

    [Fact]
    public void Counts_and_rates_by_hand()
    {
        var counts = Metrics.Counts(Small);
        Assert.Equal((9, 5, 2, 1, 1), (counts["rows"], counts["true_approvals"], counts["false_approvals"],
            counts["true_denials"], counts["false_denials"]));
        var all = Metrics.Performance(Small);
        Near(6.0 / 9, all["accuracy"]);
        Near(7.0 / 9, all["approval_rate"]);
        Near(5.0 / 6, all["true_approval_rate"]);
        Near(1.0 / 3, all["true_denial_rate"]);
        // Squared errors: 0.01 0.25 0.64 0.04 · 0.01 0 0.01 0.04 0.81
        Near(1.81 / 9, all["brier"]);
    }

    [Fact]
    public void Auc_by_hand_with_ties()
    {
        // Unfavourable 0.2, 0.9, 0.1 against favourable 0.1 0.5 0.2 0.1 0.0 0.2, a win 1 and a tie ½:
        // 0.2: 3 wins, 2 ties → 4;  0.9: 6;  0.1: 1 win, 2 ties → 2;  12 of 18.
        Near(12.0 / 18, Metrics.Auc(Small));
    }

    [Fact]
    public void Fairness_by_hand()
    {
        var fairness = Metrics.Fairness(Small[..4], Small[4..]);
        Near(0.75, fairness["approval_rate_protected"]);
        Near(0.8, fairness["approval_rate_reference"]);
        Near(0.75 / 0.8, fairness["approval_ratio"]);
        Near(0.05, fairness["approval_difference"]);
        // Favourable rows approved: 2 of 3 against 3 of 3.
        Near(1.0 / 3, fairness["equal_opportunity_difference"]);
    }

    [Fact]
    public void What_cannot_be_computed_is_undefined_with_a_reason()
    {
        Assert.Equal("no rows", Metrics.Performance([])["accuracy"].Undefined);
        Assert.Equal("only one outcome among the rows", Metrics.Auc([Small[0], Small[1]]).Undefined);
        Assert.Equal("nobody in the reference group was approved", Metrics.Ratio(Small[..4], [Small[6]]).Undefined);
        Assert.Equal("no rows in the protected group", Metrics.Ratio([], Small[4..]).Undefined);
        Assert.Equal("no rows in the reference group", Metrics.Ratio(Small[..4], []).Undefined);
        Assert.Equal("no favourable rows",
            Metrics.Fairness([Small[2]], Small[4..])["equal_opportunity_difference"].Undefined);
        Assert.Equal("""{"undefined":"no rows"}""", Metrics.Performance([])["brier"].ToString());
        Assert.Throws<ArithmeticException>(() => Metric.Of(double.NaN));
    }

    [Fact]
    public void A_report_is_canonical_and_the_same_for_the_same_seed()
    {
        foreach (var outcomes in new[] { Small, Small[..4], [] })
        {
            var report = Report.Write(outcomes, Parameters, 1);
            CanonicalJson.ParseCanonical(report, 1 << 20);
            Assert.Equal(report, Report.Write(outcomes, Parameters, 1));
        }

        var text = Encoding.UTF8.GetString(Report.Write(Small[..4], Parameters, 1));
        Assert.Contains("\"approval_ratio\":{\"undefined\":\"no rows in the reference group\"}", text,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_interval_holds_the_ratio_and_moves_with_the_seed()
    {
        var many = Enumerable.Range(0, 400).Select(i => new Outcome(i % 4 == 0 ? "yes" : "no", true, i % 7 != 0, 0))
            .ToArray();
        var (a, b) = (many.Where(o => o.Group == "yes").ToArray(), many.Where(o => o.Group == "no").ToArray());
        var ratio = Metrics.Ratio(a, b).Value!.Value;
        var (low, high) = new Bootstrap(1).ApprovalRatio(a, b);
        Assert.InRange(ratio, low.Value!.Value, high.Value!.Value);
        Assert.True(high.Value - low.Value is > 0.02 and < 0.4);
        Assert.NotEqual((low, high), new Bootstrap(2).ApprovalRatio(a, b));
    }

    [Fact]
    public void Numbers_are_laid_out_as_canonical_JSON_lays_them_out()
    {
        var random = new Random(5);
        double[] edges = [0, -0.0, 1, -1, 0.1, 100, 1e20, 1e21, 123456789012345680000d, 1.5e-6, 1e-7, -2.5e-9,
            double.MaxValue, double.Epsilon, 0.000001234, 4503599627370497.5];
        foreach (var value in edges.Concat(Enumerable.Range(0, 20_000)
            .Select(_ => BitConverter.Int64BitsToDouble(random.NextInt64())).Where(double.IsFinite)))
        {
            var text = JsonNumber.Format(value);
            CanonicalJson.ParseCanonical(Encoding.ASCII.GetBytes($"[{text}]"), 100);
            Assert.Equal(value, double.Parse(text, System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    [Theory]
    [InlineData(1.0 / 3, "0.333333333333")]
    [InlineData(2.0 / 3, "0.666666666667")]
    [InlineData(123456789.123456789, "123456789.123")]
    [InlineData(0.1 + 0.2, "0.3")]
    public void Rounding_keeps_twelve_significant_digits(double value, string text) =>
        Assert.Equal(text, JsonNumber.Format(JsonNumber.Round(value)));

    static void Near(double expected, Metric metric) => Assert.Equal(expected, metric.Value!.Value, 1e-11);
}
