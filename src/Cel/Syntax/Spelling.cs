using System.Text;

namespace Cel.Syntax;

/// <summary>What somebody probably meant to write.</summary>
public static class Spelling
{
    const int Longest = 64;

    /// <summary>
    /// The name that is nearest, if one is near: a letter or two more, less, other or swapped, or only the case of
    /// ASCII letters differs. Of several the first by code points, whatever order they come in.
    /// </summary>
    public static string? Nearest(string written, IEnumerable<string> known)
    {
        string? nearest = null;
        var best = written.Length <= 3 ? 2 : 3;
        foreach (var name in known)
        {
            var distance = Ascii.EqualsIgnoreCase(name, written) ? 0 : Distance(written, name, best + 1);
            if (distance > best || distance >= name.Length
                || (distance == best && (nearest is null || string.CompareOrdinal(name, nearest) >= 0))) continue;
            (nearest, best) = (name, distance);
        }
        return nearest;
    }

    /// <summary><c>; did you mean 'name'?</c>, or nothing.</summary>
    public static string Hint(string written, IEnumerable<string> known) =>
        Nearest(written, known) is { } name ? $"; did you mean '{name}'?" : "";

    /// <summary>
    /// Edits from one to the other, a swap of neighbours being one; the limit if there are as many or more.
    /// </summary>
    static int Distance(string a, string b, int limit)
    {
        if (Math.Abs(a.Length - b.Length) >= limit || Math.Max(a.Length, b.Length) > Longest) return limit;
        Span<int> before = stackalloc int[Longest + 1], last = stackalloc int[Longest + 1],
            now = stackalloc int[Longest + 1];
        for (var j = 0; j <= b.Length; j++) last[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            now[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                now[j] = Math.Min(Math.Min(now[j - 1], last[j]) + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    now[j] = Math.Min(now[j], before[j - 2] + 1);
            }
            var spare = before;
            before = last;
            last = now;
            now = spare;
        }
        return Math.Min(limit, last[b.Length]);
    }
}
