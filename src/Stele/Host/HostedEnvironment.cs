using System.Collections.Concurrent;
using System.Collections.Immutable;
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
/// One environment on this node: its decision log, what runs for it, and the table the gateway routes by. Two hands write the table, under one lock:
/// <see cref="Advance"/>, at once with every step of the ledger (new policies, a halt and a revocation must not wait for a release that is being made ready),
/// and the one loop that starts, watches, heals and stops releases.
/// </summary>
sealed class HostedEnvironment : IAsyncDisposable
{
    /// <summary>A running release and what guards it.</summary>
    sealed record Guarded(Instance Instance, Vigil Vigil);

    readonly NodeParts _parts;
    readonly Action _anchor;
    readonly object _gate = new();
    readonly Channel<bool> _wake = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    readonly ConcurrentDictionary<Instance, string> _suspects = new();
    volatile RoutingTable? _table;
    volatile DecisionLog? _log;
    bool _assigned;
    string _unlogged = "the decision log was not opened yet";

    // The loop's own.
    readonly List<Guarded> _running = [];
    readonly List<Task> _retiring = [];
    readonly HashSet<Digest> _drifted = [];
    readonly HashSet<(long Head, Digest Release, string Why)> _reported = [];
    long _inspected, _observed;
    TimeSpan _retry;

    /// <param name="anchor">Asks for the log to be anchored now.</param>
    public HostedEnvironment(NodeParts parts, string system, string environment, Action anchor)
    {
        (_parts, System, Environment, _anchor, _retry) = (parts, system, environment, anchor, parts.Terms.RetryAfter);
        _inspected = _observed = parts.Time.GetTimestamp();
    }

    public string System { get; }
    public string Environment { get; }
    public string Place => State.Place(System, Environment);

    /// <summary>What the gateway goes by; null until the ledger was first folded.</summary>
    public RoutingTable? Table => _table;

    public DecisionLog? Log => _log;

    /// <summary>What keeps this environment from running what the ledger says, if anything does.</summary>
    public string? Trouble { get; private set; }

    /// <summary>The last thing of note that happened here, in words.</summary>
    public string? News { get; private set; }

    /// <summary>How many signs of change turned out to be none.</summary>
    public int FalseAlarms { get; private set; }

    public IEnumerable<(Digest Release, int Pid, bool Trusted)> Running
    {
        get { lock (_gate) return [.. _running.Select(g => (g.Instance.Release, g.Instance.Pid, g.Instance.Trusted))]; }
    }

    // ---- With the ledger

    /// <summary>Takes a new state of the ledger in. Policies, halts, revocations and the log's own standing are in force when this returns; releases follow in the loop.</summary>
    /// <param name="assigned">Whether this node is to run this environment.</param>
    public void Advance(State state, bool assigned)
    {
        lock (_gate)
        {
            if (state.Systems.GetValueOrDefault(System) is not { } system || system.Environment(Environment) is not { } terms)
            {
                if (_table is { } last) _table = last with { State = state, Standing = Standing.Unassigned, Reason = "the environment is no more", Legs = [] };
                return;
            }
            OpenLog(state);
            _assigned = assigned;
            _table = Stands((_table ?? new RoutingTable(Standing.Waiting, "", state, system, terms, null, 0, [])) with { State = state, System = system, Terms = terms, Log = _log });
        }
        Wake();
    }

    /// <summary>
    /// How a table stands as the ledger is now: asked under the gate whenever the state or the legs have changed. Whoever brings new legs is judged by what the ledger said meanwhile.
    /// </summary>
    RoutingTable Stands(RoutingTable table)
    {
        var head = table.State.Environment(System, Environment).Head;
        return !_assigned ? table with { Standing = Standing.Unassigned, Reason = "the ledger does not assign it to this node", Legs = [] }
            : head is null ? table with { Standing = Standing.Waiting, Reason = "nothing was deployed yet", Legs = [] }
            : head.Routes.IsEmpty ? table with { Standing = Standing.Halted, Reason = $"halted by entry {Number(head.Entry)}", Deployment = head.Entry, Legs = [] }
            : table.Legs.Select(l => Stopped(table.State, l.Release)).FirstOrDefault(why => why is not null) is { } stopped ? table with { Standing = Standing.Revoked, Reason = stopped, Legs = [] }
            : (table.Log is null ? _unlogged : table.Log.Objection(table.State)) is { } objection ? table with { Standing = Standing.Unlogged, Reason = objection }
            : table.Legs.IsEmpty ? table.Standing == Standing.Revoked && table.Deployment == head.Entry ? table : table with { Standing = Standing.Waiting, Reason = $"the release of entry {Number(head.Entry)} is being made ready" }
            : table with { Standing = Standing.Serving, Reason = "" };
    }

