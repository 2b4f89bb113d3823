namespace Cel.Regex;

/// <summary>
/// What compiling a pattern takes: ranges that are put together, instructions that are made or moved, classes that are
/// told apart. Each is paid for before it is done, so that a pattern that would take too much is known by then. A
/// pattern's steps depend on nothing but the pattern.
/// </summary>
internal sealed class Steps(long most)
{
    public long Spent { get; private set; }

    public bool IsOver => Spent > most;

    /// <summary>False if there are not as many left.</summary>
    public bool TrySpend(long steps)
    {
        Spent += steps;
        return !IsOver;
    }

    /// <exception cref="PatternException">There are not as many left.</exception>
    public void Spend(long steps, int at)
    {
        Spent += steps;
        if (IsOver)
            throw new PatternException(at,
                $"compiling it takes more than {most} steps: its classes are too large, or its repetitions too many");
    }
}
