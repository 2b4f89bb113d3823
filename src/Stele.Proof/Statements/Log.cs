using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// What becomes of a decision log, and so how it stands. <see cref="LogStatement.Actions"/> are its words.
/// </summary>
public enum LogAction { Open, Close, Lost }

/// <summary>
/// Owners open, close or declare lost a decision log: its origin, verifier key (C2SP vkey), the node that writes it,
/// and the log it continues.
/// </summary>
public sealed record LogStatement(LogAction Action, string Origin, string? Key, string? Node, string? System,
    string? Environment, string? Predecessor) : Statement
{
    public static readonly Words<LogAction> Actions = new("open", "close", "lost");

    public override string Kind => "log";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("action", Actions[Action]), ("origin", Origin), ("key", Key is null ? null : Json.Of(Key)),
        ("node", Node is null ? null : Json.Of(Node)),
        ("system", System is null ? null : Json.Of(System)),
        ("environment", Environment is null ? null : Json.Of(Environment)),
        ("predecessor", Predecessor is null ? null : Json.Of(Predecessor)));

    internal static LogStatement Read(Parts h)
    {
        var p = h.Predicate;
        var action = Actions.Parse(p["action"]);
        if (action != LogAction.Open && p.AsObject.Count != 3)
            throw new FormatException("closing a log names its origin and nothing else");
        return new(action, p["origin"].AsString, p.Find("key")?.AsString,
            p.Find("node") is { } n ? Names.Member(n) : null,
            p.Find("system") is { } s ? Names.Label(s) : null, p.Find("environment") is { } e ? Names.Label(e) : null,
            p.Find("predecessor")?.AsString)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
