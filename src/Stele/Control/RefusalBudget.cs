namespace Stele.Control;

/// <summary>
/// How many refusals of one member are recorded: a window of a minute over the monotonic clock. Not thread-safe: its
/// owner is the admission loop.
/// </summary>
sealed class RefusalBudget(TimeProvider time, int perMinute)
{
    readonly Dictionary<string, Queue<long>> _spent = new(StringComparer.Ordinal);

    public bool TrySpend(string member)
    {
        if (!_spent.TryGetValue(member, out var marks)) _spent[member] = marks = new();
        var now = time.GetTimestamp();
        while (marks.TryPeek(out var oldest) && time.GetElapsedTime(oldest, now) >= TimeSpan.FromMinutes(1))
            marks.Dequeue();
        if (marks.Count >= perMinute) return false;
        marks.Enqueue(now);
        return true;
    }
}
