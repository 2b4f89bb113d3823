using System.Buffers.Binary;
using System.Numerics;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A growing Merkle tree that keeps only its right edge: the partial tile of each level, the entries of the partial
/// bundle, and the roots of the perfect subtrees. Each tile and bundle is handed over once, as it fills up; its bytes
/// are lent until the call returns. One node hash a leaf (amortised), none twice. Not thread-safe.
/// <code>
/// saved   u64 size, the hashes of each level's partial tile from level 0 to 7, the partial bundle; how many there are follows from the size
/// </code>
/// </summary>
sealed class Tree(Action<Tile, ReadOnlyMemory<byte>> full)
{
    readonly Digest[] _peaks = new Digest[63];                  // by height; those at the set bits of Size are in use
    readonly byte[][] _levels = [.. Enumerable.Range(0, Tile.MaxLevel + 1)
        .Select(_ => new byte[Tile.Full * Digest.Size])];
    readonly int[] _ends = new int[Tile.Full];                  // where each entry of the partial bundle ends
    byte[] _bundle = new byte[16 << 10];

    public long Size { get; private set; }

    public void Add(ReadOnlySpan<byte> entry) => Add(entry, Merkle.Leaf(entry));

    /// <param name="leaf">The entry's leaf hash.</param>
    public void Add(ReadOnlySpan<byte> entry, Digest leaf)
    {
        var width = Width(Tile.Entries);
        var at = width == 0 ? 0 : _ends[width - 1];
        if (_bundle.Length < at + 2 + entry.Length)
            Array.Resize(ref _bundle, Math.Max(at + 2 + entry.Length, 2 * _bundle.Length));
        BinaryPrimitives.WriteUInt16BigEndian(_bundle.AsSpan(at), checked((ushort)entry.Length));
        entry.CopyTo(_bundle.AsSpan(at + 2));
        _ends[width] = at + 2 + entry.Length;

        Level(0, leaf);
        var hash = leaf;
        var height = 0;
        for (; (Size >> height & 1) == 1; height++)
        {
            hash = Merkle.Node(_peaks[height], hash);
            if ((height + 1) % 8 == 0) Level((height + 1) / 8, hash);
        }
        _peaks[height] = hash;
        Size++;
        if (width + 1 == Tile.Full)
            full(new Tile(Tile.Entries, (Size - 1) / Tile.Full), _bundle.AsMemory(0, _ends[width]));
    }

    void Level(int level, Digest hash)
    {
        var width = Width(level);
        hash.CopyTo(_levels[level].AsSpan(width * Digest.Size));
        if (width + 1 == Tile.Full) full(new Tile(level, Size >> 8 * (level + 1)), _levels[level]);
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
    public int Width(int level) => (int)(Size >> (level == Tile.Entries ? 0 : 8 * level) & (Tile.Full - 1));

    /// <summary>The first hashes (or entries) of the rightmost, partial tile of a level.</summary>
    public byte[] Partial(int level, int width) =>
        level == Tile.Entries
            ? _bundle[..(width == 0 ? 0 : _ends[width - 1])]
            : _levels[level][..(width * Digest.Size)];

    /// <summary>An entry of the partial bundle.</summary>
    public byte[] Entry(long index)
    {
        var i = (int)(index % Tile.Full);
        return _bundle[((i == 0 ? 0 : _ends[i - 1]) + 2).._ends[i]];
    }

    /// <summary>Every partial tile and bundle that the tree of this size implies.</summary>
    public IEnumerable<(Tile Tile, byte[] Bytes)> Edge()
    {
        for (var level = Tile.Entries; level <= Tile.MaxLevel; level++)
            if (Width(level) is > 0 and var width)
                yield return (new Tile(level, Size >> (level == Tile.Entries ? 8 : 8 * (level + 1)), width),
                    Partial(level, width));
    }

    /// <summary>All that is needed to go on from here.</summary>
    public byte[] Save()
    {
        var size = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(size, Size);
        return [.. size, .. Enumerable.Range(0, Tile.MaxLevel + 1).SelectMany(level => Partial(level, Width(level))),
            .. Partial(Tile.Entries, Width(Tile.Entries))];
    }

    /// <summary>Goes on from what was saved, whatever the tree was before.</summary>
    /// <exception cref="FormatException">Not what <see cref="Save"/> gives.</exception>
    public void Restore(ReadOnlySpan<byte> saved)
    {
        if (saved.Length < 8 || BinaryPrimitives.ReadInt64BigEndian(saved) is < 0)
            throw new FormatException("the right edge of a tree begins with its size");
        Size = BinaryPrimitives.ReadInt64BigEndian(saved);
        var at = 8;
        for (var level = 0; level <= Tile.MaxLevel; level++)
        {
            var width = Width(level);
            if (saved.Length - at < width * Digest.Size)
                throw new FormatException($"the right edge of a tree of {Size} entries ends in level {level}");
            saved.Slice(at, width * Digest.Size).CopyTo(_levels[level]);
            at += width * Digest.Size;
            // The perfect subtrees within a partial tile, the largest first: one for each bit of its width.
            var hashes = Tile.Decode(_levels[level].AsSpan(0, width * Digest.Size), width);
            var from = 0;
            for (var height = 7; height >= 0; height--)
            {
                if ((width >> height & 1) == 0) continue;
                _peaks[8 * level + height] = Merkle.Perfect(hashes.AsSpan(from, 1 << height));
                from += 1 << height;
            }
        }
        var entries = saved[at..];
        var bundle = Tile.DecodeBundle(entries, Width(Tile.Entries));
        for (var i = 0; i < bundle.Length; i++)
            if (Merkle.Leaf(bundle[i]) != Digest.From(_levels[0].AsSpan(i * Digest.Size, Digest.Size)))
                throw new FormatException($"the right edge of a tree of {Size} entries has other entries than hashes");
        if (_bundle.Length < entries.Length) _bundle = new byte[entries.Length];
        entries.CopyTo(_bundle);
        var end = 0;
        for (var i = 0; i < bundle.Length; i++) _ends[i] = end += 2 + bundle[i].Length;
    }
}
