using System.Diagnostics;
using Stele.Disk;

namespace Stele.Tests.Whole;

/// <summary>Anyone who starts it can stop it, at any moment, and nothing is left.</summary>
[Collection(WholeCollection.Name)]
public sealed class SignalTests
{
    [Fact]
    public async Task It_stops_in_order_from_the_moment_it_says_that_it_is_up()
    {
        using var scratch = new Scratch();
        for (var round = 0; round < 6; round++)
        {
            await using var up = await Up.Start(scratch.At("data"), scratch.At("home"), "--only", "server", "--port",
                "0");
            Assert.Equal(0, (await up.Stop()).Code);
        }
        Assert.Empty(
            (await Programs.Say(scratch.At("home"), "fsck", "--data", scratch.At("data")))["violations"].AsArray);
    }

    /// <summary>
    /// Asked to stop, the tour takes its world with it; killed, it can't, but nothing that it started runs on.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_tour_that_is_interrupted_leaves_nothing_running(bool killed)
    {
        using var scratch = new Scratch();
        var start = Programs.Start(Programs.Stele, ["tour"], scratch.Path);
        start.RedirectStandardInput = false;
        using var tour = Process.Start(start)!;
        var errors = tour.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        while (await tour.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line
            && !line.Contains("3. Everything is built", StringComparison.Ordinal)) { }
        // now it compiles
        while (!Programs.About(scratch.Path).Any(p => p.Contains("bwrap", StringComparison.Ordinal)) && !tour.HasExited)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        Assert.False(tour.HasExited);
        Libc.Kill(tour.Id, killed ? Libc.SIGKILL : Libc.SIGTERM);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await tour.StandardOutput.ReadToEndAsync(limit.Token);
        await tour.WaitForExitAsync(limit.Token);
        Assert.NotEqual(0, tour.ExitCode);
        for (var attempt = 0; Programs.About(scratch.Path) is { Count: > 0 } left; attempt++)
        {
            Assert.True(attempt < 3000, string.Join("\n", left));
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }
        if (killed) return;
        Assert.Equal("stele: error: interrupted", (await errors).Trim());
        Assert.DoesNotContain(Directory.EnumerateDirectories(scratch.Path),
            d => !d.EndsWith("/.dotnet", StringComparison.Ordinal));
    }
}
