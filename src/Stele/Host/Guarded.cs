using System.Collections.Immutable;
using System.Globalization;
using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>Why an instance is to be replaced. <paramref name="Dimensions"/>: what an observation says of it.</summary>
sealed record Condemnation(
    FaultCode Fault, string Words, ImmutableArray<string> Differences, ImmutableArray<Dimension> Dimensions);

/// <summary>
/// A running release and those who watch it: over its files, by looks at its processes, by inspections, and by asking
/// for its health path. All of it runs in parallel with the environment's loop, which is woken when there is something
/// to be done, and depends on none of it.
/// Invariant: an instance that was found to be something else than its release, or to be hung, or that can't be looked
/// at, is condemned, and never trusted again.
/// </summary>
sealed class Guarded : IAsyncDisposable
{
    /// <summary>After so many inspections in a row that failed the instance is replaced: what can't be looked at is not
    /// known to be the release.</summary>
    public const int InspectionsTried = 3;

    /// <summary>After so many probes in a row without an answer it is replaced.</summary>
    public const int ProbesTried = 3;

    readonly NodeOptions _options;
    readonly TimeProvider _time;
    readonly Shortage _shortage;
    readonly Action _wake, _falseAlarm;
    readonly Dimension _given;
    readonly object _gate = new();
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _look = new(0);
    readonly Watcher _watcher;
    readonly Task _watching;
    string? _sign;
    Condemnation? _condemned;
    Inspected? _found;
    int _failed;

    /// <param name="instance">Was inspected and found to be its release.</param>
    /// <param name="wake">Called when it is condemned, or something was found.</param>
    /// <param name="falseAlarm">Called when a sign of change turned out to be none.</param>
    public Guarded(Instance instance, Inspected first, NodeParts parts, Action wake, Action falseAlarm)
    {
        (Instance, _options, _time, _shortage) = (instance, parts.Options, parts.Time, parts.Shortage);
        (_wake, _falseAlarm) = (wake, falseAlarm);
        _given = first.Dimensions.Single(d => d.Name == Inspection.GivenEnvironment);
        Started = Observed = _time.GetTimestamp();
        instance.Trusted = true;
        _watcher = new Watcher(instance.Provisioned.Tree, _options.RehashEvery, _time,
            new WatcherReports(Suspect, _ => _look.Release(), falseAlarm, Unwatched));
        _watching = Task.WhenAll(Task.Run(() => Watching(Inspections)), Task.Run(() => Watching(Probes)),
            Task.Run(() => Watching(Looks)));
        _ = instance.Exited.ContinueWith(_ => wake(), TaskScheduler.Default);
    }

    public Instance Instance { get; }
    public Digest Release => Instance.Release;

    /// <summary>When it was started, and when it was last stated to run: timestamps of the time provider.</summary>
    public long Started { get; }
    public long Observed { get; set; }

    /// <summary>Why it is to be replaced; null while nothing is known that says so.</summary>
    public Condemnation? Condemned
    {
        get { lock (_gate) return _condemned; }
    }

    /// <summary>What the last inspection saw, once each; null when there was none since.</summary>
    public Inspected? TakeFound()
    {
        lock (_gate)
        {
            var found = _found;
            _found = null;
            return found;
        }
    }

    /// <summary>Something differs, or may: nothing more is let in until it has been inspected.</summary>
    public void Suspect(string sign)
    {
        lock (_gate)
        {
            Instance.Trusted = false;
            _sign = Differences.Shown(sign);
        }
        _look.Release();
    }

    /// <summary>Invariant: what is not watched any more is not trusted any more.</summary>
    async Task Watching(Func<Task> loop)
    {
        try
        {
            await loop();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            Unwatched(e);
        }
    }

    void Unwatched(Exception e) => Condemn(new Condemnation(FaultCode.Uninspected,
        $"release {Release.Short} is not watched any more, which is a bug: {e.GetType().Name}: {e.Message}", [],
        [new Dimension("inspection", ObservedStrength.Unavailable, false, null, null)]));

    void Condemn(Condemnation why)
    {
        lock (_gate)
        {
            Instance.Trusted = false;
            _condemned ??= why;
        }
        _wake();
    }

