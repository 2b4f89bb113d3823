using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Runtime;

enum StartError
{
    /// <summary>Its document names no command, or a socket that is not a name in /run.</summary>
    Unfit,
    /// <summary>It ended before it was healthy.</summary>
    Ended,
    /// <summary>It did not answer its health path with 200 in time.</summary>
    Unhealthy,
}

/// <summary>A release that can't be run here, or not now.</summary>
sealed class StartException(StartError error, string message) : Exception(message)
{
    public StartError Error { get; } = error;
}

/// <summary>
/// A release, running in its sandbox from its own tree, healthy when it was started, reached by its Unix socket alone.
/// Invariant: checks and hosts start a release by these lines and no others, and hand it nothing that says which of the
/// two it is in: the same arguments, environment, directory, mounts, limits, user, socket and health rule.
/// </summary>
sealed class RunningRelease : IAsyncDisposable
{
    /// <summary>
    /// What the process can read in its environment, and who looks from outside too: which release this is.
    /// </summary>
    public const string ReleaseVariable = "STELE_RELEASE";

    /// <summary>How long one answer to the health path may take.</summary>
    static readonly TimeSpan HealthAnswer = TimeSpan.FromSeconds(5);

    readonly RunTerms _run;
    readonly SafeFileHandle _socket;

    RunningRelease(SandboxProcess process, RunTerms run, SafeFileHandle socket, HttpMessageInvoker http) =>
        (Process, _run, _socket, Http) = (process, run, socket, http);

    public SandboxProcess Process { get; }

    /// <summary>Sends requests to the release. The host part of an address says nothing here.</summary>
    public HttpMessageInvoker Http { get; }

    /// <summary>The whole environment of a release: what its document declares, and its own name.</summary>
    public static ImmutableSortedDictionary<string, string> EnvironmentOf(Digest release, RunTerms run) =>
        run.Env.SetItem(ReleaseVariable, release.ToString());

    /// <summary>Starts a release and waits until it answers its health path with 200.</summary>
    /// <param name="tree">Its materialised tree, in a <see cref="TreePlace"/>.</param>
    /// <param name="limits">Null: the default, as everywhere but in tests of the limits.</param>
    /// <exception cref="StartException">It did not start, or did not become healthy in time.</exception>
    /// <exception cref="SandboxException">There is no sandbox for it.</exception>
    public static async Task<RunningRelease> Start(string tree, Digest release, RunTerms run, TimeSpan timeout,
        Limits? limits = null, CancellationToken stop = default)
    {
        if (run.Args.IsEmpty) throw new StartException(StartError.Unfit, "the release names no command");
        if (!run.Socket.StartsWith("/run/", StringComparison.Ordinal)
            || run.Socket[5..] is "" or "." or ".." or { Length: > 64 }
            || run.Socket[5..].Contains('/', StringComparison.Ordinal))
            throw new StartException(StartError.Unfit,
                $"the release listens on '{run.Socket}'; a socket is /run/ and a name");
        var process = await new Sandbox(tree, run.Args) { Env = EnvironmentOf(release, run), Directory = run.Directory,
            Tenant = release.ToString(), Limits = limits ?? Limits.Default }.Start(stop);
        try
        {
            using var patient = CancellationTokenSource.CreateLinkedTokenSource(stop);
            patient.CancelAfter(timeout);
            while (true)
            {
                if (process.Exited.IsCompleted) throw new StartException(StartError.Ended,
                    $"the release ended before it answered {run.Health}: {LastWords(process)}");
                // Opened again each time: until it is healthy, a service may remove its socket and bind another.
                if (TryOpen(process, run) is { } socket)
                {
                    var http = Over(socket);
                    if (await IsHealthy(http, run.Health, patient.Token)) return new RunningRelease(process, run,
                        socket, http);
                    http.Dispose();
                    socket.Dispose();
                }
                stop.ThrowIfCancellationRequested();
                if (patient.IsCancellationRequested)
                    throw new StartException(StartError.Unhealthy, string.Create(CultureInfo.InvariantCulture,
                        $"the release did not answer {run.Health} with 200 within {timeout.TotalSeconds:0} s: "
                        + $"{LastWords(process)}"));
                await Task.WhenAny(process.Exited, Task.Delay(20, CancellationToken.None));
            }
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    /// <exception cref="HttpRequestException">No descriptor is left to ask it with, which is no word on it.</exception>
    public Task<bool> IsHealthy(CancellationToken stop = default) => IsHealthy(Http, _run.Health, stop);

    /// <summary>
    /// Whether the name of the socket still leads to a socket. The release may give that name to anything else at any
    /// time.
    /// </summary>
    public bool HasSocket => TryOpen(Process, _run) is { } socket && Closed(socket);

    /// <summary>Opens one connection to the release.</summary>
    public ValueTask<Socket> Connect(CancellationToken stop) => Connect(_socket, stop);

    /// <summary>What it wrote to standard error, cut to the end.</summary>
    public static string LastWords(SandboxProcess process) => process.Errors.Trim() switch
    {
        "" => "it wrote nothing",
        { Length: > 400 } text => "…" + text[^400..],
        var text => text,
    };

    static async Task<bool> IsHealthy(HttpMessageInvoker http, string path, CancellationToken stop)
    {
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(HealthAnswer);
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri("http://release" + path));
            using var response = await http.SendAsync(request, limit.Token);
            return response.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or SocketException
                or OperationCanceledException
            && !DiskTrouble.LacksDescriptors(e))
        {
            return false;
        }
    }

    /// <summary>
    /// A handle on the release's socket, by the root of its sandbox: /run is a file system of its own in there and has
    /// no name outside. No link is followed: /run is a directory that the release can't replace, and the last name is
    /// opened as it is.
    /// </summary>
    static SafeFileHandle? TryOpen(SandboxProcess process, RunTerms run)
    {
        try
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Init}/root{run.Socket}");
            return Libc.StatOf(path) is { Type: NodeType.Special } ? Libc.OpenName(path) : null;
        }
        catch (IOException)
        {
            return null; // it was there a moment ago
        }
    }

    static bool Closed(SafeFileHandle handle)
    {
        handle.Dispose();
        return true;
    }

    /// <summary>HTTP over a Unix socket, without proxy, cookies or redirects.</summary>
    static HttpMessageInvoker Over(SafeFileHandle socket) => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, stop) => new NetworkStream(await Connect(socket, stop), ownsSocket: true),
        UseProxy = false, AllowAutoRedirect = false, UseCookies = false, ActivityHeadersPropagator = null,
            AutomaticDecompression = DecompressionMethods.None,
        PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30), MaxResponseHeadersLength = 32,
    });

    static async ValueTask<Socket> Connect(SafeFileHandle socket, CancellationToken stop)
    {
        var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await connection.ConnectAsync(new UnixDomainSocketEndPoint(
                string.Create(CultureInfo.InvariantCulture, $"/proc/self/fd/{socket.DangerousGetHandle()}")), stop);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Http.Dispose();
        _socket.Dispose();
    }
}
