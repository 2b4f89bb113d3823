using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// A builder declares a release of a system. <paramref name="Digest"/> is the release artifact's manifest;
/// <paramref name="Document"/> is its config blob, a <see cref="ReleaseDocument"/>.
/// </summary>
public sealed record Release(Digest Digest, string System, Digest Document) : Statement
{
    public override string Kind => "release";
    public override ImmutableArray<Subject> Subjects => [new Subject(Digest)];
    internal override Json Body => Json.Object(("system", System), ("document", Document));

    internal static Release Read(Parts h) =>
        new(h.Subjects[0].Digest, Names.Label(h.Predicate["system"]), h.Predicate["document"].AsDigest)
    { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
}

/// <summary>
/// One thing a release closes over. <paramref name="Mount"/> is where it stands in the running root; null = it does not
/// run (evaluation data, the policy).
/// </summary>
public sealed record Component(string Role, string Kind, string Name, Digest Digest, string? Mount)
{
    public Json ToJson() =>
        Json.Object(("role", Role), ("kind", Kind), ("name", Name), ("digest", Digest),
            ("mount", Mount is null ? null : Json.Of(Mount)));

    public static Component FromJson(Json j) =>
        new(Names.Label(j["role"]), Names.OneOf(j["kind"], Artifacts.Kinds), Names.Label(j["name"]),
            j["digest"].AsDigest, j.Find("mount")?.AsString);
}

/// <summary>
/// How a release runs: the command, its whole environment, its directory, the Unix socket it listens on, and the path
/// that answers when it is healthy.
/// </summary>
public sealed record RunTerms(ImmutableArray<string> Args, ImmutableSortedDictionary<string, string> Env,
    string Directory, string Socket, string Health)
{
    public Json ToJson() => Json.Object(
        ("args", Json.Array(Args.Select(Json.Of))),
        ("env", Json.Object(Env.Select(e => KeyValuePair.Create(e.Key, Json.Of(e.Value))))),
        ("directory", Directory), ("socket", Socket), ("health", Health));

    public static RunTerms FromJson(Json j) => new(
        [.. j["args"].AsArray.Select(a => a.AsString)],
        j["env"].AsObject.ToImmutableSortedDictionary(e => e.Key, e => e.Value.AsString, StringComparer.Ordinal),
        j["directory"].AsString, j["socket"].AsString, j["health"].AsString);
}

/// <summary>
/// The release artifact's config blob, canonical JSON: all that runs or judges, by digest. Components are sorted by
/// (role, name).
/// <paramref name="Policy"/> is the compiled policy frozen in the release, which decides its requests; null = none.
/// </summary>
public sealed record ReleaseDocument(string Name, string System, ImmutableArray<Component> Components, RunTerms Run,
    Digest? Policy)
{
    public const string MediaType = "application/vnd.stele.release.v1+json";
    public const int Version = 1;

    public Json ToJson() => Json.Object(
        ("version", Version), ("name", Name), ("system", System),
        ("components", Json.Array(Components.Select(c => c.ToJson()))), ("run", Run.ToJson()),
        ("policy", Policy is { } p ? Json.Of(p) : null));

    public Digest Digest => Digest.Of(ToJson().ToBytes());

    /// <exception cref="FormatException">Not a release document in canonical form.</exception>
    public static ReleaseDocument Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, Artifacts.MaxDocument);
        if (j["version"].AsInt != Version)
            throw new FormatException($"release document version {j["version"].AsInt} is not known here");
        var document = new ReleaseDocument(Names.Label(j["name"]), Names.Label(j["system"]),
            [.. j["components"].AsArray.Select(Component.FromJson)], RunTerms.FromJson(j["run"]),
            j.Find("policy")?.AsDigest);
        for (var i = 1; i < document.Components.Length; i++)
            if (Order(document.Components[i - 1], document.Components[i]) >= 0)
                throw new FormatException("components are not sorted by role and name, or one stands twice");
        if (!document.ToJson().Equals(j))
            throw new FormatException("the release document has members that it does not know");
        return document;
    }

    static int Order(Component a, Component b)
    {
        var c = string.CompareOrdinal(a.Role, b.Role);
        return c != 0 ? c : string.CompareOrdinal(a.Name, b.Name);
    }

    /// <summary>The same document with its components in order.</summary>
    public ReleaseDocument Sorted() => this with { Components = Components.Sort(Order) };
}

/// <summary>What is known of artifacts in general.</summary>
public static class Artifacts
{
    public static readonly string[] Kinds = ["model", "dataset", "code", "environment", "pipeline", "prompt", "tools",
        "config", "policy", "report", "release"];

    /// <summary>The most that the fold reads of any document: 1 MiB of canonical JSON.</summary>
    public const int MaxDocument = 1 << 20;
}
