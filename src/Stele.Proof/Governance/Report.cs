using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// A check's report, canonical JSON of at most 1 MiB: <c>{"counts"?:{…},"groups"?:{group:{name:number}},"metrics":{name:number}}</c>. A metric that can't be computed is
/// <c>{"undefined":"why"}</c>, and is absent here and for rules; so are such values in groups and counts.
/// </summary>
public sealed record Report(Json Metrics, Json Groups, Json Counts)
{
    public const string MediaType = "application/vnd.stele.report.v1+json";

    /// <exception cref="FormatException">Not a report in canonical form.</exception>
    public static Report Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, Artifacts.MaxDocument);
        foreach (var (name, part) in j.AsObject)
            if (name is not ("metrics" or "groups" or "counts")) throw new FormatException($"a report has no '{name}'");
            else if (part.Kind != JsonKind.Object) throw new FormatException($"{name} is not an object");
        foreach (var (name, value) in j["metrics"].AsObject)
            if (value.Kind is not (JsonKind.Int or JsonKind.Double) && !(IsUndefined(value) && value.AsObject.Count == 1 && value["undefined"].Kind == JsonKind.String))
                throw new FormatException($"the metric '{name}' is neither a number nor {{\"undefined\": reason}}");
        return new Report(Defined(j["metrics"]), Defined(j.Find("groups") ?? Json.EmptyObject), Defined(j.Find("counts") ?? Json.EmptyObject));
    }

    static bool IsUndefined(Json j) => j.Kind == JsonKind.Object && j.Find("undefined") is not null;

    static Json Defined(Json j) => j.Kind != JsonKind.Object ? j
        : Json.Object(j.AsObject.Where(m => !IsUndefined(m.Value)).Select(m => KeyValuePair.Create(m.Key, Defined(m.Value))));
}
