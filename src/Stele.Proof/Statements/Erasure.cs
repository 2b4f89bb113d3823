using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>Why records were erased. <see cref="Erasure.Causes"/> are its words.</summary>
public enum ErasureCause { Request, Retention }

/// <summary>
/// Owners state that keys and salts of some records of a log were destroyed: the root of a salted list
/// (<see cref="Decisions.ErasedList"/>) and its length, nothing that names a person. All of the records lie in
/// [<paramref name="From"/>, <paramref name="To"/>), which is as wide as the holds on the log let it be: it says where
/// the fold must look for holds, not which records they are.
/// </summary>
/// <param name="Cause">Why: somebody asked for it, or the system's retention class had run out.</param>
/// <param name="Size">
/// The ledger size that the node had folded when it destroyed them: the holds among those entries it knew.
/// </param>
/// <param name="Reason">A salted commitment to free text that lies on the node and may be erased too.</param>
public sealed record Erasure(string Log, long From, long To, Digest List, long Count, ErasureCause Cause,
    long Size, Digest? Reason) : Statement
{
    public static readonly Words<ErasureCause> Causes = new("request", "retention");

    public override string Kind => "erasure";
    public override ImmutableArray<Subject> Subjects => Genesis;

    internal override Json Body => Json.Object(
        ("log", Log), ("from", From), ("to", To), ("list", List), ("count", Count), ("cause", Causes[Cause]),
        ("size", Size), ("reason", Reason is { } r ? Json.Of(r) : null));

    internal static Erasure Read(Parts h)
    {
        var p = h.Predicate;
        return new(p["log"].AsString, Names.Entry(p["from"]), Names.Entry(p["to"]), p["list"].AsDigest,
            Names.Entry(p["count"]), Causes.Parse(p["cause"]), Names.Entry(p["size"]),
            p.Find("reason")?.AsDigest)
        { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
    }
}
