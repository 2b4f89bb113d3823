using Stele.Api;
using Stele.Blobs;
using Stele.Cli;
using Stele.Control;
using Stele.Disk;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Bench;

/// <summary>
/// A server's data folder and a member's home, whose ledger is what a node makes of a year: of 100 statements 80
/// anchors of a log that grows by 1 to 1,000 decisions each, 18 observations and 2 frozen artifacts, after a lived
/// beginning. Written in bulk: every signature is real, and nothing is judged until somebody folds it.
/// </summary>
sealed class Year
{
    const int Batch = 2000;
    const string Statements = "of 100 statements 80 anchors, 18 observations, 2 artifacts";

    readonly Digest[] _perfect = new Digest[60];   // roots of subtrees of leaves that are all the same
    readonly string _digest;
    readonly World _world = Mortgage.Lived().World;
    readonly DecisionLogKey _log;
    long _leaves;
    int _nonce = 1 << 24;

    sealed record DecisionLogKey(Tests.Worlds.NoteSigner Key, string Origin);

    Year(string folder)
    {
        Folder = folder;
        _perfect[0] = Merkle.Leaf("a decision"u8);
        for (var i = 1; i < _perfect.Length; i++) _perfect[i] = Merkle.Node(_perfect[i - 1], _perfect[i - 1]);
        var log = new DecisionLog(new Tests.Worlds.NoteSigner("ledger.example/year"));
        var lived = _world.State.Logs.Keys.First();
        _world.Add(World.EndLog(LogAction.Lost, lived), World.Owners);
        _world.Add(World.OpenLog(log, predecessor: lived), World.Owners);
        _log = new(log.Key, log.Origin);
        _digest = StateDigest.Of(_world.State).ToString();
    }

    public string Folder { get; }
    public string Data => Path.Combine(Folder, "data");
    public string Home => Path.Combine(Folder, "home");
    public static string Mix => Statements;

    /// <param name="port">Where its server will listen.</param>
    public static async Task<Year> Make(string folder, int statements, int port, Action<string> progress)
    {
        var year = new Year(folder);
        await year.Write(statements, port, progress);
        return year;
    }

    async Task Write(int statements, int port, Action<string> progress)
    {
        var server = new ServerFolder(Data);
        Files.CreateDirectory(server.Keys, Readers.Owner);
        Files.Write(server.ServerKey, World.Server.Key.ToPem(), Readers.Owner);
        Files.Write(server.LogKey, _world.Key.Secret + "\n", Readers.Owner);
        var blobs = new BlobStore(server.Blobs);
        foreach (var blob in _world.Blobs.Values) await blobs.Put(blob);
        using (var log = Log.Open(server.LedgerStore, World.Name, Ledger.NoteSigner.Open(server.LogKey),
            TimeProvider.System))
        {
            await log.Append([.. _world.Entries.Select(e => (ReadOnlyMemory<byte>)e)], Await.Durable);
            for (var size = _world.Entries.Count; size < statements; size += Batch)
            {
                progress($"{size:N0} of {statements:N0} statements are written");
                await log.Append(Next(Math.Min(Batch, statements - size)), Await.Durable);
            }
            server.Raise();
            var trust = new Trust(World.Name, _world.Key.Key, _world.State.Ledger, [], 0);
            Files.Write(server.Trust, trust.ToJson().ToString());
            var home = Cli.Home.Open(Home);
            home.Pin(trust);
            home.Store("default", World.Approver.Key);
            home.Set(("member", World.Approver.Id), ("key", "default"), ("server", $"http://127.0.0.1:{port}"),
                ("token", TokenFile.Renew(server.Tokens, "bench")));
        }
    }

    ReadOnlyMemory<byte>[] Next(int count)
    {
        var entries = new ReadOnlyMemory<byte>[count];
        var statements = new (Statement, Person, long)[count];
        for (var i = 0; i < count; i++)
        {
            _world.Now += 400;
            statements[i] = ((_nonce % 100) switch
            {
                < 80 => Anchor(),
                < 98 => Fresh(_world.Observe()),
                _ => Fresh(World.OriginOf(World.Builder, Origin.Freeze, Digest.Of(BitConverter.GetBytes(_nonce)))),
            }, _nonce % 100 >= 98 ? World.Builder : World.Node, _world.Now);
            _nonce++;
        }
        Parallel.For(0, count, i =>
        {
            var (statement, by, time) = statements[i];
            entries[i] = new Entry(time, Envelope.Sign(statement.Encode(), by.Key)).Bytes;
        });
        return entries;
    }

    T Fresh<T>(T statement) where T : Statement => (T)(statement with
    {
        Ledger = _world.State.Ledger, Issued = _world.Now,
        Nonce = _nonce.ToString("x32", System.Globalization.CultureInfo.InvariantCulture),
    });

    Anchor Anchor()
    {
        var before = _leaves;
        _leaves += 1 + _nonce * 7919L % 1000;
        Digest Perfect(int level, long index) => _perfect[level];
        return Fresh(new Anchor(_log.Origin, _log.Key.Checkpoint(_leaves, Proofs.TreeHash(_leaves, Perfect)),
            before == 0 ? [] : [.. Proofs.Consistency(before, _leaves, Perfect)], 0, 0, _leaves, _world.State.Size,
            Digest.Parse(_digest)) { Nonce = "", Issued = 0 });
    }
}
