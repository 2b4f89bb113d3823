namespace Cel.Regex;

/// <summary>
/// A set of code points. Invariant: <see cref="Bounds"/> ascends strictly; a code point is in the set if the number of bounds at or
/// below it is odd, so that equal sets have equal bounds.
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
        var from = Bounds.Length > 0 && Bounds[0] == 0 ? 1 : 0;
        var to = Bounds.Length > 0 && Bounds[^1] == Last + 1 ? 1 : 0;
        var middle = Bounds.AsSpan(from, Math.Max(0, Bounds.Length - from - to));
        return new([.. from == 0 ? [0] : ReadOnlySpan<int>.Empty, .. middle, .. to == 0 ? [Last + 1] : ReadOnlySpan<int>.Empty]);
    }

    public bool Equals(CharSet? other) => other is not null && Bounds.AsSpan().SequenceEqual(other.Bounds);

    public override bool Equals(object? obj) => Equals(obj as CharSet);

    public override int GetHashCode()
    {
        var h = new HashCode();
        foreach (var b in Bounds) h.Add(b);
        return h.ToHashCode();
    }
}

/// <summary>Collects ranges in any order.</summary>
internal sealed class CharSetBuilder
{
    readonly List<(int Low, int High)> _ranges = [];

    /// <summary>Both ends are in it.</summary>
    public void Add(int low, int high) => _ranges.Add((low, high));

    public CharSet ToSet()
    {
        _ranges.Sort();
        var bounds = new List<int>(_ranges.Count * 2);
        foreach (var (low, high) in _ranges)
        {
            if (bounds.Count == 0 || low > bounds[^1]) bounds.AddRange([low, high + 1]);
            else if (high + 1 > bounds[^1]) bounds[^1] = high + 1;
        }
        return new CharSet([.. bounds]);
    }
}
