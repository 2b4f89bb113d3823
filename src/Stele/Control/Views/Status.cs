using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>Where everything stands: systems, their environments and heads, the policies in force, decision logs. A pure function of one state and a time.</summary>
static class Status
{
    /// <param name="now">What "lapsed" and "silent" are measured by, milliseconds since 1970 UTC; the asked time when one asks as of then.</param>
    public static Json Of(State state, long now) => Json.Object(
        ("ledger", state.Ledger), ("origin", state.Origin), ("foldVersion", state.FoldVersion), ("size", state.Size), ("time", state.Time), ("asOf", now), ("state", StateDigest.Of(state)),
        ("members", state.Members.Count(m => !m.Value.Keys.IsEmpty)), ("threshold", state.Threshold),
        ("policies", Json.Array(state.Policies.Select(p => Json.Object(("scope", p.Key), ("entry", p.Value.Entry), ("policy", p.Value.Policy is { } d ? Json.Of(d) : null))))),
        ("systems", Json.Array(state.Systems.Values.Select(s => System(state, s, now)))),
        ("revocations", Json.Array(state.Revocations.Select(r => Json.Object(
            ("target", r.Value.Target), ("digest", r.Key), ("entry", r.Value.Entry), ("fromEntry", r.Value.FromEntry), ("effect", r.Value.Effect))))),
        ("logs", Json.Array(state.Logs.Values.Select(l => Log(state, l, now)))),
        ("holds", Json.Array(state.Holds.Values.Select(Hold))),
        ("attestations", Json.Array(Attestations.InForce(state, now).Select(a => Words.One(a, true)))));

    public static Json Hold(HoldFact h) => Json.Object(
        ("entry", h.Entry), ("time", h.Time), ("system", h.System), ("environment", h.Environment is { } e ? Json.Of(e) : null), ("log", h.Log is { } l ? Json.Of(l) : null),
        ("from", h.From), ("to", h.To is { } to ? Json.Of(to) : null), ("reason", h.Reason is { } r ? Json.Of(r) : null), ("covers", h.ToString()));

    static Json System(State state, SystemFact s, long now) => Json.Object(
        ("system", s.Name), ("entry", s.Entry), ("owner", s.Owner), ("risk", s.Risk), ("retention", s.Retention?.ToJson()),
        ("environments", Json.Array(s.Environments.Select(e => Environment(state, s.Name, e, now)))));

    static Json Environment(State state, string system, EnvironmentTerms terms, long now)
    {
        var fact = state.Environment(system, terms.Name);
        // Silence counts from the last observation, or from the deployment where there was none yet.
        var heard = fact.Observation?.Time ?? fact.Head?.Time;
        var running = fact.Head is { Routes.IsEmpty: false };
        return Json.Object(
            ("environment", terms.Name), ("place", State.Place(system, terms.Name)),
            ("staleAfter", terms.StaleAfter is { } stale ? Json.Of(stale) : null), ("observationGap", terms.ObservationGap is { } gap ? Json.Of(gap) : null), ("nodeReturn", terms.NodeReturn),
            ("policies", Json.Array(state.PoliciesFor(system, terms.Name).Select(Json.Of))),
            ("head", fact.Head is { } head ? Head(state, head, now) : null),
            ("observation", fact.Observation is { } o ? Json.Object(
                ("entry", o.Entry), ("time", o.Time), ("event", o.Event), ("release", o.Release), ("deployment", o.Deployment), ("agrees", o.Agrees)) : null),
            ("silent", running && terms.ObservationGap is { } limit && heard is { } last && now - last > limit),
            ("deployed", Json.Array(fact.Deployed.OrderBy(d => d.Value).Select(d => Json.Object(("release", d.Key), ("name", Name(state, d.Key)), ("entry", d.Value))))));
    }

    static Json Head(State state, HeadFact head, long now)
    {
        var waivers = head.Waivers.Select(w => Waivers.One(state, state.Waivers[w], now)).ToList();
        return Json.Object(
            ("entry", head.Entry), ("time", head.Time), ("action", head.Action), ("since", head.Time),
            ("routes", Json.Array(head.Routes.Select(r => Route(state, r)))), ("previousRoutes", Json.Array(head.PreviousRoutes.Select(r => Route(state, r)))),
            ("policies", Json.Array(head.Policies.Select(Json.Of))),
            ("waivers", Json.Array(waivers)),
            ("lapsed", waivers.Any(w => w["standing"].AsString is Waivers.Lapsed or Waivers.Revoked or Waivers.Withdrawn)),
            ("revoked", head.Routes.Any(r => state.Closure(state.Releases[r.Release]).Any(state.IsRevoked))));
    }

    static Json Route(State state, Route route) => Json.Object(("release", route.Release), ("name", Name(state, route.Release)), ("weight", route.Weight));

    static Json? Name(State state, Digest release) => state.Releases.TryGetValue(release, out var r) ? Json.Of(r.Name) : null;

    static Json Log(State state, LogFact l, long now) => Json.Object(
        ("log", l.Origin), ("node", l.Node), ("place", State.Place(l.System, l.Environment)), ("entry", l.Entry), ("status", l.Status), ("floor", l.Floor), ("key", l.Key),
        ("erased", state.Erasures.Values.Where(e => e.Log == l.Origin).Aggregate(0L, (sum, e) => Math.Min(sum + e.Count, Json.MaxInt))), ("holds", Json.Array(state.HoldsOn(l).Select(h => Json.Of(h.Entry)))),
        ("anchor", l.Anchor is { } a ? Json.Object(
            ("entry", a.Entry), ("time", a.Time), ("age", Math.Max(0, now - a.Time)), ("size", a.Size), ("root", a.Root), ("opens", a.Opens), ("closes", a.Closes), ("wholes", a.Wholes)) : null));
}
