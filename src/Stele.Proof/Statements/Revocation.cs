using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>
/// Takes force from a key or an artifact: statements of the key from the entry <paramref name="FromEntry"/> on no
/// longer count for new admissions; history is never un-applied.
/// <c>block-new</c>: nothing new may rest on it. <c>stop</c>: what runs of it stops too. Owners sign it, or the
/// recovery key if it is of a key; a key may revoke itself, from that entry on.
/// </summary>
/// <param name="FromEntry">Null: from the revocation's own entry on, whose number nobody knows who signs it.</param>
public sealed record Revocation(string Target, Digest Digest, long? FromEntry, string Effect) : Statement
{
    public const string Key = "key", Artifact = "artifact", BlockNew = "block-new", Stop = "stop";

    public override string Kind => "revocation";
    public override ImmutableArray<Subject> Subjects => [new Subject(Digest)];
    internal override Json Body =>
        Json.Object(("target", Target), ("fromEntry", FromEntry is { } n ? Json.Of(n) : null), ("effect", Effect));

    internal static Revocation Read(Parts h) =>
        new(Names.OneOf(h.Predicate["target"], Key, Artifact), h.Subjects[0].Digest,
            h.Predicate.Find("fromEntry") is { } n ? Names.Entry(n) : null,
            Names.OneOf(h.Predicate["effect"], BlockNew, Stop))
    { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
}
