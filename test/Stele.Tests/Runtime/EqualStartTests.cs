using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Blobs;
using Stele.Build;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Runtime;
using Stele.Tests.Build;
using Stele.Tests.Host;

namespace Stele.Tests.Runtime;

/// <summary>
/// A release can't tell a check from production by what it is handed: what the kernel shows of it is the same, line for
/// line, when the one and the other started it.
/// </summary>
public sealed partial class EqualStartTests(SmallRelease small) : IClassFixture<SmallRelease>, IDisposable
{
    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>A service of every kind: answers its health path, and does nothing else.</summary>
    const string Python = """
        import socket, os
        s = socket.socket(socket.AF_UNIX); s.bind('/run/service.sock'); s.listen(16)
        while True:
            c, _ = s.accept(); c.recv(65536)
            c.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok'); c.close()
        """;

    const string C = """
        #include <sys/socket.h>
        #include <sys/un.h>
        #include <unistd.h>
        int main(void) {
          struct sockaddr_un a = { AF_UNIX, "/run/service.sock" }; char b[65536];
          int s = socket(AF_UNIX, SOCK_STREAM, 0); bind(s, (struct sockaddr *)&a, sizeof a); listen(s, 16);
          for (;;) {
            int c = accept(s, 0, 0); read(c, b, sizeof b);
            write(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", 59); close(c);
          }
        }
        """;

