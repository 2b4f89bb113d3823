using System.Globalization;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;

namespace Stele.Http;

/// <summary>How many connections a listener holds, and for how long it bears with silence.</summary>
sealed record ConnectionLimits
{
    /// <summary>The most that are open at once.</summary>
    public required int Most { get; init; }

    /// <summary>Of them, those that no token was shown on: the rest is kept for the authenticated.</summary>
    public int Strangers => Math.Max(1, Most - (Most / 4));

    /// <summary>How long a new connection may take to the end of its first request's headers.</summary>
    public TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A quarter of the descriptors that this process may open: one for the server's connections, one for the
    /// gateway's, one for what the gateway asks of releases, and one is left for files.
    /// </summary>
    public static ConnectionLimits Of(long descriptors) => new() { Most = (int)Math.Clamp(descriptors / 4, 16, 4096) };

    /// <summary>By the descriptors that this process has not opened yet.</summary>
    public static ConnectionLimits OfProcess => Of(Libc.Descriptors() - Libc.OpenDescriptors());
}

/// <summary>
/// Accepts connections, and knows how many there are. Where there are too many, the stranger that has been silent
/// longest is closed for the one that comes; who showed a good token is never closed for another. Where all are known,
/// the next one waits until one leaves, and those after it in the kernel.
/// Invariant: no more than <see cref="ConnectionLimits.Most"/> are open, and one that is just being accepted.
/// </summary>
sealed class Connections : IConnectionListenerFactory, IDisposable
{
    /// <summary>
    /// From this much on that bodies took, or this many visitors, what the collector holds is given back afterwards.
    /// </summary>
    const long ManyBytes = 16 << 20, ManyVisitors = 256;

    /// <summary>
    /// After how many seconds of quiet it is given back: pools let go of what they keep only when it was not used for a
    /// while, and see that when the collector runs.
    /// </summary>
    static readonly int[] QuietSeconds = [5, 35, 95];

    static readonly TimeSpan AcceptPause = TimeSpan.FromMilliseconds(50), Ticking = TimeSpan.FromMilliseconds(250);

    const int TicksOfSecond = 4, ClosedAtOnce = 8;

    /// <summary>With so many descriptors, connections are never what makes them few.</summary>
    const long Plenty = 4 * 4096;

    readonly long _descriptors = Libc.Descriptors();
    long _uncounted;

    readonly IConnectionListenerFactory _transport;
    readonly ConnectionLimits _limits;
    readonly Shortage _shortage;
    readonly TimeProvider _time;
    readonly ITimer _timer;

    readonly Lock _gate = new();
    // the oldest, and the one longest without a request, first
    readonly LinkedList<Visitor> _silent = new(), _strangers = new();
    int _open, _peak, _quiet, _ticks;
    SafeFileHandle? _spare;
    TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <param name="shortage">Told where newcomers wait, or the process may open nothing more.</param>
    public Connections(IConnectionListenerFactory transport, ConnectionLimits limits, BodyBudget budget,
        Shortage shortage, TimeProvider time)
    {
        (_transport, _limits, Budget, _shortage, _time) = (transport, limits, budget, shortage, time);
        KeepSpare();
        _timer = time.CreateTimer(_ =>
        {
            KeepSpare();
            if (++_ticks % TicksOfSecond == 0) Tick();
        }, null, Ticking, Ticking);
    }

    public BodyBudget Budget { get; }

