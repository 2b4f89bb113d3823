using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Ledger;

/// <summary>Entries that were moved out of a log's folder: the range, and the SHA-256 of the segment file that holds them.</summary>
sealed record MovedRange(long From, long To, Digest Digest)
{
    public Json ToJson() => Json.Object(("from", From), ("to", To), ("digest", Digest));
    public static MovedRange FromJson(Json j) => new(Names.Entry(j["from"]), Names.Entry(j["to"]), j["digest"].AsDigest);
}

/// <summary>
/// Where a log's journal begins, when the entries before are not in the folder any more: the journal's first record. Canonical JSON
/// <c>{"edge":[[hex…]…],"moved":[{"digest","from","to"}…],"size":n}</c>: how many entries there were (whole bundles, so a multiple of 256), and the hashes of the partial tile of each level from 1 on that the
/// tree had then: its right edge, from which the tree goes on and every proof of what follows is made. What lies below and was not moved was pruned.
/// Invariant: all of it stands under the roots that were signed and anchored later; a wrong hash here gives another root at the next opening.
/// </summary>
sealed record LogFloor(long Size, ImmutableArray<ImmutableArray<Digest>> Edge, ImmutableArray<MovedRange> Moved)
{
    const int MaxBytes = 4 << 20;

    public byte[] Encode() => Json.Object(("size", Size), ("edge", ToJson(Edge)), ("moved", Json.Array(Moved.Select(m => m.ToJson())))).ToBytes();

    public static LogFloor Parse(ReadOnlySpan<byte> utf8) => CanonicalJson.ParseRecord(utf8, MaxBytes, FromJson, f => f.Encode(), _ => "a log's floor has a size, its edge and what was moved, and nothing else");

    static LogFloor FromJson(Json j) => new(Sized(Names.Entry(j["size"]), EdgeOf(j["edge"])), EdgeOf(j["edge"]), [.. j["moved"].AsArray.Select(MovedRange.FromJson)]);

    public static Json ToJson(ImmutableArray<ImmutableArray<Digest>> edge) => Json.Array(edge.Select(level => Json.Array(level.Select(d => Json.Of(d.Hex)))));

    public static ImmutableArray<ImmutableArray<Digest>> EdgeOf(Json j) => [.. j.AsArray.Select(level => level.AsArray.Select(d => Digest.ParseHex(d.AsString)).ToImmutableArray())];

    /// <summary>The size, held to the widths that a tree of that size has on each level.</summary>
    public static long Sized(long size, ImmutableArray<ImmutableArray<Digest>> edge)
    {
        if (size % Tile.Full != 0) throw new FormatException("a floor is a multiple of 256");
        if (edge.Length != Tile.MaxLevel) throw new FormatException($"an edge has {Tile.MaxLevel} levels");
        for (var level = 1; level <= Tile.MaxLevel; level++)
            if (edge[level - 1].Length != (size >> 8 * level) % Tile.Full) throw new FormatException($"a tree of {size} leaves does not have {edge[level - 1].Length} hashes at the edge of level {level}");
        return size;
    }
}
