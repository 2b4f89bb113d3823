using System.Collections.Immutable;
using System.Numerics;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A growing Merkle tree that keeps only its right edge: the partial tile of each level, the entries of the partial bundle, and the roots of the perfect subtrees.
/// Each tile and bundle is handed over once, as it fills up. One node hash a leaf (amortised), none twice. Not thread-safe.
/// </summary>
sealed class Tree(Action<Tile, byte[]> full)
{
    readonly Digest[] _peaks = new Digest[63];                  // by height; those at the set bits of Size are in use
    readonly List<Digest>[] _levels = [.. Enumerable.Range(0, Tile.MaxLevel + 1).Select(_ => new List<Digest>(Tile.Full))];
    readonly List<byte[]> _entries = new(Tile.Full);

    public long Size { get; private set; }

    /// <summary>Goes on from where a tree was that had this right edge, in the place of one that is still empty.</summary>
    public void Restore(long size, ImmutableArray<ImmutableArray<Digest>> edge)
    {
        if (Size != 0) throw new InvalidOperationException("the tree has leaves already");
        Size = LogFloor.Sized(size, edge);
        for (var level = 1; level <= Tile.MaxLevel; level++)
        {
            var hashes = edge[level - 1];
            _levels[level].AddRange(hashes);
            var at = 0;
            for (var bit = 7; bit >= 0; bit--)
            {
                if ((hashes.Length >> bit & 1) == 0) continue;
                _peaks[8 * level + bit] = Merkle.Root(hashes.AsSpan(at, 1 << bit).ToArray());
                at += 1 << bit;
            }
        }
    }

    /// <summary>The partial tiles of the levels from 1 on: with the size all that it takes to go on, where the size is a multiple of 256.</summary>
    public ImmutableArray<ImmutableArray<Digest>> EdgeHashes => [.. _levels.Skip(1).Select(l => l.ToImmutableArray())];

    public void Add(byte[] entry)
    {
        _entries.Add(entry);
        var hash = Merkle.Leaf(entry);
        Level(0, hash);
        var height = 0;
        for (; (Size >> height & 1) == 1; height++)
        {
            hash = Merkle.Node(_peaks[height], hash);
            if ((height + 1) % 8 == 0) Level((height + 1) / 8, hash);
        }
        _peaks[height] = hash;
        Size++;
        if (_entries.Count < Tile.Full) return;
        full(new Tile(Tile.Entries, (Size - 1) / Tile.Full), Tile.EncodeBundle(_entries));
        _entries.Clear();
    }

    void Level(int level, Digest hash)
    {
        var hashes = _levels[level];
        hashes.Add(hash);
        if (hashes.Count < Tile.Full) return;
        full(new Tile(level, Size >> 8 * (level + 1)), Tile.Encode([.. hashes]));
        hashes.Clear();
    }

    public Digest Root => Frontier.Root;

    public Frontier Frontier
    {
        get
        {
            var peaks = new Digest[BitOperations.PopCount((ulong)Size)];
            var n = 0;
            for (var height = 62; height >= 0; height--) if ((Size >> height & 1) == 1) peaks[n++] = _peaks[height];
            return new Frontier(Size, peaks);
        }
    }

    /// <summary>How much of the rightmost tile of a level (or of the rightmost bundle) there is.</summary>
    public int Width(int level) => level == Tile.Entries ? _entries.Count : _levels[level].Count;

    /// <summary>The first hashes (or entries) of the rightmost, partial tile of a level.</summary>
    public byte[] Partial(int level, int width) => level == Tile.Entries ? Tile.EncodeBundle(_entries[..width]) : Tile.Encode([.. _levels[level][..width]]);

    /// <summary>An entry of the partial bundle.</summary>
    public byte[] Entry(long index) => _entries[(int)(index % Tile.Full)];

    /// <summary>Every partial tile and bundle that the tree of this size implies.</summary>
    public IEnumerable<(Tile Tile, byte[] Bytes)> Edge()
    {
        for (var level = Tile.Entries; level <= Tile.MaxLevel; level++)
            if (Width(level) is > 0 and var width)
                yield return (new Tile(level, Size >> (level == Tile.Entries ? 8 : 8 * (level + 1)), width), Partial(level, width));
    }
}
