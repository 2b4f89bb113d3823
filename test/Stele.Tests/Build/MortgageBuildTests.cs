using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Tests.Build;

/// <summary>The sample's whole way to two releases, in the sandbox: compiled, split, trained and checked, each step twice.</summary>
public sealed class MortgageBuildTests : IDisposable
{
    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Two_models_are_built_reproducibly_released_and_checked()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        var sample = Path.Combine(Repository.Root, "samples", "mortgage");
        var blobs = new BlobStore(_scratch.At("blobs"));
        var sdk = await Recipes.Dotnet(compiler: true).Freeze(blobs, new About("sdk"));
        var runtime = await Recipes.Dotnet().Freeze(blobs, new About("runtime"));
        // The projects beside the sources leave bin and obj there; what is frozen is what a clone has.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(sample, "source"), "*", SearchOption.AllDirectories).Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal)))
            _scratch.File($"source/{Path.GetRelativePath(Path.Combine(sample, "source"), file)}", await File.ReadAllTextAsync(file));
        var values = Recipes.DotnetPlaces.Remove("settings");
        var pipeline = await Pipeline.Compile("pipeline.yaml", await File.ReadAllTextAsync(Path.Combine(sample, "pipeline.yaml")), values).Freeze(blobs);
        using var trees = new Trees(blobs, _scratch.Path);
        var built = (await new PipelineRun(trees).Run(pipeline, new Dictionary<string, Digest>
        {
            ["sdk"] = sdk,
            ["source"] = await Freeze.Path(blobs, _scratch.At("source"), "code", new About("source")),
            ["data"] = await Freeze.Path(blobs, Path.Combine(sample, "data"), "dataset", new About("hmda")),
        }, verify: true)).ToDictionary(b => b.Step);
        Assert.All(built.Values, b => Assert.True(b.Runs.Agree, $"{b.Step} gave two outputs"));

        var config = await Freeze.Path(blobs, Path.Combine(sample, "config"), "config", new About("config"));
        var parameters = Yaml.Parse("fairness.check.yaml", await File.ReadAllTextAsync(Path.Combine(sample, "fairness.check.yaml")), ImmutableSortedDictionary<string, string>.Empty)["parameters"];
        var env = ImmutableSortedDictionary<string, string>.Empty.Add("DOTNET_EnableDiagnostics", "0");
        var check = new CheckDocument("fairness", built["compile-check"].Output, runtime,
            ["dotnet", "exec", "--runtimeconfig", Recipes.DotnetPlaces["settings"], "/in/program/check.dll", "--release", "/run/release.sock", "--dataset", "/in/dataset", "--parameters", "/in/parameters.json", "--seed", "{seed}", "--out", "/out/report.json"],
            env, built["split-evaluation"].Output, parameters, 1);

        var ratios = new Dictionary<string, double>();
        foreach (var model in new[] { "train-v1", "train-v2" })
        {
            var release = await ReleaseClosure.Build(blobs, new ReleaseDocument(built[model].Name, "mortgage",
                [
                    new Component("environment", "environment", "runtime", runtime, "/"), new Component("code", "code", "service", built["compile-service"].Output, "/app/code"),
                    new Component("model", "model", built[model].Name, built[model].Output, "/app/model"), new Component("config", "config", "config", config, "/app/config"),
                    new Component("evaluation", "dataset", "evaluation", built["split-evaluation"].Output, null),
                ],
                new RunTerms(["dotnet", "exec", "--runtimeconfig", "/app/config/service.runtimeconfig.json", "/app/code/service.dll", "--socket", "/run/service.sock", "--model", "/app/model/model.json", "--config", "/app/config/service.json"],
                    env, "/app", "/run/service.sock", "/health"), null));
            var figures = (await new Check(trees).Run(release, check)).Figures;
            ratios[model] = figures.Metrics["approval_ratio"];
        }
        Assert.True(ratios["train-v1"] < 0.8, $"v1 {ratios["train-v1"]}");
        Assert.True(ratios["train-v2"] > ratios["train-v1"], $"v1 {ratios["train-v1"]}, v2 {ratios["train-v2"]}");
    }
}
