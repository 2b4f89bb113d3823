using System.Collections.Immutable;

namespace Stele.Proof.Statements;

/// <summary>What a revocation is of. <see cref="Revocation.Targets"/> are its words.</summary>
public enum RevocationTarget { Key, Artifact }

/// <summary>How far a revocation reaches. <see cref="Revocation.Effects"/> are its words.</summary>
public enum RevocationEffect { BlockNew, Stop }

/// <summary>
/// Takes force from a key or an artifact: statements of the key from the entry <paramref name="FromEntry"/> on no
/// longer count for new admissions; history is never un-applied.
/// <c>block-new</c>: nothing new may rest on it. <c>stop</c>: what runs of it stops too. Owners sign it, or the
/// recovery key if it is of a key; a key may revoke itself, from that entry on.
/// </summary>
/// <param name="FromEntry">Null: from the revocation's own entry on, whose number nobody knows who signs it.</param>
public sealed record Revocation(RevocationTarget Target, Digest Digest, long? FromEntry, RevocationEffect Effect)
    : Statement
{
    public static readonly Words<RevocationTarget> Targets = new("key", "artifact");
    public static readonly Words<RevocationEffect> Effects = new("block-new", "stop");

    public override string Kind => "revocation";
    public override ImmutableArray<Subject> Subjects => [new Subject(Digest)];
    internal override Json Body => Json.Object(
        ("target", Targets[Target]), ("fromEntry", FromEntry is { } n ? Json.Of(n) : null),
        ("effect", Effects[Effect]));

    internal static Revocation Read(Parts h) =>
        new(Targets.Parse(h.Predicate["target"]), h.Subjects[0].Digest,
            h.Predicate.Find("fromEntry") is { } n ? Names.Entry(n) : null,
            Effects.Parse(h.Predicate["effect"]))
    { Ledger = h.Ledger, Nonce = h.Nonce, Issued = h.Issued };
}
