using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control.Views;

/// <summary>
/// The waivers of a ledger: which stand, which do not and why, and what leans on each. A pure function of what was
/// folded and a time.
/// </summary>
static class Waivers
{
    /// <summary>Whether a waiver counts for admissions, or why not.</summary>
    public const string Stands = "stands", Lapsed = "lapsed", Withdrawn = "withdrawn", Revoked = "revoked",
        Replaced = "replaced";

    public static string StandingOf(State state, WaiverFact w, long now) =>
        w.Withdrawn is not null ? Withdrawn : w.Expires <= now ? Lapsed : !state.Stands(w, now) ? Revoked
        : !state.PoliciesFor(w.Waiver.System, w.Waiver.Environment).Contains(w.Waiver.Policy) ? Replaced : Stands;

    public static Json One(State state, WaiverFact w, long now) => Json.Object(
        ("entry", w.By.Entry), ("policy", w.Waiver.Policy), ("rule", w.Waiver.Rule), ("release", w.Waiver.Release),
        ("name", state.Releases.TryGetValue(w.Waiver.Release, out var r) ? Json.Of(r.Name) : null),
        ("place", State.Place(w.Waiver.System, w.Waiver.Environment)), ("expires", w.Expires), ("by", w.By.Member),
        ("reason", w.Waiver.Reason!.Value),
        ("withdrawn", w.Withdrawn is { } x ? Json.Object(("entry", x.Entry), ("by", x.Member)) : null),
        ("standing", StandingOf(state, w, now)), ("lapsed", w.Expires <= now));

    /// <summary>
    /// Oldest first, each with the deployments that used it and whether the head of its place leans on it.
    /// </summary>
    public static Json Of(Replay replay, long now, Func<WaiverFact, bool> wanted)
    {
        var state = replay.State;
        var used = replay.Entries.Where(f => f.Statement is Verdict { Passed: true, Waivers.IsEmpty: false })
            .SelectMany(f => ((Verdict)f.Statement).Waivers.Select(w => (Waiver: w, ((Verdict)f.Statement).Size)))
            .ToLookup(u => u.Waiver, u => u.Size);
        return Json.Object(("asOf", now),
            ("waivers", Json.Array(state.Waivers.Values.Where(wanted).Select(w => One(state, w, now)
            .With("head", state.Environment(w.Waiver.System, w.Waiver.Environment).Head is { } head
                && head.Waivers.Contains(w.By.Entry) ? Json.Of(head.Entry) : Json.Null)
            .With("deployments", Json.Array(used[w.By.Entry].Select(d => Json.Of(d))))))));
    }
}
