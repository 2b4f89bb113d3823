using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Tests.Samples;

/// <summary>
/// The sample's own files through the product: frozen, built in the sandbox, released, checked as it runs, judged.
/// </summary>
public sealed class MortgageSandboxTests(MortgagePipeline outside, ITestOutputHelper output) : IDisposable
{
    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task From_frozen_sources_to_a_refused_v1_and_an_admitted_v2()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        var blobs = new BlobStore(_scratch.At("blobs"));
        using var trees = new Trees(blobs, _scratch.Path);
        var known = new Dictionary<string, (Digest Digest, string Kind)>(StringComparer.Ordinal)
        {
            ["sdk"] = (await Recipes.DotnetSdk().Freeze(blobs, new About("sdk")), "environment"),
            ["runtime"] = (await Recipes.Dotnet().Freeze(blobs, new About("runtime")), "environment"),
            ["config"] = (await Freeze.Path(blobs, At("config"), "config", new About("config")), "config"),
        };

        var pipeline = await Pipeline.Compile("pipeline.yaml", Text("pipeline.yaml"), Recipes.DotnetPlaces)
            .Freeze(blobs);
        var built = await new PipelineRun(trees).Run(pipeline, new Dictionary<string, Digest>(StringComparer.Ordinal)
        {
            ["source"] = await Freeze.Path(blobs, At("source"), "code", new About("source")),
            ["data"] = await Freeze.Path(blobs, At("data"), "dataset", new About("hmda")),
            ["sdk"] = known["sdk"].Digest,
        });
        foreach (var result in built)
        {
            Assert.True(known.TryAdd(result.Name, (result.Output, result.Kind)),
                $"two steps call their output {result.Name}");
            // What the sandbox made is what this machine makes without it.
            var tree = await trees.Of(result.Output);
            foreach (var file in Directory.GetFiles(tree))
                Assert.Equal(File.ReadAllBytes(outside.Output(result.Step, Path.GetFileName(file))),
                    File.ReadAllBytes(file));
        }

        var check = CheckSource.Read("fairness.check.yaml", Text("fairness.check.yaml"), Set(),
            name => known[name].Digest);
        var admission = PolicySource.Compile("admission.yaml", Text("policies/admission.yaml"),
            Set(("fairness", check.Digest.ToString())));
        var v1 = await Ratio("v1");
        var v2 = await Ratio("v2");
        Assert.Equal("four-fifths", Assert.Single(Judge(v1), o => !o.Allows).Rule);
        Assert.All(Judge(v2), o => Assert.True(o.Allows, o.Message));

        async Task<Report> Ratio(string version)
        {
            var document = await ReleaseSource.Read("release.yaml", Text("release.yaml"),
                Set(("name", version), ("model", version), ("config", "config")),
                name => Task.FromResult((known[name].Digest, known[name].Kind, name)),
                async name =>
                {
                    var (artifact, policy) = await PolicySource.Freeze(blobs, At("policies/service.yaml"), Set());
                    Assert.Equal(name, policy.Name);
                    return (artifact, policy.Digest, policy.Name);
                });
            var figures = (await new Check(trees).Run(await ReleaseClosure.Build(blobs, document), check)).Figures;
            output.WriteLine(
                $"{version}: approval ratio {figures.Metrics["approval_ratio"]}, AUC {figures.Metrics["auc"]}");
            return figures;
        }

        ImmutableArray<RuleOutcome> Judge(Report report) => admission.Judge("deploy", InputSchema.ToCel(Json.Object(
            ("action", "deploy"),
            ("checks", Json.Object(("fairness", Json.Array([Json.Object(("metrics", report.Metrics))])))),
            ("release",
                Json.Object(("components",
                    Json.Array([Json.Object(("role", "model"), ("kind", "model"), ("strength", "built"))])))),
            ("approvals", Json.Array([Json.Object(("member", "m"))])))), ImmutableDictionary<string, long>.Empty,
            new Budget());
    }

    static string At(string name) => Path.Combine(MortgagePipeline.Sample, name);

    static string Text(string name) => File.ReadAllText(At(name));

    static ImmutableSortedDictionary<string, string> Set(params (string Name, string Value)[] values) =>
        values.ToImmutableSortedDictionary(v => v.Name, v => v.Value, StringComparer.Ordinal);
}
