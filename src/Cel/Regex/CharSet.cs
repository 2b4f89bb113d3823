using System.Runtime.InteropServices;

namespace Cel.Regex;

/// <summary>
/// A set of code points. Invariant: <see cref="Bounds"/> ascends strictly; a code point is in the set if the number of
/// bounds at or below it is odd, so that equal sets have equal bounds.
/// </summary>
internal sealed class CharSet : IEquatable<CharSet>
{
    public const int Last = 0x10ffff;

    public static readonly CharSet Nothing = new([]);
    public static readonly CharSet Everything = new([0, Last + 1]);
    public static readonly CharSet Newline = Of('\n');
    public static readonly CharSet NotNewline = Newline.Inverted();

    /// <summary>First of a range, first after it, first of the next one, and so on.</summary>
    public readonly int[] Bounds;

    // Found when first asked for. Classes that have a name are made once, so that this is done once for them.
    CharSet? _inverted, _folded;
    int _hash;

    internal CharSet(int[] bounds) => Bounds = bounds;

    public static CharSet Of(int codePoint) => new([codePoint, codePoint + 1]);

    /// <summary>Ranges from pairs of characters: <c>"09AZ"</c>.</summary>
    public static CharSet Ranges(string pairs)
    {
        var b = new CharSetBuilder();
        for (var i = 0; i < pairs.Length; i += 2) b.Add(pairs[i], pairs[i + 1]);
        return b.ToSet();
    }

    public int RangeCount => Bounds.Length / 2;

    public bool Contains(int codePoint)
    {
        var at = Array.BinarySearch(Bounds, codePoint);
        return ((at < 0 ? ~at : at + 1) & 1) != 0;
    }

    /// <summary>In time linear in the ranges of both.</summary>
    public CharSet With(CharSet other)
    {
        if (Bounds.Length == 0) return other;
        var bounds = new List<int>(Bounds.Length + other.Bounds.Length);
        var (a, b) = (0, 0);
        while (a < Bounds.Length || b < other.Bounds.Length)
        {
            var first = b == other.Bounds.Length || (a < Bounds.Length && Bounds[a] <= other.Bounds[b]);
            var from = first ? Bounds : other.Bounds;
            ref var at = ref first ? ref a : ref b;
            var (low, end) = (from[at], from[at + 1]);
            at += 2;
            if (bounds.Count == 0 || low > bounds[^1]) bounds.AddRange([low, end]);
            else if (end > bounds[^1]) bounds[^1] = end;
        }
        return new CharSet([.. bounds]);
    }

    public CharSet Inverted()
    {
        if (_inverted is { } known) return known;
        var from = Bounds.Length > 0 && Bounds[0] == 0 ? 1 : 0;
        var to = Bounds.Length > 0 && Bounds[^1] == Last + 1 ? 1 : 0;
        var middle = Bounds.AsSpan(from, Math.Max(0, Bounds.Length - from - to));
        return _inverted = new([.. from == 0 ? [0] : ReadOnlySpan<int>.Empty, .. middle,
            .. to == 0 ? [Last + 1] : ReadOnlySpan<int>.Empty]) { _inverted = this };
    }

    /// <summary>With everything that simple case folding makes equal to a member.</summary>
    public CharSet Folded() => _folded ??= Unicode.Folded(this);

    public bool Equals(CharSet? other) =>
        ReferenceEquals(this, other) || (other is not null && Bounds.AsSpan().SequenceEqual(other.Bounds));

    public override bool Equals(object? obj) => Equals(obj as CharSet);

    public override int GetHashCode()
    {
        if (_hash != 0) return _hash;
        var h = new HashCode();
        h.AddBytes(MemoryMarshal.AsBytes(Bounds.AsSpan()));
        return _hash = h.ToHashCode() | 1;
    }
}

/// <summary>Collects ranges in any order.</summary>
internal sealed class CharSetBuilder
{
    /// <summary>The first of a range, and the first behind it: as one number, which sorts as they do.</summary>
    readonly List<long> _ranges = [];

    public int Count => _ranges.Count;

    /// <summary>Both ends are in it.</summary>
    public void Add(int low, int high) => _ranges.Add((long)low << 32 | (uint)(high + 1));

    public void Add(CharSet set)
    {
        for (var i = 0; i < set.Bounds.Length; i += 2) Add(set.Bounds[i], set.Bounds[i + 1] - 1);
    }

    public CharSet ToSet()
    {
        _ranges.Sort();
        var bounds = new List<int>(_ranges.Count * 2);
        foreach (var range in _ranges)
        {
            var (low, end) = ((int)(range >> 32), (int)range);
            if (bounds.Count == 0 || low > bounds[^1])
            {
                bounds.Add(low);
                bounds.Add(end);
            }
            else if (end > bounds[^1]) bounds[^1] = end;
        }
        return new CharSet([.. bounds]);
    }
}
