using Stele.Blobs;
using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Disk;

namespace Stele.Tests.Control;

/// <summary>
/// Admission over a disk that fails: nobody is told of an entry that may be lost, and what is found afterwards is one
/// history.
/// </summary>
public sealed class AdmissionFaultTests
{
    /// <summary>Admission alone, without the API, over a disk that a test commands.</summary>
    sealed class Desk : IAsyncDisposable
    {
        readonly Scratch _scratch = new();
        readonly PrivateKey _owner = PrivateKey.Create();
        readonly ServerFolder _folder;
        Digest _ledger;
        NoteSigner _key = null!;
        PrivateKey _serverKey = null!;

        Desk() => _folder = new ServerFolder(_scratch.At("data"));

        public FaultyFile Disk { get; private set; } = null!;
        public Log Log { get; private set; } = null!;
        public Admission Admission { get; private set; } = null!;

        public static async Task<Desk> Found()
        {
            var desk = new Desk();
            desk._ledger = (await Founding.Found(desk._folder, desk._owner, Founding.NewNonce(), Founding.NewOrigin(),
                TimeProvider.System)).Trust.Genesis;
            desk.Start();
            return desk;
        }

        public void Start()
        {
            _key = NoteSigner.Open(_folder.LogKey);
            _serverKey = _folder.ReadServerKey();
            Log = Log.Open(new FileStore(_folder.Ledger, path => Disk = new FaultyFile(path)), _key.Key.Name, _key,
                TimeProvider.System);
            Admission = Admission.Start(Log, new BlobStore(_folder.Blobs), _serverKey, TimeProvider.System);
        }

        public async Task Stop()
        {
            Disk.Gate.Set();
            await Admission.DisposeAsync();
            Log.Dispose();
            _key.Dispose();
            _serverKey.Dispose();
        }

        public string Blobs => _folder.Blobs;

        public byte[] Statement(long? replaces = null)
        {
            var now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
            return Envelope.Sign(new MemberStatement(Founding.NewNonce(), replaces, [PrivateKey.Create().Public],
                [new Role(RoleName.Builder)], null)
            {
                Ledger = _ledger,
                Nonce = Founding.NewNonce(),
                Issued = now
            }.Encode(), _owner).ToJson().ToBytes();
        }

        public async Task<Admitted> Submit(byte[] envelope) =>
            await Admission.Submit(envelope).WaitAsync(TimeSpan.FromSeconds(120));

        public IReadOnlyList<string> Fsck() =>
            [.. Stele.Ledger.Fsck.Check(new FileStore(_folder.Ledger), _key.Key).Select(v => v.ToString())];

        public async ValueTask DisposeAsync()
        {
            await Stop();
            _scratch.Dispose();
        }
    }

    public static TheoryData<Fault> Faults() => [.. Enum.GetValues<Fault>().Where(f => f != Fault.None)];

    [Theory, MemberData(nameof(Faults))]
    public async Task A_failed_append_ends_admission_and_a_restart_finds_one_history(Fault fault)
    {
        await using var desk = await Desk.Found();
        Assert.IsType<Admitted.Added>(await desk.Submit(desk.Statement()));
        var size = desk.Admission.Replay.State.Size;
        var envelope = desk.Statement();
        desk.Disk.Next = fault;

        Assert.True(Assert.IsType<Admitted.Refused>(await desk.Submit(envelope)).Problem.Is(ProblemCode.Stopped));
        await Assert.ThrowsAnyAsync<Exception>(() => desk.Admission.Completion);
        Assert.Equal(size, desk.Admission.Replay.State.Size);
        Assert.True(
            Assert.IsType<Admitted.Refused>(await desk.Submit(desk.Statement())).Problem.Is(ProblemCode.Stopped));

        await desk.Stop();
        desk.Start();
        Assert.InRange(desk.Admission.Replay.State.Size, size, size + 1);
        // The client tries again: it stands, once, in the place it has always had.
        var entry = await desk.Submit(envelope) switch
        {
            Admitted.Added added => added.Entry,
            Admitted.Already already => already.Entry,
            var other => throw new InvalidOperationException($"{other}"),
        };
        Assert.Equal(size, entry);
        Assert.Equal(size + 1, desk.Admission.Replay.State.Size);
        Assert.IsType<Admitted.Added>(await desk.Submit(desk.Statement()));
        await desk.Stop();
        Assert.Empty(desk.Fsck());
        desk.Start();
    }

