using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// An approver lets one rule of one policy pass for one release in one environment until it expires. The reason is a
/// salted commitment; there is no waiver without one. Without an end it takes one back: that of the entry
/// <paramref name="Replaces"/>, whose rule, policy, release and place it names again.
/// </summary>
/// <param name="Replaces">Named exactly where <paramref name="Expires"/> is not.</param>
public sealed record Waiver(Digest Release, string System, string Environment, Digest Policy, string Rule,
    long? Expires, Digest? Reason, long? Replaces = null) : Statement
{
    public override string Kind => "waiver";
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("policy", Policy), ("rule", Rule),
        ("expires", Expires is { } t ? Json.Of(t) : null), ("reason", Reason is { } why ? Json.Of(why) : null),
        ("replaces", Replaces is { } n ? Json.Of(n) : null));

    internal static Waiver Read(Parts h)
    {
        var p = h.Predicate;
        var waiver = new Waiver(h.Subjects[0].Digest, Names.Label(p["system"]), Names.Label(p["environment"]),
            p["policy"].AsDigest, Names.Label(p["rule"]), p.Find("expires") is { } t ? Names.Time(t) : null,
            p.Find("reason")?.AsDigest, p.Find("replaces") is { } n ? Names.Entry(n) : null)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        if (waiver is not ({ Expires: not null, Reason: not null, Replaces: null }
            or { Expires: null, Replaces: not null }))
            throw new FormatException(
                "a waiver has an end and a reason; one that takes another back names its entry and no end");
        return waiver;
    }
}
