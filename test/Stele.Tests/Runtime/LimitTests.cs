using System.Collections.Immutable;
using System.Globalization;
using Stele.Blobs;
using Stele.Build;
using Stele.Disk;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;

namespace Stele.Tests.Runtime;

/// <summary>
/// The limits of a sandbox, measured by a release (greedy.py) from inside: in a check and in a host, as root starts
/// them and as an ordinary user does. Small ones, so that the machine goes on.
/// </summary>
public sealed class LimitTests(ITestOutputHelper output) : IDisposable
{
    const string PythonPath = "/usr/bin/python3";

    static readonly Limits Small = new(Memory: 200 << 20, Processors: 0.5, Processes: 60, Descriptors: 500,
        FileBytes: 100 << 20) { UserProcesses = 250 };

    /// <summary>The check's program: asks the release, and reports its figures.</summary>
    const string Asks = """
        import json, socket
        s = socket.socket(socket.AF_UNIX); s.connect('/run/release.sock')
        s.sendall(b'GET /measure HTTP/1.1\r\nHost: release\r\nConnection: close\r\n\r\n')
        answer = b''
        while part := s.recv(65536): answer += part
        lines = answer.split(b'\r\n\r\n', 1)[1].decode().splitlines()
        metrics = {name: int(value) for name, value in (line.split() for line in lines)}
        open('/out/report.json', 'w').write(json.dumps({'metrics': metrics}, sort_keys=True, separators=(',', ':')))
        """;

    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    static void Needs()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        Assert.SkipUnless(File.Exists(PythonPath), "there is no Python at /usr/bin/python3");
    }

    [Fact]
    public async Task A_check_and_a_host_measure_the_same()
    {
        Needs();
        var said = await Measured();
        if (!OrdinaryUser.Told(said)) Hold(said);
    }

    [Fact]
    public async Task A_check_and_a_host_measure_the_same_as_an_ordinary_user_starts_them()
    {
        Needs();
        Hold(await OrdinaryUser.Runs(nameof(LimitTests), nameof(A_check_and_a_host_measure_the_same), _scratch));
    }

    /// <summary>
    /// A line for each: its name, what the check saw, what the host saw; and what holds where it was run.
    /// </summary>
    async Task<string> Measured()
    {
        var stop = TestContext.Current.CancellationToken;
        var blobs = new BlobStore(_scratch.At("blobs"));
        var environment = await Recipes.Python(PythonPath).Freeze(blobs, new About("python"));
        _scratch.File("code/service.py",
            File.ReadAllText(Path.Combine(Repository.Root, "test/Stele.Tests/Runtime/greedy.py")));
        _scratch.File("asks/check.py", Asks);
        var code = await Freeze.Path(blobs, _scratch.At("code"), "code", new About("service"));
        var document = new ReleaseDocument("v1", "words", [new Component("environment", "environment", "root",
            environment, "/"), new Component("code", "code", "service", code, "/app")],
            new RunTerms(["python3", "/app/service.py"], ImmutableSortedDictionary<string, string>.Empty, "/app",
                "/run/service.sock", "/health"), null).Sorted();
        var release = await ReleaseClosure.Build(blobs, document);

        var asks = await Freeze.Path(blobs, _scratch.At("asks"), "code", new About("asks"));
        using var trees = new Trees(blobs, _scratch.Path);
        var check = (await new Check(trees) { Limits = Small }.Run(release, new CheckDocument("limits", asks,
            environment, ["python3", "/in/program/check.py"], ImmutableSortedDictionary<string, string>.Empty, asks,
            Json.EmptyObject, 1), stop)).Figures.Metrics;

        var fact = new ReleaseFact(release, [], document.System, document.Name, document.Digest, document.Components,
            document.Policy);
        var provisioned = await new Provision(new BlobStore(_scratch.At("node")), blobs).Make(fact, stop);
        using var place = provisioned.Place;
        await using var instance = await Instance.Start(provisioned, TimeSpan.FromSeconds(60), stop, Small);
        using var asked = new HttpRequestMessage(HttpMethod.Get, new Uri("http://release/measure"));
        using var answer = await instance.Http.SendAsync(asked, stop);
        var host = await answer.Content.ReadAsStringAsync(stop);

        return string.Concat(host.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(' '))
                .Select(l => $"{l[0]} {check[l[0]].AsInt} {l[1]}\n"))
            + $"holding {string.Join(' ', ControlGroup.Holding)}\ngaps {string.Join("; ", Enforcement.Gaps())}\n";
    }

    void Hold(string said)
    {
        output.WriteLine(said);
        var lines = said.Split('\n').Select(l => l.Split(' ')).ToDictionary(l => l[0], l => l[1..],
            StringComparer.Ordinal);
        (long Check, long Host) Of(string name) => (long.Parse(lines[name][0], CultureInfo.InvariantCulture),
            long.Parse(lines[name][1], CultureInfo.InvariantCulture));
        void Both(string name, long value) => Assert.Equal((name, value, value),
            (name, Of(name).Check, Of(name).Host));
        bool Holding(string controller)
        {
            var holds = lines["holding"].Contains(controller);
            Assert.Equal(!holds, said.Contains("not enforced (no cgroup", StringComparison.Ordinal));
            return holds;
        }

        Both("run", 1 << 20);
        Both("shm", 64 << 20);
        Both("tmp", 1L << 30);
        Both("descriptors", Small.Descriptors);
        Both("largest-file", Small.FileBytes);
        Both("nproc", Small.UserProcesses);
        Both("core", 0);
        // The cgroup counts bubblewrap outside too. Without it, all of the user's are counted, those of this test too.
        if (Holding("pids")) Both("processes", Small.Processes - 1);
        else foreach (var found in (long[])[Of("processes").Check, Of("processes").Host])
            Assert.InRange(found, 20, Small.UserProcesses);
        if (Holding("cpu")) foreach (var found in (long[])[Of("processors").Check, Of("processors").Host])
            Assert.InRange(found, 1, (long)(100 * Small.Processors * 1.5));
        Both("killed-for-memory", Holding("memory") ? 1 : 0);
    }

    /// <summary>The file systems in memory have no limit of their own on names: memory is the limit.</summary>
    [Fact]
    public async Task Empty_files_count_as_memory()
    {
        Needs();
        Assert.SkipUnless(ControlGroup.Holding.Contains("memory"), "no cgroup counts memory here");
        var blobs = new BlobStore(_scratch.At("blobs"));
        await Materialise.Artifact(blobs, await Recipes.Python(PythonPath).Freeze(blobs, new About("python")),
            _scratch.At("root"));
        var limits = Small with { Memory = 60 << 20, Processors = 1 };
        var ran = await new Sandbox(_scratch.At("root"), ["python3", "-c", """
            for n in range(1000000):
                open('/run/%d' % n, 'w').close()
                if n % 1000 == 0: print(n, flush=True)
            """]) { Limits = limits }.Run(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        var made = long.Parse(ran.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[^1],
            CultureInfo.InvariantCulture);
        output.WriteLine($"{made} empty files in {limits.Memory} bytes; ended with {ran.ExitCode}");
        Assert.NotEqual(0, ran.ExitCode);
        Assert.False(ran.TimedOut);
        Assert.InRange(made, 1000, limits.Memory / 500);
    }

    /// <summary>A user who has as many processes as it may have is told so, and what to do.</summary>
    [Fact]
    public async Task Too_many_processes_of_the_user_are_said()
    {
        Needs();
        var root = _scratch.At("root");
        var blobs = new BlobStore(_scratch.At("blobs"));
        var shell = Recipes.Native("/bin/sh");
        await Materialise.Artifact(blobs, await shell.Freeze(blobs, new About("shell")), root);
        var failed = await Record.ExceptionAsync(() => new Sandbox(root, ["sh", "-c", "exit 0"])
        {
            Limits = Limits.Default with { UserProcesses = 1 },
        }.Run(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken));
        var said = failed is SandboxException e ? $"{e.Message}\n{e.Hint}" : $"{failed}";
        if (OrdinaryUser.Told(said)) return;
        if (Libc.EffectiveUser == 0) said = await OrdinaryUser.Runs(nameof(LimitTests),
            nameof(Too_many_processes_of_the_user_are_said), _scratch);
        output.WriteLine(said);
        Assert.Contains("Resource temporarily unavailable", said, StringComparison.Ordinal);
        Assert.Contains("as many processes and threads as it may have", said, StringComparison.Ordinal);
    }
}
