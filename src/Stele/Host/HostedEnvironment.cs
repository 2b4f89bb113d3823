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

namespace Stele.Host;

/// <summary>
/// One environment on this node: its decision log, what runs for it, and the table the gateway routes by. Two hands
/// write the table, under one lock:
/// <see cref="Advance"/>, at once with every step of the ledger (new policies, a halt and a revocation must not wait
/// for a release that is being made ready), and the one loop that starts, watches, heals and stops releases.
/// </summary>
sealed class HostedEnvironment : IAsyncDisposable
{
    readonly NodeParts _parts;
    readonly Action _anchor;
    readonly object _gate = new();
    readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1)
    {
        FullMode = BoundedChannelFullMode.DropWrite,
        SingleReader = true
    });
    volatile RoutingTable? _table;
    volatile DecisionLog? _log;
    volatile Faulted? _fault;
    bool _assigned;
    string _unlogged = "the decision log was not opened yet";
    int _falseAlarms;

    /// <summary>What the loop is about, and for which orders. Other orders call it off.</summary>
    CancellationTokenSource? _step;
    Orders? _orders;

    // The loop's own.
    readonly List<Guarded> _running = [];
    readonly List<Task> _retiring = [];
    readonly HashSet<Digest> _drifted = [];
    readonly Dictionary<(long Deployment, Digest Release, NodeFault Fault), int> _stated = [];
    TimeSpan _retry;
    long _waited;
    TimeSpan _wait;
    long _tried = -1;
    int _inARow;
    string _said = "";

    /// <summary>What the ledger wants of this environment: a head, or nothing.</summary>
    sealed record Orders(bool Assigned, long? Head, bool Stopped);

    /// <param name="anchor">Asks for the log to be anchored now.</param>
    public HostedEnvironment(NodeParts parts, string system, string environment, Action anchor)
    {
        (_parts, System, Environment, _anchor, _retry) = (parts, system, environment, anchor, parts.Options.RetryAfter);
    }

    public string System { get; }
    public string Environment { get; }
    public string Place => State.Place(System, Environment);

    /// <summary>What the gateway goes by; null until the ledger was first folded.</summary>
    public RoutingTable? Table => _table;

    public DecisionLog? Log => _log;

    /// <summary>What keeps this environment from running what the ledger says, if anything does. It stays while a
    /// release ends again and again, also between two ends.</summary>
    public Faulted? Fault => _fault;

    /// <summary>The same in words.</summary>
    public string? LastError => _fault?.Words;

    /// <summary>The last thing of note that happened here, in words.</summary>
    public string? LastEvent { get; private set; }

    /// <summary>How many signs of change turned out to be none.</summary>
    public int FalseAlarms => Volatile.Read(ref _falseAlarms);

    /// <summary>How often in a row what runs here had to be replaced.</summary>
    public int InARow => Volatile.Read(ref _inARow);

    public IEnumerable<(Digest Release, int Pid, bool Trusted)> Running
    {
        get { lock (_gate) return [.. _running.Select(g => (g.Instance.Release, g.Instance.Pid, g.Instance.Trusted))]; }
    }

    // ---- With the ledger

    /// <summary>
    /// Takes a new state of the ledger in. Policies, halts, revocations and the log's own standing are in force when
    /// this returns; releases follow in the loop.
    /// </summary>
    /// <param name="assigned">Whether this node is to run this environment.</param>
    public void Advance(State state, bool assigned)
    {
        lock (_gate)
        {
            if (state.Systems.GetValueOrDefault(System) is not { } system
                || system.Environment(Environment) is not { } terms)
            {
                if (_table is { } last) _table = last with
                {
                    State = state,
                    Status = EnvironmentStatus.Unassigned,
                    Reason = "the environment is no more",
                    Backends = []
                };
                _ = _step?.CancelAsync();
                Wake();
                return;
            }
            OpenLog(state);
            _assigned = assigned;
            var orders = OrdersOf(state);
            if (orders != _orders) _ = _step?.CancelAsync();
            _orders = orders;
            _table = Stands(
                (_table ?? new RoutingTable(EnvironmentStatus.Waiting, "", state, system, terms, null, 0, [])) with
            {
                State = state,
                System = system,
                Terms = terms,
                Log = _log
            });
        }
        Wake();
    }

    Orders OrdersOf(State state) => state.Environment(System, Environment).Head is { } head
        ? new(_assigned, head.Entry, head.Routes.Any(r => Stopped(state, state.Releases[r.Release]) is not null))
            : new(_assigned, null, false);

    /// <summary>
    /// How a table stands as the ledger is now: asked under the gate whenever the state or the backends have changed.
    /// What brings new backends is judged by what the ledger said meanwhile.
    /// </summary>
    RoutingTable Stands(RoutingTable table)
    {
        var head = table.State.Environment(System, Environment).Head;
        return !_assigned ? table with
        {
            Status = EnvironmentStatus.Unassigned,
            Reason = "the ledger does not assign it to this node",
            Backends = []
        }
            : head is null ? table with
            {
                Status = EnvironmentStatus.Waiting,
                Reason = "nothing was deployed yet",
                Backends = []
            }
            : head.Routes.IsEmpty ? table with
            {
                Status = EnvironmentStatus.Halted,
                Reason = $"halted by entry {Number(head.Entry)}",
                Deployment = head.Entry,
                Backends = []
            }
            : table.Backends.Select(l => Stopped(table.State, l.Release))
                .FirstOrDefault(why => why is not null) is { } stopped ? table with
            {
                Status = EnvironmentStatus.Revoked,
                Reason = stopped,
                Backends = []
            }
            : (table.Log is null ? _unlogged : table.Log.Objection(table.State)) is { } objection ? table with
            {
                Status = EnvironmentStatus.Unlogged,
                Reason = objection
            }
            : table.Backends.IsEmpty && table.Status == EnvironmentStatus.Revoked && table.Deployment == head.Entry
                ? table
            : table.Backends.IsEmpty ? table with
            {
                Status = EnvironmentStatus.Waiting,
                Reason = _fault?.Words ?? $"the release of entry {Number(head.Entry)} is being made ready",
            }
            : table with { Status = EnvironmentStatus.Serving, Reason = "" };
    }

    void OpenLog(State state)
    {
        var origin = DecisionLog.OriginFor(state, _parts.Folder, _parts.Identity.Member, System, Environment);
        if (_log?.Origin == origin) return;
        try
        {
            _log?.Dispose();
            _log = null;
            _log = DecisionLog.Open(_parts.Folder, origin, _parts.Time,
                new LogOptions { SegmentBytes = _parts.Options.SegmentBytes });
        }
        catch (Exception e) when (e is IOException or LogException or FormatException)
        {
            _unlogged = $"the decision log can't be opened: {e.Message}";
        }
    }

    /// <summary>Why nothing of this release may run any more; null when nothing stops it.</summary>
    static string? Stopped(State state, ReleaseFact release)
    {
        if (state.Revocations.IsEmpty) return null;
        foreach (var digest in state.Closure(release))
            if (state.Revocations.TryGetValue(digest, out var r) && r.Effect == Revocation.Stop
                && r.FromEntry <= state.Size)
                return $"{digest}, in the closure of release {release.Digest.Short}, was revoked by entry "
                    + $"{Number(r.Entry)}";
        foreach (var by in release.By)
            if (state.Revocations.TryGetValue(by.Key, out var r) && r.Effect == Revocation.Stop
                && r.FromEntry <= by.Entry)
                return $"the key that declared release {release.Digest.Short} was revoked by entry {Number(r.Entry)}";
        return null;
    }

    // ---- The loop

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
                _retry = _parts.Options.RetryAfter;
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
            _retiring.RemoveAll(t => t.IsCompleted);
            await Pause(pause, stop);
        }
        stop.ThrowIfCancellationRequested();
    }

    async Task Pause(TimeSpan pause, CancellationToken stop)
    {
        if (pause <= TimeSpan.Zero) return;
        using var timer = new CancellationTokenSource(pause, _parts.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, stop);
        try
        {
            await _wake.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
        }
    }

    /// <summary>Keeps why the step failed; how long to wait before the next.</summary>
    TimeSpan Failed(Exception e)
    {
        var fault = DiskTrouble.LacksDescriptors(e) ? NodeFault.Descriptors
            : e is IOException or UnauthorizedAccessException ? NodeFault.Storage : NodeFault.NotStarted;
        var pause = _retry;
        // A condemnation that came meanwhile says more, and is acted on now.
        if (e is InstanceException && _running.Any(g => g.Condemned is not null)) return TimeSpan.Zero;
        _retry = Doubled(_retry);
        Delay(pause);
        Tell(new Faulted(fault, e.Message, e is InstanceException { Differences: var d } ? d : []));
        return pause;
    }

    TimeSpan Doubled(TimeSpan pause) => TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, _parts.Options.RetryAtMost.Ticks));

    /// <summary>Nothing is started before so much time has gone by, unless the head moves.</summary>
    void Delay(TimeSpan pause) => (_waited, _wait) = (_parts.Time.GetTimestamp(), pause);

    void Tell(Faulted fault)
    {
        _fault = fault with { Deployment = _tried < 0 ? null : _tried };
        lock (_gate) if (_table is { } table) _table = Stands(table);
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
        RoutingTable? table;
        lock (_gate) table = _table;
        if (table is null) return _parts.Options.InspectEvery;
        var head = table.State.Environment(System, Environment).Head;

        // 1. What may not run any more is stopped, whatever else is the matter.
        var nothing = head is null || head.Routes.IsEmpty
            || table.Status is EnvironmentStatus.Unassigned or EnvironmentStatus.Halted
            || (table.Status == EnvironmentStatus.Revoked && table.Backends.IsEmpty && table.Deployment == head.Entry);
        var over = _running
            .Where(g => nothing || Stopped(table.State, g.Instance.Provisioned.Release) is not null).ToArray();
        foreach (var guarded in over) Retire(guarded, _parts.Options.HaltTimeout, _parts.Options.HaltTimeout);
        if (nothing)
        {
            (_fault, _inARow, _tried, _wait) = (null, 0, -1, default);
            if (over.Length > 0 || table.Status == EnvironmentStatus.Halted) Report($"{table.Reason}: nothing runs");
        }
        foreach (var guarded in over) await Observe(ObservedEvent.Stopped, guarded.Instance.Provisioned, []);
        if (nothing) return _parts.Options.InspectEvery;

        // 2. What ended, or can't be trusted any more, makes room.
        foreach (var guarded in _running.ToArray())
            if (guarded.Instance.Exited.IsCompleted) await Replace(guarded, Ended(guarded.Instance));
            else if (guarded.Condemned is { } why) await Replace(guarded, why);
            else if (guarded.TakeNews() is { } found) await Watched(table, guarded, found);

        // 3. What the ledger says shall run.
        return await Follow(head!, stop);
    }

    static Condemnation Ended(Instance instance) =>
        new(NodeFault.Ended, $"release {instance.Release.Short} ended by itself: {Tail(instance.Errors)}", [],
            [Guarded.Health]);

    static string Tail(string errors) =>
        errors.Trim() is { Length: > 0 } text ? text.Length > 400 ? "…" + text[^400..] : text : "it wrote nothing";

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
        if (_parts.Time.GetElapsedTime(guarded.Started) >= _parts.Options.SteadyAfter)
        {
            _inARow = 0;
            foreach (var old in _stated.Keys.Where(k => k.Release == release).ToArray()) _stated.Remove(old);
        }
        var pause = _inARow == 0 ? TimeSpan.Zero
            : TimeSpan.FromTicks((long)Math.Min(
                _parts.Options.RetryAtMost.Ticks, _parts.Options.RetryAfter.Ticks * Math.Pow(2, _inARow - 1)));
        var drift = why.Fault == NodeFault.Drifted;
        if (drift) _drifted.Add(release);
        if (drift || Once(deployment, release, why.Fault, 2))
            await Observe(drift ? ObservedEvent.Drift : ObservedEvent.Stopped, guarded.Instance.Provisioned,
                why.Dimensions);
        Retire(guarded, TimeSpan.Zero, drift ? _parts.Options.EndTimeout : TimeSpan.Zero);
        _inARow++;
        Delay(pause);
        LastEvent = why.Words;
        var words = _inARow == 1 ? why.Words : string.Create(CultureInfo.InvariantCulture,
            $"{why.Words}; replaced {_inARow} times in a row, again in {pause.TotalSeconds:0.#} s");
        Tell(new Faulted(why.Fault, words, why.Differences));
    }

    bool Once(long deployment, Digest release, NodeFault fault, int times = 1)
    {
        var before = _stated.GetValueOrDefault((deployment, release, fault));
        if (before >= times) return false;
        _stated[(deployment, release, fault)] = before + 1;
        return true;
    }

    /// <summary>Makes ready what the head names and switches to it.</summary>
    async Task<TimeSpan> Follow(HeadFact head, CancellationToken stop)
    {
        RoutingTable table;
        lock (_gate) table = _table!;
        var current = table.Deployment == head.Entry;
        if (current && !table.Backends.IsEmpty && table.Backends.All(l => _running.Any(g => g.Instance == l.Instance)))
        {
            // A release that keeps running is no trouble any more.
            if (_fault is not null
                && _running.All(g => _parts.Time.GetElapsedTime(g.Started) >= _parts.Options.SteadyAfter))
                Settled(table);
            return _parts.Options.InspectEvery;
        }
        if (_tried != head.Entry)
            (_tried, _wait, _inARow, _retry) = (head.Entry, default, 0, _parts.Options.RetryAfter);
        if (_wait - _parts.Time.GetElapsedTime(_waited) is { Ticks: > 0 } rest)
        {
            ClearGone();
            return rest;
        }

        // New releases are healthy and inspected before anything is switched; one that is not leaves everything as it
        // was.
        var backends = ImmutableArray.CreateBuilder<Backend>();
        var observed = new List<(Provisioned, ImmutableArray<Dimension>)>();
        foreach (var route in head.Routes)
        {
            var release = table.State.Releases[route.Release];
            if (Stopped(table.State, release) is { } stopped)
            {
                lock (_gate) if (_table == table) _table = table with
                {
                    Status = EnvironmentStatus.Revoked,
                    Reason = stopped,
                    Backends = [],
                    Deployment = head.Entry
                };
                Wake();
                return _parts.Options.InspectEvery;
            }
            if (_running.FirstOrDefault(g => g.Release == route.Release && g.Instance.Trusted) is { } there)
            {
                if (!current)
                {
                    var found = await there.Inspect(stop);
                    if (!found.Agrees) throw Otherwise($"release {route.Release.Short} is running", found);
                    observed.Add((there.Instance.Provisioned, found.Dimensions));
                }
                backends.Add(new Backend(release, route.Weight, there.Instance));
                continue;
            }
            try
            {
                var (guarded, found) = await Start(await Make(release, stop), stop);
                backends.Add(new Backend(release, route.Weight, guarded.Instance));
                // Of a release that ends again and again only the ends were stated, and not each.
                if (_inARow <= 1 || _drifted.Contains(release.Digest))
                    observed.Add((guarded.Instance.Provisioned, found.Dimensions));
            }
            catch (Exception e)
                when (!stop.IsCancellationRequested && e is InstanceException or BlobException or ProblemException)
            {
                if (Once(head.Entry, release.Digest, NodeFault.NotStarted))
                    await _parts.Observe(table.State, System, Environment, head.Entry,
                        ObservedEvent.Stopped, release.Digest, [Guarded.Health], "copy");
                var idle = _running.Where(g =>
                    backends.Any(l => l.Instance == g.Instance) && table.Backends.All(l => l.Instance != g.Instance))
                    .ToArray();
                foreach (var guarded in idle) Retire(guarded, TimeSpan.Zero, _parts.Options.EndTimeout);
                ClearGone();
                throw;
            }
        }

        // What was seen is on its way to the ledger before the first request is let in.
        foreach (var (provisioned, dimensions) in observed) await _parts.Observe(table.State, System, Environment,
            head.Entry, Event(provisioned.Release.Digest), provisioned.Release.Digest, dimensions,
            MeansOf(provisioned));
        if (!current) _anchor();
        lock (_gate)
        {
            // The ledger may have gone on meanwhile: a head that is not the newest any more is not switched to.
            if (_table!.State.Environment(System, Environment).Head?.Entry != head.Entry
                || _table.Status is EnvironmentStatus.Unassigned) return TimeSpan.Zero;
            _table = Stands(_table with { Deployment = head.Entry, Backends = backends.ToImmutable() });
            table = _table;
        }
        foreach (var old in _running.Where(g => backends.All(l => l.Instance != g.Instance)).ToArray())
        {
            Retire(old, _parts.Options.DrainTimeout, _parts.Options.EndTimeout);
            await Observe(ObservedEvent.Stopped, old.Instance.Provisioned, []);
        }
        if (_inARow <= 1) Settled(table);
        return _parts.Options.InspectEvery;
    }

    /// <summary>Where nothing of what the table names runs any more, that is what it says.</summary>
    void ClearGone()
    {
        lock (_gate)
            if (_table!.Backends.All(l => _running.All(g => g.Instance != l.Instance)))
                _table = Stands(_table with { Backends = [] });
    }

    /// <summary>
    /// Everything runs as the ledger says. That is worth a line where something else was said before.
    /// </summary>
    void Settled(RoutingTable table)
    {
        if (_fault is null) return;
        _fault = null;
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

    /// <summary>Starts a release and has it inspected; one that is not what the release says is not kept.</summary>
    async Task<(Guarded, Inspected)> Start(Provisioned provisioned, CancellationToken stop)
    {
        Instance? instance = null;
        try
        {
            instance = await Instance.Start(provisioned, _parts.Options.HealthTimeout, stop);
            // Nothing but other orders ends this one: nothing is served from it yet.
            var started = instance;
            var found = await Task.Run(() => Inspection.Of(started, null, stop), stop).WaitAsync(stop);
            if (!found.Agrees) throw Otherwise($"release {provisioned.Release.Digest.Short} started", found);
            var guarded = new Guarded(
                instance, found, _parts.Options, _parts.Time, Wake, () => Interlocked.Increment(ref _falseAlarms));
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

    static InstanceException Otherwise(string what, Inspected found) =>
        new($"{what}, and not as it should: {string.Join("; ", found.Differences)}")
        { Differences = found.Differences };

    /// <summary>
    /// A release that was found drifted and is whole again was healed; any other that runs again was started.
    /// </summary>
    ObservedEvent Event(Digest release) =>
        _drifted.Remove(release) ? ObservedEvent.Healed : ObservedEvent.Started;

    /// <summary>The entry that put a release here: of one that is being replaced, that is not the head.</summary>
    long DeploymentOf(Digest release)
    {
        lock (_gate) return _table!.State.Environment(System, Environment).Deployed[release];
    }

    Task Observe(ObservedEvent @event, Provisioned provisioned, ImmutableArray<Dimension> dimensions)
    {
        RoutingTable table;
        lock (_gate) table = _table!;
        var release = provisioned.Release.Digest;
        return _parts.Observe(
            table.State, System, Environment, DeploymentOf(release), @event, release, dimensions, MeansOf(provisioned));
    }

    /// <summary>Takes an instance out. It ends by itself from here on, whatever fails elsewhere.</summary>
    void Retire(Guarded guarded, TimeSpan drain, TimeSpan grace)
    {
        lock (_gate) _running.Remove(guarded);
        guarded.Stop();
        _retiring.Add(End());

        async Task End()
        {
            try
            {
                await guarded.Instance.Retire(drain, grace, _parts.Time);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                _parts.Report($"{Place}: what release {guarded.Release.Short} left could not be removed: {e.Message}");
            }
            await guarded.DisposeAsync();
        }
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
        lock (_gate) if (_table is { } table) _table = table with
        {
            Status = EnvironmentStatus.Waiting,
            Reason = "the node is stopping",
            Backends = []
        };
        foreach (var guarded in _running.ToArray())
        {
            Retire(guarded, _parts.Options.DrainTimeout, _parts.Options.EndTimeout);
            await Observe(ObservedEvent.Stopped, guarded.Instance.Provisioned, []);
        }
        await Task.WhenAll(_retiring);
    }

    /// <summary>Closes the decision log: when nothing can be recorded any more, and the last anchor was made.</summary>
    public void CloseLog() => _log?.Dispose();
}
