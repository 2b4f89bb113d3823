using System.Collections.Immutable;

namespace Stele.Proof.Decisions;

/// <summary>
/// The trust file, given outside of what it judges: the ledger's origin, its first verifier key and the leaf hash of its genesis entry, and whose cosignatures count.
/// JSON <c>{"genesis","key","origin","quorum","version":0,"witnesses":[vkey…]}</c>.
/// </summary>
public sealed record Trust(string Origin, VerifierKey Key, Digest Genesis, ImmutableArray<VerifierKey> Witnesses, int Quorum)
{
    public const int Version = 0;

    public Json ToJson() => Json.Object(
        ("version", Version), ("origin", Origin), ("key", Key.ToString()), ("genesis", Genesis), ("witnesses", Json.Array(Witnesses.Select(w => Json.Of(w.ToString())))), ("quorum", Quorum));

    /// <summary>Reads a trust file; it may be indented, as people write it.</summary>
    public static Trust Parse(ReadOnlySpan<byte> utf8)
    {
        var j = CanonicalJson.Parse(utf8, 64 * 1024);
        if (j["version"].AsInt != Version) throw new FormatException($"trust file version {j["version"].AsInt} is not known here");
        var trust = new Trust(j["origin"].AsString, VerifierKey.Parse(j["key"].AsString), j["genesis"].AsDigest, [.. j["witnesses"].AsArray.Select(w => VerifierKey.Parse(w.AsString))], checked((int)j["quorum"].AsInt));
        if (trust.Key.Name != trust.Origin) throw new FormatException("the key's name is not the origin");
        if (trust.Quorum < 0 || trust.Quorum > trust.Witnesses.Length) throw new FormatException($"a quorum of {trust.Quorum} among {trust.Witnesses.Length} witnesses");
        return trust;
    }
}
