using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

public sealed record AttestationFact(Signed By, Attestation Attestation);

public sealed partial record State
{
    /// <summary>
    /// Every word that members gave on controls, by its entry; also those that were replaced, ended or taken back.
    /// </summary>
    public FactMap<long, AttestationFact> Attestations { get; init; } = FactMap<long, AttestationFact>.Create();
}

// A person's word on a control: who gave it, and when it counts.
public static partial class Fold
{
    internal static readonly StateDigest.MapPart<long, AttestationFact> AttestationPart = StateDigest.Of(
        "attestations", s => s.Attestations,
        a => Json.Object(("by", StateDigest.By(a.By)), ("statement", a.Attestation.Identity)));

    internal static Outcome Attest(Context c, Attestation s)
    {
        if (!c.State.Systems.ContainsKey(s.System))
            return c.Refuse(RefusalCode.UnknownSystem, $"no system '{s.System}'");
        if (s.Release is { } release)
        {
            if (!c.State.Releases.TryGetValue(release, out var known))
                return c.Refuse(RefusalCode.UnknownRelease, $"no release {release}");
            if (s.Expires is not null && c.State.Authors(known).Contains(c.Signer.Member))
                return c.Refuse(RefusalCode.AuthorApproves,
                    $"the member {c.Signer.Member} is an author of the release: it takes someone else's word");
            if (known.System != s.System)
                return c.Refuse(RefusalCode.WrongSystem, $"the release is of system '{known.System}'");
        }
        // A-B-A is seen: a word names the last one, also if that has ended or lost its force.
        var last = Attestations.LastOf(c.State, c.Signer.Member, s.Control, s.System, s.Release);
        if (s.Replaces != last?.By.Entry)
            return c.Refuse(RefusalCode.StaleReplace,
                last is null
                    ? "it is this member's first word on that: it replaces nothing"
                    : $"this member's last word on that is entry {last.By.Entry}");
        if (s.Expires is not { } expires)
        {
            if (last!.Attestation.Expires is null)
                return c.Refuse(RefusalCode.AlreadyKnown, $"entry {last.By.Entry} took it back already");
        }
        else
        {
            if (expires <= c.Time) return c.Refuse(RefusalCode.Expired, "the word would end at once");
            if (expires > c.Time + Attestation.MaxTerm)
                return c.Refuse(RefusalCode.OutOfRange,
                    "a word lasts at most three years: the control is to be looked at again by then");
        }
        if (s.Evidence is { } evidence)
        {
            if (c.State.IsRevoked(evidence))
                return c.Refuse(RefusalCode.Revoked, $"the evidence {evidence} was revoked");
            if (c.State.OriginsOf(evidence).IsEmpty)
                return c.Refuse(RefusalCode.UnknownArtifact,
                    $"the evidence {evidence} is no artifact whose origin counts");
        }
        return c.Accept(
            c.State with { Attestations = c.State.Attestations.Add(c.Index, new AttestationFact(c.Signer, s)) });
    }
    internal static State Learned(Lesson l, Attestation s) =>
        l.State with { Attestations = l.State.Attestations.SetItem(l.Index, new(l.By[0], s)) };
}
