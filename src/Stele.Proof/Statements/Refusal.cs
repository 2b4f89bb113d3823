using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// The server records that it refused an envelope: the digest of the envelope (kept as a blob), the tree size and time
/// at which it was judged, the closed code of the refusal and, where a policy's rule failed, its name and its policy.
/// Anyone re-executes it and must get the same code.
/// </summary>
public sealed record Refusal(Digest Envelope, long Size, long Time, string Code, string? Rule,
    Digest? RulePolicy = null) : Statement
{
    public override string Kind => "refusal";
    public override ImmutableArray<Subject> Subjects => [new Subject(Envelope)];
    internal override Json Body =>
        Json.Object(("size", Size), ("time", Time), ("code", Code), ("rule", Rule is null ? null : Json.Of(Rule)),
            ("rulePolicy", RulePolicy is { } p ? Json.Of(p) : null));

    internal static Refusal Read(Parts h)
    {
        var p = h.Predicate;
        var refusal = new Refusal(h.Subjects[0].Digest, Names.Entry(p["size"]), Names.Time(p["time"]),
            Names.Label(p["code"]), p.Find("rule") is { } r ? Names.Label(r) : null, p.Find("rulePolicy")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        return refusal.Rule is null == refusal.RulePolicy is null
            ? refusal
            : throw new FormatException("a rule is named with its policy");
    }
}
