using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Stele.Bench;

/// <summary>
/// What commands and starts cost as the ledger grows: ledgers of 10³ to 10⁶ statements (<see cref="Year"/>), a server
/// on each, and a home whose copy is warm. Each is held against the same on the smallest ledger. What is folded from
/// the first entry (a server that never ran, a home without a copy) is measured once, as the ledgers are made ready.
/// <c>STELE_BENCH_SIZES</c> chooses others than 10³,10⁴,10⁵,10⁶; <c>STELE_BEFORE</c> names another build's program, to
/// be measured beside this one.
/// </summary>
static class GrowthBench
{
    static readonly (string Name, string[] Arguments)[] Commands =
    [
        ("status", ["status"]), ("log list --last 5", ["log", "list", "--last", "5"]),
        ("trace of a release", ["trace", "v2"]), ("verdict", ["verdict", "37"]),
    ];

    public static async Task<Rounds> Make(Scratch scratch, string root, Action<string> progress)
    {
        int[] sizes = [.. (Environment.GetEnvironmentVariable("STELE_BENCH_SIZES") ?? "1000,10000,100000,1000000")
            .Split(',').Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
        var programs = new List<(string Name, string Path)>
        {
            ("", Path.Combine(root, "out", "run", "stele")),
        };
        if (Environment.GetEnvironmentVariable("STELE_BEFORE") is { } before) programs.Add((" (before)", before));
        var sites = new List<Site>();
        var rounds = new Rounds("growth", $"ledgers as a node makes them ({Year.Mix})")
        {
            Budget = TimeSpan.FromMinutes(5),
            End = async () =>
            {
                foreach (var site in sites) await site.DisposeAsync();
            },
        };
        foreach (var (build, program) in programs)
            foreach (var size in build.Length > 0 ? sizes.Where(s => s <= 10_000) : sizes)
            {
                var port = FreePort();
                var year = await Year.Make(scratch.Next(), size, port, progress);
                var site = new Site(year, program, port);
                sites.Add(site);
                var first = await site.Start();
                var cold = await site.Command("status");
                var at = size.ToString("N0", CultureInfo.InvariantCulture) + build;
                var least = sizes[0].ToString("N0", CultureInfo.InvariantCulture) + build;
                string? Limit(string what) => size == sizes[0] ? null : $"{what} at {least}";
                rounds.Add($"first start of a server, folding at {at}", "CPU s", null, () => Task.FromResult(
                    first.Sample));
                rounds.Add($"first command of a home, folding at {at}", "CPU s", null, () => Task.FromResult(
                    cold.Sample));
                rounds.Add($"server start at {at}", "CPU s", Limit("server start"), async () =>
                {
                    await site.Stop();
                    var start = await site.Start();
                    return new(start.Cpu, ("peak MiB", start.Peak), ("wall s", start.Wall),
                        ("RSS MiB", start.Resident));
                });
                foreach (var (name, arguments) in Commands)
                    rounds.Add($"{name} at {at}", "CPU s", Limit(name),
                        async () => (await site.Command(arguments)).Sample);
            }
        return rounds;
    }

    static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>A server's folder and a home, and the server while it runs.</summary>
    sealed class Site(Year year, string program, int port) : IAsyncDisposable
    {
        Process? _server;

        public async Task<Measured> Start()
        {
            _server = Process.Start(new ProcessStartInfo(program, ["up", "--only", "server", "--data", year.Data,
                "--home", year.Home, "--port", port.ToString(CultureInfo.InvariantCulture)])
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            var (said, errors) = (_server.StandardOutput.ReadToEndAsync(), _server.StandardError.ReadToEndAsync());
            using var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
            for (var began = Stopwatch.GetTimestamp(); ;)
            {
                if (_server.HasExited)
                    throw new InvalidOperationException($"the server ended: {await said}{await errors}");
                try
                {
                    if ((await client.GetAsync("/healthz")).IsSuccessStatusCode) return Measured.Now(_server);
                }
                catch (HttpRequestException) when (Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(20)) { }
                await Task.Delay(20);
            }
        }

        public async Task Stop()
        {
            if (_server is null) return;
            Process.Start("kill", ["-TERM", _server.Id.ToString(CultureInfo.InvariantCulture)]).WaitForExit();
            await _server.WaitForExitAsync();
            _server.Dispose();
            _server = null;
        }

        public Task<Measured> Command(params IEnumerable<string> arguments) =>
            Measured.Of(program, [.. arguments, "--home", year.Home]);

        public async ValueTask DisposeAsync() => await Stop();
    }
}
