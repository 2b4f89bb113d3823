using System.Collections.Immutable;
using System.Text;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// How each map of a state is kept outside memory: a fact as the state's digest has it, and what that leaves out. It is
/// no format that crosses a wire: who reads it made it, with this very program or one that says the same number.
/// </summary>
static class StateForms
{
    /// <summary>Counted up with every change of what is kept, or of what the fold makes of a statement.</summary>
    public const int Version = 1;

    static readonly FactForm<string, MemberFact> Members = Of(StateDigest.Members, Text, (id, j) => new(id,
        j["entry"].AsInt, By(j["by"]), All(j["keys"], k => PublicKey.Parse(k.AsString)),
        All(j["roles"], Role.FromJson), j.Find("name")?.AsDigest));

    static readonly FactForm<long, ImmutableArray<Signed>> Statings =
        Of(StateDigest.Statings, Entry, (_, j) => By(j));

    static readonly FactForm<Digest, string> KeyOwners = Of(StateDigest.KeyOwners, Hash, (_, j) => j.AsString);

    static readonly FactForm<Digest, RevocationFact> Revocations = Of(StateDigest.Revocations, Hash, (_, j) => new(
        j["entry"].AsInt, Revocation.Targets.Parse(j["target"]), j["fromEntry"].AsInt,
        Revocation.Effects.Parse(j["effect"]),
        j.Find("recovery")?.AsInt));

    static readonly FactForm<string, SystemFact> Systems = Of(StateDigest.Systems, Text, (name, j) => new(name,
        j["entry"].AsInt, j["owner"].AsString, j["risk"].AsString,
        All(j["environments"], EnvironmentTerms.FromJson))
    { Retention = j.Find("retention") is { } r ? RetentionTerms.FromJson(r) : null });

    static readonly FactForm<Digest, ErasureFact> Erasures = Of(StateDigest.Erasures, Hash, (_, j) => new(
        j["entry"].AsInt, j["log"].AsString, j["from"].AsInt, j["to"].AsInt, j["count"].AsInt,
        Erasure.Causes.Parse(j["cause"]),
        j["size"].AsInt));

    static readonly FactForm<long, HoldFact> Holds = Of(StateDigest.Holds, Entry, (_, j) => new(j["entry"].AsInt,
        j["time"].AsInt, j["system"].AsString, j.Find("environment")?.AsString, j.Find("log")?.AsString,
        j["from"].AsInt, j.Find("to")?.AsInt, j.Find("reason")?.AsDigest));

    static readonly FactForm<string, PolicyFact> Policies = Of(StateDigest.Policies, Text, (_, j) => new(
        j["entry"].AsInt, By(j["by"]), j.Find("policy")?.AsDigest, j.Find("candidate")?.AsDigest,
        (int)j["share"].AsInt));

    static readonly FactForm<Digest, ImmutableArray<OriginFact>> Origins = Of(StateDigest.Origins, Hash,
        (_, all) => All(all, j => new OriginFact(By(j["by"]), j["builder"].AsString, j["agrees"].AsBool,
            j["type"].AsString, j["recipe"].AsDigest, All(j["materials"], m => m.AsDigest))
        {
            Source = j.Find("source") is { } s ? new(s.Find("name")?.AsString, s.Find("kind")?.AsString,
                s.Find("from")?.AsString, s.Find("licence")?.AsString) : null,
        }));

    static readonly FactForm<Digest, ReleaseFact> Releases = With(StateDigest.Releases, Hash,
        (r, j) => j.With("components", Json.Array(r.Components.Select(c => c.ToJson())))
            .With("policy", r.Policy is { } p ? Json.Of(p) : Json.Null),
        (digest, j) => new(digest, By(j["by"]), j["system"].AsString, j["name"].AsString, j["document"].AsDigest,
            All(j["components"], Component.FromJson), Optional(j["policy"])));

    static readonly FactForm<long, EvaluationFact> Evaluations = Of(StateDigest.Evaluations, Entry, (_, j) => new(
        OneBy(j["by"]), j["time"].AsInt, j["release"].AsDigest, j["check"].AsDigest, j["report"].AsDigest,
        j.Find("supersededBy") is { } s ? OneBy(s) : null));

