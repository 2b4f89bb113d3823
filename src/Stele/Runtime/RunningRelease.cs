using System.Net.Sockets;
using Stele.Disk;
using Stele.Proof.Statements;

namespace Stele.Runtime;

/// <summary>A release, running in its sandbox from its own tree, reached by its Unix socket alone. Used by checks and by hosts: what was checked and what runs are started by the same lines.</summary>
sealed class RunningRelease : IAsyncDisposable
{
    readonly RunTerms _run;

    /// <summary>The socket's name as the host sees it. The release may give that name to anything else at any time, a link to a file of the host too.</summary>
    readonly string _socket;
    readonly HttpClient _http;

    RunningRelease(SandboxProcess process, RunTerms run, string socket)
    {
        (Process, _run, _socket) = (process, run, socket);
        _http = Client(socket);
    }

    public SandboxProcess Process { get; }

    /// <summary>Gives the socket a second name, where the release can't reach it.</summary>
    /// <returns>False when what has the socket's name now is none.</returns>
    public bool LinkSocket(string path) => Libc.TryLink(_socket, path) && Libc.StatOf(path) is { Type: NodeType.Special };

    /// <param name="tree">The release's materialised tree.</param>
    /// <param name="runDirectory">A directory of the host, which is /run inside.</param>
    public static async Task<RunningRelease> Start(string tree, RunTerms run, string runDirectory, CancellationToken stop = default)
    {
        var socket = Path.Combine(runDirectory, run.Socket["/run/".Length..]);
        var process = await new Sandbox(tree, run.Args) { Env = run.Env, Directory = run.Directory, RunDirectory = runDirectory }.Start(stop);
        return new RunningRelease(process, run, socket);
    }

    /// <summary>Waits until the health path answers 200. False when the time is over or the process has ended; <see cref="SandboxProcess.Errors"/> may say why.</summary>
    public async Task<bool> BecameHealthy(TimeSpan patience, CancellationToken stop = default)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        over.CancelAfter(patience);
        while (!over.IsCancellationRequested && !Process.Exited.IsCompleted)
        {
            if (await IsHealthy(over.Token)) return true;
            await Task.WhenAny(Process.Exited, Task.Delay(20, CancellationToken.None));
        }
        stop.ThrowIfCancellationRequested();
        return false;
    }

    public async Task<bool> IsHealthy(CancellationToken stop = default)
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("http://release" + _run.Health), stop);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            return false;
        }
    }

    /// <summary>HTTP over a Unix socket, without proxy, cookies or redirects.</summary>
    public static HttpClient Client(string socket) => new(new SocketsHttpHandler
    {
        UseProxy = false, UseCookies = false, AllowAutoRedirect = false,
        ConnectCallback = async (_, stop) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                using var name = Libc.OpenName(socket);   // no link is followed
                await connection.ConnectAsync(new UnixDomainSocketEndPoint($"/proc/self/fd/{(int)name.DangerousGetHandle()}"), stop);
                return new NetworkStream(connection, ownsSocket: true);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        },
    });

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Process.DisposeAsync();
    }
}
