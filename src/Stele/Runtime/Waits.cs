namespace Stele.Runtime;

/// <summary>Waiting for no longer than a time.</summary>
static class Waits
{
    /// <summary>
    /// Waits for something until the time is up. What still runs under the token that it was given is called off when
    /// this returns.
    /// </summary>
    /// <returns>Whether it came; false: the time was up before.</returns>
    /// <exception cref="OperationCanceledException"><paramref name="stop"/> came first.</exception>
    public static async Task<bool> Within(
        this TimeProvider time, TimeSpan limit, Func<CancellationToken, Task> wait, CancellationToken stop)
    {
        using var due = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(due.Token, stop);
        try
        {
            await wait(either.Token);
            return true;
        }
        catch (OperationCanceledException) when (due.IsCancellationRequested && !stop.IsCancellationRequested)
        {
            return false;
        }
        finally
        {
            await either.CancelAsync();
        }
    }
}
