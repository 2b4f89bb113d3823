using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Stele.Blobs;
using Stele.Build;
using Stele.Disk;
using Stele.Runtime;

namespace Stele.Tests.Runtime;

/// <summary>A root with a shell and a few commands, made once: the frozen closure of this machine's own.</summary>
public sealed class ShellRoot : IAsyncLifetime
{
    readonly Scratch _scratch = new();

    public string Path => _scratch.At("root");

    public async ValueTask InitializeAsync()
    {
        var blobs = new BlobStore(_scratch.At("blobs"));
        var closure = Recipes.Native("/bin/sh");
        foreach (var name in new[] { "cat", "env", "id", "ls", "touch", "true", "sleep", "head", "yes", "chmod",
            "unshare", "tr" }) closure.AddFile($"/usr/bin/{name}");
        var environment = await closure.Freeze(blobs, new About("shell"));
        await Materialise.Artifact(blobs, environment, Path);
    }

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }
}

public sealed class SandboxTests(ShellRoot root) : IClassFixture<ShellRoot>, IDisposable
{
    static readonly TimeSpan Long = TimeSpan.FromSeconds(60);

    readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    Sandbox Shell(string script)
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        return new Sandbox(root.Path, ["sh", "-c", script]);
    }

    async Task<Ran> Run(string script, Func<Sandbox, Sandbox>? with = null)
    {
        var sandbox = Shell(script);
        return await (with?.Invoke(sandbox) ?? sandbox).Run(Long, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_program_runs_in_a_root_made_of_its_own_closure_alone()
    {
        var ran = await Run("echo hello; echo trouble >&2; exit 7");
        Assert.Equal(("hello\n", "trouble\n", 7, false), (ran.Output, ran.Errors, ran.ExitCode, ran.TimedOut));
        Assert.DoesNotContain(Directory.GetFileSystemEntries(root.Path),
            e => Path.GetFileName(e) is "home" or "root" or "var" or "opt");
    }

    /// <summary>A copy of a mount in another namespace would keep a disk busy that the host unmounts.</summary>
    [Fact]
    public async Task A_sandbox_keeps_no_mount_of_the_host()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting a file system takes root");
        var disk = Directory.CreateDirectory(_scratch.At("disk")).FullName;
        Assert.SkipUnless(Mount("mount", "-t", "tmpfs", "none", disk), "no file system can be mounted here");
        try
        {
            await using var running = await Shell("exec sleep 60").Start(TestContext.Current.CancellationToken);
            // What stays of it outside: bubblewrap, the parent of the init.
            var parent = File.ReadAllText($"/proc/{running.Init}/stat").Split(") ")[1].Split(' ')[1];
            Assert.Contains(" / / ", File.ReadAllText($"/proc/{parent}/mountinfo"), StringComparison.Ordinal);
            Assert.DoesNotContain(disk, File.ReadAllText($"/proc/{parent}/mountinfo"), StringComparison.Ordinal);
        }
        finally
        {
            Mount("umount", disk);
        }

        static bool Mount(string program, params string[] arguments)
        {
            using var process = System.Diagnostics.Process.Start(program, arguments);
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }

    [Fact]
    public async Task A_start_that_is_called_off_leaves_nothing_running()
    {
        // A command of this test alone, no matter who else tests on this machine.
        var nap = (10_000_000 + Environment.ProcessId).ToString(System.Globalization.CultureInfo.InvariantCulture);
        var sandbox = Shell("exec sleep " + nap);
        for (var i = 0; i < 20; i++)
        {
            try
            {
                await using var running = await sandbox.Start(new CancellationToken(canceled: true));
            }
            catch (OperationCanceledException) { }
        }
        for (var tries = 0; Directory.EnumerateDirectories("/proc").Any(d => int.TryParse(Path.GetFileName(d), out _)
            && CommandOf(d).Contains(nap, StringComparison.Ordinal)); tries++)
        {
            Assert.True(tries < 100, "it still runs");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }

        static string CommandOf(string process)
        {
            try
            {
                return File.ReadAllText(Path.Combine(process, "cmdline"));
            }
            catch (IOException)
            {
                return "";
            }
        }
    }

    [Fact]
    public async Task There_is_no_network()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var ran = await Run("cat /proc/net/dev /proc/net/route");
        Assert.Equal(0, ran.ExitCode);
        var devices = ran.Output.Split('\n').Where(l => l.Contains(':', StringComparison.Ordinal))
            .Select(l => l.Split(':')[0].Trim());
        Assert.Equal(["lo"], devices);
        Assert.DoesNotContain("00000000\t", ran.Output, StringComparison.Ordinal); // no default route
        // What this machine listens on is not there either.
        ran = await Run("cat /proc/net/tcp");
        Assert.DoesNotContain($":{((IPEndPoint)listener.LocalEndpoint).Port:X4}", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_environment_is_what_was_declared_and_nothing_else()
    {
        Environment.SetEnvironmentVariable("STELE_TEST_SECRET", "leaked");
        var ran = await Run("exec env",
            s => s with { Env = ImmutableSortedDictionary<string, string>.Empty.Add("MODEL", "v1").Add("EMPTY", "") });
        Assert.Equal(["EMPTY=", "MODEL=v1", "PWD=/"], ran.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Order(StringComparer.Ordinal).Where(l => l[0] != '_'));
        Assert.DoesNotContain("leaked", (await Run("cat /proc/*/environ")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inputs_are_read_only_and_outputs_are_not()
    {
        Directory.CreateDirectory(_scratch.At("out"));
        _scratch.File("input/data", "figures");
        Sandbox With(Sandbox s) =>
            s with { Binds = [new(_scratch.At("input"), "/in/data"), new(_scratch.At("out"), "/out", Writable: true)] };
        Assert.Equal("figures", (await Run("cat /in/data/data > /out/copy", With) is { ExitCode: 0 }
            ? File.ReadAllText(_scratch.At("out/copy"))
            : null));
        foreach (var write in new[] { "echo x > /in/data/data", "touch /in/data/new", "touch /in/new",
            "chmod 777 /in/data/data" })
        {
            var ran = await Run(write, With);
            Assert.NotEqual(0, ran.ExitCode);
            Assert.Contains("Read-only file system", ran.Errors, StringComparison.Ordinal);
        }
        Assert.Equal("figures", File.ReadAllText(_scratch.At("input/data")));
        Assert.Single(Directory.GetFileSystemEntries(_scratch.At("input")));
    }

    [Theory]
    [InlineData("touch /new")]
    [InlineData("touch /usr/bin/new")]
    [InlineData("echo x > /usr/bin/env")]
    [InlineData("chmod 777 /usr/bin/env")]
    [InlineData("touch /dev/../etc/new")]
    // opened, never written: should the sandbox fail, the machine is not to suffer
    [InlineData(": >> /proc/sys/kernel/core_pattern")]
    [InlineData(": >> /proc/sys/kernel/hostname")]
    [InlineData(": >> /proc/sysrq-trigger")]
    [InlineData(": >> /proc/self/oom_score_adj")]
    public async Task Nothing_of_the_root_or_the_kernel_can_be_written(string write)
    {
        var before = TreeDigest.Of(root.Path).Digest;
        var ran = await Run(write);
        Assert.NotEqual(0, ran.ExitCode);
        Assert.Equal(before, TreeDigest.Of(root.Path).Digest);
    }

    [Fact]
    public async Task Scratch_is_writable_and_gone_afterwards()
    {
        Assert.Equal("kept for now", (await Run("echo -n kept for now > /tmp/x && cat /tmp/x")).Output);
        Assert.NotEqual(0, (await Run("cat /tmp/x")).ExitCode);
        Assert.NotEqual(0,
            (await Run("head -c 2000000 /dev/zero > /tmp/x", s => s with { ScratchBytes = 1 << 20 })).ExitCode);
    }

    [Fact]
    public async Task No_capability_no_further_namespace_no_other_user_no_other_process()
    {
        var ran = await Run("cat /proc/self/status; id -u");
        foreach (var set in new[] { "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb" })
            Assert.Contains($"{set}:\t0000000000000000", ran.Output, StringComparison.Ordinal);
        Assert.Contains("Seccomp:\t2", ran.Output, StringComparison.Ordinal);
        Assert.Contains("NoNewPrivs:\t1", ran.Output, StringComparison.Ordinal);
        Assert.EndsWith($"\n{Sandbox.User}\n", ran.Output, StringComparison.Ordinal);
        Assert.NotEqual(0, (await Run("unshare -Ur true")).ExitCode);
        // alone, but for the init
        Assert.Equal("1\n2\n", (await Run("cd /proc; for p in [0-9]*; do echo $p; done")).Output);
        // 3 is the listing itself: no descriptor of ours came along, not even one we were started with ourselves.
        Assert.Equal("0\n1\n2\n3\n", (await new Sandbox(root.Path, ["ls", "/proc/self/fd"]).Run(Long)).Output);
    }

    [Fact]
    public async Task Time_runs_out_and_everything_inside_is_gone()
    {
        var ran = await Shell("sleep 300 & sleep 300").Run(TimeSpan.FromMilliseconds(300),
            TestContext.Current.CancellationToken);
        Assert.True(ran.TimedOut);
        Assert.NotEqual(0, ran.ExitCode);
    }

    [Fact]
    public async Task Endless_output_is_cut_and_does_not_block()
    {
        var ran = await Run("head -c 3000000 /dev/zero; echo end >&2", s => s with { OutputBytes = 1000 });
        Assert.Equal((0, 1000, "end\n"), (ran.ExitCode, ran.Output.Length, ran.Errors));
    }

    [Fact]
    public async Task A_long_running_process_is_seen_from_outside_and_stopped()
    {
        await using var process = await Shell("touch /run/up; exec sleep 300")
            .Start(TestContext.Current.CancellationToken);
        while (!File.Exists($"/proc/{process.Init}/root/run/up")
            || !(File.ResolveLinkTarget($"/proc/{process.Pid}/exe", false)?.FullName ?? "")
            .EndsWith("/sleep", StringComparison.Ordinal))
        {
            Assert.False(process.Exited.IsCompleted, process.Errors);
            await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        Assert.Equal("/usr/bin/sleep", File.ResolveLinkTarget($"/proc/{process.Pid}/exe", false)!.FullName);
        Assert.Equal(TreeDigest.Of(root.Path).Digest,
            TreeDigest.Of($"/proc/{process.Pid}/root", Sandbox.MountPoints).Digest);
        await process.Stop(TimeSpan.FromSeconds(60));
        Assert.Equal(128 + 15, await process.Exited); // it was asked, and had set up nothing against it
        Assert.False(Directory.Exists($"/proc/{process.Pid}"));
    }

    [Fact]
    public async Task Where_root_runs_it_it_is_another_user_for_the_host()
    {
        Assert.SkipUnless(Libc.EffectiveUser == 0, "not run by root: a sandbox is this user");
        await using var process = await (Shell("exec sleep 300") with { Tenant = "one" })
            .Start(TestContext.Current.CancellationToken);
        await using var other = await (Shell("exec sleep 300") with { Tenant = "two" })
            .Start(TestContext.Current.CancellationToken);
        static string[] Of(int pid, string line) => File.ReadLines($"/proc/{pid}/status")
            .Single(l => l.StartsWith(line, StringComparison.Ordinal)).Split('\t')[1..];
        foreach (var line in (string[])["Uid:", "Gid:"])
        {
            Assert.True(HostUser.Why is null, HostUser.Why);
            Assert.All(Of(process.Pid, line), u => Assert.InRange(
                uint.Parse(u, System.Globalization.CultureInfo.InvariantCulture), 1000u, uint.MaxValue));
            Assert.NotEqual(Of(process.Pid, line), Of(other.Pid, line));
        }
        Assert.Equal("", Of(process.Pid, "Groups:")[0].Trim());

        // What it may write is written as that user, and read as root.
        Directory.CreateDirectory(_scratch.At("out"));
        Assert.Equal(0, (await Run("touch /out/x; chmod 4755 /out/x", s =>
            s with { Tenant = "one", Binds = [new(_scratch.At("out"), "/out", Writable: true)] })).ExitCode);
        using var owner = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo("stat",
            ["-c", "%u", _scratch.At("out/x")]) { RedirectStandardOutput = true })!;
        Assert.Equal(Of(process.Pid, "Uid:")[0],
            (await owner.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Trim());
    }

    [Fact]
    public async Task What_the_command_leaves_behind_is_reaped()
    {
        // Children of children, whose parents end at once: nobody inside waits for them.
        await using var process = await Shell(
            "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0 & exec true) & wait; done; touch /run/done; exec sleep 300")
            .Start(
                TestContext.Current.CancellationToken);
        for (var tries = 0; !File.Exists($"/proc/{process.Init}/root/run/done")
            || Directory.EnumerateDirectories($"/proc/{process.Init}/root/proc")
            .Count(d => char.IsAsciiDigit(Path.GetFileName(d)[0])) > 2; tries++)
        {
            Assert.True(tries < 1000, "zombies stay");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        Assert.False(process.Exited.IsCompleted);
        Assert.Contains($"PPid:\t{process.Init}", File.ReadAllLines($"/proc/{process.Pid}/status"));
        Assert.StartsWith("sleep\0", File.ReadAllText($"/proc/{process.Pid}/cmdline"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_init_shows_the_command_nothing_of_the_machine()
    {
        var ran = await Run("tr '\\0' '\\n' < /proc/1/cmdline; cat /proc/1/environ; echo; ls -l /proc/1/fd");
        Assert.DoesNotContain(_scratch.Path, ran.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(root.Path, ran.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("PATH", ran.Output, StringComparison.Ordinal);
        Assert.StartsWith($"{Sandbox.Program}\n--args\n3\n--\n/usr/bin/sh\n", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_run_says_why()
    {
        Assert.Equal(SandboxError.Unfit,
            (await Assert.ThrowsAsync<SandboxException>(() =>
                Run("true", s => s with { Args = ["no-such-program"] }))).Error);
        Assert.Equal(SandboxError.Unfit,
            (await Assert.ThrowsAsync<SandboxException>(() =>
                Run("true", s => s with { Root = _scratch.Path }))).Error);
        var failed = await Assert.ThrowsAsync<SandboxException>(() =>
            Run("true", s => s with { Binds = [new("/not/there", "/in/x")] }));
        Assert.Equal(SandboxError.Failed, failed.Error);
        Assert.Contains("/not/there", failed.Message, StringComparison.Ordinal);
    }
}