    [Fact]
    public async Task On_dotnet()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        await IsEqual(small.Blobs, small.Document());
    }

    [Fact]
    public async Task On_python()
    {
        const string python = "/usr/bin/python3";
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        Assert.SkipUnless(File.Exists(python), "there is no Python at /usr/bin/python3");
        var blobs = new BlobStore(_scratch.At("blobs"));
        var environment = await Recipes.Python(python).Freeze(blobs, new About("python"));
        _scratch.File("code/service.py", Python);
        await IsEqual(blobs, await Document(blobs, environment, "python3", "/app/service.py"));
    }

    [Fact]
    public async Task A_static_program()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "there is no C compiler at /usr/bin/gcc");
        var source = _scratch.File("service.c", C);
        Directory.CreateDirectory(_scratch.At("code"));
        using (var gcc = Process.Start("/usr/bin/gcc", ["-w", "-static", "-o", _scratch.At("code/service"), source])!)
        {
            await gcc.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.SkipUnless(gcc.ExitCode == 0, "this C compiler makes no static program");
        }
        var blobs = new BlobStore(_scratch.At("blobs"));
        var environment = await Recipes.Native("/bin/sh").Freeze(blobs, new About("shell"));
        await IsEqual(blobs, await Document(blobs, environment, "/app/service"));
    }

    async Task<ReleaseDocument> Document(BlobStore blobs, Digest environment, params string[] args)
    {
        var code = await Freeze.Path(blobs, _scratch.At("code"), "code", new About("service"));
        return new ReleaseDocument("v1", "words", [new Component("environment", "environment", "root", environment,
            "/"), new Component("code", "code", "service", code, "/app")],
            new RunTerms([.. args], ImmutableSortedDictionary<string, string>.Empty.Add("LANG", "C"), "/app",
                "/run/service.sock", "/health"), null).Sorted();
    }

    async Task IsEqual(BlobStore blobs, ReleaseDocument document)
    {
        var release = await ReleaseClosure.Build(blobs, document);
        var checking = await Checked(blobs, release, document);

        // A node's data folder, deeper than the check's temporary one.
        var node = new BlobStore(_scratch.At("var", "lib", "a-node", "data", "node", "blobs"));
        var fact = new ReleaseFact(release, [], document.System, document.Name, document.Digest, document.Components,
            document.Policy);
        var provisioned = await new Provision(node, blobs).Make(fact, TestContext.Current.CancellationToken);
        using var place = provisioned.Place;
        await using var instance = await Instance.Start(provisioned, TimeSpan.FromSeconds(60),
            TestContext.Current.CancellationToken);
        var hosting = Seen(instance.Pid);

        Assert.Equal(checking.Keys, hosting.Keys);
        foreach (var (name, lines) in checking) Assert.Equal($"{name}\n{lines}", $"{name}\n{hosting[name]}");
        Assert.Contains("STELE_RELEASE=" + release, checking["environ"], StringComparison.Ordinal);
        Assert.Contains(" /run ", checking["mountinfo"], StringComparison.Ordinal);
        Assert.Contains("/NAME/tree / ro", checking["mountinfo"], StringComparison.Ordinal);
        if (ControlGroup.Holding.Contains("pids"))
            Assert.Contains("pids.max 1024", checking["limits of the cgroup"], StringComparison.Ordinal);
        Assert.Contains("Max open files", checking["limits"], StringComparison.Ordinal);
    }

    /// <summary>What is seen of the release while a check has it; the check is stopped in the middle.</summary>
    async Task<SortedDictionary<string, string>> Checked(BlobStore blobs, Digest release, ReleaseDocument document)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        using var trees = new Trees(blobs, _scratch.Path);
        var shell = Recipes.Native("/bin/sh");
        shell.AddFile("/usr/bin/sleep");
        var program = document.Components.First(c => c.Kind == "code").Digest;
        // no other process sleeps as long
        var nap = (20_000_000 + Environment.ProcessId).ToString(CultureInfo.InvariantCulture);
        var run = new Check(trees).Run(release, new CheckDocument("look", program,
            await shell.Freeze(blobs, new About("shell")), ["sleep", nap], ImmutableSortedDictionary<string,
            string>.Empty, program, Json.EmptyObject, 1), enough.Token);
        // bubblewrap, and the command itself: the check has begun
        while (Processes("cmdline", $"\0{nap}\0").Count() < 2)
        {
            if (run.IsCompleted) await run;
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        var seen = Seen(Assert.Single(Processes("environ", "STELE_RELEASE=" + release)));
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        return seen;
    }

    /// <summary>Processes whose file of that name in /proc contains a text.</summary>
    static IEnumerable<int> Processes(string file, string text)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture,
                out var id)) continue;
            var found = false;
            try
            {
                found = File.ReadAllText(Path.Combine(directory, file)).Contains(text, StringComparison.Ordinal);
            }
            // it ended meanwhile, or is another's
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }
            if (found) yield return id;
        }
    }

    /// <summary>
    /// The files of /proc that say what a process was handed. Taken out: numbers of processes, mounts, devices and
    /// inodes, the cgroup's path, and what a process does by itself.
    /// </summary>
    static SortedDictionary<string, string> Seen(int pid)
    {
        string Of(string name) => File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/{name}"));
        return new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["environ"] = Of("environ").Replace('\0', '\n'),
            ["cmdline"] = Of("cmdline").Replace('\0', '\n'),
            ["mountinfo"] = Mounts(Of("mountinfo")),
            ["status"] = string.Join('\n', Of("status").Split('\n').Where(l => !Moving().IsMatch(l))
                .Select(l => l.StartsWith("NS", StringComparison.Ordinal) ? Inner(l) : l)),
            ["limits"] = Of("limits"),
            ["cgroup"] = CgroupPath().Replace(Of("cgroup"), ":PATH"),
            ["limits of the cgroup"] = Group(Of("cgroup")),
        };
    }

    /// <summary>The settings of a process's cgroups, of version 1 or 2, file by file.</summary>
    static string Group(string cgroup)
    {
        var text = new StringBuilder();
        foreach (var line in cgroup.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var part = line.Split(':', 3);
            var directory = $"/sys/fs/cgroup/{part[1]}{part[2]}";
            // Where version 1 is mounted too, version 2 is below "unified" and has no controllers.
            foreach (var file in (string[])["memory.max", "memory.swap.max", "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes", "pids.max", "cpu.max", "cpu.cfs_period_us", "cpu.cfs_quota_us"])
                if (File.Exists(Path.Combine(directory, file)))
                    text.Append(file).Append(' ').Append(File.ReadAllText(Path.Combine(directory, file)));
        }
        return text.ToString();
    }

    /// <summary>
    /// Ids by their order of appearance, and so the devices of what is mounted in memory, each a new one; of the tree's
    /// path, the name by chance. Where the tree is, and on which device, is compared as it is.
    /// </summary>
    static string Mounts(string mountinfo)
    {
        var (ids, devices) = (new Dictionary<string, int>(StringComparer.Ordinal), new Dictionary<string,
            int>(StringComparer.Ordinal));
        static string Nth(Dictionary<string, int> known, string name) =>
            (known.TryGetValue(name, out var n) ? n : known[name] = known.Count).ToString(CultureInfo.InvariantCulture);
        var text = new StringBuilder();
        foreach (var line in mountinfo.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var part = line.Split(' ');
            (part[0], part[1]) = (Nth(ids, part[0]), Nth(ids, part[1]));
            // A file system of the sandbox's own, as a whole; what is bound from the host is a name below its root.
            if (part[3] == "/") part[2] = Nth(devices, part[2]);
            part[3] = TreeName().Replace(part[3], "/NAME/tree");
            text.AppendJoin(' ', part).Append('\n');
        }
        return text.ToString();
    }

    /// <summary>The numbers of a process in the namespaces below the host's.</summary>
    static string Inner(string line) => line.Split('\t') is [var name, _, .. var inside]
        ? $"{name}\t{string.Join('\t', inside)}" : line;

    [GeneratedRegex(
        "^(Vm|Rss|Hugetlb|Threads:|(non)?voluntary_|Tgid:|Ngid:|Pid:|PPid:|State:|FDSize:|SigQ:|SigPnd:|ShdPnd:)")]
    private static partial Regex Moving();

    [GeneratedRegex("/[0-9a-f]{32}/tree$")]
    private static partial Regex TreeName();

    [GeneratedRegex(":[^:\n]*(?=\n)")]
    private static partial Regex CgroupPath();
}
