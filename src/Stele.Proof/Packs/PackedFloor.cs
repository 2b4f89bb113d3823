using System.Collections.Immutable;
using System.Numerics;

namespace Stele.Proof.Packs;

/// <summary>
/// Where a pruned decision log begins: how many leaves are not there any more (whole bundles, so a multiple of 256),
/// and the roots of the perfect subtrees over them, the largest first. That is all it takes to prove what follows.
/// Canonical JSON <c>{"peaks":[hex…],"size":n}</c>.
/// Believed in nothing: the peaks and the leaves that follow must give the roots that the ledger anchors.
/// </summary>
public sealed record PackedFloor(long Size, ImmutableArray<Digest> Peaks)
{
    const int MaxBytes = 8 * 1024;

    public Frontier Frontier => new(Size, Peaks.AsSpan());

    public byte[] Encode() =>
        Json.Object(("size", Size), ("peaks", Json.Array(Peaks.Select(p => Json.Of(p.Hex))))).ToBytes();

    /// <summary>Invariant: what is accepted encodes to the identical bytes.</summary>
    public static PackedFloor Parse(ReadOnlySpan<byte> utf8) =>
        CanonicalJson.ParseRecord(utf8, MaxBytes, FromJson, f => f.Encode(),
            _ => "a floor has a size and its peaks, and nothing else");

    static PackedFloor FromJson(Json j)
    {
        var floor = new PackedFloor(Statements.Names.Entry(j["size"]),
            [.. j["peaks"].AsArray.Select(p => Digest.ParseHex(p.AsString))]);
        if (floor.Size == 0 || floor.Size % Tile.Full != 0)
            throw new FormatException("a floor is a multiple of 256 above 0");
        return floor.Peaks.Length == BitOperations.PopCount((ulong)floor.Size)
            ? floor
            : throw new FormatException($"{floor.Size} leaves do not have {floor.Peaks.Length} perfect subtrees");
    }
}
