using System.Collections.Immutable;
using Cel.Syntax;
using Cel.Values;

namespace Stele.Proof.Governance;

/// <summary>
/// What rules see, with types: a field that is misspelt is an error when a policy is compiled. Truly open things
/// (metric names, a request's body) are maps and <c>dyn</c>. A variable that an action does not have is null; a field
/// in <see cref="Optional"/> may be absent, all others are always there.
/// </summary>
public static class InputSchema
{
    static CelType String => CelType.String;
    static CelType Int => CelType.Int;
    static readonly CelType Strings = CelType.List(CelType.String),
        Numbers = CelType.Map(CelType.String, CelType.Double);

    static readonly CelType Actor = Object("actor", ("members", Strings), ("roles", Strings));
    static readonly CelType Retention = Object("retention", ("bodies", Int), ("leaves", Int));
    static readonly CelType Limits = Object("limits", ("name", String), ("nodeReturn", CelType.Bool),
        ("observationGap", Int), ("staleAfter", Int));
    static readonly CelType System = Object("system", ("environments", CelType.List(Limits)), ("name", String),
        ("owner", String), ("retention", Retention), ("risk", String));
    static readonly CelType Route = Object("route", ("release", String), ("weight", Int));
    static readonly CelType Head = Object("head", ("action", String), ("entry", Int), ("releases", Strings),
        ("routes", CelType.List(Route)), ("time", Int));
    static readonly CelType Environment = Object("environment", ("head", Head), ("name", String),
        ("nodeReturn", CelType.Bool), ("observationGap", Int), ("recorded", CelType.Bool), ("staleAfter", Int));
    static readonly CelType Origin = Object("origin", ("builders", Strings), ("entry", Int), ("strength", String));
    static readonly CelType Component = Object("component", ("digest", String), ("kind", String), ("mount",
        CelType.Bool), ("name", String), ("origins", CelType.List(Origin)), ("role", String), ("strength", String));
    static readonly CelType Source = Object("source", ("builders", Strings), ("digest", String), ("entry", Int),
        ("from", String), ("kind", String), ("licence", String), ("name", String), ("strength", String));
    static readonly CelType Ran = Object("ran", ("action", String), ("entry", Int), ("environment", String),
        ("weight", Int));
    static readonly CelType Release = Object("release", ("authors", Strings), ("components", CelType.List(Component)),
        ("digest", String), ("document", String), ("name", String), ("policy", String),
        ("ran", CelType.List(Ran)), ("sources", CelType.List(Source)));
    static readonly CelType Evaluation = Object("evaluation", ("counts", CelType.Map(String, CelType.Dyn)),
        ("entry", Int), ("evaluator", String), ("groups", CelType.Map(String, Numbers)), ("metrics", Numbers),
        ("supersedes", Int), ("time", Int));
    static readonly CelType Approval = Object("approval", ("entry", Int), ("expires", Int), ("member", String));
    static readonly CelType Attestation = Object("attestation", ("entry", Int), ("evidence", String), ("expires", Int),
        ("member", String), ("release", String));
    static readonly CelType Change = Object("change", ("added", Strings), ("candidate", String), ("changed", Strings),
        ("environment", String), ("from", String), ("loosens", CelType.Bool), ("removed", Strings),
        ("scope", String), ("share", Int), ("system", String), ("to", String));
    static readonly CelType Member = Object("member", ("isNew", CelType.Bool), ("keys", Strings), ("keysAdded",
        Strings), ("keysRemoved", Strings), ("member", String), ("roles", Strings), ("rolesBefore", Strings));
    static readonly CelType Revocation = Object("revocation", ("digest", String), ("effect", String), ("fromEntry",
        Int), ("member", String), ("places", Strings), ("roles", Strings), ("scopes", Strings), ("target", String));
    static readonly CelType Waiver = Object("waiver", ("controls", Strings), ("expires", Int), ("member", String),
        ("name", String), ("policy", String), ("rule", String), ("severity", String));
    static readonly CelType Waived = Object("waived", ("entry", Int), ("expires", Int), ("member", String),
        ("policy", String), ("rule", String), ("severity", String));

    static readonly CelType Principal = Object("principal", ("id", String), ("roles", Strings));
    static readonly CelType Request = Object("request", ("arguments", CelType.Map(String, CelType.Dyn)),
        ("body", CelType.Dyn), ("method", String), ("model", String), ("path", String), ("query", String),
        ("size", Int), ("tool", String));
    static readonly CelType Serving = Object("system", ("name", String), ("owner", String), ("risk", String));
    static readonly CelType Running = Object("release", ("digest", String), ("document", String), ("name", String));
    static readonly CelType Place = Object("environment", ("deployment", Int), ("name", String));
    static readonly CelType Window = Object("window", ("decisions", Int), ("from", Int), ("to", Int));

