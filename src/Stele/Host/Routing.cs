using System.Collections.Immutable;
using System.Globalization;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>
/// The table that the gateway routes by, and the decision log that it names. Two hands write it: <see cref="Advance"/>,
/// at once with every step of the ledger (new policies, a halt and a revocation must not wait for a release that is
/// being made ready), and the environment's loop, which brings backends.
/// Invariant: whichever of them writes, what the table's status says is judged by the newest state.
/// </summary>
/// <param name="superseded">
/// Called when the ledger orders something else than before, under the table's lock: before the new orders can be seen.
/// </param>
sealed class Routing(NodeParts parts, string system, string environment, Action superseded)
{
    readonly Lock _gate = new();
    volatile RoutingTable? _table;
    volatile DecisionLog? _log;
    volatile Faulted? _fault;
    bool _assigned;
    string _unlogged = "the decision log was not opened yet";
    volatile bool _reopens;
    Orders? _orders;

    /// <summary>What the ledger wants of this environment: a head, or nothing.</summary>
    sealed record Orders(bool Assigned, long? Head, bool Stopped);

    /// <summary>Null until the ledger was first folded.</summary>
    public RoutingTable? Table => _table;

    public DecisionLog? Log => _log;

    /// <summary>Whether the log is not open because descriptors alone were lacking to open it.</summary>
    public bool Reopens => _reopens;

    /// <summary>What keeps the environment from running what the ledger says; null while nothing does.</summary>
    public Faulted? Fault => _fault;

    /// <summary>
    /// Takes a new state of the ledger in. Policies, halts, revocations and the log's own standing are in force when
    /// this returns.
    /// </summary>
    public void Advance(State state)
    {
        lock (_gate)
        {
            if (state.Systems.GetValueOrDefault(system) is not { } fact
                || fact.Environment(environment) is not { } declared)
            {
                if (_table is { } last) _table = last with
                {
                    State = state,
                    Status = EnvironmentStatus.Unassigned,
                    Reason = "the environment is no more",
                    Backends = []
                };
                (_assigned, _reopens) = (false, false);
                superseded();
                return;
            }
            OpenLog(state);
            _assigned = parts.Runs(state, system, environment);
            var orders = OrdersOf(state);
            if (orders != _orders) superseded();
            _orders = orders;
            _table = Judged(
                (_table ?? new RoutingTable(EnvironmentStatus.Waiting, "", state, fact, declared, null, 0, [])) with
            {
                State = state,
                System = fact,
                Terms = declared,
                Log = _log
            });
        }
    }

    Orders OrdersOf(State state) => HeadOf(state) is { } head
        ? new(_assigned, head.Entry, head.Routes.Any(r => Stopped(state, state.Releases[r.Release]) is not null))
        : new(_assigned, null, false);

    HeadFact? HeadOf(State state) => state.Environment(system, environment).Head;

    /// <summary>
    /// A table with the status that it has as the ledger is now: asked under the gate whenever the state or the
    /// backends have changed. What brings new backends is judged by what the ledger said meanwhile.
    /// </summary>
    RoutingTable Judged(RoutingTable table)
    {
        var head = HeadOf(table.State);
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
        var origin = DecisionLog.OriginFor(state, parts.Folder, parts.Identity.Member, system, environment);
        if (_log?.Origin == origin) return;
        _reopens = false;
        try
        {
            _log?.Dispose();
            _log = null;
            _log = DecisionLog.Open(parts.Folder, origin, parts.Time,
                new LogOptions { SegmentBytes = parts.Options.SegmentBytes });
        }
        catch (Exception e) when (e is IOException or LogException or FormatException)
        {
            _unlogged = $"the decision log can't be opened: {e.Message}";
            _reopens = DiskTrouble.LacksDescriptors(e);
            if (_reopens) parts.Shortage.Met(_unlogged);
        }
    }

    /// <summary>Why nothing of this release may run any more; null when nothing stops it.</summary>
    public static string? Stopped(State state, ReleaseFact release)
    {
        if (state.Revocations.IsEmpty) return null;
        foreach (var digest in state.Closure(release))
            if (state.Revocations.TryGetValue(digest, out var r) && r.Effect == RevocationEffect.Stop
                && r.FromEntry <= state.Size)
                return $"{digest}, in the closure of release {release.Digest.Short}, was revoked by entry "
                    + $"{Number(r.Entry)}";
        foreach (var by in release.By)
            if (state.Revocations.TryGetValue(by.Key, out var r) && r.Effect == RevocationEffect.Stop
                && r.FromEntry <= by.Entry)
                return $"the key that declared release {release.Digest.Short} was revoked by entry {Number(r.Entry)}";
        return null;
    }

    // ---- The loop's hand

    /// <summary>
    /// The table, with a log that could not be opened for want of descriptors tried again: no entry has to come to find
    /// out that there are some.
    /// </summary>
    public RoutingTable? Current()
    {
        lock (_gate)
        {
            if (!_reopens || _table is not { } unlogged) return _table;
            OpenLog(unlogged.State);
            return _table = Judged(unlogged with { Log = _log });
        }
    }

    /// <summary>Keeps what is wrong, and shows it where nothing serves.</summary>
    public void Failed(Faulted fault)
    {
        _fault = fault;
        lock (_gate) if (_table is { } table) _table = Judged(table);
    }

    /// <summary>Nothing is wrong any more.</summary>
    public void Recovered() => _fault = null;

    /// <summary>Says that a release of the head is stopped, if the table is still the one that was looked at.</summary>
    public void Revoke(RoutingTable seen, HeadFact head, string reason)
    {
        lock (_gate) if (_table == seen) _table = seen with
        {
            Status = EnvironmentStatus.Revoked,
            Reason = reason,
            Backends = [],
            Deployment = head.Entry
        };
    }

    /// <summary>
    /// Lets requests go to the backends of a head. Null: the ledger has gone on meanwhile, and a head that is not the
    /// newest any more is not switched to.
    /// </summary>
    public RoutingTable? Switch(HeadFact head, ImmutableArray<Backend> backends)
    {
        lock (_gate)
        {
            if (HeadOf(_table!.State)?.Entry != head.Entry || _table.Status is EnvironmentStatus.Unassigned)
                return null;
            return _table = Judged(_table with { Deployment = head.Entry, Backends = backends });
        }
    }

    /// <summary>Where nothing of what the table names runs any more, that is what it says.</summary>
    public void ClearGone(Func<Instance, bool> runs)
    {
        lock (_gate)
            if (!_table!.Backends.Any(l => runs(l.Instance))) _table = Judged(_table with { Backends = [] });
    }

    /// <summary>Lets no request in any more.</summary>
    public void Close(string reason)
    {
        lock (_gate) if (_table is { } table) _table = table with
        {
            Status = EnvironmentStatus.Waiting,
            Reason = reason,
            Backends = []
        };
    }

    /// <summary>Closes the decision log: when nothing can be recorded any more, and the last anchor was made.</summary>
    public void CloseLog() => _log?.Dispose();

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);
}
