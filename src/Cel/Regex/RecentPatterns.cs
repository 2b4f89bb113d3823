namespace Cel.Regex;

/// <summary>
/// Patterns that came up while evaluating, for all programs: compiled once while they stay in use. Bounded in number and, since large
/// ones are not kept, in memory. Whether a pattern was kept changes nothing but time.
/// </summary>
internal static class RecentPatterns
{
    const int Places = 64, Ways = 4, Largest = 64 * 1024;

    static readonly Pattern?[] Kept = new Pattern?[Places * Ways];
    static int _turn;

    public static PatternError? TryGet(string text, out Pattern? pattern)
    {
        var place = (text.GetHashCode() & Places - 1) * Ways;
        for (var i = place; i < place + Ways; i++)
            if (Volatile.Read(ref Kept[i]) is { } kept && string.Equals(kept.Text, text))
            {
                pattern = kept;
                return null;
            }
        var error = Pattern.TryParse(text, out pattern);
        if (pattern is not null && pattern.Weight <= Largest) Volatile.Write(ref Kept[place + (Interlocked.Increment(ref _turn) & Ways - 1)], pattern);
        return error;
    }
}
