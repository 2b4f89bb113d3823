using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>An approver lets one rule of one policy pass for one release in one environment until it expires. The reason is a salted commitment; there is no waiver without one.</summary>
public sealed record Waiver(Digest Release, string System, string Environment, Digest Policy, string Rule, long Expires, Digest Reason) : Statement
{
    public override string Kind => "waiver";
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("policy", Policy), ("rule", Rule), ("expires", Expires), ("reason", Reason));

    internal static Waiver Read(Parts h)
    {
        var p = h.Predicate;
        return new(h.Subjects[0].Digest, Names.Label(p["system"]), Names.Label(p["environment"]), p["policy"].AsDigest, Names.Label(p["rule"]), Names.Time(p["expires"]), p["reason"].AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
