using System.Net;
using System.Text;
using Stele.Blobs;
using Stele.Control;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;
using Stele.Tests.Ledger;

namespace Stele.Tests.Disk;

/// <summary>
/// The life of something that is kept on a disk: begun, used, closed, opened again, used, closed. The same steps each
/// time.
/// </summary>
abstract class Life : IAsyncDisposable
{
    /// <summary>Whether the disk has failed: then nobody waits for what it was to do.</summary>
    public Func<bool> Failed { get; set; } = () => false;

    /// <summary>Makes what is there before the disk may fail.</summary>
    public virtual Task Before(string folder) => Task.CompletedTask;

    /// <summary>Lives, noting what it is told. A fault ends it by an exception, or not at all.</summary>
    public abstract Task Live(string folder);

    /// <summary>After the fault, on a disk that works: everything that was told is true, and life goes on.</summary>
    public abstract Task Judge(string folder);

    /// <summary>Until the files of a log say what it signed last: so that each life has the same steps.</summary>
    protected async Task Published(string folder, Log log)
    {
        var file = Path.Combine(folder, "checkpoint");
        for (var until = DateTime.UtcNow.AddSeconds(60); !Failed()
            && !(File.Exists(file) && File.ReadAllText(file) == log.Checkpoint); await Task.Delay(1))
            Assert.True(DateTime.UtcNow < until, "the checkpoint was not published");
    }

    protected virtual Task End() => Task.CompletedTask;

    public async ValueTask DisposeAsync() => await End();

    public static Life Of(string name) => name switch
    {
        "log" => new LogLife(254),
        "new log" => new LogLife(0),
        "segments" => new SegmentsLife(),
        "replica" => new ReplicaLife(),
        "blobs" => new BlobLife(),
        "key table" => new KeyLife(),
        "sealed bodies" => new BodyLife(),
        "outbox" => new OutboxLife(),
        "founding" => new FoundingLife(),
        _ => throw new ArgumentException(name),
    };

    public static readonly string[] Names = ["log", "new log", "segments", "replica", "blobs", "key table",
        "sealed bodies", "outbox", "founding"];
}

/// <summary>
/// A log that passes its first full tile and bundle, is closed and opened again; or one that is begun.
/// </summary>
sealed class LogLife(int first) : Life
{
    readonly NoteSigner _signer = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1));
    readonly List<(long Index, byte[] Entry)> _told = [];
    readonly List<byte[]> _tried = [];
    readonly List<string> _signed = [];

    static string At(string folder) => Path.Combine(folder, "log");

    Log Open(string folder) =>
        Log.Open(new FileStore(At(folder)), Ledgers.Origin, _signer, TimeProvider.System,
            new LogOptions { PublishEvery = TimeSpan.FromMilliseconds(1) });

    public override async Task Before(string folder)
    {
        if (first == 0) return;
        using var log = Open(folder);
        await Append(folder, log, first);
    }

    public override async Task Live(string folder)
    {
        using (var log = Open(folder))
        {
            Sign(log);
            for (var i = 0; i < 3; i++) await Append(folder, log, 1);
        }
        using (var log = Open(folder))
        {
            Sign(log);
            await Append(folder, log, 1);
        }
    }

    async Task Append(string folder, Log log, int count)
    {
        var entries = Enumerable.Range(0, count).Select(i => Encoding.UTF8.GetBytes($"entry {_tried.Count + i}"))
            .ToArray();
        _tried.AddRange(entries);
        var tasks = entries.Select(e => log.Append(e)).ToArray();
        foreach (var (task, entry) in tasks.Zip(entries)) _told.Add((await task, entry));
        Sign(log);
        await Published(At(folder), log);
    }

    void Sign(Log log) => _signed.Add(log.Checkpoint);

    public override async Task Judge(string folder)
    {
        using (var log = Open(folder))
        {
            Assert.InRange(log.Size, _told.Count, _tried.Count);
            foreach (var (index, entry) in _told) Assert.Equal(entry, log.ReadEntry(index));
            var all = log.ReadEntries(0, log.Size).Select(Convert.ToHexString).ToArray();
            Assert.Equal(all.Length, all.Distinct().Count());
            Assert.Subset(_tried.Select(Convert.ToHexString).ToHashSet(), all.ToHashSet());
            // One history: whatever was signed is a prefix of it.
            foreach (var note in _signed)
            {
                Assert.Equal(CheckpointTrust.Verified, Checkpoint.Open(note, _signer.Key, out var checkpoint));
                Assert.True(checkpoint!.Size <= log.Size,
                    $"{checkpoint.Size} were signed for and {log.Size} are there");
                if (checkpoint.Size > 0) Assert.Equal(checkpoint.Root, log.RootAt(checkpoint.Size));
            }
            var size = log.Size;
            Assert.Equal(size, await log.Append("afterwards"u8.ToArray()));
        }
        Assert.Empty(Fsck.Check(new FileStore(Path.Combine(folder, "log")), _signer.Key));
    }

    protected override Task End()
    {
        _signer.Dispose();
        return Task.CompletedTask;
    }
}

