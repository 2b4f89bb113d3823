using System.Diagnostics;
using System.Globalization;
using Stele.Disk;
using Stele.Runtime;

namespace Stele.Tests.Runtime;

/// <summary>What is killed when the process that starts sandboxes is killed: its sandboxes, and nothing else.</summary>
public sealed class ReaperTests(ShellRoot root) : IClassFixture<ShellRoot>
{
    /// <summary>
    /// A process of its own that starts sandboxes and is killed: the tests' own program, asked for this one test.
    /// </summary>
    const string Child = "STELE_TEST_REAPED";

    [Fact]
    public async Task What_bears_the_marks_of_a_sandbox_without_being_one_lives_on()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        if (Environment.GetEnvironmentVariable(Child) is { } told)
        {
            var running = await new Sandbox(root.Path, ["sleep", "86000"]).Start(TestContext.Current.CancellationToken);
            File.WriteAllText(told + ".new", $"{Environment.ProcessId} {running.Init} {running.Pid}");
            File.Move(told + ".new", told);
            await Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
        }
        using var scratch = new Scratch();
        var start = new ProcessStartInfo(Environment.ProcessPath!,
            ["-method",
            "*" + nameof(What_bears_the_marks_of_a_sandbox_without_being_one_lives_on)]) { RedirectStandardOutput =
            true, RedirectStandardError = true };
        start.Environment[Child] = scratch.At("told");
        using var parent = Process.Start(start)!;
        while (!File.Exists(scratch.At("told")))
        {
            Assert.False(parent.HasExited, "it ended before it had a sandbox");
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        var (host, init, command) = File.ReadAllText(scratch.At("told")).Split(' ')
            .Select(n => int.Parse(n, CultureInfo.InvariantCulture)).ToArray() is [var a, var b, var c] ? (a, b, c)
            : default;

        // Two bystanders: one whose command line holds everything that a sandbox's or the reaper's holds; one that has
        // the pipes' names as a file's.
        var marks = Directory.GetFiles($"/proc/{init}/fd").Concat(Directory.GetFiles($"/proc/{host}/fd"))
            .Select(f => new FileInfo(f).LinkTarget ?? "").Where(l => l.StartsWith("pipe:", StringComparison.Ordinal))
            .Distinct().ToArray();
        Assert.NotEmpty(marks);
        string[] said = [.. marks, .. Directory.GetDirectories("/proc")
            .Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])).SelectMany(d => Words(d)).Distinct()];
        using var copycat = Process.Start("/bin/sh", ["-c", "sleep 86000; :",
            .. said.Where(w => w.Length is > 0 and < 4096).Take(2000)])!;
        var file = scratch.File(marks[0], "");
        using var namesake = Process.Start("/bin/sh", ["-c", $"exec 3< '{file}'; sleep 86000; :"])!;
        try
        {
            Libc.Kill(host, Libc.SIGKILL);
            await parent.WaitForExitAsync(TestContext.Current.CancellationToken);
            for (var tries = 0; Directory.Exists($"/proc/{init}") || Directory.Exists($"/proc/{command}"); tries++)
            {
                Assert.True(tries < 1000, "the sandbox outlived its parent");
                await Task.Delay(20, TestContext.Current.CancellationToken);
            }
            await Task.Delay(1000, TestContext.Current.CancellationToken); // the reaper has looked ten times by now
            Assert.False(copycat.HasExited, "a process was killed for its command line");
            Assert.False(namesake.HasExited, "a process was killed for a file's name");
        }
        finally
        {
            copycat.Kill(entireProcessTree: true);
            namesake.Kill(entireProcessTree: true);
        }

        static string[] Words(string process)
        {
            try
            {
                return File.ReadAllText(process + "/cmdline") is { } line
                    && line.Contains("stele-", StringComparison.Ordinal) | line.Contains("bwrap",
                    StringComparison.Ordinal) ? line.Split('\0') : [];
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return [];
            }
        }
    }
}