    // The statement itself in the place of its identity.
    static readonly FactForm<long, ApprovalFact> Approvals = With(StateDigest.Approvals, Entry,
        (a, j) => j.With("statement", Payload(a.Approval)),
        (_, j) => new(OneBy(j["by"]), (Approval)StatementOf(j["statement"]), Withdrawn(j)));

    static readonly FactForm<long, WaiverFact> Waivers = With(StateDigest.Waivers, Entry,
        (w, j) => j.With("statement", Payload(w.Waiver)),
        (_, j) => new(OneBy(j["by"]), (Waiver)StatementOf(j["statement"]), Withdrawn(j)));

    static readonly FactForm<long, AttestationFact> Attestations = With(Fold.AttestationPart, Entry,
        (a, j) => j.With("statement", Payload(a.Attestation)),
        (_, j) => new(OneBy(j["by"]), (Attestation)StatementOf(j["statement"])));

    static readonly FactForm<long, ImmutableArray<Anchored>> Anchors =
        Sequence<Anchored>.FormOf(StateDigest.Anchored, AnchoredOf);

    static readonly FactForm<string, LogFact> Logs = new(StringComparer.Ordinal, Text, StateDigest.Logs.Value,
        (l, nodes) => StateDigest.Logs.Value(l).With("anchors", l.Anchors.Save(Anchors, nodes)),
        (origin, j, nodes) => new(origin, j["key"].AsString, j["node"].AsString, j["system"].AsString,
            j["environment"].AsString, j.Find("predecessor")?.AsString, j["entry"].AsInt,
            LogStatement.Actions.Parse(j["status"]),
            j.Find("anchor") is { } a ? AnchoredOf(a) : null, j["floor"].AsInt)
        { Anchors = Sequence<Anchored>.Load(j["anchors"], Anchors, nodes) })
    {
        Whole = l => l.Anchors.Select(StateDigest.Anchored).Prepend(StateDigest.Logs.Value(l)),
    };

    static readonly FactForm<Digest, long> Deployed = new(Comparer<Digest>.Default, Hash, StateDigest.Number,
        (n, _) => n, (_, j, _) => j.AsInt);

    static readonly FactForm<long, PastHead> Heads = new(Comparer<long>.Default, Entry, StateDigest.Past,
        (h, _) => StateDigest.Past(h), (_, j, _) =>
            new(Deployment.Actions.Parse(j["action"]), All(j["routes"], Route.FromJson)));

    static readonly FactForm<string, EnvironmentFact> Environments = new(StringComparer.Ordinal, Text,
        StateDigest.AsHashed,
        (e, nodes) => Json.Object(
            ("head", e.Head is { } h ? StateDigest.Head(h) : null), ("deployed", e.Deployed.Save(Deployed, nodes)),
            ("heads", e.Heads.Save(Heads, nodes)),
            ("observation", e.Observation is { } o ? StateDigest.Observation(o) : null)),
        (_, j, nodes) => new(j.Find("head") is { } h ? HeadOf(h) : null,
            FactMap<Digest, long>.Load(j["deployed"], Deployed, nodes),
            FactMap<long, PastHead>.Load(j["heads"], Heads, nodes),
            j.Find("observation") is { } o ? ObservationOf(o) : null))
    {
        Whole = e => [StateDigest.WholeEnvironment(e)],
    };

    static readonly FactForm<Digest, ImmutableSortedSet<string>> Used = new(Comparer<Digest>.Default, Hash, null,
        (systems, _) => Json.Array(systems.Select(Json.Of)),
        (_, j, _) => j.AsArray.Select(s => s.AsString).ToImmutableSortedSet(StringComparer.Ordinal));

