using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Stele.Blobs;
using Stele.Control;
using Stele.Runtime;
using Stele.Tests.Gateway;
using Stele.Tests.Host;

namespace Stele.Tests.Whole;

/// <summary>
/// A process that may open few descriptors, and strangers in another process who hold more connections than that. It
/// lives, answers those it knows and those who come with a token, and goes on afterwards. The runtime itself ends
/// where it can't open one of its parts: so there must always be some left.
/// </summary>
public sealed class DescriptorTests(ITestOutputHelper output)
{
    /// <summary>
    /// What <c>python3</c> runs: <c>PORT COUNT SECONDS</c>: connections that say nothing, half of a request, or a whole
    /// one without a token; those that are closed are opened again.
    /// </summary>
    const string Script = """
        import resource, socket, sys, time
        port, count, end = int(sys.argv[1]), int(sys.argv[2]), time.monotonic() + float(sys.argv[3])
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        held, opened = {}, 0
        while time.monotonic() < end:
            for i in range(count):
                s = held.get(i)
                if s is not None:
                    try:
                        if s.recv(4096, socket.MSG_DONTWAIT) != b'': continue
                    except BlockingIOError: continue
                    except OSError: pass
                    s.close()
                s = socket.socket()
                s.settimeout(2)
                try:
                    s.connect(('127.0.0.1', port))
                    if i % 3 == 1: s.sendall(b'GET /log HTTP/1.1\r\nHo')
                    if i % 3 == 2: s.sendall(b'GET /log HTTP/1.1\r\nHost: localhost\r\n\r\n')
                    opened += 1
                except OSError: pass
                held[i] = s
                if time.monotonic() > end: break
            time.sleep(0.5)
        print(opened)
        """;

