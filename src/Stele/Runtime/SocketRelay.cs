using System.Net.Sockets;
using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// A socket of the host that leads to a release's own: what a check is given, as the release's /run is in no folder
/// that could be mounted elsewhere. Bytes go through as they come, each direction for itself.
/// </summary>
sealed class SocketRelay : IAsyncDisposable
{
    /// <summary>How many connections are open at once; more wait in the listening socket's queue.</summary>
    const int MostConnections = 256;

    readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    readonly CancellationTokenSource _stop = new();
    readonly SemaphoreSlim _room = new(MostConnections);
    /// <summary>How long to wait where the system would not accept, as when no descriptor is left.</summary>
    static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    readonly Task _accepting;

    /// <param name="path">Where to listen, in a folder that nobody else may enter; nothing has that name yet.</param>
    /// <param name="connect">Opens one connection to the release.</param>
    public SocketRelay(string path, Func<CancellationToken, ValueTask<Socket>> connect)
    {
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(512);
        WorkArea.Open(path);
        _accepting = Accept(connect);
    }

    /// <summary>Invariant: it ends when the relay is disposed of, and never otherwise.</summary>
    async Task Accept(Func<CancellationToken, ValueTask<Socket>> connect)
    {
        var stop = _stop.Token;
        try
        {
            while (true)
            {
                await _room.WaitAsync(stop);
                Socket asked;
                try
                {
                    asked = await _listener.AcceptAsync(stop);
                }
                catch (SocketException)
                {
                    _room.Release();
                    await Task.Delay(Pause, stop);
                    continue;
                }
                _ = Serve(asked, connect, stop);
            }
        }
        catch (Exception e) when (stop.IsCancellationRequested
            && e is OperationCanceledException or ObjectDisposedException) { }
    }

    async Task Serve(Socket asked, Func<CancellationToken, ValueTask<Socket>> connect, CancellationToken stop)
    {
        using (asked)
        {
            try
            {
                using var release = await connect(stop);
                await Task.WhenAll(Copy(asked, release, stop), Copy(release, asked, stop));
            }
            // the asker sees it closed
            catch (Exception e) when (e is OperationCanceledException or SocketException or IOException
                or ObjectDisposedException) { }
            finally
            {
                _room.Release();
            }
        }
    }

    static async Task Copy(Socket from, Socket to, CancellationToken stop)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            for (int n; (n = await from.ReceiveAsync(buffer, stop)) > 0;)
                for (var sent = 0; sent < n;) sent += await to.SendAsync(buffer.AsMemory(sent, n - sent), stop);
            to.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // One side is gone: the other is told, and the copy in the other direction ends too.
            from.Dispose();
            to.Dispose();
        }
        catch (ObjectDisposedException) { }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _stop.Dispose();
    }
}