    /// <summary>A state's maps, by their names.</summary>
    public static ImmutableArray<MapForm> Maps { get; } =
    [
        Map("members", s => s.Members, (s, m) => s with { Members = m }, Members),
        Map("statings", s => s.Statings, (s, m) => s with { Statings = m }, Statings),
        Map("keyOwners", s => s.KeyOwners, (s, m) => s with { KeyOwners = m }, KeyOwners),
        Map("revocations", s => s.Revocations, (s, m) => s with { Revocations = m }, Revocations),
        Map("systems", s => s.Systems, (s, m) => s with { Systems = m }, Systems),
        Map("erasures", s => s.Erasures, (s, m) => s with { Erasures = m }, Erasures),
        Map("holds", s => s.Holds, (s, m) => s with { Holds = m }, Holds),
        Map("policies", s => s.Policies, (s, m) => s with { Policies = m }, Policies),
        Map("origins", s => s.Origins, (s, m) => s with { Origins = m }, Origins),
        Map("releases", s => s.Releases, (s, m) => s with { Releases = m }, Releases),
        Map("evaluations", s => s.Evaluations, (s, m) => s with { Evaluations = m }, Evaluations),
        Map("approvals", s => s.Approvals, (s, m) => s with { Approvals = m }, Approvals),
        Map("waivers", s => s.Waivers, (s, m) => s with { Waivers = m }, Waivers),
        Map("attestations", s => s.Attestations, (s, m) => s with { Attestations = m }, Attestations),
        Map("logs", s => s.Logs, (s, m) => s with { Logs = m }, Logs),
        Map("environments", s => s.Environments, (s, m) => s with { Environments = m }, Environments),
        Map("used", s => s.Used, (s, m) => s with { Used = m }, Used),
    ];

    /// <summary>One map of a state: how it is kept, and put into a state again.</summary>
    /// <param name="Lines">All that it holds.</param>
    public sealed record MapForm(string Name, Func<State, INodes, Json> Save, Func<State, Json, INodes, State> Load,
        Func<State, IEnumerable<string>> Lines);

    static MapForm Map<K, V>(string name, Func<State, FactMap<K, V>> of, Func<State, FactMap<K, V>, State> set,
        FactForm<K, V> form) where K : notnull => new(name, (s, nodes) => of(s).Save(form, nodes),
        (s, j, nodes) => set(s, FactMap<K, V>.Load(j, form, nodes)), s => form.Lines(of(s)));

    static FactForm<K, V> Of<K, V>(StateDigest.MapPart<K, V> part, Func<string, K> key, Func<K, Json, V> read)
        where K : notnull => With(part, key, (_, j) => j, read);

    /// <param name="with">A fact's hashed form with what that leaves out.</param>
    static FactForm<K, V> With<K, V>(StateDigest.MapPart<K, V> part, Func<string, K> key, Func<V, Json, Json> with,
        Func<K, Json, V> read) where K : notnull => new(
        typeof(K) == typeof(string) ? (IComparer<K>)StringComparer.Ordinal : Comparer<K>.Default, key, part.Value,
        (v, _) => with(v, part.Value(v)), (k, j, _) => read(k, j));

    static string Text(string key) => key;
    static Digest Hash(string key) => Digest.Parse(key);
    static long Entry(string key) =>
        FactPath.EntryOf(key) ?? throw new FormatException($"'{key}' is no entry's number");

    static ImmutableArray<T> All<T>(Json array, Func<Json, T> read) => [.. array.AsArray.Select(read)];
    static Digest? Optional(Json j) => j.Kind == JsonKind.Null ? null : j.AsDigest;
    static Signed OneBy(Json j) =>
        new(j["entry"].AsInt, j["member"].AsString, j["key"].AsDigest, j["rests"].AsInt);
    static ImmutableArray<Signed> By(Json j) => All(j, OneBy);
    static Signed? Withdrawn(Json j) => j.Find("withdrawn") is { } by ? OneBy(by) : null;
    static Json Payload(Statement statement) => Encoding.UTF8.GetString(statement.Encode());
    static Statement StatementOf(Json j) => StatementKinds.Parse(Encoding.UTF8.GetBytes(j.AsString));

    static Anchored AnchoredOf(Json a) => new(a["entry"].AsInt, a["time"].AsInt, a["size"].AsInt, a["root"].AsDigest,
        a["opens"].AsInt, a["closes"].AsInt, a["wholes"].AsInt, a["issued"].AsInt,
        a.Find("gateway") is { } g ? GatewayCount.FromJson(g) : null);

    static HeadFact HeadOf(Json h) => new(h["entry"].AsInt, h["time"].AsInt, Deployment.Actions.Parse(h["action"]),
        All(h["routes"], Route.FromJson), All(h["policies"], p => p.AsDigest), All(h["waivers"], w => w.AsInt),
        All(h["previousRoutes"], Route.FromJson));

    static ObservationFact ObservationOf(Json o) => new(o["entry"].AsInt, o["time"].AsInt,
        Observation.Events.Parse(o["event"]), o["release"].AsDigest, o["deployment"].AsInt, o["agrees"].AsBool,
        o["node"].AsString);
}
