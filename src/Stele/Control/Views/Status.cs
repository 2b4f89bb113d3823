using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Folding = Stele.Proof.Governance.State;

namespace Stele.Control.Views;

/// <summary>Where everything stands: systems, their environments and heads, the policies in force, decision logs. A
/// pure function of one state, its entries and a time.</summary>
/// <param name="Time">Of the newest entry, milliseconds since 1970 UTC, as all times here.</param>
/// <param name="AsOf">What "lapsed" and "silent" are measured by.</param>
/// <param name="State">The digest of the folded state.</param>
/// <param name="Members">How many have a key.</param>
/// <param name="Threshold">How many owners must sign what takes owners.</param>
sealed record Status(Digest Ledger, string Origin, int FoldVersion, long Size, long Time, long AsOf, Digest State,
    int Members, int Threshold, ImmutableArray<ShownPolicy> Policies, ImmutableArray<ShownSystem> Systems,
    ImmutableArray<ShownRevocation> Revocations, ImmutableArray<ShownLog> Logs, ImmutableArray<ShownHold> Holds,
    ImmutableArray<ShownWord> Attestations) : IView
{
    /// <param name="ledger">What was folded, at least the entries of the state.</param>
    /// <param name="now">
    /// What "lapsed" and "silent" are measured by, milliseconds since 1970 UTC; the asked time when one asks as of
    /// then.
    /// </param>
    public static Status Of(Folding state, Replay ledger, long now) => new(
        state.Ledger, state.Origin, state.FoldVersion, state.Size, state.Time, now, StateDigest.Of(state),
        state.Members.Count(m => !m.Value.Keys.IsEmpty), state.Threshold,
        [.. state.Policies.Select(p => new ShownPolicy(p.Key, p.Value.Entry, p.Value.Policy))],
        [.. state.Systems.Values.Select(s => ShownSystem.Of(state, ledger, s, now))],
        [.. state.Revocations.Select(r => new ShownRevocation(r.Value.Target, r.Key, r.Value.Entry, r.Value.FromEntry,
            r.Value.Effect))],
        [.. state.Logs.Values.Select(l => ShownLog.Of(state, l, now))],
        [.. state.Holds.Values.Select(ShownHold.Of)],
        [.. Proof.Governance.Attestations.InForce(state, now).Select(a => ShownWord.Of(a, counts: true))]);

    /// <summary>The newest observations that are about the head, one of each release that it routes to, the newest
    /// first.</summary>
    public static IEnumerable<(Folded Entry, Observation Observation)> AboutHead(
        Folding state, Replay ledger, string system, string environment, HeadFact head)
    {
        var seen = new HashSet<Digest>();
        foreach (var folded in ledger.NewestObservations(system, environment, state.Size))
        {
            if (folded.Index <= head.Entry || seen.Count >= head.Routes.Length) yield break;
            var o = (Observation)folded.Statement;
            if (o.Deployment == head.Entry && head.Routes.Any(r => r.Release == o.Release) && seen.Add(o.Release))
                yield return (folded, o);
        }
    }

    /// <summary>Whether an observation says that the release runs, and is what was released.</summary>
    public static bool Runs(Observation o) =>
        o.Event is ObservedEvent.Started or ObservedEvent.Running or ObservedEvent.Healed
            && o.Dimensions.All(d => d.Agrees);

    internal static string? NameOf(Folding state, Digest release) =>
        state.Releases.TryGetValue(release, out var r) ? r.Name : null;
}

/// <param name="Policy">Nothing where it was withdrawn.</param>
sealed record ShownPolicy(string Scope, long Entry, Digest? Policy) : IView;

/// <param name="FromEntry">The entry from which on it has no force.</param>
sealed record ShownRevocation(RevocationTarget Target, Digest Digest, long Entry, long FromEntry,
    RevocationEffect Effect) : IView;

/// <param name="Retention">How long what is recorded of its decisions is kept; nothing: forever.</param>
sealed record ShownSystem(string System, long Entry, string Owner, string Risk, RetentionTerms? Retention,
    ImmutableArray<ShownEnvironment> Environments) : IView
{
    public static ShownSystem Of(Folding state, Replay ledger, SystemFact s, long now) => new(s.Name,
        s.Entry, s.Owner, s.Risk, s.Retention,
        [.. s.Environments.Select(e => ShownEnvironment.Of(state, ledger, s.Name, e, now))]);
}

/// <param name="StaleAfter">How old the newest checkpoint may be, milliseconds; nothing: unlimited.</param>
/// <param name="ObservationGap">The longest allowed silence, milliseconds; nothing: unlimited.</param>
/// <param name="NodeReturn">Its node may return to the previous head by itself.</param>
/// <param name="Silent">No node has said anything for longer than that.</param>
/// <param name="Deployed">Every release that was ever routed to here, by the last entry that did.</param>
sealed record ShownEnvironment(string Environment, string Place, long? StaleAfter, long? ObservationGap,
    bool NodeReturn, ImmutableArray<Digest> Policies, ShownHead? Head, ShownObservation? Observation, bool Silent,
    ImmutableArray<DeployedRelease> Deployed) : IView
{
    /// <summary>Whether it has a head that is not halted.</summary>
    public bool Runs => Head is { Routes.IsEmpty: false };

    public static ShownEnvironment Of(Folding state, Replay ledger, string system,
        EnvironmentTerms terms, long now)
    {
        var fact = state.Environment(system, terms.Name);
        // Silence counts from the last observation, or from the deployment where there was none yet.
        var heard = fact.Observation?.Time ?? fact.Head?.Time;
        var running = fact.Head is { Routes.IsEmpty: false };
        return new(terms.Name, Folding.Place(system, terms.Name), terms.StaleAfter, terms.ObservationGap,
            terms.NodeReturn, [.. state.PoliciesFor(system, terms.Name)],
            fact.Head is { } head ? ShownHead.Of(state, head, now) : null,
            ShownObservation.Of(state, ledger, system, terms.Name, fact),
            running && terms.ObservationGap is { } limit && heard is { } last && now - last > limit,
            [.. fact.Deployed.OrderBy(d => d.Value)
                .Select(d => new DeployedRelease(d.Key, Status.NameOf(state, d.Key), d.Value))]);
    }
}

