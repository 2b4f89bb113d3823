using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Build;

/// <summary>
/// What a step made. Its parameters, materials and runs are what an <see cref="Origin"/> of build type
/// <see cref="Origin.Pipeline"/> says of it.
/// </summary>
/// <param name="Outputs">
/// The digest of each run's output, in order; they agree or the build is not reproducible here.
/// </param>
sealed record BuildResult(string Step, Digest Output, string Kind, string Name, Json Parameters,
    ImmutableArray<Subject> Materials, ImmutableArray<Digest> Outputs)
{
    public BuildRuns Runs => new(Outputs.Length, Outputs.All(o => o == Output));

    /// <summary>SLSA provenance, ready to be signed by the member who built.</summary>
    public Origin Origin(string builder, Digest ledger, string nonce, long issued) =>
        new([new Subject(Output, Name)], Proof.Statements.Origin.Pipeline, Parameters, Materials, builder, Runs)
        {
            Ledger = ledger,
            Nonce = nonce,
            Issued = issued
        };
}

/// <summary>A step's command failed, or left nothing or something that can't be frozen.</summary>
sealed class BuildException(string step, string message) : Exception($"step '{step}': {message}")
{
    public string Step { get; } = step;
}

/// <summary>
/// Runs a pipeline. Each step: 1. its environment, inputs and nothing else are materialised; 2. its command runs in the
/// sandbox, no network, an empty environment but its own; 3. the tree at /out is frozen; 4. its provenance names the
/// pipeline, the step, the environment and every input by digest. With <see cref="Verify"/>, 2 and 3 happen twice and
/// the output digests are compared.
/// </summary>
sealed class PipelineRun(Trees trees)
{
    public TimeSpan StepTimeout { get; init; } = TimeSpan.FromMinutes(30);

    /// <summary>Whether each step runs twice, and what came out is compared.</summary>
    public bool Verify { get; init; }

    /// <summary>Called when a step begins and when it is done.</summary>
    public Action<Step, BuildResult?>? Progress { get; init; }

    public async Task<IReadOnlyList<BuildResult>> Run(Digest pipeline, IReadOnlyDictionary<string, Digest> artifacts,
        CancellationToken stop = default)
    {
        var manifest = await Artifact.Read(trees.Blobs, pipeline, stop);
        if (manifest.Config.MediaType != Pipeline.MediaType)
            throw new FormatException($"{pipeline} is not a pipeline but a {manifest.Kind}");
        var definition = Pipeline.Parse(await manifest.ReadConfig(trees.Blobs, Artifacts.MaxDocument, stop));
        if (definition.Artifacts.FirstOrDefault(a => !artifacts.ContainsKey(a)) is { } missing)
            throw new FormatException($"the pipeline needs the artifact '{missing}'");
        if (artifacts.Keys.FirstOrDefault(a => !definition.Artifacts.Contains(a)) is { } extra)
            throw new FormatException($"the pipeline has no artifact '{extra}'");

        var known = artifacts.ToDictionary(StringComparer.Ordinal);
        var results = new List<BuildResult>();
        foreach (var step in definition.Steps)
        {
            Progress?.Invoke(step, null);
            var outputs = ImmutableArray.CreateBuilder<Digest>();
            for (var i = 0; i < (Verify ? 2 : 1); i++) outputs.Add(await Once(step, known, stop));
            known[step.Name] = outputs[0];
            var result = new BuildResult(step.Name, outputs[0], step.Output.Kind, step.Output.Name,
                Json.Object(("pipeline", pipeline), ("step", step.Name), ("kind", step.Output.Kind),
                    ("artifacts", Json.Object(artifacts.Select(a => KeyValuePair.Create(a.Key, Json.Of(a.Value)))))),
                [new Subject(known[step.Environment], "environment"),
                    .. step.Inputs.Select(i => new Subject(known[i.Value], i.Key)), new Subject(pipeline, "pipeline")],
                outputs.ToImmutable());
            results.Add(result);
            Progress?.Invoke(step, result);
        }
        return results;
    }

    async Task<Digest> Once(Step step, Dictionary<string, Digest> known, CancellationToken stop)
    {
        var output = trees.Empty();
        var binds = ImmutableArray.CreateBuilder<Bind>();
        foreach (var (name, source) in step.Inputs) binds.Add(new Bind(await trees.Of(known[source], stop),
            $"/in/{name}"));
        binds.Add(new Bind(output, "/out", Writable: true));
        var ran = await new Sandbox(await trees.Of(known[step.Environment], stop), step.Run)
        {
            Env = step.Env,
            Binds = binds.ToImmutable()
        }.Run(StepTimeout, stop);
        if (ran.TimedOut)
            throw new BuildException(step.Name, $"was still running after {StepTimeout.TotalMinutes:0} minutes");
        if (ran.ExitCode != 0) throw new BuildException(step.Name, $"ended with {ran.ExitCode}{Said(ran)}");
        if (!Directory.EnumerateFileSystemEntries(output).Any())
            throw new BuildException(step.Name, $"left nothing in /out{Said(ran)}");
        try
        {
            return await Freeze.Path(trees.Blobs, output, step.Output.Kind,
                new About(step.Output.Name, Licence: step.Output.Licence), stop);
        }
        catch (BlobException e)
        {
            throw new BuildException(step.Name, $"what it left in /out can't be frozen: {e.Message}");
        }
    }

    /// <summary>The end of what a command wrote: errors where there are any.</summary>
    internal static string Said(Ran ran)
    {
        var text = (string.IsNullOrWhiteSpace(ran.Errors) ? ran.Output : ran.Errors).Trim();
        return text.Length == 0 ? "" : $": {(text.Length <= 2000 ? text : "…" + text[^2000..])}";
    }
}
