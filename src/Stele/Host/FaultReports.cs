namespace Stele.Host;

/// <summary>
/// Says in one line when a fault begins, and in one when it is over. What is over within a second or two is not said.
/// </summary>
/// <param name="who">Whose faults they are, as lines begin.</param>
sealed class FaultReports(string who, Func<IEnumerable<Faulted>> faults, Action<string> report, TimeProvider time)
{
    static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    /// <summary>Until it is stopped.</summary>
    /// <exception cref="OperationCanceledException"/>
    public async Task Run(CancellationToken stop)
    {
        Faulted[] before = [];
        var said = new SortedSet<string>(StringComparer.Ordinal);
        while (true)
        {
            await Task.Delay(Every, time, stop);
            Faulted[] now = [.. faults()];
            foreach (var fault in now)
                if (before.Any(f => f.Fault == fault.Fault) && said.Add(fault.Name))
                    report($"{who}: {fault.Name}: {fault.Words}; {fault.Hint}");
            foreach (var over in said.Where(name => now.All(f => f.Name != name)).ToArray())
            {
                said.Remove(over);
                report($"{who}: no longer {over}");
            }
            before = now;
        }
    }
}
