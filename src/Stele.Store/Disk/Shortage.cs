namespace Stele.Disk;

/// <summary>
/// That descriptors were lacking, for a while after each time it was met: each part that goes on without them says it
/// here, and the faults of a server or node say it to people.
/// </summary>
sealed class Shortage(TimeProvider time)
{
    /// <summary>For how long it is told.</summary>
    static readonly TimeSpan Told = TimeSpan.FromSeconds(10);

    sealed record Meeting(string Words, long At);

    volatile Meeting? _last;

    /// <summary>What was lacking last; null: nothing was, lately.</summary>
    public string? Words => _last is { } last && time.GetElapsedTime(last.At) < Told ? last.Words : null;

    public void Met(string words) => _last = new(words, time.GetTimestamp());
}
