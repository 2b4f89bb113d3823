using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The canonical serialisation of a state, and its digest. Nodes put the digest into anchors and observations, so
/// judges that disagree are found at once. Everything the fold can ask of a state is in it; the entries themselves, and
/// so all identities, stand there as their running digest.
/// The digest is the SHA-256 of the canonical JSON that <see cref="ToJson"/> gives, but with the
/// <see cref="FactMap{TKey,TValue}.Digest"/> of each map of facts in the place of its members.
/// </summary>
public static class StateDigest
{
    public static Digest Of(State state) => Digest.Of(FormOf(state).ToBytes());

    /// <summary>What is hashed: each map of facts by its digest.</summary>
    internal static Json FormOf(State state) => Form(state, Extent.Hashed);

    /// <summary>All there is, for people to look at.</summary>
    public static Json ToJson(State state) => Form(state, Extent.Whole);

    /// <summary>How a map of facts stands in the form: by its digest, or with all its members.</summary>
    internal enum Extent { Hashed, Whole }

    // What every entry changes, and the parts that some kinds of statement do.
    static Json Form(State s, Extent extent) => Json.Object([
        ("size", s.Size), ("time", s.Time), ("ledger", s.Ledger), ("seen", s.Seen),
        .. StatementKinds.Parts.Select(p => (p.Name, p.Form(s, extent))),
    ]);

    /// <summary>A part of the form, which the rows of the kinds that change it name.</summary>
    /// <param name="Path">Of maps of facts alone.</param>
    internal abstract record Part(string Name, Func<State, Extent, Json?> Form, Func<State, string, FactPath>? Path);

    sealed record OwnPart(string Name, Func<State, Extent, Json?> Form, Func<State, string, FactPath>? Path)
        : Part(Name, Form, Path);

    /// <summary>A map of facts as a part of the form.</summary>
    /// <param name="Value">The one form of a fact.</param>
    internal sealed record MapPart<K, V>(string Name, Func<State, FactMap<K, V>> Facts, Func<V, Json> Value)
        : Part(Name, (s, extent) => MapOf(extent, Facts(s), Value), (s, key) => Facts(s).PathTo(key, Value))
        where K : notnull;

    internal static readonly Part FoldVersion = Plain("fold", s => s.FoldVersion);
    internal static readonly Part Origin = Plain("origin", s => s.Origin);
    internal static readonly Part Threshold = Plain("threshold", s => s.Threshold);
    internal static readonly Part RecoveryKey = Plain("recoveryKey", s => Text(s.RecoveryKey?.ToString()));
    internal static readonly Part ServerKey = Plain("serverKey", s => Text(s.ServerKey?.ToString()));
    internal static readonly Part LogKeys =
        Plain("logKeys", s => List(s.LogKeys, k => Json.Object(("fromSize", k.FromSize), ("key", k.Key))));

    internal static readonly MapPart<string, MemberFact> Members = Of("members", s => s.Members, m => Json.Object(
        ("entry", m.Entry), ("by", By(m.By)), ("keys", List(m.Keys, k => k.ToString())),
            ("roles", List(m.Roles, r => r.ToJson())), ("name", Optional(m.Name))));

    internal static readonly MapPart<long, ImmutableArray<Signed>> Statings = Of("statings", s => s.Statings, By);

    internal static readonly MapPart<Digest, string> KeyOwners = Of("keyOwners", s => s.KeyOwners, m => Json.Of(m));

    internal static readonly MapPart<Digest, RevocationFact> Revocations = Of("revocations", s => s.Revocations, r =>
        Json.Object(
        ("entry", r.Entry), ("target", Revocation.Targets[r.Target]), ("fromEntry", r.FromEntry),
            ("effect", Revocation.Effects[r.Effect]),
            ("recovery", r.Recovery is { } n ? Json.Of(n) : null)));

