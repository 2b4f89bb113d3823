using System.Collections.Concurrent;
using System.Globalization;
using Stele.Disk;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>
/// A node: follows the ledger, and runs every environment that the ledger assigns to it, which is those that its member
/// holds the role <c>node</c> for. It needs the server for news alone: what it has folded it goes on serving, recording
/// and observing, and catches up later.
/// </summary>
sealed class Node : IAsyncDisposable
{
    readonly NodeParts _parts;
    readonly long _started;
    readonly ConcurrentDictionary<string, HostedEnvironment> _environments = new(StringComparer.Ordinal);
    readonly ConcurrentDictionary<string, (long Size, long At)> _handedIn = new(StringComparer.Ordinal);
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _anchorNow = new(0), _anchoring = new(1);
    readonly List<Task> _loops = [];
    readonly Task _following;
    readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Node(NodeParts parts)
    {
        _parts = parts;
        _started = parts.Now;
        Advance();
        _following = Own(Follow);
        _loops.Add(Own(() => parts.Outbox.Send(parts.Link, parts.Options.RetryAfter, parts.Time, _stop.Token)));
        _loops.Add(Own(AnchorLoop));
        _loops.Add(Own(() => new FaultReports("node", () => Faults, parts.Report, parts.Time).Run(_stop.Token)));
    }

    public NodeIdentity Identity => _parts.Identity;

    public IReadOnlyCollection<HostedEnvironment> Environments => [.. _environments.Values];

    public HostedEnvironment? Environment(string system, string environment) =>
        _environments.GetValueOrDefault(State.Place(system, environment));

    /// <summary>What came of the last question to the server; null when it answered.</summary>
    public string? ServerTrouble => _server?.Words;

    volatile Faulted? _server;

    /// <summary>What keeps this node from following the ledger, and from being followed in it, now.</summary>
    public IReadOnlyList<Faulted> Faults
    {
        get
        {
            var found = new List<Faulted>();
            var state = _parts.Link.Replay.State;
            if (Fork is { } fork) found.Add(new Faulted(FaultCode.Forked, fork));
            else if (_server is { } fault) found.Add(fault);
            else if (state.Size > 0 && Unconfirmed is var age && age > _parts.Options.LagAfter.TotalMilliseconds)
                found.Add(new Faulted(FaultCode.Lagging, string.Create(CultureInfo.InvariantCulture,
                    $"for {age / 1000} s the server has not confirmed this copy of the ledger, {state.Size} entries")));
            if (_parts.Shortage.Words is { } lacking && found.All(f => f.Fault != FaultCode.Descriptors))
                found.Add(new Faulted(FaultCode.Descriptors, lacking));
            foreach (var (origin, error) in Unpublished)
                found.Add(new Faulted(FaultCode.Unpublished, $"the files of {origin} lag behind: {error}"));
            if (state.Size == 0) return found;
            var key = Identity.Key.Public;
            if (state.IsRevoked(key.Id))
                found.Add(new Faulted(FaultCode.KeyRevoked,
                    $"the key of this node, {key}, was revoked: it runs nothing"));
            else if (!_parts.IsMember(state))
                found.Add(new Faulted(FaultCode.Unregistered,
                    $"no member of the ledger has the key of this node: {Identity.Member}, {key}"));
            else if (_server is null && _unanchored is { } why) found.Add(new Faulted(FaultCode.Unanchored, why));
            return found;
        }
    }

    /// <summary>The logs of this node whose files can't be written now, by origin, and why.</summary>
    IEnumerable<(string Origin, string Trouble)> Unpublished =>
        Environments.Select(e => e.Log is { } log ? (log.Origin, log.Log.LastPublishError)
                : default((string Origin, string? Trouble)))
            .Append((_parts.Link.Origin, _parts.Link.LastPublishError))
            .Where(l => l.Item2 is not null).Select(l => (l.Item1, l.Item2!));

    /// <summary>How long ago the server last showed that this node's copy is all there is, or the node was started; in
    /// milliseconds.</summary>
    long Unconfirmed => _parts.Now - Math.Max(_parts.Link.SyncedAt ?? 0, _started);

    public string? AnchorTrouble { get; private set; }

    /// <summary>Why the server refused the last anchor; null: it did not.</summary>
    volatile string? _unanchored;

    /// <summary>
    /// Why this node follows the ledger no longer: its key signed a second history; null while it does. What runs goes
    /// on for as long as its environment's staleness rule lets it.
    /// </summary>
    public string? Fork => _parts.Link.Fork;

    public Cosigner Cosigner => _parts.Cosigner;

    public int Waiting => _parts.Outbox.Waiting;
    public string? LastRefusal => _parts.Outbox.LastRefusal;

    /// <summary>
    /// How old the newest checkpoint is that this node has verified, in milliseconds. Where none was since the start,
    /// the last entry's own time counts.
    /// </summary>
    public long Staleness(State state) => Math.Max(0, _parts.Now - Math.Max(_parts.Link.SyncedAt ?? 0, state.Time));

    /// <summary>Faults when one of the node's loops died of a bug: a matter for the process.</summary>
    public Task Failed => _failed.Task;

