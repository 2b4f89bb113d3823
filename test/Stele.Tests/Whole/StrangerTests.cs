using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Control;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Tests.Gateway;
using Stele.Tests.Host;

namespace Stele.Tests.Whole;

/// <summary>
/// Hostile clients, from processes of their own, against a server and a gateway that are processes of their own: idle
/// sockets, half bodies, bodies of empty objects, floods of requests without a token, readers that do not read.
/// Meanwhile a legitimate client asks twenty times a second over connections that it keeps, and a newcomer four times a
/// second over a new one each: to the server, a signed statement, as an order to halt is. The process lives, both are
/// answered in time, memory is given back.
/// </summary>
public sealed class StrangerTests(ITestOutputHelper output)
{
    /// <summary>
    /// What <c>python3</c> runs: <c>PART PORT TOKEN REQUEST-LINE COUNT SECONDS BYTES</c>; it says what it saw, one
    /// line.
    /// </summary>
    const string Client = """
        import resource, socket, sys, threading, time, collections
        part, port, token, line, count, seconds, size = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5]), float(sys.argv[6]), int(sys.argv[7])
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if part != 'flood': count = min(count, hard - 64)
        end = time.monotonic() + seconds
        seen = collections.Counter()
        def open_(small=False):
            s = socket.socket()
            if small: s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.settimeout(20)
            s.connect(('127.0.0.1', port))
            return s
        def head(more, known=True):
            return (line + ' HTTP/1.1\r\nHost: localhost\r\n' + ('Authorization: Bearer ' + token + '\r\n' if known else '') + more + '\r\n').encode()
        def answer(s):
            try:
                b = s.recv(64)
                seen[b[9:12].decode() or 'closed'] += 1
            except OSError as e: seen[type(e).__name__] += 1
        held = []
        def hold(make):
            for _ in range(count):
                if time.monotonic() > end + 30: break
                try: held.append(make())
                except OSError as e: seen[type(e).__name__] += 1
            time.sleep(max(0, end - time.monotonic()))
        if part == 'idle':
            hold(open_)
        elif part == 'half':
            def half():
                s = open_(); s.sendall(head('Content-Type: application/json\r\nContent-Length: 1000000\r\n') + b'[' + b'1,' * 500); return s
            hold(half)
        elif part == 'objects':
            body = b'[' + b'{},' * ((size - 4) // 3) + b'{}]' if size else b''
            def send():
                try:
                    s = open_(); s.sendall(head('Content-Type: application/json\r\nContent-Length: %d\r\n' % len(body)) + body)
                except OSError: pass
                answer(s)
            threads = [threading.Thread(target=send) for _ in range(count)]
            for t in threads: t.start()
            for t in threads: t.join()
        elif part == 'flood':
            batch = head('', False) * 50
            def flood(n):
                s = None
                while n > 0:
                    try:
                        if s is None: s = open_(); got = 0
                        s.sendall(batch)
                        want = 50
                        while want > 0:
                            b = s.recv(1 << 20)
                            if not b: raise OSError()
                            want -= b.count(b'HTTP/1.1 401')
                        seen['401'] += 50; n -= 50
                    except OSError as e:
                        seen[type(e).__name__] += 1; n -= 50; s = None
            threads = [threading.Thread(target=flood, args=(count // 4,)) for _ in range(4)]
            for t in threads: t.start()
            for t in threads: t.join()
        elif part == 'slow':
            text = b'{"x":"' + b'x' * 900000 + b'"}'
            more = 'Content-Type: application/json\r\nContent-Length: %d\r\n' % len(text) if line.startswith('POST') else ''
            def slow():
                s = open_(True); s.sendall(head(more) + (text if more else b'')); time.sleep(0.1); return s
            hold(slow)
            for s in held: answer(s)
        print(part, len(held), dict(seen))
        """;

