namespace Cel.Regex;

/// <summary>
/// Patterns that came up while evaluating, for all programs: compiled once while they stay in use. Bounded in number
/// and, since large ones are not kept, in memory. Whether a pattern was kept changes nothing but time.
/// </summary>
internal static class RecentPatterns
{
    const int Places = 64, Ways = 4, Largest = 64 * 1024;

    static readonly Pattern?[] Kept = new Pattern?[Places * Ways];
    static int _turn;

    /// <param name="text">The pattern.</param>
    /// <param name="steps">Also of a pattern that was kept, so that nobody can tell.</param>
    /// <param name="pattern">Null if there is an error, or were not enough steps.</param>
    public static PatternError? TryGet(string text, Steps steps, out Pattern? pattern)
    {
        var place = (text.GetHashCode() & Places - 1) * Ways;
        for (var i = place; i < place + Ways; i++)
            if (Volatile.Read(ref Kept[i]) is { } kept && string.Equals(kept.Text, text))
            {
                pattern = steps.TrySpend(kept.Steps) ? kept : null;
                return null;
            }
        var error = Pattern.TryParse(text, steps, out pattern);
        if (pattern is not null && pattern.Weight <= Largest)
            Volatile.Write(ref Kept[place + (Interlocked.Increment(ref _turn) & Ways - 1)], pattern);
        return error;
    }
}