sealed record DeployedRelease(Digest Release, string? Name, long Entry) : IView;

/// <summary>What an environment is to run.</summary>
/// <param name="Lapsed">A waiver that it stands on does not count any more.</param>
/// <param name="Revoked">Something in the closure of a release was revoked.</param>
sealed record ShownHead(long Entry, long Time, DeploymentAction Action, long Since,
    ImmutableArray<ShownRoute> Routes, ImmutableArray<ShownRoute> PreviousRoutes, ImmutableArray<Digest> Policies,
    ImmutableArray<ShownWaiver> Waivers, bool Lapsed, bool Revoked) : IView
{
    public static ShownHead Of(Folding state, HeadFact head, long now)
    {
        ImmutableArray<ShownWaiver> waivers = [.. head.Waivers.Select(w =>
            ShownWaiver.Of(state, state.Waivers[w], now))];
        return new(head.Entry, head.Time, head.Action, head.Time,
            [.. head.Routes.Select(r => ShownRoute.Of(state, r))],
            [.. head.PreviousRoutes.Select(r => ShownRoute.Of(state, r))], head.Policies, waivers,
            waivers.Any(w => w.Standing is WaiverStanding.Lapsed or WaiverStanding.Revoked
                or WaiverStanding.Withdrawn),
            head.Routes.Any(r => state.Closure(state.Releases[r.Release]).Any(state.IsRevoked)));
    }
}

/// <param name="Weight">Its share of the requests, in percent.</param>
sealed record ShownRoute(Digest Release, string? Name, int Weight) : IView
{
    public static ShownRoute Of(Folding state, Route r) => new(r.Release, Status.NameOf(state, r.Release), r.Weight);
}

/// <summary>
/// What was last seen of the releases that the head names, a difference before all else; where nothing was yet, what
/// was last seen of the place.
/// </summary>
/// <param name="Current">It is about the head, not about an earlier one.</param>
/// <param name="Differs">The dimensions that did not agree.</param>
sealed record ShownObservation(long Entry, long Time, ObservedEvent Event, Digest Release, string? Name,
    long Deployment, bool Agrees, bool Current, ImmutableArray<string> Differs) : IView
{
    public static ShownObservation? Of(Folding state, Replay ledger, string system,
        string environment, EnvironmentFact fact)
    {
        var about = fact.Head is { } head
            ? Status.AboutHead(state, ledger, system, environment, head).ToArray() : [];
        var (entry, o) = about.FirstOrDefault(a => !Status.Runs(a.Observation));
        if (o is null && about.Length > 0) (entry, o) = about[0];
        if (o is null && fact.Observation is { } last)
        {
            entry = ledger.Entries[(int)last.Entry];
            o = entry.Statement as Observation;
        }
        return o is null ? null : new(entry.Index, entry.Entry.Time, o.Event, o.Release,
            Status.NameOf(state, o.Release), o.Deployment, o.Dimensions.All(d => d.Agrees),
            o.Deployment == fact.Head?.Entry, [.. o.Dimensions.Where(d => !d.Agrees).Select(d => d.Name)]);
    }
}

/// <summary>A decision log, as the ledger has it.</summary>
/// <param name="Floor">What is below may be pruned.</param>
/// <param name="Erased">How many of its records were erased.</param>
/// <param name="Holds">The entries of the holds that cover any of it.</param>
sealed record ShownLog(string Log, string Node, string Place, long Entry, LogAction Status, long Floor, string Key,
    long Erased, ImmutableArray<long> Holds, ShownAnchor? Anchor) : IView
{
    public static ShownLog Of(Folding state, LogFact l, long now) => new(l.Origin, l.Node,
        Folding.Place(l.System, l.Environment), l.Entry, l.Status, l.Floor, l.Key,
        state.Erasures.Values.Where(e => e.Log == l.Origin).Aggregate(0L, (sum, e) =>
            Math.Min(sum + e.Count, Json.MaxInt)),
        [.. state.HoldsOn(l).Select(h => h.Entry)],
        l.Anchor is { } a ? new(a.Entry, a.Time, Math.Max(0, now - a.Time), a.Size, a.Root, a.Opens, a.Closes,
            a.Wholes) : null);
}

/// <param name="Age">Milliseconds.</param>
sealed record ShownAnchor(long Entry, long Time, long Age, long Size, Digest Root, long Opens, long Closes,
    long Wholes) : IView;

/// <param name="Reason">The commitment to the reason.</param>
/// <param name="Covers">In words.</param>
sealed record ShownHold(long Entry, long Time, string System, string? Environment, string? Log, long From, long? To,
    Digest? Reason, string Covers) : IView
{
    public static ShownHold Of(HoldFact h) =>
        new(h.Entry, h.Time, h.System, h.Environment, h.Log, h.From, h.To, h.Reason, h.ToString());
}