    static readonly FrozenVariables[] ByOccasion =
    [
        new(("action", String), ("actor", Actor), ("approvals", CelType.List(Approval)),
            ("attestations", CelType.Map(String, CelType.List(Attestation))), ("change", Change),
            ("checks", CelType.Map(String, CelType.List(Evaluation))), ("environment", Environment), ("member", Member),
            ("proposed", System), ("release", Release), ("revocation", Revocation),
            ("routes", CelType.List(Route)), ("system", System), ("time", Int), ("waiver", Waiver),
            ("waivers", CelType.List(Waived))),
        new(("action", String), ("environment", Place), ("principal", Principal), ("release", Running),
            ("request", Request), ("system", Serving), ("time", Int)),
        new(("action", String), ("environment", Place), ("groups", CelType.Map(String, Numbers)), ("metrics", Numbers),
            ("release", Running), ("system", Serving), ("time", Int), ("window", Window)),
    ];

    /// <summary>Fields that may be absent, by the type they are in: ask with <c>has()</c>.</summary>
    public static bool Optional(CelType owner, string field) => (owner.Name, field) is
        ("environment", "head" or "observationGap" or "staleAfter") or ("limits", "observationGap" or "staleAfter")
            or ("system", "retention") or ("retention", "bodies" or "leaves") or ("attestation", "release"
                or "evidence")
        or ("request", "body" or "tool" or "arguments" or "model");

    /// <summary>The variables of an occasion, where nothing is known of the policy.</summary>
    public static ImmutableSortedDictionary<string, CelType> Variables(Occasion occasion) =>
        ByOccasion[(int)occasion].Types;

    /// <summary>The variables as a policy's expressions see them: <c>checks</c> has the checks that it names.</summary>
    public static ImmutableSortedDictionary<string, CelType> Variables(Occasion occasion, IEnumerable<string> checks) =>
        occasion != Occasion.Admission ? Variables(occasion) : Variables(occasion).SetItem("checks",
            CelType.Object("checks", checks.Select(c => KeyValuePair.Create(c, CelType.List(Evaluation)))));

    /// <summary>Whether the action has that variable; where it has not, it is null.</summary>
    public static bool Has(string action, string variable) => variable switch
    {
        "change" => action == Actions.Policy,
        "member" => action == Actions.Member,
        "revocation" => action == Actions.Revocation,
        "proposed" => action == Actions.System,
        "waiver" => action == Actions.Waiver,
        "routes" => Actions.Deployments.Contains(action) && action != Actions.Halt,
        "release" or "approvals" or "checks" or "waivers" => action is not (Actions.Policy or Actions.System
            or Actions.Member or Actions.Revocation or Actions.Halt),
        "environment" => action is not (Actions.System or Actions.Member or Actions.Revocation),
        "system" => action is not (Actions.Member or Actions.Revocation),
        _ => true,
    };

    /// <summary>
    /// A whole input from what a test gives of it: what is left out has its type's empty value, and a request's tool,
    /// arguments and model are what its body says (<see cref="Protocols"/>).
    /// </summary>
    /// <param name="problem">Told of everything that the schema does not have, by path.</param>
    public static Json Complete(string action, IEnumerable<string> checks, IEnumerable<string> attestations, Json given,
        Action<string, string> problem)
    {
        var variables = Variables(Actions.OccasionOf(action), checks).Remove("action");
        if (variables.ContainsKey("attestations"))
            variables = variables.SetItem("attestations",
                CelType.Object("attestations", attestations.Distinct(StringComparer.Ordinal)
                    .Select(a => KeyValuePair.Create(a, CelType.List(Attestation)))));
        if (given.Kind != JsonKind.Object)
        {
            problem("", "an input is a mapping of variables");
            return Json.EmptyObject;
        }
        foreach (var (name, _) in given.AsObject)
            if (name == "action") problem("/action", "the action is what the test is 'on'");
            else if (!variables.ContainsKey(name))
                problem(Pointer("", name), $"'{action}' has no input '{name}'{Spelling.Hint(name, variables.Keys)}");
        var members = new List<KeyValuePair<string, Json>> { KeyValuePair.Create("action", Json.Of(action)) };
        foreach (var (name, type) in variables)
            if (given.Find(name) is { } value)
                members.Add(KeyValuePair.Create(name, Complete(value, type, Pointer("", name), problem)));
            else if (Has(action, name) || type.Fields is null) members.Add(KeyValuePair.Create(name, Empty(type)));
        return action == Actions.Decide ? Described(Json.Object(members)) : Json.Object(members);
    }

    static Json Described(Json input)
    {
        if (input["request"] is not { Kind: JsonKind.Object } request) return input;
        var told = Json.Object(request.AsObject.Where(m => !Protocols.Fields.Contains(m.Key)));
        return input.With("request",
            Json.Object(Protocols.Describe(told).AsObject.Where(m => request.Find(m.Key) is null)
                .Concat(request.AsObject)));
    }