    internal static readonly MapPart<string, SystemFact> Systems = Of("systems", s => s.Systems, x => Json.Object(
        ("entry", x.Entry), ("owner", x.Owner), ("risk", x.Risk),
            ("environments", List(x.Environments, e => e.ToJson())), ("retention", x.Retention?.ToJson())));

    internal static readonly MapPart<Digest, ErasureFact> Erasures = Of("erasures", s => s.Erasures, e => Json.Object(
        ("entry", e.Entry), ("log", e.Log), ("from", e.From), ("to", e.To), ("count", e.Count),
            ("cause", Erasure.Causes[e.Cause]),
            ("size", e.Size)));

    internal static readonly MapPart<long, HoldFact> Holds = Of("holds", s => s.Holds, h => Json.Object(
        ("entry", h.Entry), ("time", h.Time), ("system", h.System),
            ("environment", h.Environment is { } e ? Json.Of(e) : null),
        ("log", h.Log is { } l ? Json.Of(l) : null), ("from", h.From), ("to", h.To is { } t ? Json.Of(t) : null),
            ("reason", Optional(h.Reason))));

    internal static readonly MapPart<string, PolicyFact> Policies = Of("policies", s => s.Policies, p => Json.Object(
        ("entry", p.Entry), ("by", By(p.By)), ("policy", Optional(p.Policy)), ("candidate", Optional(p.Candidate)),
            ("share", p.Share)));

    internal static readonly MapPart<Digest, ImmutableArray<OriginFact>> Origins = Of("origins", s => s.Origins, all =>
        List(all, o => Json.Object(
        ("by", By(o.By)), ("builder", o.Builder), ("agrees", o.Agrees), ("type", o.BuildType), ("recipe", o.Recipe),
            ("materials", List(o.Materials, Json.Of)),
        ("source", o.Source is { } x
            ? Json.Object(("name", Text(x.Name)), ("kind", Text(x.Kind)), ("from", Text(x.From)),
            ("licence", Text(x.Licence))) : null))));

    internal static readonly MapPart<Digest, ReleaseFact> Releases = Of("releases", s => s.Releases, r =>
        Json.Object(("by", By(r.By)), ("system", r.System), ("name", r.Name), ("document", r.Document)));

    internal static readonly MapPart<long, EvaluationFact> Evaluations = Of("evaluations", s => s.Evaluations, e =>
        Json.Object(
        ("by", By(e.By)), ("time", e.Time), ("release", e.Release), ("check", e.Check), ("report", e.Report),
            ("supersededBy", e.SupersededBy is { } s ? By(s) : null)));

    internal static readonly MapPart<long, ApprovalFact> Approvals = Of("approvals", s => s.Approvals, a =>
        Json.Object(("by", By(a.By)), ("statement", a.Approval.Identity),
        ("withdrawn", a.Withdrawn is { } by ? By(by) : null)));

    internal static readonly MapPart<long, WaiverFact> Waivers = Of("waivers", s => s.Waivers, w =>
        Json.Object(("by", By(w.By)), ("statement", w.Waiver.Identity),
        ("withdrawn", w.Withdrawn is { } by ? By(by) : null)));

    internal static readonly MapPart<string, LogFact> Logs = Of("logs", s => s.Logs, l => Json.Object(
        ("key", l.Key), ("node", l.Node), ("system", l.System), ("environment", l.Environment),
        ("predecessor", l.Predecessor is { } p ? Json.Of(p) : null), ("entry", l.Entry),
        ("status", LogStatement.Actions[l.Status]), ("floor", l.Floor),
        ("anchor", l.Anchor is { } a ? Anchored(a) : null)));

    internal static Json Anchored(Anchored a) => Json.Object(
        ("entry", a.Entry), ("time", a.Time), ("size", a.Size), ("root", a.Root), ("opens", a.Opens),
        ("closes", a.Closes), ("wholes", a.Wholes), ("issued", a.Issued), ("gateway", a.Gateway?.ToJson()));