    static async Task<int> Strangers(int port, int count, double seconds)
    {
        var start = new ProcessStartInfo("python3", ["-c", Script, port.ToString(CultureInfo.InvariantCulture),
            count.ToString(CultureInfo.InvariantCulture), seconds.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return int.Parse(said, CultureInfo.InvariantCulture);
    }

    static int Open(int pid) => Directory.EnumerateFileSystemEntries($"/proc/{pid}/fd").Count();

    /// <summary>How often a new connection is tried. Until it has shown its token it is one of many strangers, and may
    /// be closed for the next of them.</summary>
    const int Tries = 10;

    /// <summary>Asks over one connection, and each fifth time over a new one; how often, and what went wrong.</summary>
    static async Task<(int Asked, List<string> Wrong, int Descriptors)> Ask(Up up, string token, CancellationToken stop)
    {
        var (asked, wrong, most) = (0, new List<string>(), 0);
        using var kept = Client(up, token);
        while (!stop.IsCancellationRequested)
        {
            most = Math.Max(most, Open(up.Pid));
            var again = asked % 5 == 4;
            string? why = null;
            for (var tries = again ? Tries : 1; tries > 0; tries--)
            {
                using var other = again ? Client(up, token) : null;
                why = await One(other ?? kept);
                if (why is null) break;
            }
            if (why is not null) wrong.Add($"{asked}{(again ? " on a new connection" : "")}: {why}");
            asked++;
            await Task.Delay(50, CancellationToken.None);
        }
        return (asked, wrong, most);
    }

    static async Task<string?> One(HttpClient client)
    {
        try
        {
            using var answer = await client.GetAsync("log?count=1", CancellationToken.None);
            return answer.StatusCode == HttpStatusCode.OK ? null
                : $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(CancellationToken.None)}";
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return e.GetBaseException().Message;
        }
    }

    static HttpClient Client(Up up, string token)
    {
        var client = new HttpClient { BaseAddress = up.Server, Timeout = TimeSpan.FromSeconds(30) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    async Task Bears(int descriptors, int sockets, double seconds, bool node)
    {
        Assert.SkipUnless((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d =>
            File.Exists(Path.Combine(d, "python3"))), "python3 is not installed: apt-get install python3");
        if (node) Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        using var scratch = new Scratch();
        var (data, home) = (scratch.At("data"), scratch.At("home"));
        await Programs.Say(home, "init", "--data", data);
        string[] only = node ? ["--gateway-port", "0"] : ["--only", "server"];
        await using var up = await Up.StartWith(descriptors, data, home, ["--port", "0", .. only]);
        var token = Cli.Home.Open(home).Token!;
        using var server = new ServerClient(up.Server, token);
        await server.Put("before"u8.ToArray());
        var ports = node ? new[] { up.Server.Port, up.Gateway.Port } : [up.Server.Port];
        using var stop = new CancellationTokenSource();
        var asking = Task.Run(() => Ask(up, token, stop.Token));
        var attack = Task.WhenAll(ports.Select(port => Strangers(port, sockets / ports.Length, seconds)));
        await Task.Delay(TimeSpan.FromSeconds(seconds / 2));
        // What writes files goes on too.
        for (var tries = 1; ; tries++)
        {
            var ran = await Programs.Cli(home, "system", "add", "meanwhile", "--env", "prod", "--stale-after", "1h");
            if (ran.Code == 0) break;
            Assert.True(tries < Tries, ran.Error);
        }
        var blob = await server.Put("meanwhile"u8.ToArray());
        var opened = await attack;
        await stop.CancelAsync();
        var (asked, wrong, most) = await asking;
        output.WriteLine($"{string.Join(" and ", opened)} connections of strangers, {most} of {descriptors} "
            + $"descriptors, {asked} asked, {wrong.Count} wrong");
        Assert.All(opened, n => Assert.True(n >= sockets / ports.Length, "fewer strangers came than were to"));
        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Take(10)));
        // Invariant: some are left, anyone who comes.
        Assert.InRange(most, 1, descriptors - 16);
        Assert.Equal("meanwhile"u8.ToArray(), await server.Read(blob, 100));
        await Programs.Say(home, "system", "add", "after", "--env", "prod", "--stale-after", "1h");
        var (code, said) = await up.Stop();
        Assert.Equal(0, code);
        // That newcomers had to wait may be said, and nothing else was the matter.
        Assert.All(said.Split('\n', StringSplitOptions.RemoveEmptyEntries), line =>
            Assert.Matches("^(server|node): (no longer )?descriptors(: |$)", line));
        output.WriteLine(said);
        Assert.Empty((await Programs.Say(home, "fsck", "--data", data))["violations"].AsArray);
    }

    [Fact]
    public Task A_server_with_few_descriptors_answers_those_it_knows() => Bears(300, 700, 5, node: false);

    [Fact]
    public Task Server_and_node_with_few_descriptors_answer_those_they_know() => Bears(512, 1200, 5, node: true);

    [Fact(Explicit = true)]
    public Task Silent_sockets_beyond_3000_descriptors_end_nothing() => Bears(3000, 3600, 60, node: true);

    /// <summary>
    /// No descriptor at all is left to a node for some seconds: it says what it could not look at, and goes on.
    /// Explicit, as the runtime itself may end meanwhile: it needs descriptors to start threads.
    /// </summary>
    [Fact(Explicit = true)]
    public async Task A_node_that_may_open_nothing_says_so_and_goes_on()
    {
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        await h.StopNode();
        await using var node = new SeparateNode(h);
        node.Start();
        string Said()
        {
            lock (node.Errors) return node.Errors.ToString();
        }
        async Task<bool> Answers()
        {
            try
            {
                using var http = new HttpClient();
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", h.Token);
                using var sent = new StringContent("{}", System.Text.Encoding.UTF8, "application/json");
                using var answer = await http.PostAsync(
                    new Uri(node.Address, $"{Hamlet.System}/{Hamlet.Prod}/say"), sent);
                return answer.IsSuccessStatusCode;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
        await RestartTests.Eventually(Answers);
        for (var n = 0; n < 50; n++) Assert.True(await Answers());   // so that all it needs is loaded
        await Task.Delay(TimeSpan.FromSeconds(5));
        async Task MayOpen(string soft) => (await Programs.Run("prlimit",
            ["--pid", node.Pid.ToString(CultureInfo.InvariantCulture), $"--nofile={soft}:"])).Succeeded();
        await MayOpen("3");
        await Task.Delay(TimeSpan.FromSeconds(6));
        await MayOpen("3000");
        await RestartTests.Eventually(Answers);
        Assert.Matches("node: descriptors: (release [0-9a-f]{12} was not |of [0-9]+ descriptors)", Said());
        await RestartTests.Eventually(() => Task.FromResult(Said().Contains("node: no longer descriptors",
            StringComparison.Ordinal)));
        await node.Stop();
    }

    [Theory, InlineData(255, "--only", "server"), InlineData(511, "--port", "0")]
    public async Task Too_few_are_said_before_anything_is_written(int descriptors, string option, string value)
    {
        if (option == "--port") Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed");
        using var scratch = new Scratch();
        var ran = await Programs.Run("/bin/sh", [.. Up.Few(descriptors), "up", "--data", scratch.At("data"), "--home",
            scratch.At("home"), option, value]);
        Assert.Equal(1, ran.Code);
        Assert.StartsWith($"stele: error: this process may have {descriptors} files and connections open, and needs "
            + $"{descriptors + 1} at least\nstele: hint: raise the limit", ran.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(scratch.At("data")));
    }
}
