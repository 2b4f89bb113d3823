using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// Owners open, close or declare lost a decision log: its origin, verifier key (C2SP vkey), the node that writes it,
/// and the log it continues.
/// </summary>
public sealed record LogStatement(string Action, string Origin, string? Key, string? Node, string? System,
    string? Environment, string? Predecessor) : Statement
{
    public const string Open = "open", Close = "close", Lost = "lost";

    public override string Kind => "log";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("action", Action), ("origin", Origin), ("key", Key is null ? null : Json.Of(Key)),
        ("node", Node is null ? null : Json.Of(Node)),
        ("system", System is null ? null : Json.Of(System)),
        ("environment", Environment is null ? null : Json.Of(Environment)),
        ("predecessor", Predecessor is null ? null : Json.Of(Predecessor)));

    internal static LogStatement Read(Parts h)
    {
        var p = h.Predicate;
        var action = Names.OneOf(p["action"], Open, Close, Lost);
        if (action != Open && p.AsObject.Count != 3)
            throw new FormatException("closing a log names its origin and nothing else");
        return new(action, p["origin"].AsString, p.Find("key")?.AsString,
            p.Find("node") is { } n ? Names.Member(n) : null,
            p.Find("system") is { } s ? Names.Label(s) : null, p.Find("environment") is { } e ? Names.Label(e) : null,
            p.Find("predecessor")?.AsString)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