    /// <summary>
    /// Invariant: no loop ends unnoticed. Where no descriptor was left it is begun again: what strangers can bring
    /// about is no reason to stop what runs. Any other failure is a matter for the process.
    /// </summary>
    async Task Own(Func<Task> loop)
    {
        while (true)
        {
            try
            {
                await loop();
                return;
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (DiskTrouble.LacksDescriptors(e))
            {
                _parts.Shortage.Met(e.Message);
            }
            catch (Exception e)
            {
                _failed.TrySetException(e);
                return;
            }
            await Task.Delay(_parts.Options.RetryAfter, _parts.Time, _stop.Token)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    async Task Follow()
    {
        // The first question, at the start and after trouble, asks whether this is all there is, and does not wait for
        // news: staleness and a waiting anchor hang on the answer.
        var wait = TimeSpan.Zero;
        while (true)
        {
            var size = _parts.Link.Replay.State.Size;
            try
            {
                await _parts.Link.Sync(wait, _stop.Token);
                // Orders first: the cosignature is another question to the server.
                if (_parts.Link.Replay.State.Size > size) Advance();
                size = _parts.Link.Replay.State.Size;
                (_server, wait) = (null, _parts.Options.SyncWait);
                await _parts.Cosigner.Cosign(_parts.Link, _parts.Identity, _parts.Options.CosignEvery, _stop.Token);
            }
            catch (LinkException e)
            {
                (_server, wait) = (new Faulted(e.Fault, e.Message), TimeSpan.Zero);
            }
            if (_parts.Link.Replay.State.Size > size) Advance();
            if (_server is not null) await Task.Delay(_parts.Options.RetryAfter, _parts.Time, _stop.Token);
        }
    }

    void Advance()
    {
        var state = _parts.Link.Replay.State;
        if (state.Size == 0) return;
        foreach (var system in state.Systems.Values)
            foreach (var declared in system.Environments)
                if (_parts.Runs(state, system.Name, declared.Name)
                    && !_environments.ContainsKey(State.Place(system.Name, declared.Name)))
                {
                    var hosted = new HostedEnvironment(_parts, system.Name, declared.Name, () => _anchorNow.Release());
                    hosted.Advance(state);
                    _environments[hosted.Place] = hosted;
                    _loops.Add(Own(() => hosted.Run(_stop.Token)));
                }
        foreach (var hosted in _environments.Values) hosted.Advance(state);
    }

    async Task AnchorLoop()
    {
        while (true)
        {
            await _anchorNow.WaitAsync(_parts.Options.AnchorEvery, _stop.Token);
            while (_anchorNow.Wait(0)) { }
            await Anchor(_stop.Token);
        }
    }

    /// <summary>Has the node anchor now, not when it is time.</summary>
    public void AnchorSoon() => _anchorNow.Release();

    /// <summary>
    /// Ties every decision log to the ledger as it is now. A server that can't be reached gets a newer anchor later.
    /// </summary>
    public async Task Anchor(CancellationToken stop)
    {
        await _anchoring.WaitAsync(stop);
        try
        {
            var state = _parts.Link.Replay.State;
            foreach (var log in _environments.Values.Select(e => e.Log).OfType<DecisionLog>())
            {
                // An anchor builds on the one before it: until this node has folded that one, or asked since and not
                // found it, it makes no other.
                if (_handedIn.TryGetValue(log.Origin, out var last)
                    && (state.Logs.GetValueOrDefault(log.Origin)?.Anchor?.Size ?? 0) < last.Size
                    && (_parts.Link.SyncedAt ?? 0) <= last.At) continue;
                if (log.AnchorFor(state, _parts.Now) is not { } anchor) continue;
                var size = anchor.Wholes;
                _handedIn[log.Origin] = (size, long.MaxValue);
                try
                {
                    AnchorTrouble = _unanchored = await _parts.Link.Submit(_parts.Sign(anchor), stop);
                    // Recorded: wait until it was folded here. Refused: with the newest state, it may do.
                    _handedIn[log.Origin] = (size, AnchorTrouble is null ? long.MaxValue : _parts.Now);
                }
                catch
                {
                    _handedIn[log.Origin] = (size, _parts.Now);
                    throw;
                }
            }
        }
        catch (LinkException e)
        {
            AnchorTrouble = e.Message;
        }
        finally
        {
            _anchoring.Release();
        }
    }

    /// <summary>
    /// Stops in order: releases first, then a last anchor and whatever waits for the server, as far as it answers
    /// within <paramref name="timeout"/>.
    /// </summary>
    public async Task Stop(TimeSpan timeout)
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _following; // it alone adds loops
        await Task.WhenAll(_loops);
        foreach (var hosted in _environments.Values) await hosted.DisposeAsync();
        using var limit = new CancellationTokenSource(timeout, _parts.Time);
        try
        {
            await _parts.Outbox.SendAll(_parts.Link, limit.Token);
            await _parts.Link.Sync(TimeSpan.Zero, limit.Token);
            await Anchor(limit.Token);
        }
        catch (Exception e) when (e is LinkException or OperationCanceledException)
        {
            _server = new Faulted(e is LinkException link ? link.Fault : FaultCode.Unreachable, e.Message);
        }
        foreach (var hosted in _environments.Values) hosted.CloseLog();
    }

    public async ValueTask DisposeAsync()
    {
        await Stop(TimeSpan.FromSeconds(5));
        _stop.Dispose();
        _anchorNow.Dispose();
        _anchoring.Dispose();
    }
}