    /// <summary>Inspects it now. What is found has its consequences.</summary>
    /// <exception cref="InstanceException">It could not be inspected.</exception>
    public async Task<Inspected> Inspect(CancellationToken stop)
    {
        string? sign;
        lock (_gate)
        {
            sign = _sign;
            _sign = null;
        }
        try
        {
            var found = await Bounded(stop);
            lock (_gate)
            {
                _failed = 0;
                _found = found;
                // Signs that came while it was looked at are looked into next.
                if (found.Agrees && sign is not null && _sign is null && _condemned is null)
                {
                    Instance.Trusted = true;
                    _falseAlarm();
                }
            }
            if (!found.Agrees)
                Condemn(new Condemnation(FaultCode.Drifted,
                    $"drift of release {Release.Short}{(sign is null ? "" : $" ({sign})")}: "
                    + string.Join("; ", found.Differences), found.Differences, found.Dimensions));
            return found;
        }
        catch (OperationCanceledException)
        {
            lock (_gate) _sign ??= sign;
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            or FormatException or BlobException or InstanceException)
        {
            // Nothing was looked at, and nothing is known that speaks against it.
            if (DiskTrouble.LacksDescriptors(e))
            {
                lock (_gate) _sign ??= sign;
                var lacking = $"release {Release.Short} was not inspected: {e.Message}";
                _shortage.Met(lacking);
                throw new InstanceException(lacking, e);
            }
            // What ended can't be looked at; that is another matter.
            if (Instance.Exited.IsCompleted || ProcessView.Alive(Instance.Pid) is null)
                throw new InstanceException($"release {Release.Short} has ended", e);
            int failed;
            lock (_gate)
            {
                Instance.Trusted = false;
                _sign ??= sign ?? "it could not be inspected";
                failed = ++_failed;
            }
            var words = string.Create(CultureInfo.InvariantCulture,
                $"release {Release.Short} could not be inspected, {failed} times in a row: {e.Message}");
            if (failed >= InspectionsTried)
                Condemn(new Condemnation(FaultCode.Uninspected, words, [],
                    [new Dimension("inspection", ObservedStrength.Unavailable, false, null, null)]));
            throw new InstanceException(words, e);
        }
    }

    /// <summary>An inspection that reads a disk, or a process, that does not answer is not waited for.</summary>
    async Task<Inspected> Bounded(CancellationToken stop)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stop, _stop.Token);
        Inspected? found = null;
        return await _time.Within(_options.InspectTimeout, async token =>
            found = await Task.Run(() => Inspection.Of(Instance, _given, token), token).WaitAsync(token), either.Token)
            ? found!
            : throw new InstanceException(string.Create(CultureInfo.InvariantCulture,
                $"it was not done within {_options.InspectTimeout.TotalSeconds:0.#} s"));
    }

    async Task Inspections()
    {
        var pause = _options.InspectEvery;
        while (!_stop.IsCancellationRequested && Condemned is null)
            try
            {
                await _time.Within(pause, token => _look.WaitAsync(token), _stop.Token);
                while (_look.Wait(0)) { }
                await Inspect(_stop.Token);
                pause = _options.InspectEvery;
                _wake();
            }
            catch (InstanceException)
            {
                pause = _options.RetryAfter;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
            }
    }

    async Task Looks()
    {
        var files = Instance.Provisioned.Tree.Tree.Entries.Where(e => e.Type == EntryType.File).Select(e => e.Path)
            .ToHashSet(StringComparer.Ordinal);
        try
        {
            while (Condemned is null)
            {
                await Task.Delay(_options.LookEvery, _time, _stop.Token);
                // One that is not trusted is being inspected already.
                if (Instance.Trusted && Inspection.Sign(Instance, files) is { } sign) Suspect(sign);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
    }

    async Task Probes()
    {
        try
        {
            for (var failed = 0; failed < ProbesTried;)
            {
                await Task.Delay(_options.ProbeEvery, _time, _stop.Token);
                var answers = Instance.Answers;
                using var limit = new CancellationTokenSource(_options.ProbeTimeout, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, _stop.Token);
                try
                {
                    // One that is busy with others' requests, and answers those, is alive.
                    failed = await Instance.IsHealthy(either.Token) || Instance.Answers != answers ? 0 : failed + 1;
                }
                catch (Exception e) when (DiskTrouble.LacksDescriptors(e))
                {
                    _shortage.Met($"release {Release.Short} was not asked for its health: {e.Message}");
                }
                _stop.Token.ThrowIfCancellationRequested();
                if (Instance.Exited.IsCompleted) return;
            }
            Condemn(new Condemnation(FaultCode.Hung, string.Create(CultureInfo.InvariantCulture,
                $"""
                release {Release.Short} did not answer {Instance.Provisioned.Document.Run.Health} with 200 within {
                    _options.ProbeTimeout.TotalSeconds:0.#} s, {ProbesTried} times in a row
                """),
                [], [Health]));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
    }

    /// <summary>What an observation says of a release that does not run, or does not answer.</summary>
    public static Dimension Health { get; } = new("health", ObservedStrength.Unavailable, false, null, null);

    /// <summary>Watches no more. The instance goes on until it is retired.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _watcher.Stop();
    }

    public async ValueTask DisposeAsync()
    {
        Stop();
        await _watcher.DisposeAsync();
        await _watching;
    }
}
