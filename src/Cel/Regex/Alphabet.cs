namespace Cel.Regex;

/// <summary>
/// What the assertions of a pattern can tell of a neighbour; finer than a class of code points it never is.
/// </summary>
internal enum Neighbour : byte { Other, Newline, Word, None }

/// <summary>
/// The code points as one pattern sees them: those that no set of the pattern tells apart are one class. Automaton and
/// simulation work on classes alone.
/// </summary>
internal sealed class Alphabet
{
    const int Direct = 256;

    readonly ushort[] _direct = new ushort[Direct];
    readonly int[] _starts;
    readonly ushort[] _classes;
    readonly int _words;

    /// <summary>Of each class, in which sets it is.</summary>
    readonly ulong[] _members;
    readonly List<Neighbour> _neighbours = [];

    /// <param name="sets">Those the pattern takes characters from.</param>
    /// <param name="asserted">
    /// What it asserts: where lines begin or end, newlines are told apart, and at words ASCII word characters.
    /// </param>
    public Alphabet(List<CharSet> sets, Edge asserted)
    {
        var lines = (asserted & (Edge.LineStart | Edge.LineEnd)) != 0;
        var words = (asserted & (Edge.Boundary | Edge.NoBoundary)) != 0;
        List<CharSet> all = [.. sets];
        if (lines) all.Add(CharSet.Newline);
        if (words) all.Add(PerlClasses.Word);

        // A bound, and whose it is, as one number.
        var events = new List<long>();
        for (var s = 0; s < all.Count; s++)
            foreach (var bound in all[s].Bounds) events.Add((long)bound << 32 | (uint)s);
        if (all.Count > 1) events.Sort();

        // From one bound to the next, which sets hold.
        var (starts, classes) = (new List<int>(), new List<ushort>());
        _words = Math.Max(1, (all.Count + 63) / 64);
        var few = _words == 1 ? new Dictionary<ulong, ushort>() : null;
        var many = _words == 1 ? null : new Dictionary<ulong[], ushort>(SameBits.Instance);
        var members = new List<ulong>();
        var holds = new ulong[_words];
        for (var (at, next) = (0, 0); at <= CharSet.Last;)
        {
            for (; next < events.Count && (int)(events[next] >> 32) == at; next++)
            {
                var set = (int)events[next];
                holds[set >> 6] ^= 1ul << set;
            }
            if (!(few is not null ? few.TryGetValue(holds[0], out var found) : many!.TryGetValue(holds, out found)))
            {
                found = (ushort)_neighbours.Count;
                few?.Add(holds[0], found);
                many?.Add([.. holds], found);
                members.AddRange(holds);
                _neighbours.Add(lines && CharSet.Newline.Contains(at) ? Neighbour.Newline
                    : words && PerlClasses.Word.Contains(at) ? Neighbour.Word : Neighbour.Other);
            }
            starts.Add(at);
            classes.Add(found);
            at = next < events.Count ? (int)(events[next] >> 32) : CharSet.Last + 1;
        }
        _members = [.. members];
        _starts = [.. starts];
        _classes = [.. classes];
        for (var c = 0; c < Direct; c++) _direct[c] = Search(c);
    }

    /// <summary>How many classes there are.</summary>
    public int Count => _neighbours.Count;

    /// <summary>Bytes, about.</summary>
    public int Weight => _starts.Length * 6 + _members.Length * 8;

    public int Class(int codePoint) => codePoint < Direct ? _direct[codePoint] : Search(codePoint);

    public bool IsIn(int @class, int set) => (_members[@class * _words + (set >> 6)] >> set & 1) != 0;

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
