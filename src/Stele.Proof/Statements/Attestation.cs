using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// A member's own word that a control is met, for a system or for one release of it: what people must answer for,
/// because no machine can check it. A word always ends. It replaces the same member's last word on the same control,
/// system and release, by the entry <paramref name="Replaces"/> (null: there was none). The reason is a salted
/// commitment.
/// </summary>
/// <param name="Control">What is attested, <c>catalogue/control</c> (<see cref="Names.IsControl"/>).</param>
/// <param name="Expires">When the word ends; null takes the last one back, and says nothing else.</param>
/// <param name="Evidence">
/// An artifact that the word rests on: a frozen document, say. Revoke it, and the word is gone.
/// </param>
public sealed record Attestation(string Control, string System, Digest? Release, long? Replaces, long? Expires,
    Digest? Evidence, Digest? Reason) : Statement
{
    /// <summary>The longest that a word may last: three years, in milliseconds.</summary>
    public const long MaxTerm = 1096L * 24 * 60 * 60 * 1000;

    public override string Kind => "attestation";
    public override ImmutableArray<Subject> Subjects => Release is { } r ? [new Subject(r)] : Genesis;

    internal override Json Body => Json.Object(
        ("control", Control), ("system", System), ("release", Release is { } r ? Json.Of(r) : null),
        ("replaces", Replaces is { } n ? Json.Of(n) : null),
        ("expires", Expires is { } t ? Json.Of(t) : null), ("evidence", Evidence is { } e ? Json.Of(e) : null),
        ("reason", Reason is { } why ? Json.Of(why) : null));

    internal static Attestation Read(Parts h)
    {
        var p = h.Predicate;
        var attestation = new Attestation(Names.Control(p["control"]), Names.Label(p["system"]),
            p.Find("release")?.AsDigest, p.Find("replaces") is { } n ? Names.Entry(n) : null,
            p.Find("expires") is { } t ? Names.Time(t) : null, p.Find("evidence")?.AsDigest, p.Find("reason")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        if (attestation is { Expires: null, Replaces: null } or { Expires: null, Evidence: not null })
            throw new FormatException(
                "an attestation has an end; one that takes a word back names its entry and no evidence");
        return attestation;
    }
}
