using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// An approver lets one deployment happen: this release, this environment, this action, by these routes, while the head
/// is the entry <paramref name="Head"/> (null: none yet) and exactly these policies are in force.
/// <paramref name="Shown"/> is the digest of the document that was shown, which every judge derives again from the
/// state.
/// Without an end it takes one back: that of the entry <paramref name="Replaces"/>, all of which it says again.
/// </summary>
/// <param name="Routes">Those of the deployment; their order does not matter. A halt has none.</param>
/// <param name="Replaces">Named exactly where <paramref name="Expires"/> is not.</param>
public sealed record Approval(Digest Release, string System, string Environment, DeploymentAction Action,
    ImmutableArray<Route> Routes, long? Head, ImmutableArray<Digest> Policies, Digest Shown, long? Expires,
    long? Replaces = null) : Statement
{
    public override string Kind => "approval";
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("action", Deployment.Actions[Action]),
        ("routes", Routes.IsEmpty ? null : Json.Array(Routes.Select(r => r.ToJson()))),
        ("head", Head is { } n ? Json.Of(n) : null),
        ("policies", Json.Array(Policies.Select(Json.Of))), ("shown", Shown),
        ("expires", Expires is { } t ? Json.Of(t) : null), ("replaces", Replaces is { } e ? Json.Of(e) : null));

    internal static Approval Read(Parts h)
    {
        var p = h.Predicate;
        var approval = new Approval(h.Subjects[0].Digest, Names.Label(p["system"]), Names.Label(p["environment"]),
            Deployment.Actions.Parse(p["action"]),
            p.Find("routes") is { } routes ? [.. routes.AsArray.Select(Route.FromJson)] : [],
            p.Find("head") is { } n ? Names.Entry(n) : null,
            [.. p["policies"].AsArray.Select(d => d.AsDigest)], p["shown"].AsDigest,
            p.Find("expires") is { } t ? Names.Time(t) : null, p.Find("replaces") is { } e ? Names.Entry(e) : null)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
        if (approval.Expires is null == approval.Replaces is null)
            throw new FormatException("an approval has an end; one that takes another back names its entry and no end");
        return approval;
    }
}
