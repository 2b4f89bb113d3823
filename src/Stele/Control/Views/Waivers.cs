using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>Whether a waiver counts for admissions, or why not. Names are permanent.</summary>
enum WaiverStanding { Stands, Lapsed, Withdrawn, Revoked, Replaced }

/// <param name="Name">The release's.</param>
/// <param name="Expires">Milliseconds since 1970 UTC.</param>
/// <param name="Reason">The commitment to the reason.</param>
/// <param name="Lapsed">Its time is over, whatever else became of it.</param>
sealed record ShownWaiver(long Entry, Digest Policy, string Rule, Digest Release, string? Name, string Place,
    long Expires, string By, Digest Reason, WaiverWithdrawal? Withdrawn, WaiverStanding Standing, bool Lapsed) : IView
{
    public static ShownWaiver Of(State state, WaiverFact w, long now) => new(w.By.Entry, w.Waiver.Policy,
        w.Waiver.Rule, w.Waiver.Release, state.Releases.TryGetValue(w.Waiver.Release, out var r) ? r.Name : null,
        State.Place(w.Waiver.System, w.Waiver.Environment), w.Expires, w.By.Member, w.Waiver.Reason!.Value,
        w.Withdrawn is { } x ? new(x.Entry, x.Member) : null, StandingOf(state, w, now), w.Expires <= now);

    static WaiverStanding StandingOf(State state, WaiverFact w, long now) =>
        w.Withdrawn is not null ? WaiverStanding.Withdrawn : w.Expires <= now ? WaiverStanding.Lapsed
        : !state.Stands(w, now) ? WaiverStanding.Revoked
        : !state.PoliciesFor(w.Waiver.System, w.Waiver.Environment).Contains(w.Waiver.Policy)
            ? WaiverStanding.Replaced : WaiverStanding.Stands;
}

sealed record WaiverWithdrawal(long Entry, string By) : IView;

/// <param name="Head">The head of its place, where that leans on it.</param>
/// <param name="Deployments">The deployments that used it.</param>
sealed record ListedWaiver([Inline] ShownWaiver Waiver, [WrittenNull] long? Head, ImmutableArray<long> Deployments)
    : IView;

/// <summary>
/// The waivers of a ledger: which stand, which do not and why, and what leans on each. A pure function of what was
/// folded and a time.
/// </summary>
sealed record WaiverList(long AsOf, ImmutableArray<ListedWaiver> Waivers) : IView
{
    /// <summary>
    /// Oldest first, each with the deployments that used it and whether the head of its place leans on it.
    /// </summary>
    public static WaiverList Of(Replay replay, long now, Func<WaiverFact, bool> wanted)
    {
        var state = replay.State;
        var used = replay.Of<Verdict>().Where(f => f.Statement is Verdict { Passed: true, Waivers.IsEmpty: false })
            .SelectMany(f => ((Verdict)f.Statement).Waivers.Select(w => (Waiver: w, ((Verdict)f.Statement).Size)))
            .ToLookup(u => u.Waiver, u => u.Size);
        return new(now, [.. state.Waivers.Values.Where(wanted).Select(w => new ListedWaiver(
            ShownWaiver.Of(state, w, now),
            state.Environment(w.Waiver.System, w.Waiver.Environment).Head is { } head
                && head.Waivers.Contains(w.By.Entry) ? head.Entry : null, [.. used[w.By.Entry]]))]);
    }
}
