extern alias train;

using train::Mortgage.Model;
using train::Mortgage.Train;

namespace Stele.Tests.Samples;

public sealed class MortgageTrainingTests(ITestOutputHelper output)
{
    [Fact]
    public void Weights_make_group_and_label_independent()
    {
        // Kamiran and Calders' own kind of table: 4 of group a with 1 denied, 6 of group b with 3 denied.
        string[] groups = ["a", "a", "a", "a", "b", "b", "b", "b", "b", "b"];
        string[] labels = ["yes", "no", "no", "no", "yes", "yes", "yes", "no", "no", "no"];
        var weights = Weights.Reweigh(groups, labels);
        Assert.Equal(0.4 * 0.4 / 0.1, weights[0], 1e-15);
        Assert.Equal(0.4 * 0.6 / 0.3, weights[1], 1e-15);
        Assert.Equal(0.6 * 0.4 / 0.3, weights[4], 1e-15);
        Assert.Equal(0.6 * 0.6 / 0.3, weights[9], 1e-15);
        double Rate(string group) =>
            groups.Select((g, i) => g == group && labels[i] == "yes" ? weights[i] : 0)
                .Sum() / groups.Select((g, i) => g == group ? weights[i] : 0).Sum();
        Assert.Equal(0.4, Rate("a"), 1e-15);
        Assert.Equal(0.4, Rate("b"), 1e-15);
    }

    [Fact]
    public void The_fit_solves_a_table_whose_answer_is_known()
    {
        // With one 0/1 column the fitted probabilities are the groups' own rates: 1/4 and 3/5.
        double[][] rows = [[0], [0], [0], [0], [1], [1], [1], [1], [1]];
        double[] labels = [1, 0, 0, 0, 1, 1, 1, 0, 0];
        var beta = Regression.Fit(rows, labels, [1, 1, 1, 1, 1, 1, 1, 1, 1]);
        Assert.Equal(Math.Log(0.25 / 0.75), beta[0], 1e-9);
        Assert.Equal(Math.Log(0.6 / 0.4), beta[0] + beta[1], 1e-9);
    }

    [Fact]
    public void Columns_that_carry_the_same_information_are_refused() =>
        Assert.Throws<ArithmeticException>(() =>
            Regression.Fit([[0, 0], [1, 1], [0, 0], [1, 1]], [0, 1, 1, 0], [1, 1, 1, 1]));

    [Fact]
    public void The_exponential_is_the_exponential()
    {
        var random = new Random(3);
        for (var i = 0; i < 100_000; i++)
        {
            var x = (random.NextDouble() - 0.5) * 1380;
            Assert.Equal(1, LogisticModel.Exp(x) / Math.Exp(x), 6e-16);
        }

        Assert.Equal(1, LogisticModel.Exp(0));
        Assert.Equal(0, LogisticModel.Exp(-1000));
        Assert.Equal(1, LogisticModel.Logistic(1e9));
        Assert.Equal(0, LogisticModel.Logistic(-1e9));
    }

    [Fact]
    public void A_model_reads_back_as_it_was_written()
    {
        var model = Trainer.Train(Csv.Read(Path.Combine(MortgagePipeline.Sample, "data")), "afam", "afam");
        Assert.Equal(model.ToJson(), LogisticModel.Parse(model.ToJson()).ToJson());
        Stele.Proof.CanonicalJson.ParseCanonical(model.ToJson(), 1 << 16);
    }

    /// <summary>
    /// The table in DATASHEET.md: how often each version passes the four-fifths rule when the halves are drawn by lot.
    /// </summary>
    [Fact]
    public void How_much_the_split_decides()
    {
        const int splits = 100;
        var lines = File.ReadAllLines(Path.Combine(MortgagePipeline.Sample, "data", "hmda.csv"));
        var random = new Random(1);
        double[][] thresholds = [[0.25, 0, 0, 0, 0], [0.30, 0, 0, 0, 0]];
        for (var i = 0; i < splits; i++)
        {
            var rows = lines[1..];
            random.Shuffle(rows);
            var train = Csv.Parse(string.Join('\n', rows[..1190].Prepend(lines[0])));
            var rest = Csv.Parse(string.Join('\n', rows[1190..].Prepend(lines[0])));
            var (v1, v2) = (Trainer.Train(train, null, null), Trainer.Train(train, "afam", "afam"));
            foreach (var row in thresholds)
            {
                var (r1, r2) = (Ratio(v1, rest, row[0]), Ratio(v2, rest, row[0]));
                row[1] += r1 / splits;
                row[2] += r2 / splits;
                row[3] += r1 >= 0.8 ? 1 : 0;
                row[4] += r2 >= 0.8 ? 1 : 0;
            }
        }

        var datasheet = File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "data", "DATASHEET.md"));
        var table =
            thresholds.Select(row =>
                FormattableString.Invariant(
                    $"| {row[0]:0.00} | {row[1]:0.000} | {row[2]:0.000} | {row[3]} of {splits} | {row[4]} of {splits} |")).ToArray();
        Array.ForEach(table, output.WriteLine);
        Assert.All(table, line => Assert.Contains(line, datasheet, StringComparison.Ordinal));
    }

    static double Ratio(LogisticModel model, Csv data, double threshold)
    {
        var group = data.Column("afam");
        Dictionary<string, (int Approved, int All)> counts = new(StringComparer.Ordinal)
        {
            ["yes"] = default,
            ["no"] = default
        };
        var values = new double[model.Columns.Count];
        foreach (var row in data.Rows)
        {
            for (var j = 0; j < values.Length; j++)
                Assert.True(model.Columns[j].TryRead(row[data.Column(model.Columns[j].Name)], out values[j]));
            var (approved, all) = counts[row[group].Text];
            counts[row[group].Text] = (approved + (JsonNumber.Round(model.Score(values)) < threshold ? 1 : 0), all + 1);
        }

        return (double)counts["yes"].Approved / counts["yes"].All / ((double)counts["no"].Approved / counts["no"].All);
    }
}
