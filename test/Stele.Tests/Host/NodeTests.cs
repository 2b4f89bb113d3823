using System.Net;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Control;

namespace Stele.Tests.Host;

/// <summary>A node over its life: what the ledger says is what runs, and what runs is what was stated.</summary>
public sealed class NodeTests
{
    [Fact]
    public async Task It_runs_what_the_ledger_says_and_states_what_it_saw()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var (status, body, answer) = await h.Ask("/say", "{\"n\":41}");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("stone", body["word"].AsString);
        Assert.Equal(41, body["said"]["n"].AsInt);
        Assert.Equal(release.ToString(), Assert.Single(answer.Headers.GetValues("Stele-Release")));

        await h.Observed(ObservedEvent.Started);
        var started = h.Observations.Single(o => o.Event == ObservedEvent.Started);
        Assert.Equal(["files", "executable", "libraries", "environment", "network", "confinement"],
            started.Dimensions.Select(d => d.Name));
        Assert.All(started.Dimensions,
            d => Assert.True(d is { Agrees: true, Strength: ObservedStrength.VerifiedAtLoad, Expected: not null }
                && d.Observed == d.Expected, d.ToString()));
        Assert.Equal(release, started.Release);
        Assert.Equal(StateDigest.Of(h.Town.Host.Admission.Replay.At(started.Size)), started.State);

