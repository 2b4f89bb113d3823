using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>
/// JSON Schema (2020-12) of views, from their records: what <see cref="ViewJson"/> writes is valid under it. Types
/// become <c>#/components/schemas/NAME</c>.
/// </summary>
sealed class ViewSchema
{
    readonly SortedDictionary<string, Json> _all = new(StringComparer.Ordinal)
    {
        [nameof(Digest)] = Json.Object(("type", "string"), ("pattern", "^sha256:[0-9a-f]{64}$")),
    };

    /// <summary>Types whose JSON is not their record's members; docs/spec says more of each.</summary>
    static readonly Dictionary<Type, Json> Others = new()
    {
        [typeof(Envelope)] = Members(("payload", Text), ("payloadType", Text), ("signatures",
            List(Members(("keyid", Text), ("sig", Text))))),
        [typeof(CosignatureOffer)] = Members(("key", Text), ("member", Text), ("note", Text), ("signature", Text)),
        [typeof(Subject)] = Closed([("digest", Members(("sha256", Text))), ("name", Text)], "digest"),
        [typeof(RuleOutcome)] = Closed([("policy", Of("Digest")), ("rule", Text), ("release", Of("Digest")),
            ("result", Text), ("message", Text), ("waiver", Number), ("values", List(Json.EmptyObject))],
            "policy", "result", "rule"),
        [typeof(ErasedRecord)] = Members(("blind", Text), ("position", Number), ("proof", List(Text))),
        [typeof(TracedOrigins)] = Json.Object(("oneOf", Json.Array(Text, List(Of(nameof(TracedOrigin)))))),
        [typeof(Flips)] = Json.Object(("type", "object")),
        [typeof(TracedDecision)] = Json.Object(("type", "object"), ("required", Json.Array("id", "outcome", "time"))),
    };

    static Json Text => Json.Object(("type", "string"));
    static Json Number => Json.Object(("type", "integer"));
    static Json List(Json item) => Json.Object(("type", "array"), ("items", item));
    static Json Of(string name) => Json.Object(("$ref", "#/components/schemas/" + name));

    static Json Members(params (string Name, Json Schema)[] members) =>
        Closed(members, [.. members.Select(m => m.Name)]);

    static Json Closed((string Name, Json Schema)[] members, params string[] required) => Json.Object(
        ("type", "object"), ("required", Json.Array(required.Order(StringComparer.Ordinal).Select(Json.Of))),
        ("properties", Json.Object(members.Select(m => KeyValuePair.Create(m.Name, m.Schema)))));

    /// <summary>Every type that was asked for, and those that it rests on.</summary>
    public Json All => Json.Object(_all);

    public void Add(string name, Json schema) => _all.Add(name, schema);

    /// <summary>The schema of a type, most often a reference.</summary>
    public Json Of(Type type)
    {
        if (type == typeof(Json)) return Json.EmptyObject;
        if (type == typeof(string)) return Text;
        if (type == typeof(long) || type == typeof(int)) return Number;
        if (type == typeof(bool)) return Json.Object(("type", "boolean"));
        if (type.IsEnum) return Json.Object(("type", "string"),
            ("enum", Json.Array(Enum.GetValues(type).Cast<Enum>().Select(v => Json.Of(ViewJson.Name(v))))));
        if (ViewJson.ItemOf(type) is { } item) return List(Of(item));
        if (_all.TryAdd(type.Name, Json.EmptyObject))
            _all[type.Name] = Others.TryGetValue(type, out var other) ? other : Record(type);
        if (type == typeof(TracedOrigins)) Of(typeof(TracedOrigin));
        return Of(type.Name);
    }

    Json Record(Type type)
    {
        var (members, required) = (new List<KeyValuePair<string, Json>>(), new List<string>());
        Take(type, Presence.Always);
        return Json.Object(("type", "object"),
            ("required", Json.Array(required.Order(StringComparer.Ordinal).Select(Json.Of))),
            ("properties", Json.Object(members)));

        void Take(Type from, Presence presence)
        {
            if (Others.TryGetValue(from, out var other))
            {
                members.AddRange(other["properties"].AsObject);
                required.AddRange(other["required"].AsArray.Select(r => r.AsString));
                return;
            }
            foreach (var m in ViewJson.MembersOf(from))
                if (m.Inline) Take(m.Type, m.Optional ? Presence.Sometimes : presence);
                else
                {
                    var schema = Of(m.Type);
                    members.Add(new(m.Name, m.WrittenNull
                        ? Json.Object(("anyOf", Json.Array(schema, Json.Object(("type", "null"))))) : schema));
                    if (presence == Presence.Always && (m.WrittenNull || !m.Optional)) required.Add(m.Name);
                }
        }
    }

    enum Presence { Always, Sometimes }
}
