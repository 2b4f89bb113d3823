using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Build;

/// <summary>
/// What an evaluation is made with, canonical JSON; policies name it by its digest. <paramref name="Program"/> is a
/// code artifact that stands at /in/program in a sandbox of its own
/// <paramref name="Environment"/>; <paramref name="Args"/> are its whole command, in which <c>{seed}</c> stands for the
/// seed.
/// </summary>
sealed record CheckDocument(string Name, Digest Program, Digest Environment, ImmutableArray<string> Args,
    ImmutableSortedDictionary<string, string> Env, Digest Dataset, Json Parameters, long Seed)
{
    public const int Version = 1;

    public Json ToJson() => Json.Object(
        ("version", Version), ("name", Name), ("program", Program), ("environment", Environment),
        ("args", Json.Array(Args.Select(Json.Of))),
        ("env", Json.Object(Env.Select(e => KeyValuePair.Create(e.Key, Json.Of(e.Value))))), ("dataset", Dataset),
        ("parameters", Parameters), ("seed", Seed));

    public Digest Digest => Digest.Of(ToJson().ToBytes());

    /// <exception cref="FormatException">Not a check document in canonical form.</exception>
    public static CheckDocument Parse(ReadOnlySpan<byte> canonical)
    {
        var json = CanonicalJson.ParseCanonical(canonical, Artifacts.MaxDocument);
        if (json["version"].AsInt != Version)
            throw new FormatException($"check document version {json["version"].AsInt} is not known here");
        var check = new CheckDocument(Names.Label(json["name"]), json["program"].AsDigest, json["environment"].AsDigest,
            [.. json["args"].AsArray.Select(a => a.AsString)],
            json["env"].AsObject.ToImmutableSortedDictionary(e => e.Key, e => e.Value.AsString, StringComparer.Ordinal),
            json["dataset"].AsDigest, json["parameters"], json["seed"].AsInt);
        if (check.Args.IsEmpty) throw new FormatException("the check runs nothing");
        return check.ToJson().Equals(json)
            ? check
            : throw new FormatException("the check document has members that are not known here");
    }

    internal ImmutableArray<string> Command =>
        [.. Args.Select(a =>
            a.Replace("{seed}", Seed.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal))];
}
