using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>
/// The canonical serialisation of a state, and its digest. Nodes put the digest into anchors and observations, so judges that disagree are found at once. Everything the fold can ask of a
/// state is in it; the entries themselves, and so all identities, stand there as their running digest.
/// The digest is the SHA-256 of the canonical JSON that <see cref="ToJson"/> gives, but with the <see cref="FactMap{TKey,TValue}.Digest"/> of each map of facts in the place of its members.
/// </summary>
public static class StateDigest
{
    public static Digest Of(State state) => Digest.Of(Form(state, whole: false).ToBytes());

    /// <summary>All there is, for people to look at.</summary>
    public static Json ToJson(State state) => Form(state, whole: true);

    static Json Form(State s, bool whole) => Json.Object(
        ("fold", s.FoldVersion), ("size", s.Size), ("time", s.Time), ("ledger", s.Ledger), ("origin", s.Origin), ("threshold", s.Threshold),
        ("recoveryKey", s.RecoveryKey is { } rk ? Json.Of(rk.ToString()) : null), ("serverKey", s.ServerKey is { } sk ? Json.Of(sk.ToString()) : null),
        ("logKeys", List(s.LogKeys, k => Json.Object(("fromSize", k.FromSize), ("key", k.Key)))),
        ("seen", s.Seen),
        ("members", Map(whole, s.Members, m => Json.Object(
            ("entry", m.Entry), ("by", By(m.By)), ("keys", List(m.Keys, k => k.ToString())), ("roles", List(m.Roles, r => r.ToJson())), ("name", Optional(m.Name))))),
        ("statings", Map(whole, s.Statings, By)),
        ("keyOwners", Map(whole, s.KeyOwners, m => Json.Of(m))),
        ("revocations", Map(whole, s.Revocations, r => Json.Object(("entry", r.Entry), ("target", r.Target), ("fromEntry", r.FromEntry), ("effect", r.Effect), ("recovery", r.Recovery is { } n ? Json.Of(n) : null)))),
        ("systems", Map(whole, s.Systems, x => Json.Object(("entry", x.Entry), ("owner", x.Owner), ("risk", x.Risk), ("environments", List(x.Environments, e => e.ToJson())), ("retention", x.Retention?.ToJson())))),
        ("erasures", Map(whole, s.Erasures, e => Json.Object(("entry", e.Entry), ("log", e.Log), ("from", e.From), ("to", e.To), ("count", e.Count), ("cause", e.Cause), ("size", e.Size)))),
        ("holds", Map(whole, s.Holds, h => Json.Object(
            ("entry", h.Entry), ("time", h.Time), ("system", h.System), ("environment", h.Environment is { } e ? Json.Of(e) : null), ("log", h.Log is { } l ? Json.Of(l) : null),
            ("from", h.From), ("to", h.To is { } t ? Json.Of(t) : null), ("reason", Optional(h.Reason))))),
        ("policies", Map(whole, s.Policies, p => Json.Object(("entry", p.Entry), ("by", By(p.By)), ("policy", Optional(p.Policy)), ("candidate", Optional(p.Candidate)), ("share", p.Share)))),
        ("origins", Map(whole, s.Origins, all => List(all, o => Json.Object(("by", By(o.By)), ("builder", o.Builder), ("agrees", o.Agrees), ("type", o.BuildType), ("recipe", o.Recipe), ("materials", List(o.Materials, Json.Of)),
            ("source", o.Source is { } x ? Json.Object(("name", Text(x.Name)), ("kind", Text(x.Kind)), ("from", Text(x.From)), ("licence", Text(x.Licence))) : null))))),
        ("releases", Map(whole, s.Releases, r => Json.Object(("by", By(r.By)), ("system", r.System), ("name", r.Name), ("document", r.Document)))),
        ("evaluations", Map(whole, s.Evaluations, e => Json.Object(("by", By(e.By)), ("time", e.Time), ("release", e.Release), ("check", e.Check), ("report", e.Report), ("supersededBy", e.SupersededBy is { } s ? By(s) : null)))),
        ("approvals", Map(whole, s.Approvals, a => Json.Object(("by", By(a.By)), ("statement", a.Approval.Identity), ("withdrawn", a.Withdrawn is { } by ? By(by) : null)))),
        ("waivers", Map(whole, s.Waivers, w => Json.Object(("by", By(w.By)), ("statement", w.Waiver.Identity), ("withdrawn", w.Withdrawn is { } by ? By(by) : null)))),
        ("attestations", Map(whole, s.Attestations, a => Json.Object(("by", By(a.By)), ("statement", a.Attestation.Identity)))),
        ("environments", Map(whole, s.Environments, e => Json.Object(
            ("head", e.Head is { } h ? Json.Object(
                ("entry", h.Entry), ("time", h.Time), ("action", h.Action), ("routes", List(h.Routes, r => r.ToJson())), ("policies", List(h.Policies, Json.Of)),
                ("waivers", List(h.Waivers, w => w)), ("previousRoutes", List(h.PreviousRoutes, r => r.ToJson()))) : null),
            ("deployed", Map(whole, e.Deployed, d => Json.Of(d))), ("heads", Map(whole, e.Heads, h => Json.Object(("action", h.Action), ("routes", List(h.Routes, r => r.ToJson()))))),
            ("observation", e.Observation is { } o ? Json.Object(
                ("entry", o.Entry), ("time", o.Time), ("event", o.Event), ("release", o.Release), ("deployment", o.Deployment), ("agrees", o.Agrees), ("node", o.Node)) : null)))),
        ("logs", Map(whole, s.Logs, l => Json.Object(
            ("key", l.Key), ("node", l.Node), ("system", l.System), ("environment", l.Environment), ("predecessor", l.Predecessor is { } p ? Json.Of(p) : null), ("entry", l.Entry),
            ("status", l.Status), ("floor", l.Floor),
            ("anchor", l.Anchor is { } a ? Json.Object(
                ("entry", a.Entry), ("time", a.Time), ("size", a.Size), ("root", a.Root), ("opens", a.Opens), ("closes", a.Closes), ("wholes", a.Wholes), ("issued", a.Issued), ("gateway", a.Gateway?.ToJson())) : null)))));

    static Json? Optional(Digest? d) => d is { } x ? Json.Of(x) : null;
    static Json? Text(string? s) => s is null ? null : Json.Of(s);
    static Json By(Signed s) => Json.Object(("entry", s.Entry), ("member", s.Member), ("key", s.Key), ("rests", s.Rests));
    static Json By(ImmutableArray<Signed> all) => List(all, By);
    static Json List<T>(ImmutableArray<T> items, Func<T, Json> json) => Json.Array(items.Select(json));
    static Json Map<K, V>(bool whole, FactMap<K, V> facts, Func<V, Json> json) where K : notnull => !whole ? facts.Digest(json)
        : Json.Object(facts.Select(e => KeyValuePair.Create(string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{e.Key}"), json(e.Value))));
}
