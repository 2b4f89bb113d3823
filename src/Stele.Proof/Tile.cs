using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>
/// One resource of a C2SP tlog-tiles tree. A hash tile of level L and index N holds up to 256 hashes; hash i is the
/// root over the leaves [(256N+i)·256^L, (256N+i+1)·256^L). An entry bundle (level <see cref="Entries"/>) holds the
/// same leaves' bytes.
/// <code>tile/0/x001/x234/067    tile/1/000.p/17    tile/entries/005</code>
/// </summary>
public readonly record struct Tile
{
    /// <summary>Hashes in a full tile, entries in a full bundle.</summary>
    public const int Full = 256;

    /// <summary>The "level" of entry bundles.</summary>
    public const int Entries = -1;

    /// <summary>A tree of less than 2⁶³ leaves has no tile above this level.</summary>
    public const int MaxLevel = 7;

    /// <param name="level">0 to 7, or <see cref="Entries"/>.</param>
    /// <param name="width">1 to 256; less than 256 is a partial tile.</param>
    public Tile(int level, long index, int width = Full)
    {
        if (level is < Entries or > MaxLevel) throw new ArgumentOutOfRangeException(nameof(level));
        if (index < 0 || index > long.MaxValue >> Shift(level) >> 8)
            throw new ArgumentOutOfRangeException(nameof(index));
        if (width is < 1 or > Full) throw new ArgumentOutOfRangeException(nameof(width));
        (Level, Index, Width) = (level, index, width);
    }

    public int Level { get; }
    public long Index { get; }
    public int Width { get; }

    public bool IsPartial => Width < Full;

    /// <summary>
    /// How many hashes (or entries) of this level and index a tree of <paramref name="size"/> leaves has: 0 (no such
    /// tile) to 256.
    /// </summary>
    public static int WidthAt(long size, int level, long index) =>
        (int)Math.Clamp((size >> Shift(level)) - index * Full, 0, Full);

    /// <summary>The level below which a tree of this size has tiles: 0 for the empty tree.</summary>
    public static int LevelsAt(long size)
    {
        var levels = 0;
        for (; size > 0; size >>= 8) levels++;
        return levels;
    }

    static int Shift(int level) => level <= 0 ? 0 : 8 * level;

    /// <summary>The resource's path below the log's prefix.</summary>
    public string Path
    {
        get
        {
            var text = new StringBuilder("tile/").Append(Level == Entries
                ? "entries"
                : Level.ToString(CultureInfo.InvariantCulture)).Append('/');
            var digits = Index.ToString("000", CultureInfo.InvariantCulture);
            digits = digits.PadLeft((digits.Length + 2) / 3 * 3, '0');
            for (var i = 0; i < digits.Length; i += 3)
                text.Append(i + 3 < digits.Length ? "x" : "").Append(digits, i, 3)
                    .Append(i + 3 < digits.Length ? "/" : "");
            if (IsPartial) text.Append(".p/").Append(Width.ToString(CultureInfo.InvariantCulture));
            return text.ToString();
        }
    }

    /// <summary>Invariant: accepts exactly what <see cref="Path"/> writes.</summary>
    public static bool TryParse([NotNullWhen(true)] string? path, out Tile tile)
    {
        tile = default;
        if (path is null || path.Length > 64) return false;
        var parts = path.Split('/');
        if (parts.Length < 3 || parts[0] != "tile") return false;
        int level = Entries;
        if (parts[1] != "entries")
        {
            if (!Checkpoint.TryDecimal(parts[1], out var l) || l > MaxLevel) return false;
            level = (int)l;
        }
        var width = Full;
        var last = parts.Length - 1;
        if (parts[last - 1].EndsWith(".p", StringComparison.Ordinal))
        {
            if (!Checkpoint.TryDecimal(parts[last], out var w) || w is < 1 or >= Full) return false;
            width = (int)w;
            last--;
        }
        long index = 0;
        for (var i = 2; i <= last; i++)
        {
            var group = parts[i].AsSpan();
            if (i < last)
            {
                if (group.IsEmpty || group[0] != 'x') return false;
                group = group[1..];
            }
            else if (width < Full)
            {
                group = group[..^2];
            }
            if (group.Length != 3
                || !int.TryParse(group, NumberStyles.None, CultureInfo.InvariantCulture, out var three)) return false;
            if (index > long.MaxValue / 1000 - 1) return false;
            index = index * 1000 + three;
        }
        if (index > long.MaxValue >> Shift(level) >> 8) return false;
        tile = new Tile(level, index, width);
        return tile.Path == path;   // leading groups of zeros end here
    }

    public override string ToString() => Path;

    /// <summary>The bytes of a hash tile.</summary>
    public static byte[] Encode(ReadOnlySpan<Digest> hashes)
    {
        if (hashes.Length is 0 or > Full) throw new ArgumentException("a tile has 1 to 256 hashes");
        var bytes = new byte[hashes.Length * Digest.Size];
        for (var i = 0; i < hashes.Length; i++) hashes[i].CopyTo(bytes.AsSpan(i * Digest.Size));
        return bytes;
    }

    /// <exception cref="FormatException">Not exactly <paramref name="width"/> hashes.</exception>
    public static Digest[] Decode(ReadOnlySpan<byte> bytes, int width)
    {
        if (bytes.Length != width * Digest.Size)
            throw new FormatException($"a tile of {width} hashes has {width * Digest.Size} bytes, not {bytes.Length}");
        var hashes = new Digest[width];
        for (var i = 0; i < width; i++) hashes[i] = Digest.From(bytes.Slice(i * Digest.Size, Digest.Size));
        return hashes;
    }

    /// <summary>The bytes of an entry bundle: each entry behind its length in two bytes, big-endian.</summary>
    public static byte[] EncodeBundle(IReadOnlyList<byte[]> entries)
    {
        if (entries.Count is 0 or > Full) throw new ArgumentException("a bundle has 1 to 256 entries");
        var bytes = new byte[entries.Sum(e => 2 + e.Length)];
        var at = 0;
        foreach (var entry in entries)
        {
            if (entry.Length > ushort.MaxValue) throw new ArgumentException("an entry has at most 65,535 bytes");
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at), (ushort)entry.Length);
            entry.CopyTo(bytes, at + 2);
            at += 2 + entry.Length;
        }
        return bytes;
    }

    /// <exception cref="FormatException">Not exactly <paramref name="width"/> entries.</exception>
    public static byte[][] DecodeBundle(ReadOnlySpan<byte> bytes, int width)
    {
        var entries = new byte[width][];
        for (var i = 0; i < width; i++)
        {
            if (bytes.Length < 2) throw new FormatException($"a bundle of {width} entries ends after {i}");
            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes);
            if (bytes.Length < 2 + length) throw new FormatException($"entry {i} of a bundle is cut short");
            entries[i] = bytes.Slice(2, length).ToArray();
            bytes = bytes[(2 + length)..];
        }
        return bytes.IsEmpty
            ? entries
            : throw new FormatException($"a bundle of {width} entries has {bytes.Length} bytes after the last");
    }

    /// <summary>
    /// The tile that holds the hash of a complete subtree of 2^level leaves, in a tree of <paramref name="size"/>; with
    /// <see cref="Subtree"/> it feeds <see cref="Proofs"/>.
    /// </summary>
    public static Tile Holding(int level, long index, long size)
    {
        var tileLevel = level / 8;
        var n = (index << (level % 8)) / Full;
        return new Tile(tileLevel, n, WidthAt(size, tileLevel, n));
    }

    /// <summary>The hash of the complete subtree (level, index) out of the hashes of the tile that holds it.</summary>
    public static Digest Subtree(int level, long index, ReadOnlySpan<Digest> hashes)
    {
        var height = level % 8;
        return Merkle.Perfect(hashes.Slice((int)((index << height) % Full), 1 << height));
    }
}