        // One string: deployed, in the process's environment, in the header.
        var environ = File.ReadAllText($"/proc/{h.Hosted!.Table!.Backends[0].Instance.Pid}/environ").Split('\0');
        Assert.Contains($"STELE_RELEASE={release}", environ);
    }

    [Fact]
    public async Task A_new_release_takes_over_without_a_gap_and_back_again_byte_for_byte()
    {
        Hamlet.Needs();
        var (h, v1) = await Hamlet.Serving("one");
        await using var _ = h;
        var v2 = await h.Release("v2", "two");
        var before = h.Hosted!.Table!.Backends[0].Instance.Provisioned.Tree.Tree.Digest;

        // Asked without pause while the head moves: every answer is one of the two releases'.
        using var done = new CancellationTokenSource();
        var words = new List<string>();
        var asking = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                var word = await h.Word();
                lock (words) words.Add(word);
            }
        });
        await h.Deploy(v2);
        await h.Serves(v2);
        await h.Deploy(DeploymentAction.Rollback, new Route(v1, 100));
        await h.Serves(v1);
        await h.Eventually(() =>
        {
            lock (words) return words[^1] == "one";
        }, "it is still the other that answers");
        await done.CancelAsync();
        await asking;
        words.Add(await h.Word());   // the loop may have ended before it saw what Serves saw
        Assert.DoesNotContain("none", words);
        Assert.Equal(["one", "two", "one"], words.Aggregate(new List<string>(), (l, w) =>
        {
            if (l.Count == 0 || l[^1] != w) l.Add(w);
            return l;
        }));

        await h.Eventually(() => h.Observations.Count(o => o.Event == ObservedEvent.Started) == 3
            && h.Observations.Count(o => o.Event == ObservedEvent.Stopped) == 2, "not all was stated");
        var files = h.Observations.Where(o => o.Event == ObservedEvent.Started)
            .Select(o => o.Dimensions[0].Observed).ToArray();
        Assert.Equal([before, before], [files[0], files[2]]);
        Assert.NotEqual(files[0], files[1]);
        await h.Eventually(() => h.Trees.Count() == 1, "trees of releases that are gone are left");
    }

    [Fact]
    public async Task A_canary_gets_its_share_and_a_halt_stops_everything()
    {
        Hamlet.Needs();
        var (h, v1) = await Hamlet.Serving("one");
        await using var _ = h;
        var v2 = await h.Release("v2", "two");
        await h.Deploy(new Route(v1, 50), new Route(v2, 50));
        await h.Serves(v1, v2);
        var words = new List<string>();
        for (var i = 0; i < 60; i++) words.Add(await h.Word());
        Assert.InRange(words.Count(w => w == "one"), 10, 50);
        Assert.Equal(60, words.Count(w => w is "one" or "two"));

        await h.Deploy();
        await h.Eventually(() => h.Hosted!.Table!.Status == EnvironmentStatus.Halted, "not halted");
        var (status, body, _) = await h.Ask("/say");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains("halted", body["message"].AsString, StringComparison.Ordinal);
        await h.Eventually(() => !h.Hosted!.Running.Any(), "something still runs");
    }

    [Fact]
    public async Task A_release_that_is_not_healthy_leaves_the_old_one_serving()
    {
        Hamlet.Needs();
        var (h, v1) = await Hamlet.Serving("one");
        await using var _ = h;
        var broken = await h.Release("v2", "broken");
        var head = await h.Deploy(broken);
        await h.Observed(ObservedEvent.Stopped, o => o.Release == broken && o.Deployment == head
            && o.Dimensions.Single() is { Name: "health", Agrees: false });
        Assert.Equal("one", await h.Word());
        Assert.Contains("ended before it answered /health", h.Hosted!.LastError, StringComparison.Ordinal);
        Assert.Equal(v1, h.Hosted.Table!.Backends[0].Release.Digest);

        // The next head works, and is tried at once.
        var v3 = await h.Release("v3", "three");
        await h.Deploy(v3);
        await h.Serves(v3);
        Assert.Equal("three", await h.Word());
    }

    [Fact]
    public async Task What_was_revoked_with_stop_is_stopped()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        await h.Town.Admit(h.Town.Act(new Revocation(RevocationTarget.Artifact, h.Environment, 0,
            RevocationEffect.BlockNew)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Eventually(() => h.Hosted!.Table!.State.Revocations.Count == 1, "not folded");
        Assert.Equal("stone", await h.Word());
        await h.Town.Admit(h.Town.Act(new Revocation(RevocationTarget.Artifact, h.Environment, 0,
            RevocationEffect.Stop)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Eventually(() => h.Hosted!.Table!.Status == EnvironmentStatus.Revoked, "not revoked");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await h.Ask("/say")).Status);
        await h.Eventually(() => !h.Hosted!.Running.Any(), "something still runs");
        Assert.Equal(EnvironmentStatus.Revoked, h.Hosted!.Table!.Status);
    }

    [Fact]
    public async Task What_is_revoked_while_it_starts_never_serves()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        var release = await h.Release("v1", "slow");
        await h.Start();
        await h.OpenLog();
        await h.Deploy(release);
        await h.Eventually(() => h.Trees.Any(), "it does not start");
        await h.Town.Admit(h.Town.Act(new Revocation(RevocationTarget.Artifact, h.Environment, 0,
            RevocationEffect.Stop)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Eventually(() => !h.Hosted!.Table!.State.Revocations.IsEmpty, "not folded");
        Assert.Empty(h.Hosted!.Running); // still on its way
        await h.StopServer();            // nothing new comes that would make the node look again
        var seen = new HashSet<EnvironmentStatus>();
        for (var i = 0; i < 400 && seen.Add(h.Hosted!.Table!.Status) | !seen.Contains(EnvironmentStatus.Revoked); i++)
            await Task.Delay(20, TestContext.Current.CancellationToken);
        await h.StartServer();
        Assert.Contains(EnvironmentStatus.Revoked, seen);
        Assert.DoesNotContain(EnvironmentStatus.Serving, seen);
        await h.Eventually(() => !h.Hosted!.Running.Any(), "something still runs");
    }

    [Fact]
    public async Task What_a_release_leaves_behind_keeps_no_node_from_stopping_or_starting()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        Assert.Equal("stone", (await h.Ask("/litter")).Body["word"].AsString);
        await h.StopNode();
        await h.Start();
        await h.Serves(release);
        Assert.Equal("stone", await h.Word());
    }

    [Theory, InlineData(true), InlineData(false)]
    public async Task A_blob_that_grew_in_the_nodes_own_store_is_fetched_again_at_the_start(bool manifest)
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var own = new Stele.Blobs.BlobStore(h.Folder.Blobs);
        var code = h.Hosted!.Table!.Backends[0].Release.Components.Single(c => c.Role == "code").Digest;
        var blob = manifest ? code : (await Stele.Blobs.Artifact.Read(own, code)).Layers[0].Digest;
        await h.StopNode();
        File.SetUnixFileMode(own.PathOf(blob), UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await File.AppendAllTextAsync(own.PathOf(blob), new string('x', manifest ? 5 << 20 : 1));
        await h.Start();
        await h.Serves(release);
        Assert.True(own.Intact(blob));
    }

    [Fact]
    public async Task Without_its_log_in_the_ledger_nothing_is_served()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        var release = await h.Release("v1", "stone");
        await h.Deploy(release);
        await h.Start();
        await h.Eventually(() => h.Hosted?.Table?.Status == EnvironmentStatus.Unlogged, "it is not unlogged");
        var (status, body, _) = await h.Ask("/say");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
        Assert.Contains(h.Hosted!.Log!.Key.ToString(), body["message"].AsString, StringComparison.Ordinal);
        await h.OpenLog();
        await h.Serves(release);
    }

    [Fact]
    public async Task Without_its_server_it_heals_and_tells_later()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        await h.Observed(ObservedEvent.Started);
        await h.StopServer();
        var word = Path.Combine(h.Tree, "app/word");
        File.SetUnixFileMode(word, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(word, "gold\n");
        await h.Eventually(
            () => h.Hosted!.LastEvent is not null && h.Hosted.Table!.Backends is [{ Instance.Trusted: true }],
            "not healed");
        Assert.Equal("stone", await h.Word());

        // Stopped and started again, still without a server: it serves what it has folded, and what it has to tell
        // waits.
        await h.StopNode();
        await h.Restart();
        await h.Serves(release);
        Assert.Equal("stone", await h.Word());
        Assert.True(h.Node.Node.Waiting >= 4, $"{h.Node.Node.Waiting} wait");
        await h.StartServer();
        await h.Eventually(() => h.Node.Node.Waiting == 0, "observations still wait");
        Assert.Equal([ObservedEvent.Started, ObservedEvent.Drift, ObservedEvent.Healed, ObservedEvent.Stopped,
            ObservedEvent.Started],
            h.Observations.Select(o => o.Event));
        Assert.Null(h.Node.Node.LastRefusal);
    }

    [Fact]
    public async Task It_speaks_up_within_the_gap_that_the_environment_allows()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found(new EnvironmentTerms(Hamlet.Prod, null, 3000, false));
        var release = await h.Release("v1", "stone");
        await h.Deploy(release);
        await h.Start();
        await h.OpenLog();
        await h.Serves(release);
        await h.Eventually(() => h.Observations.Count(o => o.Event == ObservedEvent.Running) >= 2, "it is silent");
        Assert.All(h.Observations.Where(o => o.Event == ObservedEvent.Running),
            o => Assert.All(o.Dimensions, d => Assert.True(d.Agrees)));
    }

    [Fact]
    public async Task A_node_that_lost_its_role_stops()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        var me = new Citizen(h.Node.Node.Identity.Member, h.Node.Node.Identity.Key);
        await h.Town.Admit(h.Town.Member(me, new Role(RoleName.Node, "other", "prod")), h.Town.Owner);
        await h.Eventually(() => h.Hosted!.Table!.Status == EnvironmentStatus.Unassigned && !h.Hosted.Running.Any(),
            "it goes on");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await h.Ask("/say")).Status);
        await h.Town.Admit(h.Town.Member(me, new Role(RoleName.Node, Hamlet.System, Hamlet.Prod)), h.Town.Owner);
        await h.Serves(release);
    }
}
