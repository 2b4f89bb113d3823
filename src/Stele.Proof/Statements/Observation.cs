using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>How strong the evidence is that something runs as it was released.</summary>
public enum ObservedStrength { VerifiedAtLoad, Attested, Configured, Unavailable }

/// <summary>What a node says of a release that it runs.</summary>
public enum ObservedEvent { Started, Running, Drift, Healed, Stopped }

/// <summary>
/// One thing a node looked at: what the release says, what it saw, and how strong the evidence is
/// (<c>verified-at-load</c>, <c>attested</c>, <c>configured</c>, <c>unavailable</c>).
/// </summary>
public sealed record Dimension(string Name, ObservedStrength Strength, bool Agrees, Digest? Expected, Digest? Observed)
{
    public static readonly Words<ObservedStrength> Strengths = new("verified-at-load", "attested", "configured",
        "unavailable");

    public Json ToJson() => Json.Object(
        ("name", Name), ("strength", Strengths[Strength]), ("agrees", Agrees),
            ("expected", Expected is { } e ? Json.Of(e) : null),
        ("observed", Observed is { } o ? Json.Of(o) : null));

    public static Dimension FromJson(Json j) =>
        new(Names.Label(j["name"]), Strengths.Parse(j["strength"]), j["agrees"].AsBool,
            j.Find("expected")?.AsDigest, j.Find("observed")?.AsDigest);
}

/// <summary>
/// A node says what it saw of the release it runs, for the deployment entry <paramref name="Deployment"/>.
/// <paramref name="Event"/>: started, running, drift, healed or stopped.
/// <paramref name="Size"/> and <paramref name="State"/>: the ledger size it had folded and the digest of the state it
/// reached. <paramref name="Materialised"/>: how the files got there (reflink, copy, hardlink, …).
/// </summary>
public sealed record Observation(
    Digest Release, string System, string Environment, long Deployment, ObservedEvent Event,
    ImmutableArray<Dimension> Dimensions, string Materialised, long Size, Digest State) : Statement
{
    public static readonly Words<ObservedEvent> Events = new("started", "running", "drift", "healed", "stopped");

    public override string Kind => "observation";
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("deployment", Deployment), ("event", Events[Event]),
        ("dimensions", Json.Array(Dimensions.Select(d => d.ToJson()))),
        ("materialised", Materialised), ("size", Size), ("state", State));

    internal static Observation Read(Parts h)
    {
        var p = h.Predicate;
        return new(h.Subjects[0].Digest, Names.Label(p["system"]), Names.Label(p["environment"]),
            Names.Entry(p["deployment"]), Events.Parse(p["event"]),
            [.. p["dimensions"].AsArray.Select(Dimension.FromJson)], Names.Label(p["materialised"]),
            Names.Entry(p["size"]), p["state"].AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