/// <summary>
/// A log whose journal goes on in further files, some of them in the life of one process, and which is closed and
/// opened again among them.
/// </summary>
sealed class SegmentsLife : Life
{
    static readonly NoteSigner Signer = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1));

    readonly List<string> _signed = [];
    long _told, _tried;

    static Log Open(string folder) =>
        Log.Open(new FileStore(Path.Combine(folder, "log")), Ledgers.Origin, Signer, TimeProvider.System, new LogOptions
    {
        PublishEvery = TimeSpan.FromHours(1),
        SegmentBytes = 700
    });

    async Task Append(Log log, int count)
    {
        var entries = Enumerable.Range(0, count).Select(i => (ReadOnlyMemory<byte>)Ledgers.Entry(_tried + i)).ToArray();
        _tried += count;
        Assert.Equal(_told, await log.Append(entries));
        _told = _tried;
        _signed.Add(log.Checkpoint);
    }

    public override async Task Live(string folder)
    {
        using (var log = Open(folder))
            for (var i = 0; i < 5; i++) await Append(log, 9);
        using (var log = Open(folder))
            for (var i = 0; i < 3; i++) await Append(log, 9);
    }

    public override async Task Judge(string folder)
    {
        using (var log = Open(folder))
        {
            // What one call brought is there, or none of it.
            Assert.Contains(log.Size, new[] { _told, _tried });
            Assert.Equal(Ledgers.RootOf(log.Size), log.Root);
            for (var i = 0; i < log.Size; i++) Assert.Equal(Ledgers.Entry(i), log.ReadEntry(i));
            foreach (var note in _signed)
            {
                Assert.Equal(CheckpointTrust.Verified, Checkpoint.Open(note, Signer.Key, out var checkpoint));
                Assert.Equal(checkpoint!.Root, log.RootAt(checkpoint.Size));
            }
            var size = log.Size;
            Assert.Equal(size, await log.Append(Ledgers.Entry(size)));
        }
        Assert.Empty(Fsck.Check(new FileStore(Path.Combine(folder, "log")), Signer.Key));
    }
}

/// <summary>A replica that is extended over a full tile, closed, opened and extended again.</summary>
sealed class ReplicaLife : Life
{
    const int First = 255, Second = 258, Third = 260;

    static readonly NoteSigner Signer = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1));
    static readonly (byte[] Entry, string Note)[] Source = [.. Enumerable.Range(0, Third).Select(i =>
        (Ledgers.Entry(i), Signer.Sign(new Checkpoint(Ledgers.Origin, i + 1, Ledgers.RootOf(i + 1)).Text).ToString()))];

    long _told;

    static Log Open(string folder) =>
        Log.OpenReplica(new FileStore(Path.Combine(folder, "replica")), Signer.Key, TimeProvider.System,
            new LogOptions { PublishEvery = TimeSpan.FromMilliseconds(1) });

    async Task Extend(string folder, Log log, int to)
    {
        Assert.Equal(Extension.Extended,
            await log.Extend([.. Source[(int)log.Size..to].Select(s => s.Entry)], Source[to - 1].Note));
        _told = to;
        await Published(Path.Combine(folder, "replica"), log);
    }

    public override async Task Live(string folder)
    {
        using (var log = Open(folder))
        {
            await Extend(folder, log, First);
            await Extend(folder, log, Second);
        }
        using (var log = Open(folder)) await Extend(folder, log, Third);
    }

    public override async Task Judge(string folder)
    {
        using (var log = Open(folder))
        {
            Assert.Contains(log.Size, new long[] { 0, First, Second, Third });
            Assert.True(log.Size >= _told, $"{_told} were taken and {log.Size} are there");
            Assert.Equal(log.Size == 0 ? "" : Source[(int)log.Size - 1].Note, log.Checkpoint);
            await Extend(folder, log, Third);
            Assert.Equal(Source[Third - 1].Note, log.Checkpoint);
        }
        Assert.Empty(Fsck.Check(new FileStore(Path.Combine(folder, "replica")), Signer.Key));
    }
}

/// <summary>A store that is made, given a blob twice, and told to list an artifact.</summary>
sealed class BlobLife : Life
{
    readonly List<Digest> _told = [];
    Digest? _listed;

