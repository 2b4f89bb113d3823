using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>Owners raise the fold version from the next entry on.</summary>
public sealed record ProtocolStatement(int FoldVersion) : Statement
{
    public override string Kind => "protocol";
    public override ImmutableArray<Subject> Subjects => Genesis;
    internal override Json Body => Json.Object(("foldVersion", FoldVersion));
    internal static ProtocolStatement Read(Parts h) => new(Names.Small(h.Predicate["foldVersion"]))
    {
        Ledger = h.Ledger,
        Nonce = h.Nonce,
        Issued = h.Issued
    };
}
