using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// Where an artifact comes from: SLSA provenance v1. The build type says what is claimed: <see cref="Freeze"/> (bytes
/// frozen as found: at most a claim),
/// <see cref="Import"/> (fetched from elsewhere and matched with a published digest), <see cref="Pipeline"/> (built in
/// a hermetic step from the named materials). The strength of an origin is never stated: the fold derives it.
/// </summary>
/// <param name="Outputs">The artifacts this speaks of.</param>
/// <param name="Parameters">SLSA externalParameters: a JSON object whose meaning the build type fixes.</param>
/// <param name="Materials">SLSA resolvedDependencies, each by digest.</param>
/// <param name="Builder">The member who built; the signer.</param>
/// <param name="Runs">
/// How often the step ran, and whether all runs gave the same digest; null when nothing was built.
/// </param>
public sealed record Origin(ImmutableArray<Subject> Outputs, string BuildType, Json Parameters,
    ImmutableArray<Subject> Materials, string Builder, BuildRuns? Runs) : Statement
{
    public const string SlsaProvenance = "https://slsa.dev/provenance/v1";
    public const string Freeze = "https://stele.dev/build/freeze/v1";
    public const string Import = "https://stele.dev/build/import/v1";
    public const string Pipeline = "https://stele.dev/build/pipeline/v1";
    const string BuilderPrefix = "https://stele.dev/member/";

    public override string Kind => "origin";
    public override string PredicateType => SlsaProvenance;
    public override ImmutableArray<Subject> Subjects => Outputs;

    internal override Json Body => Json.Object(
        ("buildDefinition", Json.Object(
            ("buildType", BuildType), ("externalParameters", Parameters),
            ("internalParameters", Runs is null ? null : Json.Object(("runs", Runs.Count), ("agree", Runs.Agree))),
            ("resolvedDependencies", Json.Array(Materials.Select(m => m.ToJson()))))),
        ("runDetails", Json.Object(("builder", Json.Object(("id", BuilderPrefix + Builder))))));

    internal static Origin Read(Parts h)
    {
        var d = h.Predicate["buildDefinition"];
        var id = h.Predicate["runDetails"]["builder"]["id"].AsString;
        if (!id.StartsWith(BuilderPrefix, StringComparison.Ordinal))
            throw new FormatException($"builder.id does not begin with {BuilderPrefix}");
        if (d["externalParameters"].Kind != JsonKind.Object)
            throw new FormatException("externalParameters is not an object");
        return new(h.Subjects, Names.OneOf(d["buildType"], Freeze, Import, Pipeline), d["externalParameters"],
            [.. d["resolvedDependencies"].AsArray.Select(Subject.FromJson)],
            Names.Member(Json.Of(id[BuilderPrefix.Length..])),
            d.Find("internalParameters") is { } i ? new BuildRuns(i["runs"].AsInt, i["agree"].AsBool) : null)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}

/// <summary>How often a step was run, and whether every run gave the same output digest.</summary>
public sealed record BuildRuns(long Count, bool Agree);
