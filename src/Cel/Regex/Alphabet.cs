namespace Cel.Regex;

/// <summary>What the assertions of a pattern can tell of a neighbour; finer than a class of code points it never is.</summary>
internal enum Neighbour : byte { Other, Newline, Word, None }

/// <summary>
/// The code points as one pattern sees them: those that no set of the pattern tells apart are one class. Automaton and simulation
/// work on classes alone.
/// </summary>
internal sealed class Alphabet
{
    const int Direct = 256;

    readonly ushort[] _direct = new ushort[Direct];
    readonly int[] _starts;
    readonly ushort[] _classes;
    readonly List<ulong[]> _members = [];
    readonly List<Neighbour> _neighbours = [];

    /// <param name="sets">Those the pattern takes characters from.</param>
    /// <param name="lines">Newlines are told apart.</param>
    /// <param name="words">ASCII word characters are told apart.</param>
    public Alphabet(List<CharSet> sets, bool lines, bool words)
    {
        List<CharSet> all = [.. sets];
        if (lines) all.Add(CharSet.Newline);
        if (words) all.Add(PerlClasses.Word);

        var events = new List<(int At, int Set)>();
        for (var s = 0; s < all.Count; s++)
            foreach (var bound in all[s].Bounds) events.Add((bound, s));
        events.Sort();

        // From one bound to the next, which sets hold.
        var (starts, classes) = (new List<int>(), new List<ushort>());
        var known = new Dictionary<ulong[], ushort>(SameBits.Instance);
        var holds = new ulong[(all.Count + 63) / 64];
        for (var (at, next) = (0, 0); at <= CharSet.Last;)
        {
            for (; next < events.Count && events[next].At == at; next++) holds[events[next].Set >> 6] ^= 1ul << events[next].Set;
            if (!known.TryGetValue(holds, out var found))
            {
                found = (ushort)_members.Count;
                ulong[] bits = [.. holds];
                known.Add(bits, found);
                _members.Add(bits);
                _neighbours.Add(lines && CharSet.Newline.Contains(at) ? Neighbour.Newline : words && PerlClasses.Word.Contains(at) ? Neighbour.Word : Neighbour.Other);
            }
            starts.Add(at);
            classes.Add(found);
            at = next < events.Count ? events[next].At : CharSet.Last + 1;
        }
        _starts = [.. starts];
        _classes = [.. classes];
        for (var c = 0; c < Direct; c++) _direct[c] = Search(c);
    }

    /// <summary>How many classes there are.</summary>
    public int Count => _members.Count;

    /// <summary>Bytes, about.</summary>
    public int Weight => _starts.Length * 6 + _members.Count * (40 + _members[0].Length * 8);

    public int Class(int codePoint) => codePoint < Direct ? _direct[codePoint] : Search(codePoint);

    public bool IsIn(int @class, int set) => (_members[@class][set >> 6] >> set & 1) != 0;

    public Neighbour Seen(int @class) => _neighbours[@class];

    ushort Search(int codePoint)
    {
        var at = Array.BinarySearch(_starts, codePoint);
        return _classes[at < 0 ? ~at - 1 : at];
    }

    sealed class SameBits : IEqualityComparer<ulong[]>
    {
        public static readonly SameBits Instance = new();

        public bool Equals(ulong[]? x, ulong[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(ulong[] bits)
        {
            var h = new HashCode();
            foreach (var b in bits) h.Add(b);
            return h.ToHashCode();
        }
    }
}
