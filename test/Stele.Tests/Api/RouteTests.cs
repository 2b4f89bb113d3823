using System.Text;
using Stele.Control;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Control;

namespace Stele.Tests.Api;

/// <summary>What the addresses give.</summary>
public sealed class RouteTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    static async Task<(Town, Digest V1, Digest V2, long Deployment)> World()
    {
        var town = await Town.Found();
        await town.Settle();
        var v1 = await town.Release("v1", 0.7, "biased");
        var v2 = await town.Release("v2", 0.84, "good");
        return (town, v1, v2, await town.Deploy(v2));
    }

    [Fact]
    public async Task The_ledger_can_be_checked_from_its_tiles_alone()
    {
        var (town, _, _, _) = await World();
        await using var _town = town;
        Assert.True(Checkpoint.TryOpen(await town.Server.Checkpoint(stop: Stop), town.Trust.Key, out var checkpoint,
            out _));
        Assert.Equal(town.State.Size, checkpoint.Size);
        var width = (int)checkpoint.Size;
        var entries = Tile.DecodeBundle(await town.Server.Fetch(new Tile(Tile.Entries, 0, width), Stop), width);
        var hashes = Tile.Decode(await town.Server.Fetch(new Tile(0, 0, width), Stop), width);
        Assert.Equal(entries.Select(e => Merkle.Leaf(e)), hashes);
        Assert.Equal(checkpoint.Root, Merkle.Root(hashes));
        Assert.Equal(town.Trust.Genesis, hashes[0]);

        var proof = await town.Server.Get<ShownProof>("proof/3?size=7", Stop);
        Assert.True(Proofs.VerifyInclusion(3, 7, hashes[3],
            [.. proof.Proof.Select(Digest.ParseHex)], Merkle.Root(hashes.Take(7))));
        var entry = await town.Server.Get<WholeEntry>("entries/3", Stop);
        Assert.Equal(hashes[3], entry.Leaf);
        Assert.Equal(CanonicalJson.Parse(Entry.Parse(entries[3]).Envelope.Payload, 65536), entry.Statement);
    }

    [Fact]
    public async Task The_world_now_and_as_of_then()
    {
        var (town, v1, v2, deployment) = await World();
        await using var _town = town;
        static ShownEnvironment Environment(Status status) => status.Systems[0].Environments[0];

        var now = await town.Server.Get<Status>("status", Stop);
        Assert.Equal(v2, Environment(now).Head!.Routes[0].Release);
        Assert.Equal("v2", Environment(now).Head!.Routes[0].Name);
        Assert.Equal(StateDigest.Of(town.State), now.State);
        var before = await town.Server.Get<Status>($"status?at={deployment - 1}", Stop);
        Assert.Null(Environment(before).Head);
        Assert.Equal(deployment, before.Size);
        var time = town.Host.Admission.Replay.Entries[3].Entry.Time;
        Assert.Equal(town.Host.Admission.Replay.AsOf(time).Size,
            (await town.Server.Get<Status>($"status?time={time}", Stop)).Size);

        var state = await town.Server.Get<WholeState>("state", Stop);
        Assert.Equal((StateDigest.Of(town.State), StateDigest.ToJson(town.State)),
            (state.Digest, state.State));
        Assert.Equal(6, (await town.Server.Get<MemberList>("members", Stop)).Members.Length);
        var releases = (await town.Server.Get<ReleaseList>("releases", Stop)).Releases;
        Assert.Equal([v1, v2], releases.Select(r => r.Release));
        Assert.Equal("claimed", releases[0].Components[0].Strength);

        var diff = await town.Server.Get<Diff>("diff?from=v1&to=v2", Stop);
        var component = Assert.Single(diff.Components);
        Assert.Equal(Change.Changed, component.Change);
        Assert.Equal(town.State.Releases[v2].Components[0].Digest, component.To);
        var file = Assert.Single(component.Files!.Value);
        Assert.Equal(("weights.txt", Change.Changed, (Digest?)Digest.Of("good"u8)),
            (file.Path, file.Change, file.To));
        Assert.Empty(diff.Run.Changes!.Value);
        var figures = Assert.Single(diff.Checks).Figures.ToDictionary(f => f.Name);
        Assert.Equal((0.7, 0.84, Change.Changed), (figures["metrics.ratio"].From!.AsDouble,
            figures["metrics.ratio"].To!.AsDouble, figures["metrics.ratio"].Change));
        Assert.Equal(Change.Same, figures["metrics.accuracy"].Change);

        var trace = await town.Server.Get<Trace>($"trace?deployment={deployment}", Stop);
        Assert.Equal("v2", trace.Closure.Release.Name);
        Assert.Equal(deployment + 1, trace.Way!.Verdict!.Line.Entry);
        Assert.Equal(town.Approver.Id, Assert.Single(trace.Way.Approvals).Line.By[0]);
        Assert.Equal("https://example.org/weights",
            Assert.Single(trace.Closure.Sources).Parameters["origin"].AsString);

        var lines = (await town.Server.Get<LogLines>("log?from=0", Stop)).Lines;
        Assert.Equal(town.State.Size, lines.Length);
        Assert.Equal($"deploy mortgage/prod: v2 ({v2.Short})", lines[(int)deployment].Line);
        Assert.All(lines, l => Assert.NotEmpty(l.Line));
    }

    /// <summary>Who asks under a version is sent on under it; who asks as before it, as before.</summary>
    [Theory, InlineData(""), InlineData("v1/")]
    public async Task What_was_made_is_named_under_the_version_that_was_asked(string version)
    {
        await using var town = await Town.Found();
        using var http = new HttpClient { BaseAddress = town.Host.Address };
        http.DefaultRequestHeaders.Add("Authorization", "Bearer " + town.Founded.Token);
        var statement = Envelope.Sign(town.Member(Citizen.New(), new Role(RoleName.Builder)).Encode(), town.Owner.Key);
        foreach (var (path, content, at) in new[] { ("statements", statement.ToJson().ToBytes(), "entries/1"),
            ("blobs", "content"u8.ToArray(), $"blobs/{Digest.Of("content"u8)}") })
        {
            using var body = new ByteArrayContent(content);
            using var answer = await http.PostAsync(version + path, body, Stop);
            Assert.Equal(System.Net.HttpStatusCode.Created, answer.StatusCode);
            Assert.Equal($"/{version}{at}", answer.Headers.Location!.ToString());
            using var there = await http.GetAsync(answer.Headers.Location, Stop);
            Assert.Equal(System.Net.HttpStatusCode.OK, there.StatusCode);
        }
    }

    [Fact]
    public async Task Events_tell_of_entries_as_they_are_admitted()
    {
        await using var town = await Town.Found();
        using var http = new HttpClient { BaseAddress = town.Host.Address };
        http.DefaultRequestHeaders.Add("Authorization", "Bearer " + town.Founded.Token);
        using var answer = await http.GetAsync("events?from=0", HttpCompletionOption.ResponseHeadersRead, Stop);
        Assert.Equal("text/event-stream", answer.Content.Headers.ContentType!.MediaType);
        using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(Stop), Encoding.UTF8);
        async Task<(string Id, Json Data)> Next()
        {
            var fields = new Dictionary<string, string>(StringComparer.Ordinal);
            for (string? line; (line = await reader.ReadLineAsync(Stop).AsTask().WaitAsync(TimeSpan.FromSeconds(120),
                Stop)) is { Length: > 0 };)
                fields[line[..line.IndexOf(':', StringComparison.Ordinal)]] =
                    line[(line.IndexOf(':', StringComparison.Ordinal) + 2)..];
            return (fields["id"], CanonicalJson.Parse(Encoding.UTF8.GetBytes(fields["data"]), 1 << 20));
        }
        Assert.Equal(("0", "genesis"), (await Next()) is var (id, data) ? (id, data["kind"].AsString) : default);
        var entry = await town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner);
        var (next, told) = await Next();
        Assert.Equal((entry, "member", entry), (long.Parse(next, System.Globalization.CultureInfo.InvariantCulture),
            told["kind"].AsString, told["entry"].AsInt));
    }

    [Fact]
    public async Task A_long_poll_ends_with_news_or_with_time()
    {
        await using var town =
            await Town.Found(options: new Stele.Api.ServerOptions { MaxWait = TimeSpan.FromSeconds(1) });
        static long Size(string note) => Checkpoint.Parse(Note.Parse(note).Text).Size;
        Assert.Equal(1,
            Size(await town.Server.Checkpoint(1, TimeSpan.FromSeconds(30), Stop).WaitAsync(TimeSpan.FromSeconds(120),
                Stop)));
        var waiting = town.Server.Checkpoint(1, TimeSpan.FromSeconds(30), Stop);
        await town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner);
        Assert.Equal(2, Size(await waiting.WaitAsync(TimeSpan.FromSeconds(120), Stop)));
    }

    [Fact]
    public async Task Stopping_ends_streams_and_answers_what_waits()
    {
        var town = await Town.Found();
        await using var _town = town;
        using var http = new HttpClient { BaseAddress = town.Host.Address };
        http.DefaultRequestHeaders.Add("Authorization", "Bearer " + town.Founded.Token);
        using var events = await http.GetAsync("events", HttpCompletionOption.ResponseHeadersRead, Stop);
        var poll = town.Server.Checkpoint(1, TimeSpan.FromSeconds(30), Stop);
        await Task.Delay(200, Stop);
        await town.Host.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(120), Stop);
        Assert.NotEmpty(await poll);
        Assert.True(town.Host.Completion.IsCompletedSuccessfully);
        Assert.True((await Assert.ThrowsAsync<ProblemException>(() =>
            town.Server.Get<Status>("status", Stop))).Problem.Is(ProblemCode.Unreachable));
        await town.Start();
    }

    [Fact]
    public async Task A_port_that_is_taken_is_said_and_holds_nothing()
    {
        await using var town = await Town.Found();
        await town.Stop();
        using var other = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        other.Start();
        var port = ((System.Net.IPEndPoint)other.LocalEndpoint).Port;
        await Assert.ThrowsAsync<IOException>(() =>
            Stele.Api.ServerHost.Start(town.Folder, new Stele.Api.ServerOptions { Port = port }, town.Time));
        await town.Start();   // the ledger was let go
    }
}
