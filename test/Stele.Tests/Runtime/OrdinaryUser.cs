using System.Diagnostics;
using Stele.Disk;

namespace Stele.Tests.Runtime;

/// <summary>A test that root runs, run again in a process of its own as an ordinary user.</summary>
static class OrdinaryUser
{
    /// <summary>Set in that process: where to write what was seen.</summary>
    const string Variable = "STELE_TEST_TOLD";

    /// <summary>nobody, on Debian and its like.</summary>
    const int Nobody = 65534;

    /// <summary>Tells the one who runs this as another user what was seen; false where nobody does.</summary>
    public static bool Told(string seen)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { } told) return false;
        File.WriteAllText(told, seen);
        return true;
    }

    /// <summary>What the test of that name saw, as an ordinary user.</summary>
    public static async Task<string> Runs(string type, string test, Scratch scratch)
    {
        Assert.SkipUnless(Libc.EffectiveUser == 0,
            "only root can become another user; what the other test saw was an ordinary user's");
        var folder = Directory.CreateDirectory(scratch.At("nobody")).FullName;
        Libc.GiveTo(folder, Nobody);
        File.SetUnixFileMode(scratch.Path, (UnixFileMode)0x1ed);
        var start = new ProcessStartInfo("setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups",
            Environment.ProcessPath!, "-method", $"*.{type}.{test}"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        var told = Path.Combine(folder, "told");
        (start.Environment[Variable], start.Environment["TMPDIR"], start.Environment["HOME"]) = (told, folder, folder);
        using var process = Process.Start(start)!;
        var said = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)
            + await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.SkipWhen(said.Contains("Permission denied", StringComparison.Ordinal) && !File.Exists(told),
            "another user can't run what was built here");
        Assert.True(File.Exists(told), said);
        return await File.ReadAllTextAsync(told, TestContext.Current.CancellationToken);
    }
}
