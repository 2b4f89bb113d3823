using System.Collections.Immutable;
using System.Globalization;
using System.Net.Http;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Stele.Build;
using Stele.Disk;
using Stele.Proof;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>
/// One release running in its sandbox, reachable through one Unix socket and nothing else. Requests enter and leave; once retired it takes no more, and is stopped when the last has left.
/// Invariant: while <see cref="Trusted"/>, what runs was found to be the release, and nothing has been seen since that says otherwise.
/// </summary>
sealed class Instance : IAsyncDisposable
{
    /// <summary>What the process can read in /proc, and who looks from outside too: which release this is.</summary>
    public const string ReleaseVariable = "STELE_RELEASE";

    readonly SandboxProcess _process;
    readonly SafeFileHandle _socket;
    readonly string _run;
    readonly object _gate = new();
    readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    int _inside;
    bool _retired;
    volatile bool _trusted;

    Instance(Provisioned provisioned, SandboxProcess process, SafeFileHandle socket, HttpMessageInvoker http, string run) =>
        (Provisioned, _process, _socket, Http, _run) = (provisioned, process, socket, http, run);

    public Provisioned Provisioned { get; }

    public Digest Release => Provisioned.Release.Digest;

    /// <summary>The command's process, as this machine numbers it.</summary>
    public int Pid => _process.Pid;

    /// <summary>Sends requests to the release. The host part of an address says nothing here.</summary>
    public HttpMessageInvoker Http { get; }

    /// <summary>Whether requests may be let in: set once it was inspected, taken away at the first sign of drift.</summary>
    public bool Trusted { get => _trusted && !_process.Exited.IsCompleted; set => _trusted = value; }

    /// <summary>Completes when nothing is left inside.</summary>
    public Task Exited => _process.Exited;

    /// <summary>The last words, for whoever must find out why it would not start.</summary>
    public string Errors => _process.Errors;

    /// <summary>The whole environment of a release: what its document declares, and its own name.</summary>
    public static ImmutableSortedDictionary<string, string> EnvironmentOf(Provisioned provisioned) =>
        provisioned.Document.Run.Env.SetItem(ReleaseVariable, provisioned.Release.Digest.ToString());

    /// <summary>Starts a release and waits until it answers its health path.</summary>
    /// <param name="run">A host directory to be made, and to be its /run.</param>
    /// <exception cref="InstanceException">It did not start, or did not become healthy in time.</exception>
    public static async Task<Instance> Start(Provisioned provisioned, string run, TimeSpan patience, TimeProvider time, CancellationToken stop)
    {
        var terms = provisioned.Document.Run;
        if (!terms.Socket.StartsWith("/run/", StringComparison.Ordinal) || terms.Socket[5..].Contains('/', StringComparison.Ordinal) || terms.Socket.Length is 5 or > 64)
            throw new InstanceException($"the release listens on '{terms.Socket}'; a socket is /run/ and a name");
        if (terms.Args.IsEmpty) throw new InstanceException("the release names no command");
        SandboxProcess process;
        try
        {
            Files.CreateDirectory(run, secret: true);
            process = await new Sandbox(provisioned.Tree.Directory, terms.Args) { Env = EnvironmentOf(provisioned), Directory = terms.Directory, RunDirectory = run }.Start(stop);
        }
        catch (SandboxException e)
        {
            throw new InstanceException(e.Message, e);
        }
        try
        {
            using var patient = new CancellationTokenSource(patience, time);
            using var both = CancellationTokenSource.CreateLinkedTokenSource(patient.Token, stop);
            var path = Path.Combine(run, terms.Socket[5..]);
            while (true)
            {
                if (process.Exited.IsCompleted) throw new InstanceException($"the release ended before it was healthy: {Last(process.Errors)}");
                // Opened anew each time: until it is healthy, a service may remove its socket and bind another.
                if (TryOpen(path) is { } socket)
                {
                    var http = Over(socket);
                    if (await IsHealthy(http, terms.Health, both.Token)) return new Instance(provisioned, process, socket, http, run);
                    http.Dispose();
                    socket.Dispose();
                }
                stop.ThrowIfCancellationRequested();
                if (patient.IsCancellationRequested) throw new InstanceException(string.Create(CultureInfo.InvariantCulture, $"the release did not answer {terms.Health} with 200 within {patience.TotalSeconds:0} s: {Last(process.Errors)}"));
                await Task.Delay(TimeSpan.FromMilliseconds(20), time, stop);
            }
        }
        catch
        {
            await process.DisposeAsync();
            Files.Discard(run);
            throw;
        }

        static string Last(string errors) => errors.Length == 0 ? "it wrote nothing" : errors.Trim() is { Length: > 400 } text ? "…" + text[^400..] : errors.Trim();
    }

    public Task<bool> IsHealthy(CancellationToken stop) => IsHealthy(Http, Provisioned.Document.Run.Health, stop);

    static async Task<bool> IsHealthy(HttpMessageInvoker http, string path, CancellationToken stop)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(TimeSpan.FromSeconds(5));
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("http://release" + path));
            using var response = await http.SendAsync(request, limit.Token);
            return (int)response.StatusCode == 200;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException or OperationCanceledException)
        {
            return false;
        }
    }

    static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return File.Exists(path) ? Libc.OpenName(path) : null;
        }
        catch (IOException)
        {
            return null; // it was there a moment ago
        }
    }

    static HttpMessageInvoker Over(SafeFileHandle socket) => new(new SocketsHttpHandler
    {
        ConnectCallback = (_, stop) => Connect(socket, stop),
        UseProxy = false, AllowAutoRedirect = false, UseCookies = false, ActivityHeadersPropagator = null, AutomaticDecompression = System.Net.DecompressionMethods.None,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30), MaxResponseHeadersLength = 32,
    });

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
    /// Lets nobody in any more, waits for those inside (up to <paramref name="patience"/>), then asks the process to
    /// end, kills it after <paramref name="grace"/>, and removes its tree.
    /// </summary>
    public async Task Retire(TimeSpan patience, TimeSpan grace, TimeProvider time)
    {
        lock (_gate)
        {
            _retired = true;
            if (_inside == 0) _drained.TrySetResult();
        }
        await Task.WhenAny(_drained.Task, _process.Exited, Task.Delay(patience, time));
        await _process.Stop(grace);
        await DisposeAsync();
        Provision.Remove(Provisioned);
    }

    static async ValueTask<Stream> Connect(SafeFileHandle socket, CancellationToken stop)
    {
        var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await connection.ConnectAsync(new UnixDomainSocketEndPoint(string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{socket.DangerousGetHandle()}")), stop);
            return new NetworkStream(connection, ownsSocket: true);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _trusted = false;
        await _process.DisposeAsync();
        Http.Dispose();
        _socket.Dispose();
        Files.Discard(_run);
    }
}

/// <summary>A release that can't be run here, or not now.</summary>
sealed class InstanceException(string message, Exception? cause = null) : Exception(message, cause)
{
    /// <summary>What differs from the release, by dimension and path; empty where that is not the reason.</summary>
    public IReadOnlyList<string> Differences { get; init; } = [];
}
