using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// A node or service raises an alert about a running release: the deployment entry, and the range of anchored decisions
/// [from, to) of one log that it rests on.
/// </summary>
public sealed record Alert(Digest Release, string System, string Environment, long Deployment, string Name, string Log,
    long From, long To) : Statement
{
    public override string Kind => "alert";
    public override ImmutableArray<Subject> Subjects => [new Subject(Release)];

    internal override Json Body => Json.Object(
        ("system", System), ("environment", Environment), ("deployment", Deployment), ("name", Name), ("log", Log),
        ("from", From), ("to", To));

    internal static Alert Read(Parts h)
    {
        var p = h.Predicate;
        return new(h.Subjects[0].Digest, Names.Label(p["system"]), Names.Label(p["environment"]),
            Names.Entry(p["deployment"]), Names.Label(p["name"]),
            p["log"].AsString, Names.Entry(p["from"]), Names.Entry(p["to"]))
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
