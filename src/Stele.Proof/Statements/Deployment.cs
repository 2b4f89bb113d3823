using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>A share of an environment's requests, in percent, and the release that answers them.</summary>
public sealed record Route(Digest Release, int Weight)
{
    public Json ToJson() => Json.Object(("release", Release), ("weight", Weight));
    public static Route FromJson(Json j) => new(j["release"].AsDigest, Names.Small(j["weight"]));
}

/// <summary>How a deployment moves an environment's head. <see cref="Deployment.Actions"/> are its words.</summary>
public enum DeploymentAction { Deploy, Rollback, Canary, Halt }

/// <summary>
/// A deployer moves an environment's head. <paramref name="Replaces"/> is the entry number of the head it saw (null:
/// there was none); weights add up to 100; a halt has no routes.
/// </summary>
public sealed record Deployment(string System, string Environment, DeploymentAction Action, long? Replaces,
    ImmutableArray<Route> Routes) : Statement
{
    public static readonly Words<DeploymentAction> Actions = new("deploy", "rollback", "canary", "halt");

    public override string Kind => "deployment";
    public override ImmutableArray<Subject> Subjects => Routes.IsEmpty
        ? Genesis
        : [.. Routes.Select(r => new Subject(r.Release))];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("action", Actions[Action]),
        ("replaces", Replaces is { } r ? Json.Of(r) : null), ("routes", Json.Array(Routes.Select(r => r.ToJson()))));

    internal static Deployment Read(Parts h)
    {
        var p = h.Predicate;
        return new(Names.Label(p["system"]), Names.Label(p["environment"]), Actions.Parse(p["action"]),
            p.Find("replaces") is { } r ? Names.Entry(r) : null, [.. p["routes"].AsArray.Select(Route.FromJson)])
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
