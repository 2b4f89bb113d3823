using System.Collections.Immutable;
using System.ComponentModel;
using System.Globalization;
using System.Threading.Channels;
using Stele.Blobs;
using Stele.Control;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>
/// One environment on this node: the table the gateway routes by (<see cref="Routing"/>), and the one loop that starts,
/// watches, heals and stops what the ledger wants to run.
/// </summary>
sealed class HostedEnvironment : IAsyncDisposable
{
    readonly NodeParts _parts;
    readonly Action _anchor;
    readonly Routing _routing;
    readonly Instances _instances;
    readonly Backoff _backoff;
    readonly Lock _gate = new();
    readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1)
    {
        FullMode = BoundedChannelFullMode.DropWrite,
        SingleReader = true
    });

    /// <summary>What the loop is about. Other orders of the ledger call it off.</summary>
    CancellationTokenSource? _step;

    // The loop's own.
    readonly HashSet<Digest> _drifted = [];
    readonly Dictionary<(long Deployment, Digest Release, FaultCode Fault), int> _stated = [];
    string _said = "";

    /// <param name="anchor">Asks for the log to be anchored now.</param>
    public HostedEnvironment(NodeParts parts, string system, string environment, Action anchor)
    {
        (_parts, System, Environment, _anchor) = (parts, system, environment, anchor);
        _routing = new Routing(parts, system, environment, CallOff);
        _instances = new Instances(parts, Place, Wake);
        _backoff = new Backoff(parts.Options, parts.Time);
    }

    public string System { get; }
    public string Environment { get; }
    public string Place => State.Place(System, Environment);

    /// <summary>What the gateway goes by; null until the ledger was first folded.</summary>
    public RoutingTable? Table => _routing.Table;

    public DecisionLog? Log => _routing.Log;

    /// <summary>What keeps this environment from running what the ledger says, if anything does. It stays while a
    /// release ends again and again, also between two ends.</summary>
    public Faulted? Fault => _routing.Fault;

    /// <summary>The same in words.</summary>
    public string? LastError => Fault?.Words;

    /// <summary>The last thing of note that happened here, in words.</summary>
    public string? LastEvent { get; private set; }

    /// <summary>How many signs of change turned out to be none.</summary>
    public int FalseAlarms => _instances.FalseAlarms;

    /// <summary>How often in a row what runs here had to be replaced.</summary>
    public int InARow => _backoff.InARow;

    public IEnumerable<Instance> Running => _instances.Running.Select(g => g.Instance);

    /// <summary>
    /// Takes a new state of the ledger in. What the gateway goes by is in force when this returns; releases follow in
    /// the loop.
    /// </summary>
    public void Advance(State state)
    {
        _routing.Advance(state);
        Wake();
    }

    void CallOff()
    {
        lock (_gate) _ = _step?.CancelAsync();
    }

    void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>Runs until stopped. Whatever fails is kept in <see cref="Fault"/> and tried again; bugs fault the
    /// task.</summary>
    public async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var pause = _parts.Options.InspectEvery;
            var step = new CancellationTokenSource();
            using var stopping = stop.UnsafeRegister(static s => ((CancellationTokenSource)s!).Cancel(), step);
            lock (_gate) _step = step;
            try
            {
                pause = await Step(step.Token);
                if (_routing.Reopens && pause > _parts.Options.RetryAfter) pause = _parts.Options.RetryAfter;
                _backoff.Passed();
            }
            catch (Exception e) when (e is InstanceException or BlobException or ProblemException or IOException
                or UnauthorizedAccessException or FormatException or HttpRequestException or OperationCanceledException
                or Win32Exception   // no process can be started
                || DiskTrouble.LacksDescriptors(e))
            {
                if (stop.IsCancellationRequested) break;
                if (step.IsCancellationRequested) pause = TimeSpan.Zero; // there are other orders now
                else pause = Failed(e);
            }
            lock (_gate) _step = null;
            if (pause > TimeSpan.Zero)
                await _parts.Time.Within(pause, either => _wake.Reader.ReadAsync(either).AsTask(), stop);
        }
        stop.ThrowIfCancellationRequested();
    }

    /// <summary>Keeps why the step failed; how long to wait before the next.</summary>
    TimeSpan Failed(Exception e)
    {
        // A condemnation that came meanwhile says more, and is acted on now.
        if (e is InstanceException && _instances.Running.Any(g => g.Condemned is not null)) return TimeSpan.Zero;
        var pause = _backoff.Failed();
        Tell(new Faulted(DiskTrouble.LacksDescriptors(e) ? FaultCode.Descriptors
            : e is IOException or UnauthorizedAccessException ? FaultCode.Storage : FaultCode.NotStarted,
            e.Message, e is InstanceException { Differences: var d } ? d : []));
        return pause;
    }

    void Tell(Faulted fault)
    {
        _routing.Failed(fault with { Deployment = _backoff.Head });
        Report($"{fault.Name}: {fault.Words}; {fault.Hint.Replace("SYSTEM/ENV", Place, StringComparison.Ordinal)}");
    }

    /// <summary>The same words twice in a row are said once.</summary>
    void Report(string words)
    {
        if (words == _said) return;
        _said = words;
        _parts.Report($"{Place}: {words}");
    }

    /// <summary>One step: it only begins what takes long and may fail (inspections, probes, the end of a process), so
    /// that the next order is never far. What it waits for itself is called off by other orders.</summary>
    /// <returns>How long there is nothing to do unless something happens.</returns>
    async Task<TimeSpan> Step(CancellationToken stop)
    {
        if (_routing.Current() is not { } table) return _parts.Options.InspectEvery;
        var head = table.State.Environment(System, Environment).Head;

        // 1. What may not run any more is stopped, whatever else is the matter.
        var nothing = head is null || head.Routes.IsEmpty
            || table.Status is EnvironmentStatus.Unassigned or EnvironmentStatus.Halted
            || (table.Status == EnvironmentStatus.Revoked && table.Backends.IsEmpty && table.Deployment == head.Entry);
        var over = _instances.Running
            .Where(g => nothing || Routing.Stopped(table.State, g.Instance.Provisioned.Release) is not null).ToArray();
        var limit = _parts.Options.HaltTimeout;
        foreach (var guarded in over) _instances.Retire(guarded, limit, limit);
        if (nothing)
        {
            _routing.Recovered();
            _backoff.Clear();
            if (over.Length > 0 || table.Status == EnvironmentStatus.Halted) Report($"{table.Reason}: nothing runs");
        }
        foreach (var guarded in over) await Observe(ObservedEvent.Stopped, guarded.Instance.Provisioned, []);
        if (nothing) return _parts.Options.InspectEvery;

        // 2. What ended, or can't be trusted any more, makes room.
        foreach (var guarded in _instances.Running)
            if (guarded.Instance.Exited.IsCompleted) await Replace(guarded, Instances.Ended(guarded.Instance));
            else if (guarded.Condemned is { } why) await Replace(guarded, why);
            else if (guarded.TakeFound() is { } found) await Watched(table, guarded, found);

        // 3. What the ledger says shall run.
        return await Follow(head!, stop);
    }

    /// <summary>An inspection that found nothing is stated now and then: before the environment's gap is
    /// over.</summary>
    async Task Watched(RoutingTable table, Guarded guarded, Inspected found)
    {
        var gap = table.Terms.ObservationGap is { } g ? TimeSpan.FromMilliseconds(g / 2) : TimeSpan.MaxValue;
        if (gap > _parts.Options.ObserveEvery) gap = _parts.Options.ObserveEvery;
        if (!found.Agrees || _parts.Time.GetElapsedTime(guarded.Observed) < gap) return;
        guarded.Observed = _parts.Time.GetTimestamp();
        await Observe(ObservedEvent.Running, guarded.Instance.Provisioned, found.Dimensions);
    }

    /// <summary>
    /// Takes an instance out that can't be trusted; <see cref="Follow"/> puts a fresh one in its place, at once the
    /// first time, after longer and longer pauses when this goes on.
    /// Every drift is stated. Other ends are stated once, and once more when the release ends again and again: the
    /// ledger is no place for each turn of such a loop.
    /// </summary>
    async Task Replace(Guarded guarded, Condemnation why)
    {
        var release = guarded.Release;
        var deployment = DeploymentOf(release);
        if (_backoff.IsSteady(guarded.Started))
        {
            _backoff.Steady();
            foreach (var old in _stated.Keys.Where(k => k.Release == release).ToArray()) _stated.Remove(old);
        }
        var drift = why.Fault == FaultCode.Drifted;
        if (drift) _drifted.Add(release);
        if (drift || Once(deployment, release, why.Fault, 2))
            await Observe(drift ? ObservedEvent.Drift : ObservedEvent.Stopped, guarded.Instance.Provisioned,
                why.Dimensions);
        _instances.Retire(guarded, TimeSpan.Zero, drift ? _parts.Options.EndTimeout : TimeSpan.Zero);
        var pause = _backoff.Replaced();
        LastEvent = why.Words;
        var words = InARow == 1 ? why.Words : string.Create(CultureInfo.InvariantCulture,
            $"{why.Words}; replaced {InARow} times in a row, again in {pause.TotalSeconds:0.#} s");
        Tell(new Faulted(why.Fault, words, why.Differences));
    }

    bool Once(long deployment, Digest release, FaultCode fault, int times = 1)
    {
        var before = _stated.GetValueOrDefault((deployment, release, fault));
        if (before >= times) return false;
        _stated[(deployment, release, fault)] = before + 1;
        return true;
    }

    /// <summary>Makes ready what the head names and switches to it.</summary>
    async Task<TimeSpan> Follow(HeadFact head, CancellationToken stop)
    {
        var table = Table!;
        var current = table.Deployment == head.Entry;
        if (current && !table.Backends.IsEmpty && table.Backends.All(l => _instances.Has(l.Instance)))
        {
            // A release that keeps running is no trouble any more.
            if (Fault is not null && _instances.Running.All(g => _backoff.IsSteady(g.Started))) Settled(table);
            return _parts.Options.InspectEvery;
        }
        _backoff.Turn(head.Entry);
        if (_backoff.Rest is { Ticks: > 0 } rest)
        {
            _routing.ClearGone(_instances.Has);
            return rest;
        }

        // New releases are healthy and inspected before anything is switched; one that is not leaves everything as it
        // was.
        var backends = ImmutableArray.CreateBuilder<Backend>();
        var observed = new List<(Provisioned, ImmutableArray<Dimension>)>();
        foreach (var route in head.Routes)
        {
            var release = table.State.Releases[route.Release];
            if (Routing.Stopped(table.State, release) is { } stopped)
            {
                _routing.Revoke(table, head, stopped);
                Wake();
                return _parts.Options.InspectEvery;
            }
            if (_instances.Running.FirstOrDefault(g => g.Release == route.Release && g.Instance.Trusted) is { } there)
            {
                if (!current)
                {
                    var found = await there.Inspect(stop);
                    if (!found.Agrees) throw Instances.Otherwise($"release {route.Release.Short} is running", found);
                    observed.Add((there.Instance.Provisioned, found.Dimensions));
                }
                backends.Add(new Backend(release, route.Weight, there.Instance));
                continue;
            }
            try
            {
                var (guarded, found) = await _instances.Start(await Make(release, stop), stop);
                backends.Add(new Backend(release, route.Weight, guarded.Instance));
                // Of a release that ends again and again only the ends were stated, and not each.
                if (InARow <= 1 || _drifted.Contains(release.Digest))
                    observed.Add((guarded.Instance.Provisioned, found.Dimensions));
            }
            catch (Exception e)
                when (!stop.IsCancellationRequested && e is InstanceException or BlobException or ProblemException)
            {
                if (Once(head.Entry, release.Digest, FaultCode.NotStarted))
                    await _parts.Observe(table.State, System, Environment, head.Entry,
                        ObservedEvent.Stopped, release.Digest, [Guarded.Health], "copy");
                foreach (var idle in _instances.Running.Where(g =>
                    backends.Any(l => l.Instance == g.Instance) && table.Backends.All(l => l.Instance != g.Instance)))
                    _instances.Retire(idle, TimeSpan.Zero, _parts.Options.EndTimeout);
                _routing.ClearGone(_instances.Has);
                throw;
            }
        }

        // What was seen is on its way to the ledger before the first request is let in.
        foreach (var (provisioned, dimensions) in observed) await _parts.Observe(table.State, System, Environment,
            head.Entry, Event(provisioned.Release.Digest), provisioned.Release.Digest, dimensions,
            MeansOf(provisioned));
        if (!current) _anchor();
        if (_routing.Switch(head, backends.ToImmutable()) is not { } switched) return TimeSpan.Zero;
        foreach (var old in _instances.Running.Where(g => backends.All(l => l.Instance != g.Instance)))
        {
            _instances.Retire(old, _parts.Options.DrainTimeout, _parts.Options.EndTimeout);
            await Observe(ObservedEvent.Stopped, old.Instance.Provisioned, []);
        }
        if (InARow <= 1) Settled(switched);
        return _parts.Options.InspectEvery;
    }

    /// <summary>
    /// Everything runs as the ledger says. That is worth a line where something else was said before.
    /// </summary>
    void Settled(RoutingTable table)
    {
        if (Fault is null) return;
        _routing.Recovered();
        var releases = string.Join(", ", table.Backends.Select(l => $"{l.Release.Name} ({l.Release.Digest.Short})"));
        var how = table.Status == EnvironmentStatus.Serving ? "serves"
            : $"runs, {table.Status.ToString().ToLowerInvariant()}: {table.Reason}";
        Report($"{releases} of entry {Number(table.Deployment)} {how}");
    }

    /// <summary>A fresh tree; where something drifted its sources are suspects too, and are digested again.</summary>
    async Task<Provisioned> Make(ReleaseFact release, CancellationToken stop)
    {
        if (!_drifted.Contains(release.Digest)) return await _parts.Provision.Make(release, stop);
        var (provisioned, replaced) = await _parts.Provision.Heal(release, stop);
        if (replaced.Count > 0)
            LastEvent += $"; {Number(replaced.Count)} damaged blobs in the node's own store were replaced from the "
                + $"server: "
                + string.Join(", ", replaced.Select(r => r.Short));
        return provisioned;
    }

    /// <summary>
    /// A release that was found drifted and is whole again was healed; any other that runs again was started.
    /// </summary>
    ObservedEvent Event(Digest release) =>
        _drifted.Remove(release) ? ObservedEvent.Healed : ObservedEvent.Started;

    /// <summary>The entry that put a release here: of one that is being replaced, that is not the head.</summary>
    long DeploymentOf(Digest release) => Table!.State.Environment(System, Environment).Deployed[release];

    Task Observe(ObservedEvent @event, Provisioned provisioned, ImmutableArray<Dimension> dimensions)
    {
        var release = provisioned.Release.Digest;
        return _parts.Observe(
            Table!.State, System, Environment, DeploymentOf(release), @event, release, dimensions,
            MeansOf(provisioned));
    }

    static string MeansOf(Provisioned provisioned) => provisioned.Tree.Means switch
    {
        Means.Reflink => "reflink",
        Means.ReflinkAndCopy => "reflink-and-copy",
        _ => "copy"
    };

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>Stops everything that runs, and says so. The loop must have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        _routing.Close("the node is stopping");
        foreach (var guarded in _instances.Running)
        {
            _instances.Retire(guarded, _parts.Options.DrainTimeout, _parts.Options.EndTimeout);
            await Observe(ObservedEvent.Stopped, guarded.Instance.Provisioned, []);
        }
        await _instances.Retired();
    }

    /// <summary>Closes the decision log: when nothing can be recorded any more, and the last anchor was made.</summary>
    public void CloseLog() => _routing.CloseLog();
}
