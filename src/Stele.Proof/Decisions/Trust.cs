using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Decisions;

/// <summary>
/// The trust file, given outside of what it judges: the ledger's origin, its first verifier key and the leaf hash of
/// its genesis entry, and whose cosignatures count. JSON
/// <c>{"genesis","key","origin","quorum","version":1,"witnesses":[vkey…]}</c>.
/// </summary>
public sealed record Trust(string Origin, VerifierKey Key, Digest Genesis, ImmutableArray<VerifierKey> Witnesses,
    int Quorum)
{
    public const int Version = 1;

    /// <summary>
    /// Whose cosignatures make a checkpoint valid, as a policy: so many of the witnesses. The log's key is not in it,
    /// for a ledger may change that by its own entries.
    /// </summary>
    public WitnessPolicy Policy => WitnessPolicy.Of(null, Witnesses, Quorum);

    public Json ToJson() => Json.Object(
        ("version", Version), ("origin", Origin), ("key", Key.ToString()), ("genesis", Genesis),
        ("witnesses", Json.Array(Witnesses.Select(w => Json.Of(w.ToString())))), ("quorum", Quorum));

    /// <summary>Reads a trust file; it may be indented, as people write it.</summary>
    public static Trust Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.Parse(utf8, 64 * 1024);
        if (j["version"].AsInt != Version)
            throw new FormatException($"trust file version {j["version"].AsInt} is not known here");
        var trust = new Trust(j["origin"].AsString, VerifierKey.Parse(j["key"].AsString), j["genesis"].AsDigest,
            [.. j["witnesses"].AsArray.Select(w => VerifierKey.Parse(w.AsString))], Names.Small(j["quorum"]));
        if (!trust.ToJson().Equals(j))
            throw new FormatException("the trust file has members that a trust file does not have");
        if (trust.Key.Name != trust.Origin || trust.Key.Type != NoteKeyType.Ed25519)
            throw new FormatException("the key is not a log's key with the origin as its name");
        // Only witnesses whose keys the operator does not hold count, and each counts once, under whatever names.
        for (var i = 0; i < trust.Witnesses.Length; i++)
        {
            var witness = trust.Witnesses[i];
            if (!witness.IsCosigner)
                throw new FormatException($"'{witness.Name}' is not a witness's key (type 0x04 or 0x06)");
            if (witness.SameKey(trust.Key) || trust.Witnesses[..i].Any(witness.SameKey))
                throw new FormatException($"the witness '{witness.Name}' has the key of the log or of another witness");
        }
        if (trust.Quorum > trust.Witnesses.Length)
            throw new FormatException($"a quorum of {trust.Quorum} among {trust.Witnesses.Length} witnesses");
        return trust;
    }
}
