using Stele.Proof;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>
/// One release running in its sandbox, reachable through one Unix socket and nothing else. Requests enter and leave;
/// once retired it takes no more, and is stopped when the last has left. Invariant: while <see cref="Trusted"/>, what
/// runs was found to be the release, and nothing has been seen since that says otherwise.
/// </summary>
sealed class Instance : IAsyncDisposable
{
    readonly RunningRelease _running;
    readonly object _gate = new();
    readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int _inside;
    bool _retired;
    volatile bool _trusted;

    Instance(Provisioned provisioned, RunningRelease running) => (Provisioned, _running) = (provisioned, running);

    public Provisioned Provisioned { get; }

    public Digest Release => Provisioned.Release.Digest;

    /// <summary>The command's process, as this machine numbers it.</summary>
    public int Pid => _running.Process.Pid;

    /// <summary>The init of its sandbox: bubblewrap, which reaps what the release leaves behind.</summary>
    public int Init => _running.Process.Init;

    /// <summary>Sends requests to the release. The host part of an address says nothing here.</summary>
    public HttpMessageInvoker Http => _running.Http;

    /// <summary>
    /// Whether requests may be let in: set once it was inspected, taken away at the first sign of drift.
    /// </summary>
    public bool Trusted { get => _trusted && !_running.Process.Exited.IsCompleted; set => _trusted = value; }

    /// <summary>Completes when nothing is left inside.</summary>
    public Task Exited => _running.Process.Exited;

    /// <summary>The last words, to find out why it would not start.</summary>
    public string Errors => _running.Process.Errors;

    /// <summary>Starts a release as a check does, and waits until it answers its health path.</summary>
    /// <exception cref="InstanceException">It did not start, or did not become healthy in time.</exception>
    public static async Task<Instance> Start(Provisioned provisioned, TimeSpan timeout, CancellationToken stop,
        Limits? limits = null)
    {
        try
        {
            return new Instance(provisioned, await RunningRelease.Start(provisioned.Tree.Directory,
                provisioned.Release.Digest, provisioned.Document.Run, timeout, limits, stop));
        }
        catch (Exception e) when (e is StartException or SandboxException)
        {
            throw new InstanceException(e is SandboxException { Hint: { } hint } ? $"{e.Message}; {hint}" : e.Message,
                e);
        }
    }

    public Task<bool> IsHealthy(CancellationToken stop) => _running.IsHealthy(stop);

    /// <summary>Lets one request in; false once retired.</summary>
    public bool TryEnter()
    {
        lock (_gate)
        {
            if (_retired) return false;
            _inside++;
            return true;
        }
    }

    public void Leave()
    {
        lock (_gate)
            if (--_inside == 0 && _retired) _drained.TrySetResult();
    }

    long _answers;

    /// <summary>How many requests it has answered: an instance that answers is alive, however long its health path
    /// takes.</summary>
    public long Answers => Interlocked.Read(ref _answers);

    public void Answered() => Interlocked.Increment(ref _answers);

    /// <summary>
    /// Lets nobody in any more, waits for those inside (up to <paramref name="timeout"/>), then asks the process to
    /// end, kills it after <paramref name="grace"/>, and removes its tree.
    /// </summary>
    public async Task Retire(TimeSpan timeout, TimeSpan grace, TimeProvider time)
    {
        lock (_gate)
        {
            _retired = true;
            if (_inside == 0) _drained.TrySetResult();
        }
        await Task.WhenAny(_drained.Task, _running.Process.Exited, Task.Delay(timeout, time));
        await _running.Process.Stop(grace);
        await DisposeAsync();
        Provisioned.Place.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        _trusted = false;
        await _running.DisposeAsync();
    }
}

/// <summary>A release that can't be run here, or not now.</summary>
sealed class InstanceException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>What differs from the release, by dimension and path; empty where that is not the reason.</summary>
    public IReadOnlyList<string> Differences { get; init; } = [];
}
