using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Stele.Blobs;
using Stele.Build;
using Stele.Disk;
using Stele.Runtime;

namespace Stele.Tests.Runtime;

/// <summary>
/// Ways out of a sandbox and up in it, tried from inside by a program (attempts.py), as root runs it and as an ordinary
/// user does; and its limits, measured from inside.
/// What comes of each stands in docs/SANDBOX.md, row for row.
/// </summary>
public sealed class AttemptTests(ITestOutputHelper output) : IDisposable
{
    const string PythonPath = "/usr/bin/python3";

    /// <summary>Set for the tests' own program when it is run as another user: where to write what was seen.</summary>
    const string Told = "STELE_TEST_ATTEMPTS";

    /// <summary>nobody, on Debian and its like.</summary>
    const int Nobody = 65534;

    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    static void Needs()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        Assert.SkipUnless(File.Exists(PythonPath), "there is no Python at /usr/bin/python3");
        Assert.SkipUnless(RuntimeInformation.OSArchitecture == Architecture.X64,
            "system calls are asked for by x86-64's numbers");
    }

    async Task<Sandbox> Python(string program, params string[] arguments)
    {
        var root = _scratch.At("root");
        if (!Directory.Exists(root))
        {
            var blobs = new BlobStore(_scratch.At("blobs"));
            await Materialise.Artifact(blobs, await Recipes.Python(PythonPath).Freeze(blobs, new About("python")),
                root);
        }
        Directory.CreateDirectory(_scratch.At("app"));
        File.WriteAllText(_scratch.At("app/program.py"), program);
        return new Sandbox(root, ["python3", "/in/app/program.py", .. arguments]) { Binds =
            [new(_scratch.At("app"), "/in/app")] };
    }

    /// <summary>What docs/SANDBOX.md says comes of each attempt here, in its order.</summary>
    static IEnumerable<(string Name, string Here)> Documented() =>
        File.ReadLines(Path.Combine(Repository.Root, "docs/SANDBOX.md"))
            .Where(l => l.StartsWith("| ", StringComparison.Ordinal))
            .Select(l => l.Split('|', StringSplitOptions.TrimEntries))
            .SkipWhile(c => c[1] != "attempt").Skip(1).Select(c => (c[1], c[2]));

    async Task<string> Tried()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var name = "stele-test-" + Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        using var abstractSocket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        abstractSocket.Bind(new UnixDomainSocketEndPoint("\0" + name));
        abstractSocket.Listen();
        var sandbox = await Python(File.ReadAllText(Path.Combine(Repository.Root,
            "test/Stele.Tests/Runtime/attempts.py")),
            "7777777", ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture), name);
        var ran = await sandbox.Run(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.True(ran.ExitCode == 0, ran.Errors + ran.Output);
        return ran.Output;
    }

    [Fact]
    public async Task No_way_leads_out_or_up()
    {
        Needs();
        var tried = await Tried();
        if (Environment.GetEnvironmentVariable(Told) is { } told)
        {
            File.WriteAllText(told, tried);
            return;
        }
        Compare(tried);
    }

    [Fact]
    public async Task No_way_leads_out_or_up_as_an_ordinary_user_runs_it()
    {
        Needs();
        Compare(await AsNobody(nameof(No_way_leads_out_or_up)));
    }

    void Compare(string tried)
    {
        output.WriteLine(tried);
        var seen = tried.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split('\t'))
            .Select(p => (p[0], p[1])).ToArray();
        Assert.DoesNotContain(seen, s => s.Item2.StartsWith("DONE", StringComparison.Ordinal));
        Assert.True(seen.Length >= 60, "less than sixty were tried");
        Assert.Equal(Documented(), seen);
    }

    /// <summary>Runs one of these tests in a process of its own as an ordinary user, and gives what it wrote.</summary>
    async Task<string> AsNobody(string test)
    {
        Assert.SkipUnless(Libc.EffectiveUser == 0,
            "only root can become another user; what the other test saw was an ordinary user's");
        var folder = Directory.CreateDirectory(_scratch.At("nobody")).FullName;
        Libc.GiveTo(folder, Nobody);
        File.SetUnixFileMode(_scratch.Path, (UnixFileMode)0x1ed);
        var start = new ProcessStartInfo("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups",
            Environment.ProcessPath!, "-method", $"*.{nameof(AttemptTests)}.{test}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        (start.Environment[Told], start.Environment["TMPDIR"], start.Environment["HOME"]) =
            (Path.Combine(folder, "told"), folder, folder);
        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            + await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipWhen(said.Contains("Permission denied", StringComparison.Ordinal)
            && !File.Exists(Path.Combine(folder, "told")), "another user can't run what was built here");
        Assert.True(File.Exists(Path.Combine(folder, "told")), said);
        return await File.ReadAllTextAsync(Path.Combine(folder, "told"), TestContext.Current.CancellationToken);
    }

    // ---- Limits

    /// <summary>Uses as much as it gets of each thing, and says how much that was.</summary>
    const string Greedy = """
        import errno, os, resource, signal, sys, time
        def filled(path):
            n = 0
            try:
                with open(path + '/fill', 'wb', buffering=0) as f:
                    while n < 1 << 30: n += f.write(b'x' * 65536)
            except OSError: pass
            try: os.unlink(path + '/fill')
            except OSError: pass
            return n
        def descriptors():
            n = 0
            try:
                while n < 100000: os.open('/', os.O_RDONLY); n += 1
            except OSError: pass
            os.closerange(3, 100000)
            return n + 3
        def file():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            with open('/tmp/large', 'wb', buffering=0) as f:
                try:
                    f.truncate(1 << 22)
                    return 'more'
                except OSError as e:
                    return errno.errorcode[e.errno]
        def processes():
            children = []
            try:
                while len(children) < 200:
                    child = os.fork()
                    if child == 0: time.sleep(600); os._exit(0)
                    children.append(child)
            except OSError: pass
            for child in children: os.kill(child, signal.SIGKILL)
            for child in children: os.waitpid(child, 0)
            return len(children) + 2
        def processors():
            began = time.monotonic()
            children = []
            for _ in range(4):
                child = os.fork()
                if child == 0:
                    while time.monotonic() < began + 3: pass
                    os._exit(0)
                children.append(child)
            for child in children: os.waitpid(child, 0)
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return (used.ru_utime + used.ru_stime) / (time.monotonic() - began)
        def memory():
            child = os.fork()
            if child == 0:
                held = []
                for _ in range(40): held.append(bytearray(os.urandom(1 << 20) * 10))
                os._exit(0)
            return 'killed' if os.WIFSIGNALED(os.waitpid(child, 0)[1]) else 'more'
        print('run', filled('/run'))
        print('shm', filled('/dev/shm'))
        print('descriptors', descriptors())
        print('file', file())
        print('nproc', resource.getrlimit(resource.RLIMIT_NPROC)[1])
        sys.stdout.flush()
        print('processes', processes())
        print('processors', processors())
        sys.stdout.flush()
        print('memory', memory())
        """;

    [Fact]
    public async Task Limits_hold_as_they_are_measured_from_inside()
    {
        Needs();
        var limits = new Limits(Memory: 200 << 20, Processors: 0.5, Processes: 60, Descriptors: 500,
            FileBytes: 1 << 21);
        var sandbox = await Python(Greedy);
        var ran = await (sandbox with { Limits = limits, SharedBytes = 1 << 20 })
            .Run(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);
        var said = $"{ran.Output}gaps {string.Join("; ", Enforcement.Gaps())}\n{ran.Errors}";
        if (Environment.GetEnvironmentVariable(Told) is { } told)
        {
            File.WriteAllText(told, said);
            return;
        }
        Holds(said, limits);
    }

    [Fact]
    public async Task Limits_that_an_ordinary_user_can_set_hold_and_the_others_are_named()
    {
        Needs();
        var said = await AsNobody(nameof(Limits_hold_as_they_are_measured_from_inside));
        output.WriteLine(said);
        var figures = Figures(said);
        Assert.Equal(("1048576", "1048576", "500", "EFBIG"),
            (figures["run"], figures["shm"], figures["descriptors"], figures["file"]));
        Assert.InRange(int.Parse(figures["nproc"], CultureInfo.InvariantCulture), 1, 4096);
        Assert.Contains("memory, processors, processes", said, StringComparison.Ordinal);
        Assert.Contains("not enforced", said, StringComparison.Ordinal);
    }

    void Holds(string said, Limits limits)
    {
        output.WriteLine(said);
        var figures = Figures(said);
        Assert.Equal(("1048576", "1048576", "500", "EFBIG"),
            (figures["run"], figures["shm"], figures["descriptors"], figures["file"]));
        if (ControlGroup.Holding.Contains("pids")) Assert.InRange(
            int.Parse(figures["processes"], CultureInfo.InvariantCulture), limits.Processes - 2, limits.Processes);
        if (ControlGroup.Holding.Contains("cpu")) Assert.True(
            double.Parse(figures["processors"], CultureInfo.InvariantCulture) < limits.Processors * 1.5,
            figures["processors"]);
        // What goes beyond is killed: that process, or all of the sandbox.
        if (ControlGroup.Holding.Contains("memory")) Assert.NotEqual("more",
            figures.GetValueOrDefault("memory", "killed"));
    }

    static Dictionary<string, string> Figures(string said) =>
        said.Split('\n').Select(l => l.Split(' ', 2)).Where(p => p.Length == 2).DistinctBy(p => p[0])
            .ToDictionary(p => p[0], p => p[1], StringComparer.Ordinal);
}
