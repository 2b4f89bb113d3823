using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// One environment of a system. <paramref name="StaleAfter"/>: how old (ms) the newest checkpoint may be before its
/// nodes stop serving; null = unlimited.
/// <paramref name="ObservationGap"/>: the longest allowed silence (ms) between observations; null = unlimited.
/// <paramref name="NodeReturn"/>: its node may return to the previous head by itself.
/// </summary>
public sealed record EnvironmentTerms(string Name, long? StaleAfter, long? ObservationGap, bool NodeReturn)
{
    public Json ToJson() => Json.Object(
        ("name", Name), ("staleAfter", StaleAfter is { } s ? Json.Of(s) : null),
        ("observationGap", ObservationGap is { } g ? Json.Of(g) : null), ("nodeReturn", NodeReturn));

    public static EnvironmentTerms FromJson(Json j) =>
        new(Names.Label(j["name"]), j.Find("staleAfter") is { } s ? Names.Time(s) : null,
            j.Find("observationGap") is { } g ? Names.Time(g) : null, j["nodeReturn"].AsBool);
}

/// <summary>Owners declare a governed AI system: who answers for it, its risk class and its environments.</summary>
public sealed record SystemStatement(string System, long? Replaces, string Owner, string Risk,
    ImmutableArray<EnvironmentTerms> Environments) : Statement
{
    /// <summary>The classes of the EU AI Act, in our words.</summary>
    public static readonly string[] Risks = ["minimal", "limited", "high"];

    /// <summary>How long what is recorded of its decisions is kept; null = forever.</summary>
    public RetentionTerms? Retention { get; init; }

    public override string Kind => "system";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("system", System), ("replaces", Replaces is { } r ? Json.Of(r) : null), ("owner", Owner), ("risk", Risk),
        ("environments", Json.Array(Environments.Select(e => e.ToJson()))),
        ("retention", Retention?.ToJson()));

    internal static SystemStatement Read(Parts h)
    {
        var p = h.Predicate;
        var statement = new SystemStatement(Names.Label(p["system"]), p.Find("replaces") is { } r
            ? Names.Entry(r)
            : null, Names.Member(p["owner"]), Names.OneOf(p["risk"], Risks),
            [.. p["environments"].AsArray.Select(EnvironmentTerms.FromJson)])
        {
            Ledger = h.Ledger,
            Nonce = h.Nonce,
            Issued = h.Issued,
            Retention = p.Find("retention") is { } terms ? RetentionTerms.FromJson(terms) : null
        };
        if (statement.Environments.Select(e => e.Name).Distinct(StringComparer.Ordinal).Count()
            != statement.Environments.Length) throw new FormatException("an environment stands twice");
        return statement;
    }
}