    /// <param name="Token">The legitimate client's.</param>
    /// <param name="Other">The strangers': a tenant's, who may ask as the client may.</param>
    /// <param name="Line">What the legitimate client asks for.</param>
    /// <param name="New">What the newcomer asks for; null: the same.</param>
    sealed record Target(int Pid, Uri Address, string Token, string Other, string Line, string? Body,
        (string Line, string Body)? New = null);

    /// <summary>What is done to a target while the legitimate client asks.</summary>
    /// <param name="Part">Of the script; "calm": nothing, to compare with.</param>
    /// <param name="Line">What strangers ask for.</param>
    /// <param name="Bytes">Of empty objects in a body.</param>
    sealed record Attack(string Part, int Count, double Seconds, string Line, int Bytes = 1 << 20);

    static long Rss(int pid)
    {
        foreach (var line in File.ReadLines($"/proc/{pid}/status"))
            if (line.StartsWith("VmRSS:", StringComparison.Ordinal))
                return long.Parse(line[6..].Replace("kB", "", StringComparison.Ordinal).Trim(),
                CultureInfo.InvariantCulture) >> 10;
        return 0;
    }

    /// <summary>Half of an attack, by a process of its own.</summary>
    static async Task<string> Half(Target target, Attack attack)
    {
        string[] arguments = ["-c", Client, attack.Part, Text(target.Address.Port), target.Other, attack.Line,
            Text(attack.Count / 2), Text(attack.Seconds), Text(attack.Bytes)];
        var script = new ProcessStartInfo("python3", arguments)
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var process = Process.Start(script)!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        return $"{said[0].Trim()}{said[1]}";
    }

