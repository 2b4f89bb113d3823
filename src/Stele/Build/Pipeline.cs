using System.Collections.Immutable;
using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>One step: a command in an environment, what it reads and what it leaves.</summary>
/// <param name="Environment">An artifact the pipeline is given, or an earlier step.</param>
/// <param name="Inputs">Name below /in → an artifact the pipeline is given, or an earlier step.</param>
/// <param name="Output">What the tree at /out is frozen as.</param>
sealed record Step(string Name, string Environment, ImmutableSortedDictionary<string, string> Inputs,
    ImmutableArray<string> Run, ImmutableSortedDictionary<string, string> Env, StepOutput Output);

sealed record StepOutput(string Kind, string Name, string? Licence);

/// <summary>
/// Steps from artifacts to artifacts. People write YAML; what is frozen and named in every provenance is its canonical
/// JSON, with the values put in:
/// <code>
/// name: credit
/// artifacts: [source, data, sdk]      # given by digest when it is run
/// values: [dotnet]                    # given when it is compiled, stand in strings as ${dotnet}
/// steps:
///   - name: train
///     environment: sdk                # its tree is the root
///     inputs: { code: source, data: data }     # read-only at /in/code, /in/data
///     env: { DOTNET_EnableDiagnostics: "0" }   # the whole environment
///     run: ["${dotnet}/dotnet", /in/code/train.dll, --out, /out/model.json]
///     output: { kind: model, name: v1 }        # the tree at /out; a later step may read "train"
/// </code>
/// </summary>
sealed record Pipeline(string Name, ImmutableArray<string> Artifacts, ImmutableArray<Step> Steps)
{
    public const string MediaType = "application/vnd.stele.pipeline.v1+json";
    public const int Version = 1, MaxSteps = 256;

    /// <exception cref="FormatException">With the file's name.</exception>
    public static Pipeline Compile(string file, string yaml, ImmutableSortedDictionary<string, string> values)
    {
        var json = Yaml.Parse(file, yaml, values);
        try
        {
            var declared = json.Find("values")?.AsArray.Select(v => v.AsString) ?? [];
            if (values.Keys.FirstOrDefault(v => !declared.Contains(v)) is { } extra)
                throw new FormatException($"it declares no value '{extra}'");
            Known(json, "a pipeline", "name", "artifacts", "values", "steps");
            var pipeline = Read(json);
            // Where a person wrote it; what was compiled by an earlier build is not judged again.
            foreach (var step in pipeline.Steps)
                if (step.Output.Licence is { } licence && SpdxLicence.Objection(licence) is { } objection)
                    throw new FormatException($"the output of step '{step.Name}': {objection}");
            return pipeline;
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }

    public static Pipeline Parse(ReadOnlySpan<byte> canonical)
    {
        var json = CanonicalJson.ParseCanonical(canonical, Proof.Statements.Artifacts.MaxDocument);
        if (json["version"].AsInt != Version)
            throw new FormatException($"pipeline version {json["version"].AsInt} is not known here");
        var pipeline = Read(json);
        return pipeline.ToJson().Equals(json)
            ? pipeline
            : throw new FormatException("the pipeline has members that are not known here");
    }

    public Json ToJson() => Json.Object(
        ("version", Version), ("name", Name), ("artifacts", Json.Array(Artifacts.Select(Json.Of))),
        ("steps", Json.Array(Steps.Select(s => Json.Object(
            ("name", s.Name), ("environment", s.Environment), ("inputs", Map(s.Inputs)),
            ("run", Json.Array(s.Run.Select(Json.Of))), ("env", Map(s.Env)),
            ("output", Json.Object(("kind", s.Output.Kind), ("name", s.Output.Name),
                ("licence", s.Output.Licence is null ? null : Json.Of(s.Output.Licence)))))))));

    /// <summary>The pipeline artifact: the canonical JSON as its config blob.</summary>
    public Task<Digest> Freeze(IBlobs blobs, CancellationToken stop = default) =>
        Artifact.OfDocument(blobs, "pipeline", new About(Name), MediaType, ToJson().ToBytes(), stop);

    static Pipeline Read(Json json)
    {
        var pipeline = new Pipeline(Names.Label(json["name"]), [.. json["artifacts"].AsArray.Select(Names.Label)],
            [.. json["steps"].AsArray.Select(ReadStep)]);
        if (pipeline.Steps.Length is 0 or > MaxSteps)
            throw new FormatException($"a pipeline has 1 to {MaxSteps} steps");
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var artifact in pipeline.Artifacts)
            if (!known.Add(artifact)) throw new FormatException($"the artifact '{artifact}' stands twice");
        foreach (var step in pipeline.Steps)
        {
            foreach (var source in step.Inputs.Values.Prepend(step.Environment))
                if (!known.Contains(source))
                    throw new FormatException(
                        $"step '{step.Name}' reads '{source}', which is neither an artifact of the pipeline nor an "
                        + $"earlier step");
            if (!known.Add(step.Name)) throw new FormatException($"the name '{step.Name}' stands twice");
        }
        return pipeline;
    }

    static Step ReadStep(Json json)
    {
        Known(json, "a step", "name", "environment", "inputs", "run", "env", "output");
        Known(json["output"], "an output", "kind", "name", "licence");
        var step = new Step(Names.Label(json["name"]), json["environment"].AsString, Map(json.Find("inputs")),
            [.. json["run"].AsArray.Select(a => a.AsString)], Map(json.Find("env")),
            new StepOutput(Names.OneOf(json["output"]["kind"], Proof.Statements.Artifacts.Kinds),
                Names.Label(json["output"]["name"]), json["output"].Find("licence")?.AsString));
        if (step.Run.IsEmpty) throw new FormatException($"step '{step.Name}' runs nothing");
        foreach (var input in step.Inputs.Keys) _ = Names.Label(input);
        return step;
    }

    static void Known(Json json, string what, params ReadOnlySpan<string> names)
    {
        foreach (var name in json.AsObject.Keys)
            if (!names.Contains(name)) throw new FormatException($"{what} has no '{name}'");
    }

    static Json Map(ImmutableSortedDictionary<string, string> map) =>
        Json.Object(map.Select(m => KeyValuePair.Create(m.Key, Json.Of(m.Value))));

    static ImmutableSortedDictionary<string, string> Map(Json? json) =>
        (json ?? Json.EmptyObject).AsObject.ToImmutableSortedDictionary(m => m.Key, m => m.Value.AsString,
            StringComparer.Ordinal);
}
