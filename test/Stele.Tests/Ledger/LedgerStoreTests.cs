using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Disk;

namespace Stele.Tests.Ledger;

/// <summary>
/// What every store of a ledger does, and what logs do on it: the contract of <see cref="ILedgerStore"/>.
/// </summary>
public abstract class LedgerStoreTests : IDisposable
{
    static readonly LogOptions Small = new() { SegmentBytes = 4 << 10, PublishEvery = TimeSpan.FromMilliseconds(1) };

    readonly NoteSigner _signer = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1));

    internal VerifierKey Key => _signer.Key;

    /// <summary>A store in which nothing was ever stored.</summary>
    internal abstract ILedgerStore New();

    /// <summary>The store as it is found when its writer's process, or the machine's power, was lost.</summary>
    internal abstract ILedgerStore Crashed(ILedgerStore store, Random random);

    /// <summary>What was done to it against the contract.</summary>
    internal virtual IReadOnlyList<string> Violations(ILedgerStore store) => [];

    public virtual void Dispose()
    {
        _signer.Dispose();
        GC.SuppressFinalize(this);
    }

    Log Open(ILedgerStore store) => Log.Open(store, Ledgers.Origin, _signer, TimeProvider.System, Small);

    void IsSound(ILedgerStore store)
    {
        Assert.Equal([], Fsck.Check(store, Key));
        Assert.Equal([], Violations(store));
    }

    /// <summary>Appends records, each in a batch of its own; says where segments began.</summary>
    static List<long> Append(ILedgerWriter writer, long next, params byte[][] records)
    {
        var begun = new List<long>();
        var queue = new GroupCommit("store", next, new QueueLimits(1 << 20, 1000), writer.Append, batch =>
        {
            if (batch.Begins is { } first) begun.Add(first);
            batch.Release();
        }, null).Start();
        foreach (var record in records)
        {
            Assert.True(queue.TryAppend(LedgerRecord.Entry, record, out var durable));
            Assert.Equal(next++, durable.GetAwaiter().GetResult());
        }
        Assert.True(queue.Stop());
        return begun;
    }

    /// <summary>A basis after these entries.</summary>
    static byte[] Edge(IEnumerable<byte[]> entries)
    {
        var tree = new Tree((_, _) => { });
        foreach (var entry in entries) tree.Add(entry);
        return Basis.Encode(tree.Save(), null);
    }

    static List<(byte Kind, long Index, string Bytes)> Records(ILedgerStore store, long from = 0,
        long to = long.MaxValue)
    {
        var found = new List<(byte, long, string)>();
        Assert.Null(store.Read(from, to, (_, batch) =>
        {
            foreach (var record in batch)
                found.Add((record.Kind, record.Index, Encoding.UTF8.GetString(record.Bytes.Span)));
        }).Problem);
        return found;
    }

    [Fact]
    public void What_was_never_stored_is_not_there()
    {
        var store = New();
        Assert.Empty(store.Segments());
        Assert.NotNull(store.Read(0, long.MaxValue, (_, _) => { }).Problem);
        Assert.Null(store.Basis(0));
        Assert.Null(store.Get("tile/0/000"));
        Assert.False(store.Has("checkpoint"));
        Assert.Empty(store.List("tile/"));
        Assert.Equal(["journal: not there"], Fsck.Check(store, Key).Select(v => v.ToString()));
    }

    [Fact]
    public void Records_come_back_in_order_and_segments_begin_where_a_basis_may_stand()
    {
        var store = New();
        var all = Enumerable.Range(0, 9).Select(i => new string((char)('a' + i), i * 40)).ToArray();
        using (var writer = store.Lock())
        {
            Assert.Equal(0, writer.Open(0, 300, (_, batch) => Assert.True(batch.IsEmpty)));
            var begun = Append(writer, 0, [.. all.Select(Encoding.UTF8.GetBytes)]);
            Assert.NotEmpty(begun);
            Assert.Equal(begun.Prepend(0), store.Segments().Select(s => s.First));
            Assert.All(store.Segments(), s => Assert.False(s.HasBasis));
            Assert.Null(store.Basis(begun[0]));
            var edge = Edge(all.Take((int)begun[0]).Select(Encoding.UTF8.GetBytes));
            writer.PutBasis(begun[0], edge);
            Assert.Equal(edge, store.Basis(begun[0]));
            Assert.True(store.Segments()[1].HasBasis);
            Assert.Equal(all, Records(store).Select(r => r.Bytes));   // while it is written
            writer.Seal();
        }
        var second = store.Segments()[1].First;
        Assert.Equal(all.Select((bytes, i) => (LedgerRecord.Entry, (long)i, bytes)), Records(store));
        Assert.Equal(all.Take((int)second), Records(store, 0, second).Select(r => r.Bytes));
        Assert.Equal(all.Skip((int)second), Records(store, second).Select(r => r.Bytes));
        using (var writer = store.Lock())
        {
            var seen = new List<long>();
            Assert.True(store.Read(0, long.MaxValue, (_, _) => { }).Sealed);
            Assert.Equal(9, writer.Open(second, 300, (_, batch) =>
            {
                foreach (var record in batch) seen.Add(record.Index);
            }));
            Assert.Equal(Enumerable.Range((int)second, 9 - (int)second).Select(i => (long)i), seen);
            Append(writer, 9, "more"u8.ToArray());
        }
        Assert.Equal([.. all, "more"], Records(store).Select(r => r.Bytes));
        using (var writer = store.Lock())
        {
            Assert.False(store.Read(0, long.MaxValue, (_, _) => { }).Sealed);
            Assert.Equal(10, writer.Open(0, 300, (_, _) => { }));
            writer.RemoveBefore(second);
            Assert.Equal(second, store.Segments()[0].First);
        }
        Assert.Equal([.. all.Skip((int)second), "more"], Records(store, second).Select(r => r.Bytes));
    }

    [Fact]
    public void Objects_are_put_whole_and_removed_with_all_below_them()
    {
        var store = New();
        using var writer = store.Lock();
        writer.Open(0, 1 << 20, (_, _) => { });
        foreach (var name in new[] { "tile/0/000", "tile/0/001.p/3", "tile/0/001.p/9", "tile/entries/000" })
            writer.Put(name, Encoding.UTF8.GetBytes(name), Durability.Late);
        writer.Put("cold.json", "1"u8, Durability.Now);
        writer.Put("cold.json", "2"u8, Durability.Now);
        Assert.Equal("2"u8.ToArray(), store.Get("cold.json"));
        Assert.Equal(["tile/0/000", "tile/0/001.p/3", "tile/0/001.p/9", "tile/entries/000"],
            store.List("tile/").Order(StringComparer.Ordinal));
        Assert.Equal(["tile/0/001.p/3", "tile/0/001.p/9"],
            store.List("tile/0/001.p/").Order(StringComparer.Ordinal));
        Assert.Equal("tile/0/000"u8.ToArray(), store.Get("tile/0/000"));
        writer.Delete("tile/0/001.p");
        writer.Delete("tile/0/001.p");
        writer.Delete("tile/entries/000");
        Assert.Equal(["tile/0/000"], store.List("tile/"));
        Assert.False(store.Has("tile/0/001.p/3"));
        writer.Flush();
    }

    [Fact]
    public void One_writes_at_a_time()
    {
        var store = New();
        using (store.Lock())
        {
            Assert.Throws<LockedException>(store.Lock);
            Assert.Null(store.Hold(out var inUse));
            Assert.True(inUse);
        }
        using (store.Hold(out var inUse))
        {
            Assert.False(inUse);
            Assert.Throws<LockedException>(store.Lock);
        }
        store.Lock().Dispose();
    }

    [Fact]
    public void What_is_exported_is_imported_byte_for_byte()
    {
        var (store, other) = (New(), New());
        using (var writer = store.Lock())
        {
            writer.Open(0, 100, (_, _) => { });
            var begun = Append(writer, 0, [.. Enumerable.Range(0, 4).Select(i => new byte[60])]);
            writer.PutBasis(begun[0], Edge(Enumerable.Range(0, (int)begun[0]).Select(_ => new byte[60])));
            writer.Seal();
        }
        byte[] Exported(ILedgerStore from, long first, SegmentPart part)
        {
            using var stream = new MemoryStream();
            from.Export(first, part, stream);
            return stream.ToArray();
        }
        using (var writer = other.Lock())
            foreach (var segment in store.Segments())
                foreach (var part in segment.HasBasis
                    ? new[] { SegmentPart.Basis, SegmentPart.Records }
                    : [SegmentPart.Records])
                {
                    var bytes = Exported(store, segment.First, part);
                    Assert.Equal(Digest.Of(bytes), writer.Import(segment.First, part,
                        to => store.Export(segment.First, part, to)));
                    Assert.Equal(bytes, Exported(other, segment.First, part));
                }
        Assert.Equal(store.Segments().Select(s => (s.First, s.HasBasis)),
            other.Segments().Select(s => (s.First, s.HasBasis)));
        Assert.Equal(Records(store), Records(other));
    }

    [Fact]
    public async Task A_log_grows_is_opened_again_and_followed()
    {
        var (store, copy) = (New(), New());
        using var replica = Log.OpenReplica(copy, Key, TimeProvider.System, Small);
        foreach (var size in new[] { 0, 1, 255, 256, 257, 700 })
            using (var log = Open(store))
            {
                for (var at = log.Size; at < size; at = Math.Min(size, at + 50))
                    await Ledgers.Fill(log, Math.Min(size, at + 50));
                Assert.Equal((size, Ledgers.RootOf(size)), (log.Size, log.Root));
                for (var i = 0; i < size; i += 41)
                    Assert.True(Proofs.VerifyInclusion(i, size, Merkle.Leaf(log.ReadEntry(i)),
                        log.InclusionProof(i, size), log.Root));
                if (size == 700)
                    Assert.Equal(Extension.Extended, await replica.Extend([.. log.ReadEntries(replica.Held, 300)],
                        log.Checkpoint, log.ConsistencyProof(300, 700)));
                if (size > 0)
                    Assert.Equal(Extension.Extended,
                        await replica.Extend([.. log.ReadEntries(replica.Held, size)], log.Checkpoint));
                Assert.Equal((size, log.Root), (replica.Size, replica.Root));
            }
        replica.Dispose();
        Assert.True(store.Segments().Count > 3);
        foreach (var each in new[] { store, copy }) IsSound(each);
        using (var again = Log.OpenReplica(copy, Key, TimeProvider.System, Small))
            Assert.Equal(Ledgers.RootOf(700), again.Root);
    }

    [Fact]
    public async Task A_log_that_nobody_writes_is_read_and_stays_as_it_is()
    {
        var store = New();
        using (var empty = StoredLog.Open(store, _signer))
            Assert.Equal((0, Ledgers.RootOf(0)), (empty.Size, empty.Root));
        Assert.Empty(store.Segments());
        Assert.Null(store.Get("checkpoint"));
        for (var size = 0; size < 700; size += 140)
        {
            using (var log = Open(store))
            {
                Assert.Throws<LockedException>(() => StoredLog.Open(store, _signer));
                for (var at = size; at < size + 140; at += 20) await Ledgers.Fill(log, at + 20);
            }
            using var read = StoredLog.Open(store, _signer);
            Assert.Throws<LockedException>(store.Lock);
            IsWhole(read, size + 140);
            await Assert.ThrowsAsync<OperationCanceledException>(() => read.WaitBeyond(read.Size, default));
        }
        IsSound(store);

        // Nothing is signed over records that a power loss may still take.
        var watched = new FailingStore(store, int.MaxValue, isDone: false);
        StoredLog.Open(watched, _signer).Dispose();
        Assert.Equal([nameof(watched.Sync), nameof(watched.Read)], watched.Asked);

        // What is derived and not there is made in memory, and is not stored.
        var bare = New();
        using (var log = Log.Open(bare, Ledgers.Origin, _signer, TimeProvider.System)) await Ledgers.Fill(log, 700);
        using (var writer = bare.Lock())
            foreach (var name in bare.List("tile/").Append("checkpoint").ToList()) writer.Delete(name);
        using (var read = StoredLog.Open(bare, _signer)) IsWhole(read, 700);
        Assert.Empty(bare.List("tile/"));
        Assert.Null(bare.Get("checkpoint"));

        static void IsWhole(LogReader log, int size)
        {
            Assert.Equal((size, Ledgers.RootOf(size)), (log.Size, log.Root));
            Assert.True(Checkpoint.TryOpen(log.Checkpoint, log.Key, out var signed, out _));
            Assert.Equal((size, log.Root), (signed.Size, signed.Root));
            Assert.Equal(Enumerable.Range(0, size).Select(i => Ledgers.Entry(i)), log.ReadEntries(0, size));
            for (var i = 0; i < size; i += 41)
                Assert.True(Proofs.VerifyInclusion(i, size, Merkle.Leaf(log.ReadEntry(i)), log.InclusionProof(i, size),
                    log.Root));
        }
    }

    [Fact]
    public async Task Old_segments_are_pruned_moved_and_put_back()
    {
        var (store, cold) = (New(), New());
        using (var log = Open(store)) for (var at = 0; at < 1100; at += 20) await Ledgers.Fill(log, at + 20);
        var moved = Pruning.Move(store, 400, cold);
        Assert.InRange(moved.Begins, 256, 400);
        IsSound(store);
        using (var log = Open(store))
        {
            Assert.Equal((moved.Begins, Ledgers.RootOf(1100)), (log.Floor, log.Root));
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.ReadEntry(0)).Error);
            var entries = ColdEntries.Leading(cold, log.Beginning!)!;
            Assert.Equal(Enumerable.Range(0, (int)moved.Begins).Select(i => Ledgers.Entry(i)), entries.All());
        }
        Assert.Equal(0, Pruning.Attach(store, cold));
        IsSound(store);
        var pruned = Pruning.Prune(store, 900);
        Assert.InRange(pruned.Begins, 512, 900);
        IsSound(store);
        using (var log = Open(store))
        {
            await Ledgers.Fill(log, 1110);
            Assert.Equal((pruned.Begins, Ledgers.RootOf(1110)), (log.Floor, log.Root));
            Assert.Equal(Enumerable.Range((int)pruned.Begins, 50).Select(i => Ledgers.Entry(i)),
                log.ReadEntries(pruned.Begins, pruned.Begins + 50));
        }
        IsSound(store);
    }

    [Fact]
    public async Task What_is_derived_is_made_again()
    {
        var store = New();
        using (var log = Open(store)) await Ledgers.Fill(log, 600);
        using (var writer = store.Lock())
            foreach (var name in store.List("tile/").ToList()) writer.Delete(name);
        Assert.NotEmpty(Fsck.Check(store, Key));
        Assert.NotEmpty(Fsck.Repair(store, Key));
        Assert.Equal([], Fsck.Check(store, Key));
        using (var log = Open(store)) Assert.Equal(Ledgers.RootOf(600), log.Root);
    }

    /// <summary>
    /// The process or the power is lost at a step of the writer, once before it is done and once after.
    /// </summary>
    [Fact]
    public async Task A_log_that_ends_at_any_step_keeps_what_it_told()
    {
        var counted = new FailingStore(New(), int.MaxValue, isDone: false);
        await Live(counted, []);
        var random = new Random(7);
        for (var step = 0; step < counted.Steps; step += 1 + step / 12)
            foreach (var isDone in new[] { false, true })
            {
                var (store, told) = (New(), new List<byte[]>());
                try
                {
                    await Live(new FailingStore(store, step, isDone), told);
                }
                catch (Exception e) when (e is IOException or OperationCanceledException) { }
                var found = Crashed(store, random);
                long size;
                using (var log = Open(found))
                {
                    Assert.True(log.Size >= told.Count, $"step {step}: {log.Size} of {told.Count} are there");
                    Assert.Equal(told, log.ReadEntries(0, told.Count));
                    size = log.Size;
                    Assert.Equal(size, await log.Append(Ledgers.Entry(size)));
                    Assert.Equal(Ledgers.RootOf(size + 1), log.Root);
                }
                Assert.Equal([], Fsck.Check(found, Key));
                Assert.True(Violations(found) is [], $"step {step}: {string.Join('\n', Violations(found))}");
            }
    }

    async Task Live(ILedgerStore store, List<byte[]> told)
    {
        foreach (var size in new[] { 250, 258, 262 })
        {
            using var log = Open(store);
            while (log.Size < size)
            {
                var next = Enumerable.Range((int)log.Size, Math.Min(size, log.Size < 250 ? 90 : 2))
                    .Where(i => i < size).Select(i => Ledgers.Entry(i)).ToArray();
                await Task.WhenAll(next.Select(e => log.Append(e)));
                told.AddRange(next);
            }
        }
    }
}

