using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// A check's report, canonical JSON of at most 1 MiB:
/// <c>{"counts"?:{…},"groups"?:{group:{name:number}},"metrics":{name:number}}</c>. A metric that can't be computed is
/// <c>{"undefined":"why"}</c>, and is absent here and for rules; so are such values in groups and counts.
/// </summary>
public sealed record Report(Json Metrics, Json Groups, Json Counts)
{
    /// <summary>
    /// How deep objects and lists may be nested in <c>counts</c>, which is open: it goes into inputs, and what rules
    /// rest on it into verdicts.
    /// </summary>
    public const int MaxDepth = 8;

    public const string MediaType = "application/vnd.stele.report.v1+json";

    /// <exception cref="FormatException">Not a report in canonical form.</exception>
    public static Report Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.ParseCanonical(utf8, Artifacts.MaxDocument);
        foreach (var (name, part) in j.AsObject)
            if (name is not ("metrics" or "groups" or "counts")) throw new FormatException($"a report has no '{name}'");
            else if (part.Kind != JsonKind.Object) throw new FormatException($"{name} is not an object");
            else if (Depth(part) > MaxDepth) throw new FormatException($"{name} is nested more than {MaxDepth} deep");
        foreach (var (name, value) in j["metrics"].AsObject)
            if (!IsMeasured(value))
                throw new FormatException($"the metric '{name}' is neither a number nor {{\"undefined\": reason}}");
        foreach (var (name, group) in (j.Find("groups") ?? Json.EmptyObject).AsObject)
            if (!IsUndefined(group) && (group.Kind != JsonKind.Object || !group.AsObject.All(m => IsMeasured(m.Value))))
                throw new FormatException(
                    $"the group '{name}' has something that is neither a number nor {{\"undefined\": reason}}");
        return new Report(Defined(j["metrics"]), Defined(j.Find("groups") ?? Json.EmptyObject),
            Defined(j.Find("counts") ?? Json.EmptyObject));
    }

    static int Depth(Json j) => j.Kind switch
    {
        JsonKind.Object => 1 + j.AsObject.Select(m => Depth(m.Value)).DefaultIfEmpty().Max(),
        JsonKind.Array => 1 + j.AsArray.Select(Depth).DefaultIfEmpty().Max(),
        _ => 0,
    };

    static bool IsMeasured(Json j) =>
        j.Kind is JsonKind.Int or JsonKind.Double
        || (IsUndefined(j) && j.AsObject.Count == 1 && j["undefined"].Kind == JsonKind.String);

    static bool IsUndefined(Json j) => j.Kind == JsonKind.Object && j.Find("undefined") is not null;

    static Json Defined(Json j) => j.Kind != JsonKind.Object ? j
        : Json.Object(j.AsObject.Where(m => !IsUndefined(m.Value))
            .Select(m => KeyValuePair.Create(m.Key, Defined(m.Value))));
}