    /// <summary>How many are open, and how many of them nobody knows.</summary>
    public (int Open, int Strangers) Count
    {
        get { lock (_gate) return (_open, _silent.Count + _strangers.Count); }
    }

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint,
        CancellationToken cancellationToken = default) =>
        new Door(this, await _transport.BindAsync(endpoint, cancellationToken));

    sealed class Door(Connections to, IConnectionListener inner) : IConnectionListener
    {
        public EndPoint EndPoint => inner.EndPoint;

        /// <summary>
        /// Invariant: it ends when the listener is unbound, and never otherwise: the web server's loop that asks ends
        /// with the first exception, and tells nobody.
        /// </summary>
        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                ConnectionContext? connection = null;
                try
                {
                    await Turn();
                    connection = await inner.AcceptAsync(cancellationToken);
                    if (connection is null) return null;
                    // Only now is it known that somebody needs the room: none is closed before.
                    await to.Room(cancellationToken);
                    to.Enter(connection);
                    return connection;
                }
                catch (Exception) when (to.AcceptsOn && !cancellationToken.IsCancellationRequested)
                {
                    if (connection is not null) await connection.DisposeAsync();
                }
                await Task.Delay(AcceptPause, to._time, cancellationToken);
            }
        }

        /// <summary>
        /// Ends when what waits for a thread now has had one. So those who are connected go first: of many that come at
        /// once, each but the first few wait in the kernel's queue while others are answered.
        /// </summary>
        static Task Turn()
        {
            var turn = new TaskCompletionSource();
            ThreadPool.UnsafeQueueUserWorkItem(static turn => turn.SetResult(), turn, preferLocal: false);
            return turn.Task;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            to.Unbind();
            return inner.UnbindAsync(cancellationToken);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    /// <summary>So many connections are had even where descriptors are scarce.</summary>
    const int Few = 16;

    bool _unbound;

    bool AcceptsOn
    {
        get { lock (_gate) return !_unbound; }
    }

    /// <summary>
    /// Where the process may open nothing more, the web server asks the system for the next connection again and again,
    /// and a core is busy with that. So a descriptor is held back for it, and strangers are closed until there are
    /// others.
    /// </summary>
    void KeepSpare()
    {
        lock (_gate)
        {
            if (_unbound) return;
            try
            {
                var one = Libc.OpenNull();
                if (_spare is null) _spare = one;
                else one.Dispose();
                return;
            }
            catch (IOException e) when (DiskTrouble.LacksDescriptors(e))
            {
                _spare?.Dispose();
                _spare = null;
            }
        }
        Lacks();
        for (var n = 0; n < ClosedAtOnce; n++)
        {
            Visitor? oldest;
            lock (_gate) oldest = Oldest();
            oldest?.Close();
        }
    }

    /// <summary>Who waits to accept need wait no more.</summary>
    void Unbind()
    {
        lock (_gate)
        {
            _unbound = true;
            _left.TrySetResult();
            _spare?.Dispose();
            _spare = null;
        }
    }

    /// <summary>Comes back when there is room for one more.</summary>
    async ValueTask Room(CancellationToken stop)
    {
        while (true)
        {
            Task left;
            Visitor? closed;
            lock (_gate)
            {
                if (_unbound) return;
                // A few are let in whatever else is open: an order to halt must get through.
                var scarce = _open >= Few && Scarce();
                var strangers = _silent.Count + _strangers.Count;
                if (_open < _limits.Most && strangers < _limits.Strangers && !scarce) return;
                closed = Oldest();
                if (closed is null && _open < _limits.Most && !scarce) return;
                if (scarce) Lacks();
                else if (closed is null) _shortage.Met(string.Create(CultureInfo.InvariantCulture,
                    $"{_open} connections are open, all of known clients, and no more may be: others wait"));
                left = _left.Task;
            }
            // Its descriptor is free when it has left.
            closed?.Close();
            // Others than connections may be what is too much: it is looked at again, whether one leaves or not.
            await Task.WhenAny(left, Task.Delay(Ticking, _time, stop));
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>
    /// Whether descriptors are so few that the rest is kept for files, and for the runtime, which ends where it can't
    /// open a part of itself. Under the gate. They are counted once for so many that come, and each time while they
    /// are few.
    /// </summary>
    bool Scarce()
    {
        if (_descriptors >= Plenty || _uncounted-- > 0) return false;
        var left = _descriptors - Libc.OpenDescriptors() - Math.Clamp(_descriptors / 8, 64, 512);
        _uncounted = Math.Clamp(left / 4, 0, 64);
        return left <= 0;
    }

    /// <summary>Descriptors are lacking: that is said.</summary>
    internal void Lacks() => _shortage.Met(string.Create(CultureInfo.InvariantCulture,
        $"of {_descriptors} descriptors too few are left: newcomers wait, and strangers' connections are closed"));

    /// <summary>
    /// Takes the stranger out of the lists that is closed next: one that never asked anything before one that did.
    /// </summary>
    Visitor? Oldest()
    {
        if ((_silent.First ?? _strangers.First) is not { } first) return null;
        first.List!.Remove(first);
        first.Value.Place = null;
        return first.Value;
    }

    void Enter(ConnectionContext connection)
    {
        var visitor = new Visitor(this, () =>
            connection.Abort(new ConnectionAbortedException("room is made for others")))
        {
            Came = _time.GetTimestamp(),
        };
        lock (_gate)
        {
            _open++;
            _peak = Math.Max(_peak, _open);
            visitor.Place = _silent.AddLast(visitor);
        }
        connection.Features.Set(visitor);
        connection.ConnectionClosed.UnsafeRegister(static state =>
        {
            var (self, visitor) = ((Connections, Visitor))state!;
            self.Leave(visitor);
        }, (this, visitor));
    }

    void Leave(Visitor visitor)
    {
        TaskCompletionSource left;
        lock (_gate)
        {
            if (visitor.Left) return;
            visitor.Left = true;
            _open--;
            if (visitor.Place is { } place) place.List!.Remove(place);
            visitor.Place = null;
            if (_unbound) return;
            (left, _left) = (_left, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        left.TrySetResult();
    }

    internal void Asks(Visitor visitor)
    {
        if (visitor.Principal is not null) return;
        lock (_gate)
        {
            visitor.Asked = true;
            if (visitor.Place is not { } place) return;
            place.List!.Remove(place);
            _strangers.AddLast(place);
        }
    }

    internal void Recognised(Visitor visitor, string principal)
    {
        lock (_gate)
        {
            visitor.Principal = principal;
            if (visitor.Place is not { } place) return;
            place.List!.Remove(place);
            visitor.Place = null;
        }
    }

    /// <summary>
    /// Once a second: who has said nothing for too long is closed; what a flood took is given back once it is over.
    /// </summary>
    void Tick()
    {
        while (true)
        {
            Visitor? silent;
            lock (_gate)
            {
                if (_silent.First is not { } first || _time.GetElapsedTime(first.Value.Came) < _limits.Silence) break;
                silent = Oldest();
            }
            silent?.Close();
        }
        lock (_gate)
        {
            if (_peak < ManyVisitors && Budget.Peak < ManyBytes) return;
            var quiet = _open < ManyVisitors && Budget.Taken == 0;
            _quiet = quiet ? _quiet + 1 : 0;
            if (!QuietSeconds.Contains(_quiet)) return;
            if (_quiet == QuietSeconds[^1])
            {
                (_quiet, _peak) = (0, _open);
                Budget.Forget();
            }
        }
        // The collector keeps what it once had, and looks at it again only when something is allocated.
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
    }

    public void Dispose() => _timer.Dispose();
}
