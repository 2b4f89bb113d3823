using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// The server records that it refused an envelope: the digest of the envelope (kept as a blob), the tree size and time at which it was judged, the closed code of the refusal and,
/// where a policy's rule failed, its name. Anyone re-executes it and must get the same code.
/// </summary>
public sealed record Refusal(Digest Envelope, long Size, long Time, string Code, string? Rule) : Statement
{
    public override string Kind => "refusal";
    public override ImmutableArray<Subject> Subjects => [new Subject(Envelope)];
    internal override Json Body => Json.Object(("size", Size), ("time", Time), ("code", Code), ("rule", Rule is null ? null : Json.Of(Rule)));

    internal static Refusal Read(Parts h) => new(h.Subjects[0].Digest, Names.Entry(h.Predicate["size"]), Names.Time(h.Predicate["time"]), Names.Label(h.Predicate["code"]), h.Predicate.Find("rule") is { } r ? Names.Label(r) : null)
    { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
}
