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
/// user does. What comes of each stands in docs/SANDBOX.md, row for row.
/// </summary>
public sealed class AttemptTests(ITestOutputHelper output) : IDisposable
{
    const string PythonPath = "/usr/bin/python3";

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
        if (!OrdinaryUser.Told(tried)) Compare(tried);
    }

    [Fact]
    public async Task No_way_leads_out_or_up_as_an_ordinary_user_runs_it()
    {
        Needs();
        Compare(await OrdinaryUser.Runs(nameof(AttemptTests), nameof(No_way_leads_out_or_up), _scratch));
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
}
