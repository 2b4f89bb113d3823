using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>Which words on controls count: pure functions of the state and a time.</summary>
public static class Attestations
{
    /// <summary>
    /// A member's last word on a control, for a system (release: null) or one release of it, whether or not it still
    /// counts.
    /// </summary>
    public static AttestationFact? LastOf(State state, string member, string control, string system, Digest? release) =>
        state.Attestations.Values.LastOrDefault(
        a => a.By.Member == member && a.Attestation.Control == control && a.Attestation.System == system
            && a.Attestation.Release == release);

    /// <summary>
    /// The words on a control that count at a time for a release of a system, oldest first; for the system itself when
    /// <paramref name="release"/> is null. Of what one member said of one thing the last word counts that was not
    /// signed by a key without force: if that is over, taken back, or rests on evidence that was revoked, none does.
    /// And its member must still hold a role that lets them say it, and be no author of the release that it is about.
    /// </summary>
    public static IEnumerable<AttestationFact> InForce(State state, string control, string system, Digest? release,
        long time) => Counting(state, time, state.Attestations.Values
        .Where(a => a.Attestation.Control == control && a.Attestation.System == system
            && (a.Attestation.Release is not { } of || of == release)));

    /// <summary>
    /// The words on any control that count at a time for a release of a system: those on it, and those on the system.
    /// </summary>
    public static IEnumerable<AttestationFact> InForce(State state, string system, Digest release, long time) =>
        Counting(state, time, state.Attestations.Values
        .Where(a => a.Attestation.System == system && (a.Attestation.Release is not { } of || of == release)));

    /// <summary>All words that count at a time, oldest first.</summary>
    public static IEnumerable<AttestationFact> InForce(State state, long time) =>
        Counting(state, time, state.Attestations.Values);

    static IEnumerable<AttestationFact> Counting(State state, long time, IEnumerable<AttestationFact> all) =>
        Last(state, all)
        .Where(a => a.Attestation.Expires > time
            && !(a.Attestation.Evidence is { } e && (state.IsRevoked(e) || state.OriginsOf(e).IsEmpty))
            && state.Member(a.By.Member) is { } member && May(member, a.Attestation.System)
            && !(a.Attestation.Release is { } of && state.Releases.TryGetValue(of, out var release)
                && state.Authors(release).Contains(a.By.Member)));

    /// <summary>
    /// The last word of each member on each thing, over or not, as far as its key has not lost its force.
    /// </summary>
    public static IEnumerable<AttestationFact> Last(State state) => Last(state, state.Attestations.Values);

    static IEnumerable<AttestationFact> Last(State state, IEnumerable<AttestationFact> all) => all
        .Where(a => state.InForce(a.By))
        .GroupBy(a => (a.By.Member, a.Attestation.Control, a.Attestation.System, a.Attestation.Release))
        .Select(g => g.Last())
        .OrderBy(a => a.By.Entry);

    /// <summary>Whether a member may give their word for a whole system.</summary>
    static bool May(MemberFact member, string system) =>
        member.Roles.Any(r => r.Name is RoleName.Owner or RoleName.Approver && r.Environment is null
            && (r.System is null || r.System == system));
}
