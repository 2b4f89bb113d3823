using System.Diagnostics;
using System.Net;
using System.Runtime.InteropServices;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Tests.Host;

/// <summary>A halt takes effect whatever else is the matter: the goal is two seconds from when the server has it; the
/// bound here is five times that.</summary>
public sealed partial class ObeyedTests
{
    static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    const int SigStop = 19;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    internal static void Hang(int pid) => Assert.Equal(0, Kill(pid, SigStop));

    /// <summary>Halts, and holds that soon the gateway says so and nothing of the release is left.</summary>
    static async Task Obeyed(Hamlet h)
    {
        var before = Processes(h);
        var watch = Stopwatch.StartNew();
        var head = await h.Deploy();
        await h.Eventually(
            () => h.Hosted!.Table is { Status: EnvironmentStatus.Halted } t && t.Deployment == head, "it is not halted",
            30);
        var said = watch.Elapsed;
        var (status, body, _) = await h.Ask("/say");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not-serving"), (status, body["code"].AsString));
        Assert.Contains($"halted by entry {head}", body["message"].AsString, StringComparison.Ordinal);
        await h.Eventually(
            () => before.Concat(Processes(h)).All(pid => ProcessView.Alive(pid) is null), "something still runs", 30);
        var took = $"halted after {said.TotalMilliseconds:0} ms, gone after {watch.ElapsedMilliseconds} ms";
        TestContext.Current.SendDiagnosticMessage(took);
        Assert.True(watch.Elapsed < Bound, took);
        await h.Eventually(() => Said(h, $"halted by entry {head}") && h.Hosted!.Fault is null, "it is not said", 30);
    }

    static bool Said(Hamlet h, params string[] all) =>
        h.Reports.Any(r => all.All(w => r.Contains(w, StringComparison.Ordinal)));

    static int[] Processes(Hamlet h) => [.. h.Hosted!.Running.Select(r => r.Pid)];

    [Fact]
    public async Task With_zombies_and_processes_that_come_and_go()
    {
        Hamlet.Needs();
        var terms = Hamlet.Quick with { InspectEvery = TimeSpan.FromMilliseconds(100) };
        var (h, release) = await Hamlet.Serving(terms: terms);
        await using var _ = h;
        for (var i = 0; i < 5; i++) Assert.Equal(HttpStatusCode.OK, (await h.Ask("/zombie")).Status);
        Assert.Equal(HttpStatusCode.OK, (await h.Ask("/brood")).Status);
        // Looked at many times meanwhile, and found to be the release each time.
        for (var looks = 0; looks < 40; looks++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            var word = await h.Word();
            Assert.True(word == "stone" && h.Hosted!.Fault is null, $"{word}: {string.Join(" | ", h.Reports)}");
        }
        await h.Serves(release);
        Assert.DoesNotContain(h.Observations, o => o.Event is ObservedEvent.Drift or ObservedEvent.Stopped);
        await Obeyed(h);
    }

    [Fact]
    public async Task Of_a_service_that_hangs()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var __ = h;
        Hang(h.Hosted!.Table!.Backends[0].Instance.Pid);
        var waiting = h.Ask("/say"); // a request is inside, and gets no answer
        await Task.Delay(200, TestContext.Current.CancellationToken);
        await Obeyed(h);
        Assert.NotEqual(HttpStatusCode.OK, (await waiting).Status);
    }

    [Fact]
    public async Task Where_inspections_fail()
    {
        Hamlet.Needs();
        // No inspection of what runs is done in no time: each fails, for good.
        var often = TimeSpan.FromMilliseconds(200);
        var terms = Hamlet.Quick with { InspectEvery = often, InspectTimeout = TimeSpan.Zero };
        var (h, release) = await Hamlet.Serving(terms: terms);
        await using var _ = h;
        await h.Observed(ObservedEvent.Stopped, o => o.Release == release
            && o.Dimensions is [{ Name: "inspection", Agrees: false, Strength: ObservedStrength.Unavailable }]);
        await h.Eventually(() => h.Hosted!.InARow >= 2, "it was not replaced");
        Assert.True(Said(h, "uninspected: ", "3 times in a row"));
        Assert.Equal(FaultCode.Uninspected, h.Hosted!.Fault!.Fault);
        await Obeyed(h);
    }

    [Fact]
    public async Task In_a_crash_loop_whose_turns_are_not_all_in_the_ledger()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        var release = await h.Release("v1", "brief");
        await h.Start(Hamlet.Quick with { RetryAtMost = TimeSpan.FromMilliseconds(200) });
        await h.OpenLog();
        await h.Deploy(release);
        await h.Eventually(() => h.Hosted!.InARow >= 4, "it does not end again and again");
        Assert.Equal([ObservedEvent.Started, ObservedEvent.Stopped, ObservedEvent.Started, ObservedEvent.Stopped],
            h.Observations.Select(o => o.Event));
        Assert.Equal(FaultCode.Ended, h.Hosted!.Fault!.Fault);
        Assert.Contains("replaced ", h.Hosted.Fault.Words, StringComparison.Ordinal);
        await Obeyed(h);
    }

    [Fact]
    public async Task While_a_release_is_being_started()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        var release = await h.Release("v1", "slow");
        await h.Start();
        await h.OpenLog();
        await h.Deploy(release);
        await h.Eventually(() => h.Trees.Any(), "it does not start");
        await Obeyed(h);
        await h.Eventually(() => !h.Trees.Any(), "its start goes on");
    }

    [Fact]
    public async Task After_the_server_was_restarted()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var __ = h;
        await h.StopServer();
        await h.Eventually(() => Said(h, "node: unreachable: "), "nobody says that the server is away");
        Assert.Equal("stone", await h.Word());
        await h.StartServer();
        await Obeyed(h);
        await h.Eventually(() => h.Reports.Contains("node: no longer unreachable"), "nobody says that it is back");
    }
}