    public override async Task Live(string folder)
    {
        var store = new BlobStore(Path.Combine(folder, "blobs"));
        _told.Add(await store.Put(Encoding.UTF8.GetBytes(new string('x', 5000))));
        _told.Add(await store.Put(Encoding.UTF8.GetBytes(new string('x', 5000))));
        var artifact = await Artifact.OfDocument(store, "policy", new About("p"), "application/json", "{}"u8.ToArray());
        _told.Add(artifact);
        await store.List(artifact);
        _listed = artifact;
    }

    public override async Task Judge(string folder)
    {
        var store = new BlobStore(Path.Combine(folder, "blobs"));
        foreach (var digest in _told)
        {
            await using var content = await store.OpenRead(digest);
            await content.CopyToAsync(Stream.Null);   // refuses to end before the digest matches
        }
        if (_listed is { } listed) Assert.Contains(store.Listed(), l => l.Manifest == listed);
        // The store is a set: putting what is there, or was lost on the way, is no second copy.
        var again = await store.Put(Encoding.UTF8.GetBytes(new string('x', 5000)));
        Assert.True(store.Intact(again));
        foreach (var digest in store.All()) Assert.True(store.Intact(digest) || !_told.Contains(digest));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(folder, "blobs", "ingest")));
    }
}

/// <summary>Keys that are added, erased and found again.</summary>
sealed class KeyLife : Life
{
    readonly DecisionKeys[] _keys = [.. Enumerable.Range(0, 4).Select(_ => DecisionKeys.Random())];
    readonly List<int> _told = [];
    bool _erasing, _erased;

    static string At(string folder) => Path.Combine(folder, "keytable");

    async Task Add(KeyTable table, int index)
    {
        Assert.True(table.TryAdd(index, _keys[index], out var durable));
        await durable;
        _told.Add(index);
    }

    public override async Task Live(string folder)
    {
        using (var table = new KeyTable(At(folder)))
        {
            for (var i = 0; i < 3; i++) await Add(table, i);
            _erasing = true;
            Assert.Equal(1, table.Erase(new HashSet<long> { 1 }));
            _erased = true;
        }
        using (var table = new KeyTable(At(folder))) await Add(table, 3);
    }

    public override async Task Judge(string folder)
    {
        using (var table = new KeyTable(At(folder)))
        {
            foreach (var i in _told)
            {
                if (i != 1) Assert.Equal(_keys[i].Key, table.Find(i)?.Key);
                else if (_erased) Assert.True(table.Find(i) is null && table.IsErased(i));
                else
                    Assert.True(table.Find(i) is { } found
                        ? found.Key.SequenceEqual(_keys[i].Key)
                        : _erasing && table.IsErased(i));
            }
            Assert.True(table.TryAdd(9, _keys[0], out var durable));
            await durable;
            Assert.Equal(_keys[0].Key, table.Find(9)?.Key);
        }
        // Nothing of an erasure that was broken off holds a key any more.
        Assert.Equal(["keytable", "keytable.lock"],
            Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }
}

/// <summary>Bodies that are sealed and opened again.</summary>
sealed class BodyLife : Life
{
    static readonly DecisionKeys Keys = DecisionKeys.Random();
    readonly List<int> _told = [];

    static SealedBodies Open(string folder) => new(Path.Combine(folder, "bodies"), Ledgers.Origin);

    static byte[] Body(int i, string what) => Encoding.UTF8.GetBytes($"{what} {i}");

    async Task Add(SealedBodies bodies, int i)
    {
        Assert.True(bodies.TryAdd(i, Keys,
            [(SealedBodies.Input, Body(i, "asked")), (SealedBodies.Output, Body(i, "answered"))], out var durable));
        await durable;
        _told.Add(i);
    }

    public override async Task Live(string folder)
    {
        using (var bodies = Open(folder))
            for (var i = 0; i < 2; i++) await Add(bodies, i);
        using (var bodies = Open(folder)) await Add(bodies, 2);
    }

    public override async Task Judge(string folder)
    {
        using var bodies = Open(folder);
        foreach (var i in _told)
        {
            Assert.Equal(Body(i, "asked"), bodies.Open(i, SealedBodies.Input, Keys));
            Assert.Equal(Body(i, "answered"), bodies.Open(i, SealedBodies.Output, Keys));
        }
        await Add(bodies, 7);
        Assert.Equal(Body(7, "asked"), bodies.Open(7, SealedBodies.Input, Keys));
    }
}

/// <summary>Statements that wait for a server, are handed in, and wait again.</summary>
sealed class OutboxLife : Life
{
    readonly Scratch _scratch = new();
    readonly List<byte[]> _told = [], _handedIn = [];