    /// <summary>
    /// Within an environment's fact two maps stand by their digests; the paths to their facts have a map's name of
    /// their own, below the place.
    /// </summary>
    public const string Deployed = "deployed:", Heads = "heads:";

    internal static readonly Func<EnvironmentFact, Json> AsHashed = e => Environment(e, Extent.Hashed);
    internal static readonly Func<long, Json> Number = Json.Of;
    internal static readonly Func<PastHead, Json> Past = h =>
        Json.Object(("action", Deployment.Actions[h.Action]), ("routes", List(h.Routes, r => r.ToJson())));

    internal static readonly Part Environments = new OwnPart("environments",
        (s, extent) => MapOf(extent, s.Environments,
            extent == Extent.Whole ? e => Environment(e, Extent.Whole) : AsHashed),
        (s, key) => s.Environments.PathTo(key, AsHashed));

    internal static Json WholeEnvironment(EnvironmentFact e) => Environment(e, Extent.Whole);

    static Json Environment(EnvironmentFact e, Extent extent) => Json.Object(
        ("head", e.Head is { } h ? Head(h) : null), ("deployed", MapOf(extent, e.Deployed, Number)),
            ("heads", MapOf(extent, e.Heads, Past)),
        ("observation", e.Observation is { } o ? Observation(o) : null));

    internal static Json Observation(ObservationFact o) => Json.Object(
        ("entry", o.Entry), ("time", o.Time), ("event", Statements.Observation.Events[o.Event]),
        ("release", o.Release), ("deployment", o.Deployment), ("agrees", o.Agrees), ("node", o.Node));

    internal static Json Head(HeadFact h) => Json.Object(
        ("entry", h.Entry), ("time", h.Time), ("action", Deployment.Actions[h.Action]),
        ("routes", List(h.Routes, r => r.ToJson())),
            ("policies", List(h.Policies, Json.Of)),
        ("waivers", List(h.Waivers, w => w)), ("previousRoutes", List(h.PreviousRoutes, r => r.ToJson())));

    /// <summary>
    /// What proves, given the state's digest and form, that a key has its value in one of the maps, or none.
    /// </summary>
    /// <param name="map">The map's name in the form; or <see cref="Deployed"/> or <see cref="Heads"/> and a place that
    /// has an environment.</param>
    internal static FactPath PathTo(State s, string map, string key) =>
        map.StartsWith(Deployed, StringComparison.Ordinal)
            ? s.Environments[map[Deployed.Length..]].Deployed.PathTo(key, Number)
        : map.StartsWith(Heads, StringComparison.Ordinal) ? s.Environments[map[Heads.Length..]].Heads.PathTo(key, Past)
        : StatementKinds.Parts.First(p => p.Name == map).Path!(s, key);

    internal static MapPart<K, V> Of<K, V>(string name, Func<State, FactMap<K, V>> facts, Func<V, Json> json)
        where K : notnull => new(name, facts, json);

    static OwnPart Plain(string name, Func<State, Json?> json) => new(name, (s, _) => json(s), null);

    static Json? Optional(Digest? d) => d is { } x ? Json.Of(x) : null;
    static Json? Text(string? s) => s is null ? null : Json.Of(s);
    internal static Json By(Signed s) =>
        Json.Object(("entry", s.Entry), ("member", s.Member), ("key", s.Key), ("rests", s.Rests));
    static Json By(ImmutableArray<Signed> all) => List(all, By);
    static Json List<T>(ImmutableArray<T> items, Func<T, Json> json) => Json.Array(items.Select(json));
    static Json MapOf<K, V>(Extent extent, FactMap<K, V> facts, Func<V, Json> json) where K : notnull =>
        extent == Extent.Hashed ? facts.Digest(json)
        : Json.Object(
            facts.Select(e => KeyValuePair.Create(
                string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{e.Key}"), json(e.Value))));
}
