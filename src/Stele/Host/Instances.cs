using System.Collections.Immutable;
using Stele.Proof;

namespace Stele.Host;

/// <summary>
/// The instances of one environment: started and inspected before they are let among the others, watched while they
/// run, retired in parallel. One loop changes the list; anybody may look at it.
/// </summary>
/// <param name="wake">Called when one of them was condemned, ended, or was looked at.</param>
sealed class Instances(NodeParts parts, string place, Action wake)
{
    readonly Lock _gate = new();
    readonly List<Guarded> _running = [];
    readonly List<Task> _retiring = [];
    int _falseAlarms;

    /// <summary>Those that run now.</summary>
    public ImmutableArray<Guarded> Running
    {
        get { lock (_gate) return [.. _running]; }
    }

    /// <summary>How many signs of change turned out to be none.</summary>
    public int FalseAlarms => Volatile.Read(ref _falseAlarms);

    public bool Has(Instance instance)
    {
        lock (_gate) return _running.Any(g => g.Instance == instance);
    }

    /// <summary>Starts a release and has it inspected; one that is not what the release says is not kept.</summary>
    /// <exception cref="InstanceException">It did not start, or differs.</exception>
    public async Task<(Guarded, Inspected)> Start(Provisioned provisioned, CancellationToken stop)
    {
        Instance? instance = null;
        try
        {
            instance = await Instance.Start(provisioned, parts.Options.HealthTimeout, stop);
            // Nothing but other orders ends this one: nothing is served from it yet.
            var started = instance;
            var found = await Task.Run(() => Inspection.Of(started, null, stop), stop).WaitAsync(stop);
            if (!found.Agrees) throw Otherwise($"release {provisioned.Release.Digest.Short} started", found);
            var guarded = new Guarded(instance, found, parts, wake, () => Interlocked.Increment(ref _falseAlarms));
            lock (_gate) _running.Add(guarded);
            return (guarded, found);
        }
        catch (IOException e) when (instance is not null)
        {
            await Remove();
            throw new InstanceException($"release {provisioned.Release.Digest.Short} could not be inspected when it "
                + $"had started: {e.Message}; {Tail(instance.Errors)}", e);
        }
        catch
        {
            await Remove();
            throw;
        }

        async Task Remove()
        {
            if (instance is not null) await instance.DisposeAsync();
            provisioned.Place.Dispose();
        }
    }

    /// <summary>What is thrown where an inspection found differences.</summary>
    public static InstanceException Otherwise(string what, Inspected found) =>
        new($"{what}, and not as it should: {string.Join("; ", found.Differences)}")
        { Differences = found.Differences };

    /// <summary>Why an instance that has ended is replaced.</summary>
    public static Condemnation Ended(Instance instance) =>
        new(FaultCode.Ended, $"release {instance.Release.Short} ended by itself: {Tail(instance.Errors)}", [],
            [Guarded.Health]);

    static string Tail(string errors) =>
        errors.Trim() is { Length: > 0 } text ? text.Length > 400 ? "…" + text[^400..] : text : "it wrote nothing";

    /// <summary>Takes an instance out. It ends by itself from here on, whatever fails elsewhere.</summary>
    public void Retire(Guarded guarded, TimeSpan drain, TimeSpan grace)
    {
        lock (_gate) _running.Remove(guarded);
        guarded.Stop();
        _retiring.RemoveAll(t => t.IsCompleted);
        _retiring.Add(End());

        async Task End()
        {
            try
            {
                await guarded.Instance.Retire(drain, grace, parts.Time);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                parts.Report($"{place}: what release {guarded.Release.Short} left could not be removed: {e.Message}");
            }
            await guarded.DisposeAsync();
        }
    }

    /// <summary>Comes back when all that were taken out have ended.</summary>
    public Task Retired() => Task.WhenAll(_retiring);
}
