namespace Stele.Ledger;

/// <summary>Those who wait for a number of a log to grow.</summary>
/// <param name="reached">The number now.</param>
/// <param name="ended">Why it grows no more; null while it may.</param>
sealed class Waiters(Func<long> reached, Func<Exception?> ended)
{
    TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Makes them look again.</summary>
    public void Wake() =>
        Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    /// <summary>Completes once the number is larger than <paramref name="size"/>.</summary>
    public async Task Beyond(long size, CancellationToken cancellation)
    {
        for (;;)
        {
            // Taken before the look: the next to wake after the look completes this one.
            var next = Volatile.Read(ref _next);
            if (reached() > size) return;
            if (ended() is { } why) throw why;
            await next.Task.WaitAsync(cancellation);
        }
    }
}
