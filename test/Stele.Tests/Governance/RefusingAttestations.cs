using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;
using static Stele.Proof.Governance.RefusalCode;
using static Stele.Tests.Governance.Refusing;

namespace Stele.Tests.Governance;

/// <summary>What the fold must refuse of words on controls.</summary>
static class RefusingAttestations
{
    static Provocation Word(RefusalCode code, string what, Func<World, Attestation, Attestation> change,
        params Person[] by) =>
        On(code, what,
            m => m.World.Try(change(m.World, m.World.Attest(World.Approver)), by is [] ? [World.Approver] : by));

    public static ImmutableArray<Provocation> All =>
    [
        Word(UnknownSystem, "a word on a system that is not", (_, a) => a with { System = "nowhere" }, World.Owner),
        Word(UnknownRelease, "a word on a release that is not", (_, a) => a with { Release = Digest.Of("x"u8) }),
        On(WrongSystem, "a word on a release of another system", m =>
        {
            m.World.Add(m.World.Declare("other", new EnvironmentTerms(World.Prod, null, null, false)), World.Owners);
            return m.World.Try(m.World.Attest(World.Owner, release: m.V2) with { System = "other" }, World.Owner);
        }),
        Word(RoleMissing, "a word by a builder", (_, a) => a, World.Builder),
        Word(RoleMissing, "a word by the node", (_, a) => a, World.Node),
        Word(RoleMissing, "a word on a system by an approver of one environment", (_, a) => a, World.Approver2),
        On(RoleMissing, "a word on another system", m =>
        {
            m.World.Add(m.World.Declare("other", new EnvironmentTerms(World.Prod, null, null, false)), World.Owners);
            return m.World.Try(m.World.Attest(World.Approver) with { System = "other" }, World.Approver);
        }),
        On(AuthorApproves, "a word on a release by one of its authors", m =>
        {
            m.World.Add(m.World.Member(World.Builder, new Role(RoleName.Builder), new Role(RoleName.Approver)),
                World.Owners);
            return m.World.Try(m.World.Attest(World.Builder, release: m.V2), World.Builder);
        }),
        Word(Malformed, "one word of two members", (_, a) => a, World.Approver, World.Owner),
        Word(RoleMissing, "a word by the server", (_, a) => a, World.Server),
        Word(Expired, "a word that is over at once", (w, a) => a with { Expires = w.Now }),
        Word(OutOfRange, "a word for longer than three years",
            (w, a) => a with { Expires = w.Now + Attestation.MaxTerm + 1 }),
        Word(UnknownArtifact, "a word on evidence that nobody froze", (_, a) => a with { Evidence = Digest.Of("x"u8) }),
        On(Revoked, "a word on evidence that was revoked", m =>
        {
            m.World.Add(World.Revoke(RevocationTarget.Artifact, m.Data, m.World.State.Size), World.Owners);
            return m.World.Try(m.World.Attest(World.Approver, evidence: m.Data), World.Approver);
        }),
        Word(StaleReplace, "a first word that replaces one", (_, a) => a with { Replaces = 3 }),
        On(StaleReplace, "a second word that replaces none", m =>
        {
            m.World.Add(m.World.Attest(World.Approver), World.Approver);
            return m.World.Try(m.World.Attest(World.Approver) with { Replaces = null }, World.Approver);
        }),
        On(StaleReplace, "a word that replaces the one before the last", m =>
        {
            var first = m.World.Add(m.World.Attest(World.Approver), World.Approver);
            m.World.Add(m.World.Attest(World.Approver), World.Approver);
            return m.World.Try(m.World.Attest(World.Approver) with { Replaces = first }, World.Approver);
        }),
        On(StaleReplace, "a word that replaces another member's", m =>
        {
            m.World.Add(m.World.Attest(World.Approver), World.Approver);
            return m.World.Try(m.World.Attest(World.Approver), World.Owner);
        }),
        On(StaleReplace, "taking back what was never said",
            m => m.World.Try(m.World.Attest(World.Approver, validFor: null) with { Replaces = 3 }, World.Approver)),
        On(AlreadyKnown, "taking a word back twice", m =>
        {
            m.World.Add(m.World.Attest(World.Approver), World.Approver);
            m.World.Add(m.World.Attest(World.Approver, validFor: null), World.Approver);
            return m.World.Try(m.World.Attest(World.Approver, validFor: null), World.Approver);
        }),
        Word(Malformed, "a word without an end", (_, a) => a with { Expires = null }),
        On(Malformed, "taking a word back with evidence", m =>
        {
            m.World.Add(m.World.Attest(World.Approver), World.Approver);
            return m.World.Try(m.World.Attest(World.Approver, validFor: null, evidence: m.Data), World.Approver);
        }),
        Word(Malformed, "a word on no control", (_, a) => a with { Control = "human oversight" }),
        Word(Malformed, "a word on a control without its catalogue", (_, a) => a with { Control = "A.6.2.4" }),
    ];
}
