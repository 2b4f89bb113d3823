using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>Owners set the floor of a decision log: leaves below it may be pruned. A floor only rises.</summary>
public sealed record Retention(string Log, long Floor) : Statement
{
    public override string Kind => "retention";
    public override ImmutableArray<Subject> Subjects => Genesis;
    internal override Json Body => Json.Object(("log", Log), ("floor", Floor));
    internal static Retention Read(Parts h) => new(h.Predicate["log"].AsString, Names.Entry(h.Predicate["floor"]))
    {
        Ledger = h.Ledger,
        Nonce = h.Nonce,
        Issued = h.Issued
    };
}
