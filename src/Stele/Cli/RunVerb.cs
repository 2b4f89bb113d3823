using System.CommandLine;
using Stele.Build;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class RunVerb
{
    public static Verb Verb => new("run", "run a pipeline in the sandbox, and state what was built of what (builders)", """
        stele run PIPELINE [--input NAME=ARTIFACT]... [--set NAME=VALUE]... [--verify]

        Freezes the pipeline and runs its steps. A step has no network, an empty environment, its inputs read-only, and a root made of the
        environment artifact alone; what it leaves in /out is frozen. For each output a SLSA provenance is stated that names every
        material. With --verify each step runs twice, and it is stated whether the digests agree. Inputs not given are looked up by
        their names. In a .NET environment ${dotnet}, ${csc}, ${netcore} and ${aspnetcore} are set already.
        """, [new Argument<string>("pipeline"), new Option<string[]>("--input") { HelpName = "NAME=ARTIFACT" }, Sets.Option, new Option<bool>("--verify")], Run);

    static async Task<int> Run(Call call)
    {
        await using var desk = await Desk.Open(call);
        var file = call.Need("pipeline");
        if (!File.Exists(file)) throw new CliError($"there is no file {file}", null, CliError.Usage);
        var text = await File.ReadAllTextAsync(file, call.Stop);
        var sets = Sets.Of(call, desk);
        foreach (var (name, value) in Recipes.DotnetPlaces) if (text.Contains($"${{{name}}}", StringComparison.Ordinal) && !sets.ContainsKey(name)) sets = sets.Add(name, value);
        var pipeline = Pipeline.Compile(file, text, sets);
        var digest = await pipeline.Freeze(desk.Blobs, call.Stop);
        await desk.Origin(digest, pipeline.Name, Origin.Freeze, Json.Object(("kind", "pipeline")));

        var given = (call.Get<string[]>("--input") ?? []).Select(i => i.Split('=', 2) is [var n, var a] ? (n, a) : throw new CliError($"'{i}' is not NAME=ARTIFACT", null, CliError.Usage)).ToDictionary(i => i.n, i => i.a, StringComparer.Ordinal);
        var inputs = pipeline.Artifacts.ToDictionary(a => a, a => desk.Artifact(given.GetValueOrDefault(a, a)), StringComparer.Ordinal);
        using var trees = new Trees(desk.Blobs);
        var number = 0;
        IReadOnlyList<BuildResult> results;
        try
        {
            results = await new PipelineRun(trees)
            {
                Progress = (step, result) => { if (result is null) call.Terminal.Progress($"step {++number} of {pipeline.Steps.Length}: {step.Name}"); },
            }.Run(digest, inputs, call.Get<bool>("--verify"), call.Stop);
        }
        catch (BuildException e)
        {
            throw new CliError(e.Message);
        }
        catch (SandboxException e)
        {
            throw new CliError(e.Message, e.Hint);
        }

        var stated = new List<(BuildResult Result, long Entry)>();
        foreach (var result in results)
        {
            var (entry, _) = await desk.Sign(result.Origin(desk.Member, desk.State.Ledger, Home.NewId(), call.Now));
            stated.Add((result, entry));
        }
        call.Terminal.Result(
            Json.Object(("pipeline", digest), ("outputs", Json.Array(stated.Select(s => Json.Object(
                ("step", s.Result.Step), ("name", s.Result.Name), ("kind", s.Result.Kind), ("digest", s.Result.Output), ("runs", s.Result.Runs.Count), ("agree", s.Result.Runs.Agree), ("entry", s.Entry)))))),
            () => call.Terminal.Table(stated.Select(s => new[]
            {
                s.Result.Step, s.Result.Kind, s.Result.Name, s.Result.Output.ToString(), s.Result.Runs.Count == 1 ? "" : s.Result.Runs.Agree ? "twice, same bytes" : "TWICE, DIFFERENT BYTES", $"entry {s.Entry}",
            }), ""));
        return 0;
    }
}
