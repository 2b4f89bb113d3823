using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>People's words on controls, as they are shown.</summary>
static class Words
{
    public static Json One(AttestationFact a, bool counts) => Json.Object(
        ("entry", a.By.Entry), ("member", a.By.Member), ("control", a.Attestation.Control),
        ("system", a.Attestation.System),
        ("release", a.Attestation.Release is { } r ? Json.Of(r) : null),
        ("expires", a.Attestation.Expires is { } t ? Json.Of(t) : null),
        ("evidence", a.Attestation.Evidence is { } e ? Json.Of(e) : null),
        ("reason", a.Attestation.Reason is { } why ? Json.Of(why) : null), ("counts", counts));
}
