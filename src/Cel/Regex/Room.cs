namespace Cel.Regex;

/// <summary>
/// What the automata of many patterns may hold together. Texts from outside fill them, and patterns are many: each by
/// itself bounds nothing.
/// </summary>
internal sealed class Room(long most)
{
    /// <summary>Of the whole process.</summary>
    public static readonly Room All = new(PatternLimits.AllAutomata);

    long _held;

    public long Held => Volatile.Read(ref _held);

    public bool IsFull => Held >= most;

    public void Take(long bytes) => Interlocked.Add(ref _held, bytes);

    public void Return(long bytes) => Interlocked.Add(ref _held, -bytes);
}
