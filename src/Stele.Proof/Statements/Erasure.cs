using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>Owners state that keys and salts of a list of records of a log were destroyed: a salted digest of the list and its length, nothing that names a person.</summary>
public sealed record Erasure(string Log, Digest List, long Count) : Statement
{
    public override string Kind => "erasure";
    public override ImmutableArray<Subject> Subjects => Genesis;
    internal override Json Body => Json.Object(("log", Log), ("list", List), ("count", Count));
    internal static Erasure Read(Parts h) => new(h.Predicate["log"].AsString, h.Predicate["list"].AsDigest, Names.Entry(h.Predicate["count"])) { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
}
