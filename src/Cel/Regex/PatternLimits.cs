namespace Cel.Regex;

/// <summary>
/// What bounds a pattern's time and memory. Part of the language version: a change makes patterns fail that passed.
/// </summary>
internal static class PatternLimits
{
    /// <summary>UTF-16 units of a pattern.</summary>
    public const int Length = 16 * 1024;

    /// <summary>Groups inside one another.</summary>
    public const int Nesting = 1000;

    /// <summary>Copies that a counted repetition makes, together with those inside it.</summary>
    public const int Repetitions = 1000;

    /// <summary>Instructions after counted repetitions are written out.</summary>
    public const int Instructions = 10_000;

    /// <summary>Different sets of characters, and ranges in all of them.</summary>
    public const int Sets = 1024, Ranges = 8192;

    /// <summary>
    /// Steps of compiling one pattern, and all literal patterns of an environment together, for which each also takes
    /// <see cref="Start"/> and <see cref="Character"/> for each of its characters.
    /// </summary>
    public const int Steps = 100_000, AllSteps = 5_000_000, Start = 500, Character = 5;

    /// <summary>
    /// Bytes, about, that a pattern's automaton may hold; beyond them it starts afresh or goes without.
    /// </summary>
    public const int Automaton = 256 * 1024;

    /// <summary>
    /// Bytes, about, that the automata of all patterns of the process may hold; beyond them matching goes without.
    /// Neither results nor costs depend on it.
    /// </summary>
    public const int AllAutomata = 128 << 20;
}
