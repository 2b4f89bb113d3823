using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>A person's word on a control.</summary>
/// <param name="Expires">Milliseconds since 1970 UTC; nothing where it was taken back.</param>
/// <param name="Reason">The commitment to the reason.</param>
/// <param name="Counts">It stands now.</param>
sealed record ShownWord(long Entry, string Member, string Control, string System, Digest? Release, long? Expires,
    Digest? Evidence, Digest? Reason, bool Counts) : IView
{
    public static ShownWord Of(AttestationFact a, bool counts) => new(a.By.Entry, a.By.Member, a.Attestation.Control,
        a.Attestation.System, a.Attestation.Release, a.Attestation.Expires, a.Attestation.Evidence,
        a.Attestation.Reason, counts);
}
