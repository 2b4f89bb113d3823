using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>Where a policy may be put in force at most: a system, or one environment of it.</summary>
public sealed record PolicyScope(string System, string? Environment)
{
    /// <summary>Whether the place that a statement names lies within.</summary>
    public bool Allows(string? system, string? environment) =>
        system == System && (Environment is null || Environment == environment);

    public Json ToJson() =>
        Json.Object(("system", System), ("environment", Environment is null ? null : Json.Of(Environment)));

    public override string ToString() => Environment is null ? System : $"{System}/{Environment}";
}

/// <summary>
/// A policy's own example: what the rules named in <paramref name="Expect"/> make of an input. What the input leaves
/// out has the schema's empty value.
/// </summary>
public sealed record PolicyTest(string Name, string On, Json Input, ImmutableSortedDictionary<string, string> Expect)
{
    public Json ToJson() =>
        Json.Object(("name", Name), ("on", On), ("input", Input),
            ("expect", Json.Object(Expect.Select(e => KeyValuePair.Create(e.Key, Json.Of(e.Value))))));

    public static PolicyTest FromJson(Json j) =>
        new(j["name"].AsString, j["on"].AsString, j["input"], PolicyDocument.Texts(j["expect"]));
}

/// <summary>
/// A policy as data. Its canonical JSON is what the digest is of, and all that a judge reads:
/// <code>
/// {"attestations":[control…],"checks":{name:digest},"define":{name:expr},"description"?,"name",
///  "rules":[{"controls":[…],"description"?,"effect":"require|allow|deny|mask|hold|alert","expr","fields"?:[…],"id","message"?,"on":[…],"severity"}],
///  "scope"?:{"environment"?,"system"},"tests":[{"expect":{rule:outcome},"input":{…},"name","on"}],"version":1}
/// </code>
/// Rules and tests keep their order; lists that are sets are sorted.
/// </summary>
public sealed record PolicyDocument(string Name)
{
    public const int Version = 1;

    public string? Description { get; init; }
    public PolicyScope? Scope { get; init; }

    /// <summary>Evaluations that must exist, by the digest of the check document.</summary>
    public ImmutableSortedDictionary<string, Digest> Checks { get; init; } =
        ImmutableSortedDictionary.Create<string, Digest>(StringComparer.Ordinal);

    /// <summary>Controls for which a person's signed word is looked up.</summary>
    public ImmutableArray<string> Attestations { get; init; } = [];

    /// <summary>Named CEL expressions that rules and one another may use.</summary>
    public ImmutableSortedDictionary<string, string> Definitions { get; init; } =
        ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);

    public ImmutableArray<Rule> Rules { get; init; } = [];
    public ImmutableArray<PolicyTest> Tests { get; init; } = [];

    public Json ToJson() => Json.Object(
        ("version", Version), ("name", Name), ("description", Description is null ? null : Json.Of(Description)),
        ("scope", Scope?.ToJson()),
        ("checks", Json.Object(Checks.Select(c => KeyValuePair.Create(c.Key, Json.Of(c.Value))))),
        ("attestations", Rule.Set(Attestations)),
        ("define", Json.Object(Definitions.Select(d => KeyValuePair.Create(d.Key, Json.Of(d.Value))))),
        ("rules", Json.Array(Rules.Select(r => r.ToJson()))), ("tests", Json.Array(Tests.Select(t => t.ToJson()))));

    /// <exception cref="FormatException">
    /// Not a policy document in canonical form. Whether its rules make sense is another question: <see cref="Policy"/>.
    /// </exception>
    public static PolicyDocument Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, Artifacts.MaxDocument);
        if (j["version"].AsInt != Version)
            throw new FormatException($"policy version {j["version"].AsInt} is not known here");
        var document = new PolicyDocument(j["name"].AsString)
        {
            Description = j.Find("description")?.AsString,
            Scope = j.Find("scope") is { } s
                ? new PolicyScope(s["system"].AsString, s.Find("environment")?.AsString)
                : null,
            Checks = j["checks"].AsObject.ToImmutableSortedDictionary(c => c.Key, c => c.Value.AsDigest,
                StringComparer.Ordinal),
            Attestations = Rule.Strings(j["attestations"]),
            Definitions = Texts(j["define"]),
            Rules = [.. j["rules"].AsArray.Select(Rule.FromJson)],
            Tests = [.. j["tests"].AsArray.Select(PolicyTest.FromJson)],
        };
        if (!document.ToJson().Equals(j))
            throw new FormatException(
                "the policy has members that a policy does not have, or a list that is not sorted");
        return document;
    }

    internal static ImmutableSortedDictionary<string, string> Texts(Json j) =>
        j.AsObject.ToImmutableSortedDictionary(d => d.Key, d => d.Value.AsString, StringComparer.Ordinal);
}
