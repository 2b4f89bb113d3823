using System.Globalization;
using System.Net;
using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Whole;

/// <summary>
/// The server is killed: the node goes on without it, and what it acknowledged is there when it returns.
/// </summary>
[Collection(WholeCollection.Name)]
public sealed class KilledServerTests(TourWorld tour, ITestOutputHelper output)
{
    const int Requests = 200;

    [Fact]
    public async Task The_node_serves_and_records_without_it_and_anchors_when_it_returns()
    {
        using var world = tour.Copy();
        using var pages = new NodePages(world.Folder);
        var port = Programs.FreePort().ToString(CultureInfo.InvariantCulture);
        await using var server = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", port);
        using var applicants = new Applicants((await Programs.Say(world.Owner, "principal", "add", "--for",
            "mortgage/prod", "--role", "applicant-desk"))["token"].AsString);
        await using var node = await Up.Start(world.Folder, world.Owner, "--only", "node", "--gateway-port", "0",
            "--anchor", "1");
        applicants.Gateway = node.Gateway;
        var before = (await pages.Serving(node.Gateway))["log"]["size"].AsInt;
        server.Kill();

        var heard = new List<Heard>();
        foreach (var application in Applicants.Applications(Requests))
            heard.Add(await applicants.Once(application)
                ?? throw new InvalidOperationException("the gateway did not answer"));
        Assert.All(heard, h => Assert.Equal(HttpStatusCode.OK, h.Status));
        Assert.Equal(Enumerable.Range(0, Requests).Select(i => before + i),
            heard.Select(h => Decision.TryParseId(h.Decision!, out _, out var index) ? index : -1));
        var trouble = await pages.Get(node.Gateway, "status");
        Assert.NotEqual("ok", trouble["server"].AsString);
        Assert.Equal("serving", trouble["environments"].AsArray.Single()["standing"].AsString);

        await using var back = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", port);
        var began = TimeProvider.System.GetTimestamp();
        await RestartTests.Eventually(async () => (await pages.Get(node.Gateway, "status"))["server"].AsString == "ok");
        await RestartTests.Eventually(async () => (await Programs.Say(world.Owner, "status"))["logs"].AsArray.Single()
            .Find("anchor") is { } anchor && anchor["size"].AsInt == before + Requests);
        output.WriteLine(
            $"{Requests} served and recorded without the server; anchored {TimeProvider.System.GetElapsedTime(began).TotalSeconds:0.0} s after it returned");
        var pack = await world.Export();
        Assert.Equal(before + Requests, pack.Decisions.Count);
        var (code, said) = await node.Stop();
        Assert.Equal(0, code);
        var lines = said.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.StartsWith("node: unreachable: ", lines[0], StringComparison.Ordinal);
        Assert.Equal("node: no longer unreachable", lines[1]);
        Assert.Equal((0, ""), await back.Stop());
        Assert.Empty(Programs.About(world.Folder));
    }

    [Fact]
    public async Task Killed_twenty_times_under_writes_it_loses_nothing_that_it_acknowledged()
    {
        const int rounds = 20, writers = 8;
        using var scratch = new Scratch();
        var (data, home) = (scratch.At("data"), scratch.At("home"));
        var folder = new ServerFolder(data);
        await Programs.Say(home, "init", "--data", data);
        var trust = folder.ReadTrust();
        using var owner = Cli.Home.Open(home).Key();
        var token = Cli.Home.Open(home).Token;

        // Anyone who watched the server sees one history through every crash: a replica would call a lost or changed
        // entry a fork.
        Replica? watcher = null;
        var acknowledged = new List<(long Entry, Digest Leaf, string Member)>();
        var unanswered = new Queue<(Envelope Envelope, string Member)>();
        var (made, already, random) = (0, 0, new Random(20261122));
        for (var round = 0; round < rounds; round++)
        {
            await using var up = await Up.Start(data, home, "--only", "server", "--port", "0");
            using var server = new ServerClient(up.Server, token) { Timeout = TimeSpan.FromSeconds(10) };
            if (watcher is not null) await watcher.DisposeAsync();
            watcher = await Replica.Open(scratch.At("watcher"), trust, new ServerClient(up.Server, token),
                TimeProvider.System);
            await watcher.Sync(TestContext.Current.CancellationToken);

            var at = acknowledged.Count + random.Next(1, 40);
            var writing = Enumerable.Range(0, writers).Select(_ => Task.Run(Write)).ToArray();
            var watching = Task.Run(async () =>
            {
                try
                {
                    while (true) await watcher.Sync(TimeSpan.FromSeconds(1));
                }
                catch (ProblemException) { } // it was killed
            });
            while (Size() < at) await Task.Delay(1);
            await Task.Delay(random.Next(5));
            up.Kill();
            await Task.WhenAll([.. writing, watching]);
            Assert.Empty(Fsck.Check(new FileStore(folder.Ledger), trust.Key));

            int Size()
            {
                lock (acknowledged) return acknowledged.Count;
            }

            async Task Write()
            {
                while (true)
                {
                    (Envelope Envelope, string Member) write;
                    lock (unanswered)
                        if (!unanswered.TryDequeue(out write))
                        {
                            using var key = PrivateKey.Create();
                            var member = Founding.NewNonce();
                            var statement = new MemberStatement(member, null, [key.Public], [], null)
                            {
                                Ledger = trust.Genesis,
                                Nonce = Founding.NewNonce(),
                                Issued = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()
                            };
                            write = (Envelope.Sign(statement.Encode(), owner), member);
                            made++;
                        }
                    try
                    {
                        var (entry, leaf) = await server.Submit(write.Envelope) switch
                        {
                            Admitted.Added a => (a.Entry, a.Leaf),
                            Admitted.Already a => (a.Entry, Counted(a.Leaf)),
                            var other => throw new InvalidOperationException(
                                $"refused: {((Admitted.Refused)other).Problem.Message}"),
                        };
                        lock (acknowledged) acknowledged.Add((entry, leaf, write.Member));
                    }
                    catch (ProblemException)
                    {
                        lock (unanswered) unanswered.Enqueue(write);
                        return;
                    }
                }
            }

            Digest Counted(Digest leaf)
            {
                Interlocked.Increment(ref already);
                return leaf;
            }
        }
        await watcher!.DisposeAsync();

        await using (var last = await Up.Start(data, home, "--only", "server", "--port", "0"))
            Assert.Equal((0, ""), await last.Stop());
        Assert.Empty((await Programs.Say(home, "fsck", "--data", data))["violations"].AsArray);
        using var signer = NoteSigner.Open(folder.LogKey);
        using var log = Log.Open(new FileStore(folder.Ledger), trust.Origin, signer, TimeProvider.System);
        var replay = new Replay(Documents.None);
        foreach (var bytes in log.ReadEntries(0, log.Size))
            Assert.IsType<Outcome.Accepted>(replay.Add(Entry.Parse(bytes)));
        foreach (var (entry, leaf, member) in acknowledged)
        {
            Assert.Equal(leaf, Merkle.Leaf(log.ReadEntry(entry)));
            Assert.Equal(member, ((MemberStatement)replay.Entries[(int)entry].Statement).Member);
        }
        Assert.Equal(acknowledged.Count, acknowledged.Select(a => a.Entry).Distinct().Count());
        // What was not answered may stand or not; nothing stands twice, and nothing stands that nobody wrote.
        Assert.InRange(log.Size - 1, acknowledged.Count, made);
        output.WriteLine(
            $"{rounds} kills, {writers} writers: {acknowledged.Count} acknowledged, {already} of them found to stand already when sent again, {log.Size} entries");
    }
}