public sealed class FileStoreTests : LedgerStoreTests
{
    readonly Scratch _scratch = new();
    int _made;

    internal override ILedgerStore New() => new FileStore(_scratch.At($"{_made++}"));

    /// <summary>Files outlive a process; the power is lost under them in <see cref="FaultTableTests"/>.</summary>
    internal override ILedgerStore Crashed(ILedgerStore store, Random random) => new FileStore(store.Place);

    public override void Dispose()
    {
        base.Dispose();
        _scratch.Dispose();
    }
}

public sealed class PolicingStoreTests : LedgerStoreTests
{
    internal override ILedgerStore New() => new PolicingStore(Key);

    internal override ILedgerStore Crashed(ILedgerStore store, Random random)
    {
        ((PolicingStore)store).LosePower(random);
        return store;
    }

    internal override IReadOnlyList<string> Violations(ILedgerStore store) => ((PolicingStore)store).Violations;

    /// <summary>What the contract forbids is seen: each of these is what a faulty log would do.</summary>
    [Fact]
    public void What_is_against_the_contract_is_written_down()
    {
        using var signer = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1));
        string Seen(Action<PolicingStore, ILedgerWriter> fault)
        {
            var store = new PolicingStore(Key);
            using var writer = store.Lock();
            writer.Open(0, 100, (_, _) => { });
            fault(store, writer);
            return Assert.Single(store.Violations);
        }
        byte[] Note(long size) => Encoding.UTF8.GetBytes(
            signer.Sign(new Checkpoint(Ledgers.Origin, size, Ledgers.RootOf(size)).Text).ToString());
        Assert.Contains("other bytes", Seen((_, w) =>
        {
            w.Put("tile/0/000.p/1", "a"u8, Durability.Late);
            w.Put("tile/0/000.p/1", "b"u8, Durability.Late);
        }), StringComparison.Ordinal);
        Assert.Contains("over other entries", Seen((_, w) => w.Put("checkpoint", Note(3), Durability.Late)),
            StringComparison.Ordinal);
        Assert.Contains("did not sign", Seen((_, w) => w.Put("checkpoint", "x"u8, Durability.Late)),
            StringComparison.Ordinal);
        Assert.Contains("no segment begins", Seen((_, w) => w.PutBasis(7, "x"u8)), StringComparison.Ordinal);
        Assert.Contains("has no basis", Seen((_, w) => w.RemoveBefore(7)), StringComparison.Ordinal);
        Assert.Contains("opened twice", Seen((_, w) => w.Open(0, 100, (_, _) => { })), StringComparison.Ordinal);
        Assert.Contains("does not hold it", Seen((s, _) => s.Sync()), StringComparison.Ordinal);
        Assert.Contains("put as Late", Seen((_, w) => w.Put("cold.json", "x"u8, Durability.Late)),
            StringComparison.Ordinal);
    }
}