    [Fact]
    public async Task A_refused_envelope_that_cannot_be_kept_is_refused_all_the_same()
    {
        await using var desk = await Desk.Found();
        Directory.Delete(Path.Combine(desk.Blobs, "ingest"));
        var size = desk.Admission.Replay.State.Size;
        var problem = Assert.IsType<Admitted.Refused>(await desk.Submit(desk.Statement(replaces: 0))).Problem;
        Assert.Equal("stale-replace", problem.Code);
        Assert.Null(problem.Refusal);
        Assert.Equal(size, desk.Admission.Replay.State.Size);
        Assert.IsType<Admitted.Added>(await desk.Submit(desk.Statement()));
        Directory.CreateDirectory(Path.Combine(desk.Blobs, "ingest"));
        Assert.NotNull(Assert.IsType<Admitted.Refused>(await desk.Submit(desk.Statement(replaces: 0))).Problem.Refusal);
    }

    [Fact]
    public async Task Nothing_is_visible_or_answered_before_it_is_durable()
    {
        await using var desk = await Desk.Found();
        var size = desk.Admission.Replay.State.Size;
        desk.Disk.Gate.Reset();
        var waiting = Enumerable.Range(0, 8).Select(_ => desk.Admission.Submit(desk.Statement())).ToArray();
        await Task.Delay(300, TestContext.Current.CancellationToken);
        Assert.All(waiting, w => Assert.False(w.IsCompleted));
        Assert.Equal(size, desk.Admission.Replay.State.Size);
        desk.Disk.Gate.Set();
        Assert.All(await Task.WhenAll(waiting).WaitAsync(TimeSpan.FromSeconds(120),
            TestContext.Current.CancellationToken), w => Assert.IsType<Admitted.Added>(w));
        Assert.Equal(size + 8, desk.Admission.Replay.State.Size);
    }

    [Fact]
    public async Task Writers_at_once_share_flushes()
    {
        await using var desk = await Desk.Found();
        var envelopes = Enumerable.Range(0, 256).Select(_ => desk.Statement()).ToArray();
        var before = desk.Disk.Syncs;
        desk.Disk.Gate.Reset();
        var all = envelopes.Select(e => desk.Admission.Submit(e)).ToArray();
        desk.Disk.Gate.Set();
        Assert.All(await Task.WhenAll(all), a => Assert.IsType<Admitted.Added>(a));
        Assert.InRange(desk.Disk.Syncs - before, 1, 32);
    }

    [Fact]
    public async Task A_full_queue_is_said_at_once()
    {
        await using var desk = await Desk.Found();
        desk.Disk.Gate.Reset();
        var envelope = desk.Statement();
        var all = Enumerable.Range(0, Admission.QueueLength + 1000).Select(_ => desk.Admission.Submit(envelope))
            .ToArray();
        var busy = all.Where(t => t.IsCompleted).ToArray();
        Assert.InRange(busy.Length, 1, 1000);
        foreach (var b in busy)
            Assert.Equal((503, "busy"),
                Assert.IsType<Admitted.Refused>(await b).Problem is var p ? (p.Status, p.Code) : default);
        desk.Disk.Gate.Set();
        var answers = (await Task.WhenAll(all)).Where(a => a is not Admitted.Refused).ToArray();
        Assert.Equal(all.Length - busy.Length, answers.Length);
        Assert.Single(answers, a => a is Admitted.Added);   // the rest are retries of it
    }
}
