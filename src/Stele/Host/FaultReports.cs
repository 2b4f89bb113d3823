namespace Stele.Host;

/// <summary>
/// Says in one line when a fault begins, and in one when it is over. What is over within a second or two is not said.
/// </summary>
/// <param name="who">Whose faults they are, as lines begin.</param>
sealed class FaultReports(string who, Func<IEnumerable<Faulted>> faults, Action<string> report, TimeProvider time)
{
    static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Until it is stopped.
    /// Invariant: it ends for no other reason. Where a line can't be written, or faults can't be asked for, that is
    /// said, once, and it is tried again each second.
    /// </summary>
    /// <exception cref="OperationCanceledException"/>
    public async Task Run(CancellationToken stop)
    {
        Faulted[] before = [];
        var said = new SortedSet<string>(StringComparer.Ordinal);
        string? missed = null;
        var told = false;
        while (true)
        {
            await Task.Delay(Every, time, stop);
            try
            {
                if (missed is not null && !told) report($"{who}: faults could not be reported: {missed}");
                told = missed is not null;
                Faulted[] now = [.. faults()];
                foreach (var fault in now)
                    if (before.Any(f => f.Fault == fault.Fault) && !said.Contains(fault.Name))
                    {
                        report($"{who}: {fault.Name}: {fault.Words}; {fault.Hint}");
                        said.Add(fault.Name);
                    }
                foreach (var over in said.Where(name => now.All(f => f.Name != name)).ToArray())
                {
                    report($"{who}: no longer {over}");
                    said.Remove(over);
                }
                (before, missed) = (now, null);
            }
            catch (Exception e)
            {
                missed ??= $"{e.GetType().Name}: {e.Message}";
            }
        }
    }
}
