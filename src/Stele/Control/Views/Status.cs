using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>Where everything stands: systems, their environments and heads, the policies in force, decision logs. A
/// pure function of one state, its entries and a time.</summary>
static class Status
{
    /// <param name="entries">The entries that were folded, at least those of the state.</param>
    /// <param name="now">
    /// What "lapsed" and "silent" are measured by, milliseconds since 1970 UTC; the asked time when one asks as of
    /// then.
    /// </param>
    public static Json Of(State state, IReadOnlyList<Folded> entries, long now) => Json.Object(
        ("ledger", state.Ledger), ("origin", state.Origin), ("foldVersion", state.FoldVersion), ("size", state.Size),
        ("time", state.Time), ("asOf", now), ("state", StateDigest.Of(state)),
        ("members", state.Members.Count(m => !m.Value.Keys.IsEmpty)), ("threshold", state.Threshold),
        ("policies",
            Json.Array(state.Policies.Select(p => Json.Object(("scope", p.Key), ("entry", p.Value.Entry),
                ("policy", p.Value.Policy is { } d ? Json.Of(d) : null))))),
        ("systems", Json.Array(state.Systems.Values.Select(s => System(state, entries, s, now)))),
        ("revocations", Json.Array(state.Revocations.Select(r => Json.Object(
            ("target", r.Value.Target), ("digest", r.Key), ("entry", r.Value.Entry), ("fromEntry", r.Value.FromEntry),
            ("effect", r.Value.Effect))))),
        ("logs", Json.Array(state.Logs.Values.Select(l => Log(state, l, now)))),
        ("holds", Json.Array(state.Holds.Values.Select(Hold))),
        ("attestations", Json.Array(Attestations.InForce(state, now).Select(a => Words.One(a, true)))));

    public static Json Hold(HoldFact h) => Json.Object(
        ("entry", h.Entry), ("time", h.Time), ("system", h.System),
        ("environment", h.Environment is { } e ? Json.Of(e) : null), ("log", h.Log is { } l ? Json.Of(l) : null),
        ("from", h.From), ("to", h.To is { } to ? Json.Of(to) : null),
        ("reason", h.Reason is { } r ? Json.Of(r) : null), ("covers", h.ToString()));

    static Json System(State state, IReadOnlyList<Folded> entries, SystemFact s, long now) => Json.Object(
        ("system", s.Name), ("entry", s.Entry), ("owner", s.Owner), ("risk", s.Risk),
        ("retention", s.Retention?.ToJson()),
        ("environments", Json.Array(s.Environments.Select(e => Environment(state, entries, s.Name, e, now)))));

    static Json Environment(State state, IReadOnlyList<Folded> entries, string system, EnvironmentTerms terms, long now)
    {
        var fact = state.Environment(system, terms.Name);
        // Silence counts from the last observation, or from the deployment where there was none yet.
        var heard = fact.Observation?.Time ?? fact.Head?.Time;
        var running = fact.Head is { Routes.IsEmpty: false };
        return Json.Object(
            ("environment", terms.Name), ("place", State.Place(system, terms.Name)),
            ("staleAfter", terms.StaleAfter is { } stale ? Json.Of(stale) : null),
            ("observationGap", terms.ObservationGap is { } gap ? Json.Of(gap) : null), ("nodeReturn", terms.NodeReturn),
            ("policies", Json.Array(state.PoliciesFor(system, terms.Name).Select(Json.Of))),
            ("head", fact.Head is { } head ? Head(state, head, now) : null),
            ("observation", Shown(state, entries, system, terms.Name, fact)),
            ("silent", running && terms.ObservationGap is { } limit && heard is { } last && now - last > limit),
            ("deployed",
                Json.Array(fact.Deployed.OrderBy(d => d.Value)
                    .Select(d => Json.Object(("release", d.Key), ("name", Name(state, d.Key)), ("entry", d.Value))))));
    }