    static string Text(double number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>
    /// Asks twenty times a second until it is stopped: how long each took, in milliseconds; what went wrong.
    /// </summary>
    /// <param name="fresh">
    /// Four times, each over a new connection; which is a stranger's until the token is read, may be closed for
    /// another's, and is tried again then. All tries count.
    /// </param>
    static async Task<(List<double> Took, List<string> Wrong)> Ask(Target target, CancellationToken stop,
        bool fresh = false)
    {
        var (line, sent) = fresh && target.New is { } its ? its : (target.Line, target.Body);
        using var http = new HttpClient { BaseAddress = target.Address, Timeout = TimeSpan.FromSeconds(30) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", target.Token);
        http.DefaultRequestHeaders.ConnectionClose = fresh;
        var (took, wrong, asked) = (new List<double>(), new List<string>(), new List<Task>());
        async Task One()
        {
            var began = Stopwatch.GetTimestamp();
            while (await Try() is { } failed)
                if (!fresh || Stopwatch.GetElapsedTime(began) > http.Timeout)
                {
                    lock (wrong) wrong.Add(failed);
                    break;
                }
                else await Task.Delay(20, CancellationToken.None);
            lock (took) took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
        async Task<string?> Try()
        {
            try
            {
                var words = line.Split(' ');
                using var request = new HttpRequestMessage(new HttpMethod(words[0]), words[1]);
                if (sent is { } body) request.Content = new StringContent(body, Encoding.UTF8,
                    "application/json");
                using var answer = await http.SendAsync(request, CancellationToken.None);
                var text = await answer.Content.ReadAsStringAsync(CancellationToken.None);
                return answer.StatusCode == HttpStatusCode.OK ? null : $"{(int)answer.StatusCode} {text}";
            }
            catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
            {
                return e.GetBaseException().Message;
            }
        }
        using var beat = new PeriodicTimer(TimeSpan.FromMilliseconds(fresh ? 250 : 50));
        while (!stop.IsCancellationRequested)
        {
            asked.Add(One());
            await beat.WaitForNextTickAsync(CancellationToken.None);
        }
        await Task.WhenAll(asked);
        return (took, wrong);
    }

    async Task Bears(Target target, double most, Attack[] attacks, bool whole)
    {
        Assert.SkipUnless((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(d =>
            File.Exists(Path.Combine(d, "python3"))), "python3 is not installed: apt-get install python3");
        // Warm, so that what is compared is not the first use of everything.
        using (var warm = new CancellationTokenSource(TimeSpan.FromSeconds(2))) Assert.Empty(
            (await Ask(target, warm.Token)).Wrong);
        var before = Rss(target.Pid);
        var all = new List<double>();
        var late = new List<string>();
        foreach (var attack in attacks)
        {
            var began = Stopwatch.GetTimestamp();
            using var stop = new CancellationTokenSource();
            var asking = Task.Run(() => Ask(target, stop.Token));
            var coming = Task.Run(() => Ask(target, stop.Token, fresh: true));
            var peak = before;
            using var watch = new Timer(_ => peak = Math.Max(peak, Rss(target.Pid)), null, 0, 50);
            // From two processes.
            var said = attack.Part == Calm ? [] : await Task.WhenAll(Half(target, attack), Half(target, attack));
            var until = Stopwatch.GetElapsedTime(began);
            // enough to be counted
            if (until < TimeSpan.FromSeconds(5)) await Task.Delay(TimeSpan.FromSeconds(5) - until);
            await stop.CancelAsync();
            var (took, wrong) = await asking;
            var (came, failed) = await coming;
            took.Sort();
            came.Sort();
            var (p99, new99) = (took[(int)(took.Count * 0.99)], came[(int)(came.Count * 0.99)]);
            var after = Rss(target.Pid);
            for (var tries = 0; after > before + 100 && tries < 120; tries++)
            {
                await Task.Delay(1000);
                after = Rss(target.Pid);
            }
            output.WriteLine(
                $"{attack.Part,-8} {attack.Count,7} {attack.Line.Split(' ')[0],-4} p50 {took[took.Count / 2],3:0} ms, "
                + $"p99 {p99,4:0} ms, worst {took[^1],4:0} ms of {took.Count}; new p50 {came[came.Count / 2],4:0} ms, "
                + $"p99 {new99,4:0} ms, worst {came[^1],4:0} ms of {came.Count}; RSS {before} → {peak} → {after} MiB; "
                + $"{string.Join("; ", said)}; {wrong.Count} wrong {wrong.FirstOrDefault()}; "
                + $"{failed.Count} new wrong {failed.FirstOrDefault()}");
            Assert.Empty(wrong);
            Assert.Empty(failed);
            all.AddRange(took);
            if (p99 > most) late.Add($"{attack.Part}: p99 {p99:0} ms");
            if (new99 > MostNew) late.Add($"{attack.Part}: p99 of newcomers {new99:0} ms");
            Assert.True(after <= before + 100, $"{attack.Part}: RSS was {before} MiB and is {after}");
        }
        all.Sort();
        output.WriteLine($"all: p50 {all[all.Count / 2]:0} ms, p99 {all[(int)(all.Count * 0.99)]:0} ms of {all.Count}");
        // Where all tests run at once, the worst few of some hundred say more of the machine than of the program.
        if (whole) Assert.Empty(late);
        else Assert.True(all[all.Count / 2] <= most, $"p50 is {all[all.Count / 2]:0} ms");
    }

    const string Calm = "calm";

    /// <summary>As many as descriptors allow, or a few of each.</summary>
    static Attack[] Attacks(bool whole, string line, string posts, string large, params Attack[] more)
    {
        Attack[] all =
        [
            new(Calm, 0, 0, line), new("idle", 18_000, 15, line), new("half", 3000, 15, posts),
            new("objects", 60, 0, posts), .. more, new("flood", 400_000, 0, line), new("slow", 300, 15, large),
            new(Calm, 0, 0, line),
        ];
        return whole ? all : [.. all.Where(a => a.Part != Calm).Select(a => a with
        {
            Count = Math.Max(10, a.Count / (a.Part == "flood" ? 100 : 15)), Seconds = Math.Min(1, a.Seconds),
        })];
    }

    /// <summary>The goal is 250 ms for the 99th of a hundred; tests bound times at five times the goal.</summary>
    const double Most = 5 * 250;

    /// <summary>The goal for a newcomer is that of an order to halt: 2 s.</summary>
    const double MostNew = 5 * 2000;

    [Fact]
    public Task A_gateway_bears_a_few() => Gateway(whole: false);

    [Fact(Explicit = true)]
    public Task A_gateway_bears_as_many_as_descriptors_allow() => Gateway(whole: true);

    [Fact]
    public Task A_server_bears_a_few() => Server(whole: false);

    [Fact(Explicit = true)]
    public Task A_server_bears_as_many_as_descriptors_allow() => Server(whole: true);

    async Task Gateway(bool whole)
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        var release = await h.Release("v1", "stone");
        await h.Deploy(release);
        await h.Start();
        await h.OpenLog();
        await h.Serves(release);
        await h.StopNode();
        var (_, other) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], [Hamlet.Place]);
        await using var node = new SeparateNode(h);
        node.Start();
        const string say = $"POST /{Hamlet.System}/{Hamlet.Prod}/say";
        var target = new Target(node.Pid, node.Address, h.Token, other, say, "{\"n\":1}");
        await Serving(target);
        await Bears(target, Most, Attacks(whole, say, say, $"GET /{Hamlet.System}/{Hamlet.Prod}/large"), whole);
        await node.Stop();
    }

    async Task Server(bool whole)
    {
        using var scratch = new Scratch();
        var (data, home) = (scratch.At("data"), scratch.At("home"));
        await Programs.Say(home, "init", "--data", data);
        var token = Cli.Home.Open(home).Token!;
        var other = TokenFile.Renew(new ServerFolder(data).Tokens, "stranger");
        await using var up = await Up.Start(data, home, "--only", "server", "--port", "0");
        using var server = new ServerClient(up.Server, token);
        var blob = await server.Put(new MemoryStream(new byte[20 << 20]), null, 1 << 30);
        var objects = await server.Put(new MemoryStream(Encoding.ASCII.GetBytes(
            $"[{string.Concat(Enumerable.Repeat("{},", 1_390_000))}{{}}]")), null, 1 << 30);
        const string log = "GET /log?count=1";
        // Signed once, recorded once: sent again it is read, judged and answered like any other.
        using var owner = Cli.Home.Open(home).Key();
        using var key = PrivateKey.Create();
        var order = Envelope.Sign(new MemberStatement(Founding.NewNonce(), null, [key.Public], [], null)
        {
            Ledger = new ServerFolder(data).ReadTrust().Genesis,
            Nonce = Founding.NewNonce(),
            Issued = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()
        }.Encode(), owner);
        Assert.IsType<Admitted.Added>(await server.Submit(order));
        var statement = ("POST /statements", order.ToJson().ToString());
        await Bears(new Target(up.Pid, up.Server, token, other, log, null, statement), Most, Attacks(whole, log,
            "POST /blobs",
            $"GET /blobs/{blob}",
            // Every address that makes a tree of JSON, with as much of it as it takes.
            new("objects", 600, 0, "POST /statements", 64 * 1024),
            new("objects", 120, 0, "POST /cosignatures", 500_000),
            new("objects", 60, 0, $"PUT /artifacts/{objects}", 0)), whole);
        Assert.Equal((0, ""), await up.Stop());
    }

    static async Task Serving(Target target)
    {
        using var http = new HttpClient();
        for (var until = DateTime.UtcNow.AddSeconds(120); ;)
        {
            try
            {
                using var request = new HttpRequestMessage(HttpMethod.Post,
                    new Uri(target.Address, target.Line.Split(' ')[1])) { Content = new StringContent(target.Body!,
                    Encoding.UTF8, "application/json") };
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", target.Token);
                using var answer = await http.SendAsync(request);
                if (answer.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) { }
            Assert.True(DateTime.UtcNow < until, "the node does not serve");
            await Task.Delay(100);
        }
    }
}
