using System.Net;
using System.Text;
using Stele.Blobs;
using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Control;

/// <summary>A copy that follows an honest server, and none that lies.</summary>
public sealed class ReplicaTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    static async Task<Replica> Open(Town town, string name = "replica", ServerClient? server = null) =>
        await Replica.Open(town.Path(name), town.Trust, server ?? town.Server, town.Time);

    static async Task<ReplicaFault> Fault(Func<Task> act) => (await Assert.ThrowsAsync<ReplicaException>(act)).Fault;

    [Fact]
    public async Task It_follows_and_reaches_the_same_state()
    {
        await using var town = await Town.Found();
        Digest state;
        await using (var replica = await Open(town))
        {
            Assert.Null(replica.Staleness);
            Assert.Equal(1, await replica.Sync(Stop));
            await town.Settle();
            await town.Deploy(await town.Release("v2", 0.84, "good"));
            await town.Refuse(town.Act(new Revocation(RevocationTarget.Key, town.Owner.Key.Public.Id, 0,
                RevocationEffect.Stop)
            {
                Nonce = Founding.NewNonce(),
                Issued = 0
            }), town.Builder);
            Assert.Equal(town.State.Size - 1, await replica.Sync(Stop));
            Assert.Equal(0, await replica.Sync(Stop));
            Assert.Equal(state = StateDigest.Of(town.State), StateDigest.Of(replica.Replay.State));
            Assert.True(replica.Staleness < TimeSpan.FromMinutes(5));
        }
        Assert.Empty(Fsck.Check(Replica.StoreIn(town.Path("replica")), town.Trust.Key));
        // Alone, without the server, it is what it was.
        using var nobody = new ServerClient(new Uri("http://127.0.0.1:1"), null);
        await using var again = await Open(town, server: nobody);
        Assert.Equal(state, StateDigest.Of(again.Replay.State));
        Assert.NotNull(again.LastSync);
        Assert.True(
            (await Assert.ThrowsAsync<ProblemException>(() => again.Sync(Stop))).Problem.Is(ProblemCode.Unreachable));
        Assert.Equal(state, StateDigest.Of(again.Replay.State));
    }

    [Fact]
    public async Task A_long_way_is_gone_in_steps()
    {
        await using var town = await Town.Found();
        await Task.WhenAll(Enumerable.Range(0, 900)
            .Select(_ => town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner)));
        // A step of one byte is one bundle.
        await using (var replica = await Replica.Open(town.Path("replica"), town.Trust, town.Server, town.Time,
            step: 1))
        {
            Assert.Equal(901, await replica.Sync(Stop));
            Assert.Equal(StateDigest.Of(town.State), StateDigest.Of(replica.Replay.State));
            Assert.Equal((901, 901, town.Host.Log.Root), (replica.Log.Size, replica.Log.Held, replica.Log.Root));
        }
        var ahead = 0;
        Stele.Disk.Journal.Scan(Path.Combine(town.Path("replica"), "ledger", "journal"), records =>
        {
            foreach (var r in records) if (r.Kind == LedgerRecord.Ahead) ahead++;
        });
        Assert.Equal(2, ahead);
        Assert.Empty(Fsck.Check(Replica.StoreIn(town.Path("replica")), town.Trust.Key));
    }

    [Fact]
    public async Task It_waits_for_news()
    {
        await using var town = await Town.Found();
        await using var replica = await Open(town);
        await replica.Sync(Stop);
        var waiting = replica.Sync(TimeSpan.FromSeconds(20), Stop);
        await Task.Delay(200, Stop);
        Assert.False(waiting.IsCompleted);
        await town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner);
        Assert.Equal(1, await waiting.WaitAsync(TimeSpan.FromSeconds(120), Stop));
    }

    [Fact]
    public async Task More_than_a_bundle_comes_over()
    {
        await using var town = await Town.Found();
        await town.Settle();
        await using var replica = await Open(town);
        Statement Next(int i) =>
            town.Act(new Origin([new Subject(Digest.Of(BitConverter.GetBytes(i)))], Origin.Freeze, Json.EmptyObject, [],
                town.Builder.Id, null)
        {
            Nonce = Founding.NewNonce(),
            Issued = 0
        });
        foreach (var batch in Enumerable.Range(0, 900).Chunk(150))
        {
            await Task.WhenAll(batch.Select(i => town.Admit(Next(i), town.Builder)));
            await replica.Sync(Stop);
            Assert.Equal(StateDigest.Of(town.State), StateDigest.Of(replica.Replay.State));
        }
        await using var fresh = await Open(town, "fresh");
        Assert.Equal(town.State.Size, await fresh.Sync(Stop));
    }

    /// <summary>The operator runs a second server from a copy of the first: the same keys, two histories.</summary>
    [Fact]
    public async Task A_fork_is_refused_whether_it_is_longer_as_long_or_shorter()
    {
        await using var town = await Town.Found();
        await town.Settle();
        await town.Stop();
        var copy = new ServerFolder(town.Path("copy"));
        using (var cp = System.Diagnostics.Process.Start("/bin/cp", ["-r", town.Folder.Data, copy.Data]))
            await cp.WaitForExitAsync(Stop);
        await town.Start();
        await using var other = await Stele.Api.ServerHost.Start(copy, new Stele.Api.ServerOptions { Port = 0 },
            town.Time);
        using var twin = new ServerClient(other.Address, town.Founded.Token);
        Task<Admitted> Twin(Statement s, Citizen by) => twin.Submit(Envelope.Sign(s.Encode(), by.Key));

        await town.Admit(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner);
        await using (var replica = await Open(town)) await replica.Sync(Stop);
        await using var misled = await Open(town, server: twin);
        var state = StateDigest.Of(misled.Replay.State);

        Assert.Equal(ReplicaFault.Shrunk, await Fault(() => misled.Sync(Stop)));
        Assert.IsType<Admitted.Added>(await Twin(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner));
        Assert.Equal(ReplicaFault.Forked, await Fault(() => misled.Sync(Stop)));
        Assert.IsType<Admitted.Added>(await Twin(town.Member(Citizen.New(), new Role(RoleName.Builder)), town.Owner));
        var fork = await Assert.ThrowsAsync<ReplicaException>(() => misled.Sync(Stop));
        Assert.Equal(ReplicaFault.Forked, fork.Fault);
        Assert.NotNull(fork.Evidence);
        Assert.True(Fork.Parse(Encoding.UTF8.GetBytes(fork.Evidence)).Holds(town.Trust.Key));
        Assert.Equal(state, StateDigest.Of(misled.Replay.State));
    }

    [Fact]
    public async Task Another_ledger_is_not_followed()
    {
        await using var town = await Town.Found();
        await using var stranger = await Town.Found();
        await using (var replica = await Replica.Open(town.Path("a"), town.Trust, stranger.Server, town.Time))
            Assert.Equal(ReplicaFault.BadCheckpoint, await Fault(() => replica.Sync(Stop)));
        await using (var replica = await Replica.Open(town.Path("b"), town.Trust with { Genesis = Digest.Of("x"u8) },
            town.Server, town.Time)) Assert.Equal(ReplicaFault.WrongLedger, await Fault(() => replica.Sync(Stop)));
        await using (var replica = await Open(town, "c")) await replica.Sync(Stop);
        Assert.Equal(ReplicaFault.WrongLedger,
            await Fault(() => Replica.Open(town.Path("c"), stranger.Trust, stranger.Server, town.Time)));
        using var locked = new ServerClient(town.Host.Address, "wrong");
        await using (var replica = await Open(town, "d", locked))
            Assert.True((await Assert.ThrowsAsync<ProblemException>(() => replica.Sync(Stop))).Problem.Is(
                ProblemCode.Unauthorized));
    }

    /// <summary>Serves a log and its blobs as a server would that no fold guards.</summary>
    sealed class Unguarded(Log log, BlobStore blobs) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request,
            CancellationToken cancellationToken)
        {
            var path = request.RequestUri!.AbsolutePath;
            if (path == "/checkpoint") return new(HttpStatusCode.OK) { Content = new StringContent(log.Checkpoint) };
            if (Tile.TryParse(path[1..], out var tile))
                return new(HttpStatusCode.OK) { Content =
                    new ByteArrayContent(log.Tile(tile.Level, tile.Index, tile.Width)!) };
            var digest = Digest.Parse(path["/v1/blobs/".Length..]);
            if (!await blobs.Has(digest, cancellationToken))
                return new(HttpStatusCode.NotFound) { Content =
                    new ByteArrayContent(Problem.Of(ProblemCode.UnknownBlob, "gone").ToJson().ToBytes()) };
            return new(HttpStatusCode.OK) { Content =
                new ByteArrayContent(await blobs.Read(digest, 1 << 20, cancellationToken)) };
        }
    }

    [Fact]
    public async Task An_entry_that_the_rules_refuse_halts_it_for_good()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var good = await town.Release("v1", 0.7, "biased");
        var forced = town.Deployment(good);
        var (size, state) = (town.State.Size, StateDigest.Of(town.State));
        await town.Stop();
        // The operator writes past admission: a deployment that no policy let pass, correctly placed and under a
        // correctly signed checkpoint.
        using (var key = NoteSigner.Open(town.Folder.LogKey))
        using (var log = Log.Open(new FileStore(town.Folder.Ledger), town.Trust.Origin, key, town.Time))
        {
            await log.Append(new Entry(town.Now, Envelope.Sign(forced.Encode(), town.Deployer.Key)).Bytes);
            using var server = new ServerClient(new Uri("http://unguarded/"), null,
                new Unguarded(log, new BlobStore(town.Folder.Blobs)));
            for (var start = 0; start < 2; start++)
            {
                await using var replica = await Open(town, server: server);
                var halted = await Assert.ThrowsAsync<ReplicaException>(() => replica.Sync(Stop));
                Assert.Equal(ReplicaFault.Refused, halted.Fault);
                Assert.Contains("policy-failed", halted.Message, StringComparison.Ordinal);
                Assert.Equal((size, state), (replica.Replay.State.Size, StateDigest.Of(replica.Replay.State)));
                Assert.Same(halted, await Assert.ThrowsAsync<ReplicaException>(() => replica.Sync(Stop)));
                Assert.Equal(size + 1, replica.Log.Size);   // the evidence is kept
            }
        }
        // The server itself does not start over such a ledger either.
        await Assert.ThrowsAsync<FormatException>(() => town.Start());
        File.Delete(FileStore.JournalPath(town.Folder.Ledger));
        Directory.Delete(town.Folder.Ledger, true);
        await Repair(town);
    }

    /// <summary>The town's end stops a server; give it one.</summary>
    static async Task Repair(Town town)
    {
        using (var key = NoteSigner.Open(town.Folder.LogKey))
        using (var log = Log.Open(new FileStore(town.Folder.Ledger), town.Trust.Origin, key, town.Time))
        using (var replica = Log.OpenReplica(Replica.StoreIn(town.Path("replica")), town.Trust.Key, town.Time))
            foreach (var entry in replica.ReadEntries(0, replica.Size - 1)) await log.Append(entry);
        await town.Start();
    }

    [Fact]
    public async Task A_document_that_is_gone_is_waited_for()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var policy = town.State.Policies[Town.System].Policy!.Value;
        var path = town.Host.Blobs.PathOf(policy);
        File.Move(path, path + ".away");
        await using var replica = await Open(town);
        Assert.Equal(ReplicaFault.MissingDocument, await Fault(() => replica.Sync(Stop)));
        Assert.Equal(town.State.Size - 1, replica.Replay.State.Size);
        Assert.Null(replica.LastSync);
        File.Move(path + ".away", path);
        await replica.Sync(Stop);
        Assert.Equal(StateDigest.Of(town.State), StateDigest.Of(replica.Replay.State));
    }
}