    /// <summary>The newest observations that are about the head, one of each release that it routes to, the newest
    /// first.</summary>
    public static IEnumerable<(Folded Entry, Observation Observation)> AboutHead(
        State state, IReadOnlyList<Folded> entries, string system, string environment, HeadFact head)
    {
        var seen = new HashSet<Digest>();
        for (var i = (int)state.Size - 1; i > head.Entry && seen.Count < head.Routes.Length; i--)
            if (entries[i].Statement is Observation o && o.System == system && o.Environment == environment
                && o.Deployment == head.Entry && head.Routes.Any(r => r.Release == o.Release) && seen.Add(o.Release))
                yield return (entries[i], o);
    }

    /// <summary>
    /// What was last seen of the releases that the head names, a difference before all else; where nothing was yet,
    /// what was last seen of the place, which is about an earlier head then
    /// (<c>current</c>: false). <c>differs</c> names the dimensions that did not agree.
    /// </summary>
    static Json? Shown(
        State state, IReadOnlyList<Folded> entries, string system, string environment, EnvironmentFact fact)
    {
        var about = fact.Head is { } head ? AboutHead(state, entries, system, environment, head).ToArray() : [];
        var (entry, o) = about.FirstOrDefault(a => !Runs(a.Observation));
        if (o is null && about.Length > 0) (entry, o) = about[0];
        if (o is null && fact.Observation is { } last)
            (entry, o) = (entries[(int)last.Entry], entries[(int)last.Entry].Statement as Observation);
        return o is null ? null : Json.Object(
            ("entry", entry.Index), ("time", entry.Entry.Time), ("event", Observation.Events[o.Event]),
                ("release", o.Release),
            ("name", Name(state, o.Release)), ("deployment", o.Deployment),
            ("agrees", o.Dimensions.All(d => d.Agrees)), ("current", o.Deployment == fact.Head?.Entry),
            ("differs", Json.Array(o.Dimensions.Where(d => !d.Agrees).Select(d => Json.Of(d.Name)))));
    }

    /// <summary>Whether an observation says that the release runs, and is what was released.</summary>
    public static bool Runs(Observation o) =>
        o.Event is ObservedEvent.Started or ObservedEvent.Running or ObservedEvent.Healed
            && o.Dimensions.All(d => d.Agrees);

    static Json Head(State state, HeadFact head, long now)
    {
        var waivers = head.Waivers.Select(w => Waivers.One(state, state.Waivers[w], now)).ToList();
        return Json.Object(
            ("entry", head.Entry), ("time", head.Time), ("action", head.Action), ("since", head.Time),
            ("routes", Json.Array(head.Routes.Select(r => Route(state, r)))),
            ("previousRoutes", Json.Array(head.PreviousRoutes.Select(r => Route(state, r)))),
            ("policies", Json.Array(head.Policies.Select(Json.Of))),
            ("waivers", Json.Array(waivers)),
            ("lapsed",
                waivers.Any(w => w["standing"].AsString is Waivers.Lapsed or Waivers.Revoked or Waivers.Withdrawn)),
            ("revoked", head.Routes.Any(r => state.Closure(state.Releases[r.Release]).Any(state.IsRevoked))));
    }

    static Json Route(State state, Route route) =>
        Json.Object(("release", route.Release), ("name", Name(state, route.Release)), ("weight", route.Weight));

    static Json? Name(State state, Digest release) => state.Releases.TryGetValue(release, out var r)
        ? Json.Of(r.Name)
        : null;

    static Json Log(State state, LogFact l, long now) => Json.Object(
        ("log", l.Origin), ("node", l.Node), ("place", State.Place(l.System, l.Environment)), ("entry", l.Entry),
        ("status", l.Status), ("floor", l.Floor), ("key", l.Key),
        ("erased",
            state.Erasures.Values.Where(e => e.Log == l.Origin).Aggregate(0L, (sum, e) => Math.Min(sum + e.Count,
                Json.MaxInt))), ("holds", Json.Array(state.HoldsOn(l).Select(h => Json.Of(h.Entry)))),
        ("anchor", l.Anchor is { } a ? Json.Object(
            ("entry", a.Entry), ("time", a.Time), ("age", Math.Max(0, now - a.Time)), ("size", a.Size),
            ("root", a.Root), ("opens", a.Opens), ("closes", a.Closes), ("wholes", a.Wholes)) : null));
}