    static Json Complete(Json given, CelType type, string at, Action<string, string> problem)
    {
        if (type.Kind == CelKind.Dyn) return given;
        if (type.Fields is { } fields && given.Kind == JsonKind.Object)
        {
            foreach (var (name, _) in given.AsObject)
                if (!fields.ContainsKey(name))
                    problem(Pointer(at, name), $"{type} has no field '{name}'{Spelling.Hint(name, fields.Keys)}");
            return Json.Object(fields.Where(f => given.Find(f.Key) is not null || !Optional(type, f.Key))
                .Select(f => KeyValuePair.Create(f.Key, given.Find(f.Key) is { } value
                    ? Complete(value, f.Value, Pointer(at, f.Key), problem)
                    : Empty(f.Value))));
        }
        if (type.Kind == CelKind.Map && given.Kind == JsonKind.Object)
            return Json.Object(given.AsObject.Select(m =>
                KeyValuePair.Create(m.Key, Complete(m.Value, type.Parameters[1], Pointer(at, m.Key), problem))));
        if (type.Kind == CelKind.List && given.Kind == JsonKind.Array)
            return Json.Array(given.AsArray.Select((v, i) => Complete(v, type.Parameters[0],
                Pointer(at, i.ToString(global::System.Globalization.CultureInfo.InvariantCulture)), problem)));
        var fits = type.Kind switch
        {
            CelKind.String => given.Kind == JsonKind.String, CelKind.Int => given.Kind == JsonKind.Int,
            CelKind.Double => given.Kind is JsonKind.Int or JsonKind.Double, CelKind.Bool =>
                given.Kind == JsonKind.Bool,
            _ => given.Kind == JsonKind.Null && type.Fields is not null,
        };
        if (!fits)
            problem(at,
                $"want {(type.Fields is null ? type.ToString() : $"the fields of {type}")}, found {Spell(given.Kind)}");
        return given;
    }

    static string Spell(JsonKind kind) => kind switch
    {
        JsonKind.Object => "a mapping",
        JsonKind.Array => "a list",
        JsonKind.Int => "an integer",
        JsonKind.Double => "a number",
        JsonKind.String => "a string",
        JsonKind.Bool => "true or false",
        _ => "null"
    };

    static Json Empty(CelType type) => type.Kind switch
    {
        CelKind.String => "", CelKind.Int or CelKind.Double => 0, CelKind.Bool => false, CelKind.List =>
            Json.EmptyArray, CelKind.Dyn => Json.Null,
        _ =>
            type.Fields is null
                ? Json.EmptyObject
                : Json.Object(type.Fields.Where(f => !Optional(type, f.Key))
                    .Select(f => KeyValuePair.Create(f.Key, Empty(f.Value)))),
    };

    internal static string Pointer(string at, string token) =>
        $"{at}/{token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal)}";

    /// <summary>
    /// An input document as the variables of its occasion; those that the action does not have are null.
    /// </summary>
    public static IReadOnlyDictionary<string, CelValue> ToCel(Json input)
    {
        var types = Variables(Actions.OccasionOf(input["action"].AsString));
        var variables = new Dictionary<string, CelValue>(types.Count, StringComparer.Ordinal);
        foreach (var (name, type) in types) variables[name] = input.Find(name) is { } v
            ? Value(v, type)
            : CelValue.Null;
        return variables;
    }

    /// <summary>
    /// Whole numbers are ints, but doubles where the schema says so (whatever a measured number happens to come to),
    /// and below it.
    /// </summary>
    static CelValue Value(Json j, CelType type) => j.Kind switch
    {
        JsonKind.Null => CelValue.Null,
        JsonKind.Bool => CelValue.Bool(j.AsBool),
        JsonKind.Int => type.Kind == CelKind.Double ? CelValue.Double(j.AsInt) : CelValue.Int(j.AsInt),
        JsonKind.Double => CelValue.Double(j.AsDouble),
        JsonKind.String => CelValue.String(j.AsString),
        JsonKind.Array => CelValue.List(
            j.AsArray.Select(v => Value(v, type.Kind == CelKind.List ? type.Parameters[0] : type)).ToArray()),
        _ =>
            CelValue.Map(j.AsObject.Select(m => KeyValuePair.Create(m.Key, Value(m.Value, Of(type, m.Key)))).ToArray()),
    };

    static CelType Of(CelType type, string field) =>
        type.Fields is { } fields ? fields.GetValueOrDefault(field, CelType.Dyn) : type.Kind == CelKind.Map
            ? type.Parameters[1] : type;

    static CelType Object(string name, params (string Name, CelType Type)[] fields) =>
        CelType.Object(name, fields.Select(f => KeyValuePair.Create(f.Name, f.Type)));

    sealed class FrozenVariables(params (string Name, CelType Type)[] all)
    {
        public ImmutableSortedDictionary<string, CelType> Types { get; } = all.ToImmutableSortedDictionary(v => v.Name,
            v => v.Type, StringComparer.Ordinal);
    }
}
