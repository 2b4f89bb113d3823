using System.Net;
using Stele.Blobs;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Tests.Host;

/// <summary>Tampering with what runs: seen by name, refused at once, stated, healed.</summary>
public sealed class DriftTests
{
    static void Overwrite(string path, string content)
    {
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(path, content);
    }

    static Dimension Of(Observation observation, string name) => observation.Dimensions.Single(d => d.Name == name);

    [Fact]
    public async Task A_changed_file_is_refused_stated_and_healed()
    {
        Hamlet.Needs();
        // the kernel's word alone
        var (h, release) = await Hamlet.Serving(terms: Hamlet.Quick with
        {
            InspectEvery = TimeSpan.FromHours(1),
            RehashEvery = TimeSpan.FromHours(1)
        });
        await using var _ = h;
        var tree = h.Tree;
        var whole = TreeDigest.Of(tree).Digest;
        Overwrite(Path.Combine(tree, "app/word"), "gold\n");
        await h.Eventually(() => h.Hosted!.Table!.Backends is [{ Instance.Trusted: false }, ..] or [] || h.Tree != tree,
            "it goes on as if nothing had happened");
        await h.Observed(ObservedEvent.Healed);
        await h.Serves(release);
        Assert.Equal("stone", await h.Word());
        var drift = h.Observations.Single(o => o.Event == ObservedEvent.Drift);
        Assert.Equal(release, drift.Release);
        Assert.Equal(["files"], drift.Dimensions.Where(d => !d.Agrees).Select(d => d.Name));
        Assert.Equal(whole, Of(drift, "files").Expected);
        Assert.NotEqual(whole, Of(drift, "files").Observed);
        Assert.Equal(whole, Of(h.Observations.Single(o => o.Event == ObservedEvent.Healed), "files").Observed);
        Assert.Contains("changed app/word", h.Hosted!.LastEvent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_change_that_the_kernel_does_not_tell_of_is_found_by_the_round()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(terms: Hamlet.Quick with { InspectEvery = TimeSpan.FromHours(1) });
        await using var _ = h;
        // Through another name of the same file, outside of the directories that are watched.
        var other = h.Town.Path("other-name");
        using (var link = global::System.Diagnostics.Process.Start("/bin/ln",
            [Path.Combine(h.Tree, "app/word"), other])) await link.WaitForExitAsync();
        await Task.Delay(300);
        var pid = h.Hosted!.Table!.Backends[0].Instance.Pid;
        Overwrite(other, "gold\n");
        await h.Observed(ObservedEvent.Healed);
        await h.Serves(release);
        Assert.NotEqual(pid, h.Hosted!.Table!.Backends[0].Instance.Pid);
    }

    [Fact]
    public async Task A_damaged_blob_of_the_nodes_own_store_is_fetched_again()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var own = new BlobStore(h.Folder.Blobs);
        // The release's code: its one layer, damaged in the store and in the tree alike.
        var code = h.Hosted!.Table!.Backends[0].Release.Components.Single(c => c.Role == "code").Digest;
        var layer = (await Artifact.Read(own, code)).Layers[0].Digest;
        var bytes = File.ReadAllBytes(own.PathOf(layer));
        bytes[^2000] ^= 1;
        File.SetUnixFileMode(own.PathOf(layer), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllBytes(own.PathOf(layer), bytes);
        Assert.False(own.Intact(layer));
        Overwrite(Path.Combine(h.Tree, "app/word"), "gold\n");
        await h.Observed(ObservedEvent.Healed);
        await h.Serves(release);
        Assert.True(own.Intact(layer));
        Assert.Equal("stone", await h.Word());
        Assert.Contains($"damaged blobs in the node's own store were replaced from the server: {layer.Short}",
            h.Hosted!.LastEvent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Added_and_removed_files_count_and_another_socket_and_another_program_too()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        async Task Drifts(Func<Task> act, string dimension)
        {
            var before = h.Observations.Count(o => o.Event == ObservedEvent.Drift);
            await act();
            await h.Eventually(() => h.Observations.Count(o => o.Event == ObservedEvent.Drift) > before,
                $"no drift of {dimension} was stated");
            Assert.Contains(h.Observations.Last(o => o.Event == ObservedEvent.Drift).Dimensions,
                d => d.Name == dimension && !d.Agrees && d.Expected != d.Observed);
            await h.Eventually(() => h.Observations.Count(o => o.Event == ObservedEvent.Healed) > before, "not healed");
            await h.Serves(release);
            Assert.Equal("stone", await h.Word());
        }
        await Drifts(() => File.WriteAllTextAsync(Path.Combine(h.Tree, "app/more"), "x"), "files");
        await Drifts(() =>
        {
            File.Delete(Path.Combine(h.Tree, "app/word"));
            return Task.CompletedTask;
        }, "files");
        await Drifts(() => h.Ask("/listen"), "network");
        await Drifts(() => h.Ask("/exec"), "executable");
    }

    /// <summary>However rarely everything is inspected.</summary>
    [Theory]
    [InlineData("/exec", "executable")]
    [InlineData("/listen", "network")]
    public async Task What_a_process_does_is_in_the_ledger_within_seconds(string act, string dimension)
    {
        Hamlet.Needs();
        var rarely = TimeSpan.FromHours(1);
        var (h, release) = await Hamlet.Serving(terms: Hamlet.Quick with { InspectEvery = rarely, RehashEvery = rarely,
            LookEvery = new NodeOptions().LookEvery });
        await using var _ = h;
        await h.Ask(act);
        await h.Eventually(() => h.Observations.Any(o => o.Event == ObservedEvent.Drift), "it was not stated",
            seconds: 25);
        Assert.Contains(h.Observations.First(o => o.Event == ObservedEvent.Drift).Dimensions,
            d => d.Name == dimension && !d.Agrees);
        await h.Serves(release);
        Assert.Equal("stone", await h.Word());
    }

    [Fact]
    public async Task What_is_found_drifted_when_the_head_moves_is_not_asked_any_more()
    {
        Hamlet.Needs();
        var (h, v1) = await Hamlet.Serving(terms: Hamlet.Quick with
        {
            InspectEvery = TimeSpan.FromHours(1),
            RetryAfter = TimeSpan.FromSeconds(5)
        });
        await using var _ = h;
        var v2 = await h.Release("v2", "two");
        Assert.Equal("stone", await h.Word());
        Assert.Equal(HttpStatusCode.OK, (await h.Ask("/listen")).Status);
        await h.Deploy(new Route(v1, 50), new Route(v2, 50));
        await h.Eventually(() => h.Hosted!.LastError is not null
            || h.Observations.Any(o => o.Event == ObservedEvent.Drift),
            "nobody looked");
        Assert.DoesNotContain(h.Hosted!.Table!.Backends,
            l => l.Instance.Trusted && l.Release.Digest == v1
                && h.Observations.All(o => o.Event != ObservedEvent.Drift));
        await h.Observed(ObservedEvent.Healed);
        await h.Serves(v1, v2);
    }

    [Fact]
    public async Task A_release_that_ends_by_itself_is_started_again()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var (status, body, answer) = await h.Ask("/end");
        Assert.True(status is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable);
        Assert.NotEmpty(answer.Headers.GetValues("Stele-Decision"));
        await h.Eventually(() => h.Observations.Count(o => o.Event == ObservedEvent.Started) == 2, "not started again");
        await h.Serves(release);
        Assert.Equal("stone", await h.Word());
        Assert.Contains(h.Observations,
            o => o.Event == ObservedEvent.Stopped && o.Dimensions.Any(d => d is { Name: "health", Agrees: false }));
    }

    [Fact]
    public async Task An_attribute_that_says_nothing_is_a_false_alarm()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        File.SetLastWriteTimeUtc(Path.Combine(h.Tree, "app/word"), DateTime.UnixEpoch);
        await h.Eventually(() => h.Hosted!.FalseAlarms > 0, "nobody looked");
        await h.Serves(release);
        Assert.DoesNotContain(h.Observations, o => o.Event == ObservedEvent.Drift);
    }
}
