using System.Diagnostics;
using System.Net.Sockets;
using Stele.Disk;
using Stele.Runtime;

namespace Stele.Tests.Runtime;

/// <summary>
/// The product's own binary as a process that relays to an echo, and can be told to open all that it may: for what a
/// process without descriptors does. A startup hook makes it one.
/// </summary>
static class SeparateRelay
{
    public const string Variable = "STELE_TEST_RELAY";

    const int Workers = 16;

    /// <summary>Says "ready", "full" and "free", each when it is so; ends with its input.</summary>
    public static async Task Run(string path)
    {
        using var echo = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var behind = new UnixDomainSocketEndPoint(path + ".echo");
        echo.Bind(behind);
        echo.Listen(16);
        _ = Echo(echo);
        await using var relay = new SocketRelay(path, async stop =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(behind, stop);
            return socket;
        });
        // The runtime's own threads need descriptors to start, and start when they are first needed: timers, and as
        // many workers as the pool will have, all at once.
        await Task.Delay(50);
        ThreadPool.SetMinThreads(Workers, Workers);
        using (var all = new Barrier(Workers))
            await Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => Task.Run(all.SignalAndWait)));
        var held = new List<IDisposable>();
        Say("ready");
        while (await Console.In.ReadLineAsync() is { } order)
        {
            if (order == "fill")
                try
                {
                    while (true) held.Add(Libc.OpenNull());
                }
                catch (IOException e) when (DiskTrouble.LacksDescriptors(e)) { }
            else
            {
                foreach (var one in held) one.Dispose();
                held.Clear();
            }
            Say(order == "fill" ? "full" : "free");
        }
    }

    static void Say(string word)
    {
        Console.Out.WriteLine(word);
        Console.Out.Flush();
    }

    static async Task Echo(Socket listening)
    {
        while (true)
        {
            var accepted = await listening.AcceptAsync();
            _ = Task.Run(async () =>
            {
                using (accepted)
                {
                    var buffer = new byte[64];
                    for (int n; (n = await accepted.ReceiveAsync(buffer)) > 0;)
                        await accepted.SendAsync(buffer.AsMemory(0, n));
                }
            });
        }
    }

    public static Process Start(string path, int descriptors)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"ulimit -n {descriptors}; exec dotnet exec \"$0\"",
            Path.Combine(AppContext.BaseDirectory, "stele.dll")])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(SeparateRelay).Assembly.Location;
        start.Environment["DOTNET_TieredCompilation"] = "0";   // its thread may start at any time
        start.Environment[Variable] = path;
        return Process.Start(start)!;
    }
}

public sealed class SocketRelayTests
{
    static async Task<byte> Echoed(Socket client, byte value, int seconds)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var buffer = new[] { value };
        await client.SendAsync(buffer, limit.Token);
        Assert.Equal(1, await client.ReceiveAsync(buffer, limit.Token));
        return buffer[0];
    }

    static async Task<Socket> To(string path)
    {
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(path));
        return client;
    }

    /// <summary>
    /// Accepting ends when the relay is disposed of, not when the system has no descriptor for it. Explicit, as the
    /// runtime itself may end in that half a second: it needs descriptors to start threads.
    /// </summary>
    [Fact(Explicit = true)]
    public async Task It_goes_on_when_there_are_descriptors_again()
    {
        using var scratch = new Scratch();
        var path = scratch.At("relay");
        using var process = SeparateRelay.Start(path, 300);
        try
        {
            async Task Order(string? order, string answer)
            {
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
                if (order is not null) await process.StandardInput.WriteLineAsync(order);
                await process.StandardInput.FlushAsync(limit.Token);
                Assert.Equal(answer, await process.StandardOutput.ReadLineAsync(limit.Token));
            }

            await Order(null, "ready");
            await Order("fill", "full");   // once before, so that all it needs is loaded
            await Order("free", "free");
            using (var first = await To(path)) Assert.Equal(1, await Echoed(first, 1, 60));

            await Order("fill", "full");
            using var waiting = await To(path);   // the kernel takes it
            await Task.Delay(500, TestContext.Current.CancellationToken);
            Assert.Equal(0, waiting.Available);
            Assert.False(process.HasExited);
            await Order("free", "free");
            Assert.Equal(2, await Echoed(waiting, 2, 60));
            using var next = await To(path);
            Assert.Equal(3, await Echoed(next, 3, 60));
        }
        finally
        {
            process.StandardInput.Close();
            if (!process.WaitForExit(10_000)) process.Kill();
        }
    }
}
