using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// An approver lets one deployment happen: this release, this environment, this action, while the head is the entry <paramref name="Head"/> (null: none yet) and exactly these
/// policies are in force. <paramref name="Shown"/> is the digest of the document that was shown, which every judge derives again from the state.
/// </summary>
public sealed record Approval(Digest Release, string System, string Environment, string Action, long? Head, ImmutableArray<Digest> Policies, Digest Shown, long Expires) : Statement
{
    public override string Kind => "approval";
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("action", Action), ("head", Head is { } n ? Json.Of(n) : null),
        ("policies", Json.Array(Policies.Select(Json.Of))), ("shown", Shown), ("expires", Expires));

    internal static Approval Read(Parts h)
    {
        var p = h.Predicate;
        return new(h.Subjects[0].Digest, Names.Label(p["system"]), Names.Label(p["environment"]), Names.OneOf(p["action"], Deployment.Actions), p.Find("head") is { } n ? Names.Entry(n) : null,
            [.. p["policies"].AsArray.Select(d => d.AsDigest)], p["shown"].AsDigest, Names.Time(p["expires"]))
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
