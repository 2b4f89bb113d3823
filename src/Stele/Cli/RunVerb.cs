using System.Collections.Immutable;
using System.CommandLine;
using Stele.Build;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class RunVerb
{
    public static Verb Verb =>
        new("run", "run a pipeline in the sandbox, and state what was built of what (builders)", """
        stele run PIPELINE [--input NAME=ARTIFACT]... [--set NAME=VALUE]... [--verify]

        Freezes the pipeline and runs its steps. A step has no network, an empty environment, its inputs read-only, and a root made of the
        environment artifact alone; what it leaves in /out is frozen. For each output a SLSA provenance is stated that names every
        material. In a .NET environment ${dotnet}, ${csc}, ${netcore} and ${aspnetcore} are set already.
        """,
        [
            new Argument<string>("pipeline"),
            new Option<string[]>("--input")
            {
                HelpName = "NAME=ARTIFACT",
                Description =
                    "the artifact, by name or digest, that an input of the pipeline is; inputs not given are looked "
                    + "up by their names"
            },
            Sets.Option,
            new Option<bool>("--verify") { Description = "run each step twice, and state whether the digests agree" },
        ], Run) { Needs = "the role builder" };

    static async Task<int> Run(Call call)
    {
        var file = call.NeedFile("pipeline");
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var i in call.Get<string[]>("--input") ?? [])
            if (i.Split('=', 2) is not [var n, { Length: > 0 } artifact])
                throw call.Wrong($"'{i}' is not NAME=ARTIFACT");
            else if (!given.TryAdd(n, artifact)) throw call.Wrong($"the input {n} is given twice");
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Builder);
        var text = await PolicyText.Yaml(call, file);
        var sets = Sets.Of(call, desk);
        foreach (var (name, value) in Recipes.DotnetPlaces) if (text.Contains($"${{{name}}}", StringComparison.Ordinal)
            && !sets.ContainsKey(name)) sets = sets.Add(name, value);
        var pipeline = Pipeline.Compile(file, text, sets);
        var digest = await pipeline.Freeze(desk.Blobs, call.Stop);
        await desk.Origin(digest, pipeline.Name, Origin.Freeze, Json.Object(("kind", "pipeline")));

        if (given.Keys.FirstOrDefault(n => !pipeline.Artifacts.Contains(n)) is { } stray)
            throw call.Wrong($"{file} has no input '{stray}'", $"its inputs: {string.Join(", ", pipeline.Artifacts)}");
        var inputs = pipeline.Artifacts.ToDictionary(a => a, a => desk.Artifact(given.GetValueOrDefault(a, a)),
            StringComparer.Ordinal);
        using var trees = new Trees(desk.Blobs);
        var number = 0;
        var results = await new PipelineRun(trees)
        {
            Verify = call.Get<bool>("--verify"),
            Progress = (step, result) =>
            {
                if (result is null) call.Terminal.Progress($"step {++number} of {pipeline.Steps.Length}: {step.Name}");
            },
        }.Run(digest, inputs, call.Stop);

        var stated = new List<(BuildResult Result, long Entry)>();
        foreach (var result in results)
        {
            var (entry, _) = await desk.Sign(result.Origin(desk.Member, desk.State.Ledger, Home.NewId(), call.Now));
            stated.Add((result, entry));
        }
        call.Terminal.Result(
            new RunOutputs(digest, [.. stated.Select(s => new RunOutput(s.Result.Step, s.Result.Name, s.Result.Kind,
                s.Result.Output, s.Result.Runs.Count, s.Result.Runs.Agree, s.Entry))]).ToJson(),
            () => call.Terminal.Table(stated.Select(s => new[]
            {
                s.Result.Step, FieldWords.Shown(s.Result.Kind), s.Result.Name, s.Result.Output.ToString(),
                s.Result.Runs.Count == 1 ? ""
                    : s.Result.Runs.Agree ? "twice, same bytes" : "TWICE, DIFFERENT BYTES", $"entry {s.Entry}",
            }), ""));
        return 0;
    }
}

sealed record RunOutputs(Digest Pipeline, ImmutableArray<RunOutput> Outputs) : IView;

/// <param name="Agree">Whether the runs gave the same bytes.</param>
sealed record RunOutput(string Step, string Name, string Kind, Digest Digest, long Runs, bool Agree, long Entry)
    : IView;
