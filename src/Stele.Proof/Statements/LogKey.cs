using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>Owners name the ledger's next verifier key (a C2SP vkey), good from a tree size on.</summary>
public sealed record LogKeyStatement(string Key, long FromSize) : Statement
{
    public override string Kind => "log-key";
    public override ImmutableArray<Subject> Subjects => Genesis;
    internal override Json Body => Json.Object(("key", Key), ("fromSize", FromSize));
    internal static LogKeyStatement Read(Parts h) =>
        new(h.Predicate["key"].AsString, Names.Entry(h.Predicate["fromSize"]))
    {
        Ledger = h.Ledger,
        Nonce = h.Nonce,
        Issued = h.Issued
    };
}
