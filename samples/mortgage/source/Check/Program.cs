using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using Mortgage.Model;

namespace Mortgage.Check;

/// <summary>
/// check --release SOCKET --dataset FILE --parameters FILE --seed N --out report.json
/// Puts every row of the dataset, without its label, to the running release and reports how its decisions compare with
/// the labels, in all and by group. It reads nothing of the release but its answers.
/// </summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        try
        {
            var arguments = new Arguments(args, "release", "dataset", "parameters", "seed", "out");
            var parameters = Parameters.Parse(File.ReadAllBytes(arguments["parameters"]));
            if (!ulong.TryParse(arguments["seed"], NumberStyles.None, CultureInfo.InvariantCulture, out var seed))
            {
                throw new ArgumentException($"--seed {arguments["seed"]}: expected a whole number");
            }

            var dataset = Csv.Read(arguments["dataset"]);
            var label = dataset.Column(parameters.Label);
            var group = dataset.Column(parameters.Group);
            var outcomes = new List<Outcome>(dataset.Rows.Count);
            using var release = new Release(arguments["release"]);
            foreach (var row in dataset.Rows)
            {
                var (approved, denial) = release.Predict(Application(dataset, row, label), parameters.Threshold);
                outcomes.Add(new Outcome(row[group].Text, row[label].Text == parameters.Positive, approved, denial));
            }

            File.WriteAllBytes(arguments["out"], Report.Write(outcomes, parameters, seed));
            Console.Out.WriteLine($"{outcomes.Count} rows");
            return 0;
        }
        catch (Exception e) when (e is ArgumentException or InvalidDataException or IOException or HttpRequestException
            or TaskCanceledException or JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            Console.Error.WriteLine($"check: error: {e.Message}");
            return 1;
        }
    }

    /// <summary>The row as a request body: quoted cells are strings, the others stand as they are.</summary>
    private static byte[] Application(Csv dataset, Cell[] row, int label)
    {
        var json = new StringBuilder();
        for (var i = 0; i < row.Length; i++)
        {
            if (i != label)
            {
                json.Append(json.Length == 0 ? "{" : ",").Append('"').Append(dataset.Names[i]).Append("\":");
                json.Append(row[i].Quoted ? $"\"{row[i].Text}\"" : row[i].Text);
            }
        }

        return Encoding.UTF8.GetBytes(json.Append('}').ToString());
    }
}
