using System.Net;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Tests.Host;

/// <summary>What runs is known to answer; and what is no drift is taken for none.</summary>
public sealed class LivenessTests
{
    static readonly NodeOptions Probing = Hamlet.Quick with
    {
        ProbeEvery = TimeSpan.FromMilliseconds(300), ProbeTimeout = TimeSpan.FromMilliseconds(500),
    };

    static readonly NodeOptions Unhurried = Hamlet.Quick with
    {
        InspectEvery = TimeSpan.FromHours(1), RehashEvery = TimeSpan.FromHours(1),
    };

    static readonly NodeOptions Eager = Hamlet.Quick with { InspectEvery = TimeSpan.FromMilliseconds(100) };

    static bool Says(string report, params string[] all) => all.All(w => report.Contains(w, StringComparison.Ordinal));

    [Fact]
    public async Task A_service_that_hangs_is_noticed_replaced_and_said()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(terms: Probing);
        await using var _ = h;
        var pid = h.Hosted!.Table!.Backends[0].Instance.Pid;
        ObeyedTests.Hang(pid);
        await h.Observed(ObservedEvent.Stopped, o => o.Release == release
            && o.Dimensions is [{ Name: "health", Agrees: false }]);
        await h.Serves(release);
        Assert.NotEqual(pid, h.Hosted!.Table!.Backends[0].Instance.Pid);
        Assert.Equal("stone", await h.Word());
        Assert.Contains(h.Reports, r => Says(r, "hung: ", "/health"));
        Assert.Contains(h.Reports, r => Says(r, "serves"));
        await h.Eventually(() => h.Observations.Last().Event == ObservedEvent.Started, "its new start is not stated");
    }

    [Fact]
    public async Task One_that_is_busy_answering_others_is_alive()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(terms: Probing with { ProbeTimeout = TimeSpan.FromSeconds(3) });
        await using var __ = h;
        var pid = h.Hosted!.Table!.Backends[0].Instance.Pid;
        // It serves one at a time: with these in line before it a probe never has its turn in time.
        var asked = Enumerable.Range(0, 8).Select(_ => h.Ask("/pause")).ToArray();
        foreach (var answer in asked) Assert.Equal(HttpStatusCode.OK, (await answer).Status);
        Assert.Equal(pid, h.Hosted!.Table!.Backends[0].Instance.Pid);
        Assert.DoesNotContain(h.Observations, o => o.Event == ObservedEvent.Stopped);
    }

    [Fact]
    public async Task A_large_file_that_is_only_touched_stops_nothing_and_one_that_is_changed_does()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(more: 256 << 20, terms: Unhurried);
        await using var _ = h;
        var (more, tree) = (Path.Combine(h.Tree, "app/more"), h.Tree);
        var before = h.Hosted!.FalseAlarms;
        File.SetLastWriteTimeUtc(more, DateTime.UnixEpoch);
        File.SetUnixFileMode(more, File.GetUnixFileMode(more) | UnixFileMode.UserWrite);
        var asked = 0;
        for (; h.Hosted!.FalseAlarms == before; asked++) Assert.Equal("stone", await h.Word());
        for (var i = 0; i < 10; i++) Assert.Equal("stone", await h.Word());
        Assert.Equal(tree, h.Tree);

        // One bit in the middle of it; the size is as before.
        using (var file = File.OpenWrite(more))
        {
            file.Position = 100 << 20;
            file.WriteByte(1);
        }
        await h.Observed(ObservedEvent.Healed, o => o.Release == release);
        await h.Serves(release);
        Assert.Single(h.Reports, r => Says(r, "drifted: "));
        Assert.Single(h.Reports, r => Says(r, "drifted: ", "files: changed app/more"));
    }

    [Theory, InlineData("stone"), InlineData("titled")]
    public async Task A_title_that_a_process_gives_itself_is_no_drift(string word)
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(word, terms: Eager);
        await using var _ = h;
        var pid = h.Hosted!.Table!.Backends[0].Instance.Pid;
        Assert.Equal(HttpStatusCode.OK, (await h.Ask("/title")).Status);
        // It did write over its environment: what the kernel shows there is not what it was given.
        var environ = await File.ReadAllTextAsync($"/proc/{pid}/environ", TestContext.Current.CancellationToken);
        Assert.DoesNotContain($"STELE_RELEASE={release}", environ, StringComparison.Ordinal);
        var looks = 0;
        await h.Eventually(() => looks++ > 50, "it was not looked at");
        await h.Serves(release);
        Assert.Equal(pid, h.Hosted!.Table!.Backends[0].Instance.Pid);
        Assert.DoesNotContain(h.Observations, o => o.Event == ObservedEvent.Drift);
        var started = h.Observations.Single(o => o.Event == ObservedEvent.Started);
        var given = started.Dimensions.Single(d => d.Name == "environment");
        Assert.True(given.Agrees);
        // What was written over before the first look can't be verified any more, and is not told so.
        Assert.Equal(word == "titled" ? (ObservedStrength.Configured, null)
            : (ObservedStrength.VerifiedAtLoad, given.Expected),
            (given.Strength, given.Observed));
    }

    [Fact]
    public async Task What_differs_is_named_by_the_node_and_in_the_ledger_within_seconds()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var began = System.Diagnostics.Stopwatch.StartNew();
        await File.WriteAllTextAsync(Path.Combine(h.Tree, "app/planted"), "x", TestContext.Current.CancellationToken);
        await h.Observed(ObservedEvent.Drift);
        Assert.True(began.Elapsed < TimeSpan.FromSeconds(10), $"stated after {began.Elapsed}");
        await h.Serves(release);
        Assert.Contains(h.Reports, r => Says(r, "drifted: ", "files: added app/planted"));
        var page = CanonicalJson.Parse((await h.Page("status"))!, 1 << 20);
        var news = page["environments"].AsArray.Single()["news"].AsString;
        Assert.Contains("files: added app/planted", news, StringComparison.Ordinal);
    }
}
