namespace Stele.Host;

/// <summary>
/// When something may be started: at once the first time, after longer and longer pauses when starts fail, or when what
/// was started has to be replaced again and again. A new head starts from nothing. Read by many, written by one loop.
/// </summary>
sealed class Backoff(NodeOptions options, TimeProvider time)
{
    TimeSpan _retry = options.RetryAfter;
    long _since;
    TimeSpan _pause;
    int _inARow;

    /// <summary>The entry of the head that is being followed; null: nothing is.</summary>
    public long? Head { get; private set; }

    /// <summary>How often in a row what runs had to be replaced.</summary>
    public int InARow => Volatile.Read(ref _inARow);

    /// <summary>How long nothing may be started yet; not positive: it may be now.</summary>
    public TimeSpan Rest => _pause - time.GetElapsedTime(_since);

    /// <summary>Nothing shall run.</summary>
    public void Clear() => (_inARow, Head, _pause) = (0, null, default);

    /// <summary>What the ledger wants now. Another head need not wait for what an earlier one did.</summary>
    public void Turn(long head)
    {
        if (Head == head) return;
        (Head, _pause, _inARow, _retry) = (head, default, 0, options.RetryAfter);
    }

    /// <summary>A step came to its end.</summary>
    public void Passed() => _retry = options.RetryAfter;

    /// <summary>A start failed.</summary>
    /// <returns>How long to wait before the next.</returns>
    public TimeSpan Failed()
    {
        var pause = _retry;
        _retry = TimeSpan.FromTicks(Math.Min(_retry.Ticks * 2, options.RetryAtMost.Ticks));
        return Wait(pause);
    }

    /// <summary>Whether what was started then has run for so long that its end is not one more in a row.</summary>
    public bool IsSteady(long started) => time.GetElapsedTime(started) >= options.SteadyAfter;

    /// <summary>What was replaced had run long enough: its end is the first in a row.</summary>
    public void Steady() => _inARow = 0;

    /// <summary>What ran was taken out; another is put in its place.</summary>
    /// <returns>How long to wait before it is.</returns>
    public TimeSpan Replaced() => Wait(_inARow++ == 0 ? TimeSpan.Zero
        : TimeSpan.FromTicks((long)Math.Min(
            options.RetryAtMost.Ticks, options.RetryAfter.Ticks * Math.Pow(2, _inARow - 2))));

    TimeSpan Wait(TimeSpan pause)
    {
        (_since, _pause) = (time.GetTimestamp(), pause);
        return pause;
    }
}