    static readonly PrivateKey Key = PrivateKey.Create();
    static readonly Trust Trust = new(Ledgers.Origin, NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1)).Key,
        Digest.Of("genesis"u8), [], 0);
    static readonly Envelope[] Envelopes = [.. Enumerable.Range(0, 3).Select(i =>
        Envelope.Sign(new Erasure("a/log", 0, 1, Digest.Of([(byte)i]), 1, ErasureCause.Request, 1, null)
        {
            Ledger = Trust.Genesis,
            Nonce = Founding.NewNonce(),
            Issued = 1
        }.Encode(), Key))];

    /// <summary>A server that takes all it is given.</summary>
    sealed class Taking(List<byte[]> into) : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken stop)
        {
            into.Add(await request.Content!.ReadAsByteArrayAsync(stop));
            var said = Json.Object(("entry", into.Count), ("leaf", Digest.Of("leaf"u8)), ("time", 1));
            return new HttpResponseMessage(HttpStatusCode.Created) { Content = new ByteArrayContent(said.ToBytes()) };
        }
    }

    static string At(string folder) => Path.Combine(folder, "outbox");

    async Task HandIn(Outbox outbox)
    {
        var node = new NodeFolder(_scratch.At("node"));
        node.Open().Dispose();
        await using var link = await ServerLink.Open(node, Trust, new ServerClient(new Uri("http://localhost"), null,
            new Taking(_handedIn)), new BlobStore(node.Blobs), TimeProvider.System);
        await outbox.SendAll(link, default);
    }

    async Task Add(Outbox outbox, int i)
    {
        await outbox.Add(Envelopes[i]);
        _told.Add(Envelopes[i].ToJson().ToBytes());
    }

    public override async Task Live(string folder)
    {
        using (var outbox = new Outbox(At(folder)))
        {
            await Add(outbox, 0);
            await Add(outbox, 1);
            await HandIn(outbox);
        }
        using (var outbox = new Outbox(At(folder))) await Add(outbox, 2);
    }

    public override async Task Judge(string folder)
    {
        using var outbox = new Outbox(At(folder));
        await HandIn(outbox);
        Assert.Equal(0, outbox.Waiting);
        // Each that was told to be kept reached the server, in order; some perhaps twice, which the ledger takes once.
        var order = _handedIn.Select(Convert.ToHexString).Distinct().ToArray();
        var told = _told.Select(Convert.ToHexString).ToArray();
        Assert.Equal(told, order.Where(told.Contains));
    }

    protected override Task End()
    {
        _scratch.Dispose();
        return Task.CompletedTask;
    }
}

/// <summary>A ledger that is founded, and another token given out.</summary>
sealed class FoundingLife : Life
{
    readonly PrivateKey _owner = PrivateKey.Create();
    Founded? _founded;
    string? _token;

    public override async Task Live(string folder)
    {
        var at = new ServerFolder(Path.Combine(folder, "data"));
        _founded = await Founding.Found(at, _owner, Founding.NewNonce(), "ledger.example", TimeProvider.System);
        _token = TokenFile.Renew(at.Tokens, "second");
    }

    public override async Task Judge(string folder)
    {
        var at = new ServerFolder(Path.Combine(folder, "data"));
        if (!at.IsFounded)
        {
            Assert.Null(_founded);
            // Nobody was told of it: the remains are named and refused until they are removed, and then it is founded.
            if (Directory.Exists(at.Path) && Directory.EnumerateFileSystemEntries(at.Path).Any())
                Assert.Contains("remains of a founding",
                    (await Assert.ThrowsAsync<IOException>(() => Founding.Found(at, _owner, Founding.NewNonce(),
                        "ledger.example", TimeProvider.System))).Message, StringComparison.Ordinal);
            at = new ServerFolder(Path.Combine(folder, "elsewhere"));
            _token = null;
            _founded = await Founding.Found(at, _owner, Founding.NewNonce(), "ledger.example", TimeProvider.System);
        }
        else if (_founded is not null) Assert.Equal(_founded.Trust.Genesis, at.ReadTrust().Genesis);
        using (var signer = NoteSigner.Open(at.LogKey))
        using (var log = Log.Open(new FileStore(at.Ledger), signer.Key.Name, signer, TimeProvider.System))
        {
            Assert.Equal(1, log.Size);
            Assert.Equal(at.ReadTrust().Genesis, Merkle.Leaf(log.ReadEntry(0)));
        }
        Assert.Empty(Fsck.Check(new FileStore(at.Ledger), at.ReadTrust().Key));
        if (_founded is { } founded) Assert.True(new TokenFile(at.Tokens, TimeProvider.System).Authenticate("Bearer "
            + founded.Token)?.Has(RightNames.OfServer));
        if (_token is not null) Assert.True(new TokenFile(at.Tokens, TimeProvider.System).Authenticate("Bearer "
            + _token)?.Has(RightNames.OfServer));
    }

    protected override Task End()
    {
        _owner.Dispose();
        return Task.CompletedTask;
    }
}