    void OpenLog(State state)
    {
        var origin = DecisionLog.OriginFor(state, _parts.Folder, _parts.Identity.Member, System, Environment);
        if (_log?.Origin == origin) return;
        try
        {
            _log?.Dispose();
            _log = null;
            _log = DecisionLog.Open(_parts.Folder, origin, _parts.Time, new LogOptions { SegmentBytes = _parts.Terms.SegmentBytes });
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
            if (state.Revocations.TryGetValue(digest, out var r) && r.Effect == Revocation.Stop && r.FromEntry <= state.Size) return $"{digest}, in the closure of release {release.Digest.Short}, was revoked by entry {Number(r.Entry)}";
        foreach (var by in release.By)
            if (state.Revocations.TryGetValue(by.Key, out var r) && r.Effect == Revocation.Stop && r.FromEntry <= by.Entry) return $"the key that declared release {release.Digest.Short} was revoked by entry {Number(r.Entry)}";
        return null;
    }

    // ---- The loop

    void Wake() => _wake.Writer.TryWrite(true);

    /// <summary>Runs until stopped. Whatever fails is kept in <see cref="Trouble"/> and tried again; bugs fault the task.</summary>
    public async Task Run(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var again = _parts.Terms.InspectEvery;
            try
            {
                await Step(stop);
                (Trouble, _retry) = (null, _parts.Terms.RetryAfter);
            }
            catch (Exception e) when (!stop.IsCancellationRequested && e is InstanceException or BlobException or ProblemException or IOException or UnauthorizedAccessException or FormatException or HttpRequestException or OperationCanceledException)
            {
                Trouble = e.Message;
                again = _retry;
                _retry = TimeSpan.FromTicks(Math.Min(_retry.Ticks * 2, TimeSpan.FromMinutes(1).Ticks));
            }
            _retiring.RemoveAll(t => t.IsCompleted);
            using var pause = new CancellationTokenSource(again, _parts.Time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(pause.Token, stop);
            try
            {
                await _wake.Reader.ReadAsync(either.Token);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
            }
        }
        stop.ThrowIfCancellationRequested();
    }

    async Task Step(CancellationToken stop)
    {
        // 1. Whatever gave a sign of change, or ended, is looked at first: requests to it are refused meanwhile.
        foreach (var guarded in _running.ToArray())
            if (guarded.Instance.Exited.IsCompleted) await Revive(guarded, stop);
            else if (_suspects.TryRemove(guarded.Instance, out var sign)) await Look(guarded, sign, stop);

        // 2. What the ledger says shall run.
        await Follow(stop);

        // 3. A look without any sign.
        if (_parts.Time.GetElapsedTime(_inspected) >= _parts.Terms.InspectEvery)
        {
            _inspected = _parts.Time.GetTimestamp();
            var gap = _table?.Terms.ObservationGap is { } g ? TimeSpan.FromMilliseconds(g / 2) : TimeSpan.MaxValue;
            var due = _parts.Time.GetElapsedTime(_observed) >= (gap < _parts.Terms.ObserveEvery ? gap : _parts.Terms.ObserveEvery);
            if (due) _observed = _parts.Time.GetTimestamp();
            foreach (var guarded in _running.ToArray())
                if (await Look(guarded, null, stop) is { } found && due) await Observe("running", guarded.Instance.Provisioned, found.Dimensions);
        }
    }

    async Task Follow(CancellationToken stop)
    {
        RoutingTable? table;
        lock (_gate) table = _table;
        if (table is null) return;
        var head = table.State.Environment(System, Environment).Head;
        if (head is null || head.Routes.IsEmpty || table.Standing is Standing.Unassigned or Standing.Halted || (table.Standing == Standing.Revoked && table.Legs.IsEmpty && table.Deployment == head.Entry))
        {
            foreach (var guarded in _running.ToArray()) await Retire(guarded);
            return;
        }
        if (table.Deployment == head.Entry && !table.Legs.IsEmpty) return;

        // New releases are healthy and inspected before anything is switched; one that is not leaves everything as it was.
        var legs = ImmutableArray.CreateBuilder<Leg>();
        var observed = new List<(Provisioned, ImmutableArray<Dimension>)>();
        foreach (var route in head.Routes)
        {
            var release = table.State.Releases[route.Release];
            if (Stopped(table.State, release) is { } stopped)
            {
                lock (_gate) if (_table == table) _table = table with { Standing = Standing.Revoked, Reason = stopped, Legs = [], Deployment = head.Entry };
                return;
            }
            if (_running.FirstOrDefault(g => g.Instance.Release == route.Release && g.Instance.Trusted) is { } there)
            {
                var found = await Task.Run(() => Inspection.Of(there.Instance), stop);
                if (!found.Agrees) Suspect(there.Instance, "it was about to be routed to");
                if (!found.Agrees) throw new InstanceException($"release {route.Release.Short} is running, and not as it should: {string.Join("; ", found.Differences)}");
                observed.Add((there.Instance.Provisioned, found.Dimensions));
                legs.Add(new Leg(release, route.Weight, there.Instance));
                continue;
            }
            try
            {
                var (guarded, found) = await Start(await _parts.Provision.Make(release, stop), stop);
                legs.Add(new Leg(release, route.Weight, guarded.Instance));
                observed.Add((guarded.Instance.Provisioned, found.Dimensions));
            }
            catch (Exception e) when (e is InstanceException or BlobException or ProblemException && !stop.IsCancellationRequested)
            {
                if (_reported.Add((head.Entry, release.Digest, e.GetType().Name)))
                    await _parts.Observe(table.State, System, Environment, head.Entry, "stopped", release.Digest, [new Dimension("health", "unavailable", false, null, null)], "copy");
                foreach (var idle in _running.Where(g => legs.Any(l => l.Instance == g.Instance) && table.Legs.All(l => l.Instance != g.Instance)).ToArray()) await Retire(idle, silently: true);
                throw;
            }
        }

        // What was seen is on its way to the ledger before the first request is let in.
        foreach (var (provisioned, dimensions) in observed) await _parts.Observe(table.State, System, Environment, head.Entry, Event(provisioned.Release.Digest), provisioned.Release.Digest, dimensions, MeansOf(provisioned));
        _anchor();
        lock (_gate)
        {
            // The ledger may have gone on meanwhile: a head that is not the newest any more is not switched to.
            if (_table!.State.Environment(System, Environment).Head?.Entry != head.Entry || _table.Standing is Standing.Unassigned) return;
            _table = Stands(_table with { Deployment = head.Entry, Legs = legs.ToImmutable() });
        }
        foreach (var old in _running.Where(g => legs.All(l => l.Instance != g.Instance)).ToArray()) await Retire(old);
    }

    /// <summary>Starts a release and has it inspected; one that is not what the release says is not kept.</summary>
    async Task<(Guarded, Inspected)> Start(Provisioned provisioned, CancellationToken stop)
    {
        Instance? instance = null;
        try
        {
            instance = await Instance.Start(provisioned, _parts.Terms.HealthPatience, stop);
            var found = await Task.Run(() => Inspection.Of(instance), stop);
            if (!found.Agrees) throw new InstanceException($"release {provisioned.Release.Digest.Short} started, and not as it should: {string.Join("; ", found.Differences)}");
            var guarded = new Guarded(instance, new Vigil(provisioned.Tree, _parts.Terms.RehashEvery, _parts.Time, sign => Suspect(instance, sign)));
            instance.Trusted = true;
            lock (_gate) _running.Add(guarded);
            _ = instance.Exited.ContinueWith(_ => Wake(), TaskScheduler.Default);
            return (guarded, found);
        }
        catch
        {
            if (instance is not null) await instance.DisposeAsync();
            Provision.Remove(provisioned);
            throw;
        }
    }

    /// <summary>A sign of change: nothing more is let in until someone has looked.</summary>
    void Suspect(Instance instance, string sign)
    {
        instance.Trusted = false;
        _suspects[instance] = sign;
        Wake();
    }

    /// <summary>Inspects; drift is recorded and healed.</summary>
    /// <returns>What was found when it agreed; null when it had to be healed.</returns>
    async Task<Inspected?> Look(Guarded guarded, string? sign, CancellationToken stop)
    {
        Inspected found;
        try
        {
            found = await Task.Run(() => Inspection.Of(guarded.Instance), stop);
        }
        catch (IOException) when (guarded.Instance.Exited.IsCompleted)
        {
            await Revive(guarded, stop);
            return null;
        }
        catch
        {
            // What can't be looked at is not known to be the release: nothing is let in until someone has, next time.
            guarded.Instance.Trusted = false;
            _suspects.TryAdd(guarded.Instance, sign ?? "it could not be inspected");
            throw;
        }
        if (found.Agrees)
        {
            // Signs that came while we looked are looked at next.
            if (sign is not null && !_suspects.ContainsKey(guarded.Instance)) (guarded.Instance.Trusted, FalseAlarms) = (true, FalseAlarms + 1);
            return found;
        }
        guarded.Instance.Trusted = false;
        News = $"drift of release {guarded.Instance.Release.Short}{(sign is null ? "" : $" ({sign})")}: {string.Join("; ", found.Differences)}";
        _drifted.Add(guarded.Instance.Release);
        await Observe("drift", guarded.Instance.Provisioned, found.Dimensions);
        await Replace(guarded, stop);
        return null;
    }

    /// <summary>A release that ended by itself is started again, from a fresh tree.</summary>
    async Task Revive(Guarded guarded, CancellationToken stop)
    {
        await Observe("stopped", guarded.Instance.Provisioned, [new Dimension("health", "unavailable", false, null, null)]);
        await Replace(guarded, stop);
    }

    /// <summary>Puts a fresh instance in the place of one that can't be trusted. Until it is there, requests are refused.</summary>
    async Task Replace(Guarded guarded, CancellationToken stop)
    {
        var old = guarded.Instance;
        await Retire(guarded, silently: true, patience: TimeSpan.Zero);
        bool wanted;
        lock (_gate) wanted = _table!.Legs.Any(l => l.Instance == old);
        if (!wanted) return;
        // From here on the table names an instance that is gone; Follow starts it again if this fails.
        try
        {
            var (provisioned, replaced) = await _parts.Provision.Heal(old.Provisioned.Release, stop);
            if (replaced.Count > 0) News += $"; {Number(replaced.Count)} damaged blobs in the node's own store were replaced from the server: {string.Join(", ", replaced.Select(r => r.Short))}";
            var (fresh, found) = await Start(provisioned, stop);
            await Observe(Event(old.Release), provisioned, found.Dimensions);
            lock (_gate) _table = Stands(_table! with { Legs = [.. _table.Legs.Select(l => l.Instance == old ? l with { Instance = fresh.Instance } : l)] });
        }
        catch
        {
            lock (_gate)
                if (_table!.Legs.Any(l => l.Instance == old)) _table = Stands(_table with { Legs = [] });
            throw;
        }
    }

    /// <summary>A release that was found drifted and is whole again was healed; any other that runs again was started.</summary>
    string Event(Digest release) => _drifted.Remove(release) ? "healed" : "started";

    Task Observe(string @event, Provisioned provisioned, ImmutableArray<Dimension> dimensions)
    {
        RoutingTable table;
        lock (_gate) table = _table!;
        // An observation names the entry that put its release here: of a release that is being replaced, that is not the head.
        var deployment = table.State.Environment(System, Environment).Deployed[provisioned.Release.Digest];
        return _parts.Observe(table.State, System, Environment, deployment, @event, provisioned.Release.Digest, dimensions, MeansOf(provisioned));
    }

    async Task Retire(Guarded guarded, bool silently = false, TimeSpan? patience = null)
    {
        lock (_gate) _running.Remove(guarded);
        _suspects.TryRemove(guarded.Instance, out _);
        await guarded.Vigil.DisposeAsync();
        _retiring.Add(guarded.Instance.Retire(patience ?? _parts.Terms.DrainPatience, _parts.Time));   // whatever fails below, it is on its way out
        if (!silently) await Observe("stopped", guarded.Instance.Provisioned, []);
    }

    static string MeansOf(Provisioned provisioned) => provisioned.Tree.Means switch { Means.Reflink => "reflink", Means.ReflinkAndCopy => "reflink-and-copy", _ => "copy" };

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    /// <summary>Stops everything that runs, and says so. The loop must have ended.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_gate) if (_table is { } table) _table = table with { Standing = Standing.Waiting, Reason = "the node is stopping", Legs = [] };
        foreach (var guarded in _running.ToArray()) await Retire(guarded);
        await Task.WhenAll(_retiring);
    }

    /// <summary>Closes the decision log: when nothing can be recorded any more, and the last anchor was made.</summary>
    public void CloseLog() => _log?.Dispose();
}
