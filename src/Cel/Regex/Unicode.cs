using System.Collections.Frozen;
using System.Text;

namespace Cel.Regex;

/// <summary>Named classes and case folding out of <see cref="UnicodeTables"/>, decoded when first asked for.</summary>
internal static class Unicode
{
    static readonly Lazy<FrozenDictionary<string, CharSet>> Named = new(Decode);
    static readonly Lazy<(int[] Codes, int[][] Orbits)> Fold = new(DecodeFolding);

    /// <summary>
    /// A general category of one or two letters, a script, or <c>Any</c>; names are spelled exactly so. Null if there
    /// is none.
    /// </summary>
    public static CharSet? Class(ReadOnlySpan<char> name) =>
        Named.Value.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var set) ? set : null;

    public static IEnumerable<string> Names => Named.Value.Keys;

    /// <summary>
    /// Members that simple case folding changes, or changes into one: the work of <see cref="Folded(CharSet)"/>.
    /// </summary>
    public static int Folding(CharSet set)
    {
        var codes = Fold.Value.Codes;
        var count = 0;
        for (var range = 0; range < set.Bounds.Length; range += 2)
            count += First(codes, set.Bounds[range + 1]) - First(codes, set.Bounds[range]);
        return count;
    }

    static int First(int[] codes, int atLeast)
    {
        var at = Array.BinarySearch(codes, atLeast);
        return at < 0 ? ~at : at;
    }

    /// <summary>The set with everything that simple case folding makes equal to a member.</summary>
    public static CharSet Folded(CharSet set)
    {
        var (codes, orbits) = Fold.Value;
        var b = new CharSetBuilder();
        for (var range = 0; range < set.Bounds.Length; range += 2)
        {
            for (var at = First(codes, set.Bounds[range]); at < codes.Length && codes[at] < set.Bounds[range + 1]; at++)
                foreach (var c in orbits[at])
                    if (!set.Contains(c)) b.Add(c, c);
        }
        return b.Count == 0 ? set : set.With(b.ToSet());
    }

    public static CharSet Folded(int codePoint) => Folded(CharSet.Of(codePoint));

    static FrozenDictionary<string, CharSet> Decode()
    {
        var sets = new Dictionary<string, CharSet>(StringComparer.Ordinal) { ["Any"] = CharSet.Everything };
        var groups = new Dictionary<string, CharSet>(StringComparer.Ordinal);
        foreach (var (name, set) in Tables(UnicodeTables.Categories))
        {
            sets.Add(name, set);
            if (!groups.TryGetValue(name[..1], out var group)) group = CharSet.Nothing;
            groups[name[..1]] = group.With(set);
        }
        foreach (var (name, group) in groups) sets.Add(name, group);
        foreach (var (name, set) in Tables(UnicodeTables.Scripts)) sets.Add(name, set);
        return sets.ToFrozenDictionary(StringComparer.Ordinal);
    }

    static List<(string Name, CharSet Set)> Tables(ReadOnlySpan<byte> table)
    {
        var found = new List<(string, CharSet)>();
        var name = "";
        var set = new CharSetBuilder();
        var at = 0;
        foreach (var token in Tokens(table))
        {
            if (token[0] is >= 'A' and <= 'Z')
            {
                if (name.Length > 0) found.Add((name, set.ToSet()));
                (name, set, at) = (token, new(), 0);
                continue;
            }
            var (first, count) = Count(token);
            var colon = first.IndexOf(':');
            var gap = Number(colon < 0 ? first : first[..colon]);
            var length = colon < 0 ? 0 : Number(first[(colon + 1)..]);
            for (; count > 0; count--)
            {
                set.Add(at + gap, at + gap + length);
                at += gap + length + 1;
            }
        }
        found.Add((name, set.ToSet()));
        return found;
    }

    /// <summary>
    /// Every code point that folds or is folded to, ascending, and with each all that are equal to it.
    /// </summary>
    static (int[] Codes, int[][] Orbits) DecodeFolding()
    {
        var orbits = new Dictionary<int, List<int>>();
        var at = 0;
        foreach (var token in Tokens(UnicodeTables.Folding))
        {
            var (first, count) = Count(token);
            var sign = first.IndexOfAny('+', '-');
            var gap = Number(first[..sign]);
            var distance = Number(first[(sign + 1)..]) * (first[sign] == '-' ? -1 : 1);
            for (; count > 0; count--)
            {
                at += gap;
                if (!orbits.TryGetValue(at + distance, out var orbit)) orbits[at + distance] = orbit = [at + distance];
                orbit.Add(at);
            }
        }
        var all = new SortedDictionary<int, int[]>();
        foreach (var orbit in orbits.Values)
        {
            int[] members = [.. orbit];
            foreach (var c in members) all.Add(c, members);
        }
        return ([.. all.Keys], [.. all.Values]);
    }

    static string[] Tokens(ReadOnlySpan<byte> table) =>
        Encoding.ASCII.GetString(table).Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

    static (string First, int Count) Count(string token)
    {
        var star = token.IndexOf('*');
        return star < 0 ? (token, 1) : (token[..star], Number(token[(star + 1)..]));
    }

    static int Number(string base36)
    {
        var n = 0;
        foreach (var c in base36) n = n * 36 + (c <= '9' ? c - '0' : c - 'a' + 10);
        return n;
    }
}
