using System.Security.Cryptography;
using System.Text.Json;
using Stele.Proof;
using YamlDotNet.Serialization;

namespace Stele.Tests.Samples;

public sealed class MortgagePipelineTests(MortgagePipeline pipeline, ITestOutputHelper output)
{
    [Fact]
    public void The_dataset_is_the_one_the_datasheet_names()
    {
        var digest = Convert.ToHexStringLower(
            SHA256.HashData(File.ReadAllBytes(Path.Combine(MortgagePipeline.Sample, "data", "hmda.csv"))));
        Assert.Equal("958315173bfa5fed71fed6a17547dbc4b91774b02d082c167371266582eed758", digest);
        Assert.Contains(digest, File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "data", "DATASHEET.md")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_datasheet_counts_rightly()
    {
        var rows = File.ReadAllLines(Path.Combine(MortgagePipeline.Sample, "data", "hmda.csv"))[1..];
        var cells = rows.Select(row => row.Split(',')).ToArray();
        int Count(string deny, string afam) => cells.Count(c => c[0] == $"\"{deny}\"" && c[11] == $"\"{afam}\"");
        Assert.Equal((96, 243, 189, 1852),
            (Count("yes", "yes"), Count("no", "yes"), Count("yes", "no"), Count("no", "no")));
        var twice = rows.Select((row, i) => (row, Number: i + 1)).GroupBy(r => r.row).Where(g => g.Count() > 1)
            .Select(g => g.Select(r => r.Number).ToArray()).ToArray();
        Assert.Equal([[319, 320], [702, 703], [1928, 1929]], twice);
    }

    [Fact]
    public void A_second_run_in_another_folder_gives_the_same_bytes()
    {
        var first = Files(pipeline.World);
        var again = MortgagePipeline.NewFolder();
        try
        {
            Assert.Equal(first, Files(MortgagePipeline.Run(again)));
        }
        finally
        {
            Directory.Delete(again, recursive: true);
        }

        Assert.Equal(13, first.Count);
    }

    [Fact]
    public void Without_vector_instructions_the_models_have_the_same_bytes()
    {
        var folder = MortgagePipeline.NewFolder();
        try
        {
            foreach (var step in new[] { "train-v1", "train-v2" })
            {
                var model = Path.Combine(folder, step);
                string[] arguments = step == "train-v1" ? [] : ["--drop", "afam", "--reweigh", "afam"];
                var start = MortgagePipeline.Describe([MortgagePipeline.Dotnet, "exec", "--runtimeconfig",
                    RuntimeConfig("Train"), pipeline.Output("compile-train", "train.dll"),
                    "--data", pipeline.Output("split-train", "train.csv"), "--out", model, .. arguments]);
                start.Environment["DOTNET_EnableHWIntrinsic"] = "0";
                start.Environment["DOTNET_TieredCompilation"] = "0";
                using var process = System.Diagnostics.Process.Start(start)!;
                process.WaitForExit();
                Assert.Equal(0, process.ExitCode);
                Assert.Equal(File.ReadAllBytes(pipeline.Output(step, "model.json")), File.ReadAllBytes(model));
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void The_halves_are_disjoint_and_lose_no_row()
    {
        var all = File.ReadAllLines(Path.Combine(MortgagePipeline.Sample, "data", "hmda.csv"));
        var train = File.ReadAllLines(pipeline.Output("split-train", "train.csv"));
        var evaluation = File.ReadAllLines(pipeline.Output("split-evaluation", "evaluation.csv"));
        Assert.Equal(all[0], train[0]);
        Assert.Equal(all[0], evaluation[0]);
        Assert.Equal(all[1..].Where((_, i) => i % 2 == 1), train[1..]);
        Assert.Equal(all[1..].Where((_, i) => i % 2 == 0), evaluation[1..]);
    }

    [Fact]
    public void The_four_fifths_rule_refuses_v1_and_passes_v2()
    {
        var (v1, v2) = (Report("train-v1", "evaluation"), Report("train-v2", "evaluation"));
        foreach (var (name, report) in new[] { ("v1", v1), ("v2", v2) })
        {
            output.WriteLine(
                $"{name}: approval ratio {Metric(report, "approval_ratio"):0.000} [{Metric(report, "approval_ratio_low"):0.000}, {Metric(report, "approval_ratio_high"):0.000}], "
                + $"approved {Metric(report, "approval_rate_protected"):0.000} of the protected group and {Metric(report, "approval_rate_reference"):0.000} of the reference group, AUC {Metric(report, "auc"):0.000}");
        }

        var datasheet = string.Join(' ', File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "data", "DATASHEET.md"))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains(
            $"v1's ratio is {Metric(v1, "approval_ratio"):0.000} (interval {Metric(v1, "approval_ratio_low"):0.000} to {Metric(v1, "approval_ratio_high"):0.000})", datasheet, StringComparison.Ordinal);
        Assert.Contains(
            $"v2's {Metric(v2, "approval_ratio"):0.000} ({Metric(v2, "approval_ratio_low"):0.000} to {Metric(v2, "approval_ratio_high"):0.000})", datasheet, StringComparison.Ordinal);
        Assert.True(Metric(v1, "approval_ratio") < 0.8);
        Assert.True(Metric(v2, "approval_ratio") >= 0.8);
        Assert.True(Metric(v1, "auc") >= 0.75);
        Assert.True(Metric(v2, "auc") >= 0.75);
        Assert.Equal(1190, v1.GetProperty("counts").GetProperty("rows").GetInt32());
    }

    /// <summary>
    /// The same programs with the halves exchanged: what DATASHEET.md says about how much the split decides.
    /// </summary>
    [Fact]
    public void With_the_halves_exchanged_the_rule_refuses_v2_too()
    {
        var folder = MortgagePipeline.NewFolder();
        try
        {
            var model = Path.Combine(folder, "model.json");
            var (code, text) = MortgagePipeline.Start(MortgagePipeline.Dotnet, "exec", "--runtimeconfig",
                RuntimeConfig("Train"), pipeline.Output("compile-train", "train.dll"),
                "--data", pipeline.Output("split-evaluation", "evaluation.csv"), "--out", model, "--drop", "afam",
                "--reweigh", "afam");
            Assert.True(code == 0, text);
            var ratio = Metric(Check(model, pipeline.Output("split-train", "train.csv"), folder), "approval_ratio");
            output.WriteLine($"v2 with the halves exchanged: {ratio:0.000}");
            Assert.True(ratio < 0.8);
            Assert.Contains($"{ratio:0.000}",
                File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "data", "DATASHEET.md")),
                StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void A_release_that_decides_at_another_threshold_is_not_checked()
    {
        using var service = new MortgageService(pipeline, pipeline.Output("train-v1", "model.json"));
        var folder = MortgagePipeline.NewFolder();
        try
        {
            var parameters = Path.Combine(folder, "parameters.json");
            File.WriteAllText(parameters,
                """{"group":"afam","label":"deny","positive":"no","protected":"yes","reference":"no","threshold":0.5}""");
            var (code, text) = StartCheck(service.Socket, pipeline.Output("split-evaluation", "evaluation.csv"),
                parameters, Path.Combine(folder, "report.json"));
            Assert.Equal(1, code);
            Assert.Contains("decides at the threshold 0.25", text, StringComparison.Ordinal);
            Assert.False(File.Exists(Path.Combine(folder, "report.json")));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData("deny,pirat\n\"no\",0.2\n", "2 columns")]
    [InlineData("", "empty")]
    [InlineData("\"a\",\"a\"\n", "stands twice")]
    public void Prepare_refuses_what_is_not_the_dataset(string csv, string reason)
    {
        var folder = MortgagePipeline.NewFolder();
        try
        {
            var data = Path.Combine(folder, "data.csv");
            File.WriteAllText(data, csv);
            var (code, text) = MortgagePipeline.Start(MortgagePipeline.Dotnet, "exec", "--runtimeconfig",
                RuntimeConfig("Prepare"), pipeline.Output("compile-prepare", "prepare.dll"),
                "--data", data, "--part", "train", "--out", Path.Combine(folder, "out.csv"));
            Assert.Equal(1, code);
            Assert.Contains(reason, text, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    JsonElement Report(string step, string half)
    {
        var folder = MortgagePipeline.NewFolder();
        try
        {
            return Check(pipeline.Output(step, "model.json"), pipeline.Output($"split-{half}", $"{half}.csv"), folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    JsonElement Check(string model, string dataset, string folder)
    {
        var document = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(
            File.ReadAllText(Path.Combine(MortgagePipeline.Sample, "fairness.check.yaml")));
        var parameters = Path.Combine(folder, "parameters.json");
        File.WriteAllText(parameters,
            "{" + string.Join(',', ((Dictionary<object, object>)document["parameters"]).Select(p =>
            $"\"{p.Key}\":" + (Equals(p.Key, "threshold") ? p.Value : $"\"{p.Value}\""))) + "}");

        using var service = new MortgageService(pipeline, model);
        var report = Path.Combine(folder, "report.json");
        var (code, text) = StartCheck(service.Socket, dataset, parameters, report);
        Assert.True(code == 0, text);
        var bytes = File.ReadAllBytes(report);
        CanonicalJson.ParseCanonical(bytes, 1 << 20);
        return JsonDocument.Parse(bytes).RootElement;
    }

    (int Code, string Text) StartCheck(string socket, string dataset, string parameters, string report) =>
        MortgagePipeline.Start(MortgagePipeline.Dotnet, pipeline.Output("check", "check.dll"),
            "--release", socket, "--dataset", dataset, "--parameters", parameters, "--seed", "1", "--out", report);

    static string RuntimeConfig(string program) =>
        Path.Combine(MortgagePipeline.Sample, "source", program, $"{program.ToLowerInvariant()}.runtimeconfig.json");

    static double Metric(JsonElement report, string name) =>
        report.GetProperty("metrics").GetProperty(name).GetDouble();

    static SortedDictionary<string, string> Files(string world) => new(
        Directory.GetFiles(world, "*", SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(world, f),
            f => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(f)))),
        StringComparer.Ordinal);
}
