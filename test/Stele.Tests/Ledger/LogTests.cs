using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Disk;

namespace Stele.Tests.Ledger;

public sealed class LogTests : IDisposable
{
    readonly Ledgers _ledgers = new();

    public void Dispose() => _ledgers.Dispose();

    /// <summary>Everything a log says of itself, checked against entries made again.</summary>
    void Verify(Log log, long size)
    {
        Assert.Equal(size, log.Size);
        Assert.Equal(CheckpointTrust.Verified,
            Checkpoint.Open(log.Checkpoint, _ledgers.Signer.Key, out var checkpoint));
        Assert.Equal((size, Ledgers.RootOf(size)), (checkpoint!.Size, checkpoint.Root));
        Assert.Equal((checkpoint.Root, checkpoint.Root, size), (log.Root, log.Frontier.Root, log.Frontier.Size));
        var i = 0;
        foreach (var entry in log.ReadEntries(0, size)) Assert.Equal(Ledgers.Entry(i++), entry);
        Assert.Equal(size, i);
        foreach (var at in new[] { 0, size / 2, size - 1 }.Where(a => a >= 0 && a < size))
        {
            Assert.Equal(Ledgers.Entry(at), log.ReadEntry(at));
            Assert.True(Proofs.VerifyInclusion(at, size, Merkle.Leaf(Ledgers.Entry(at)), log.InclusionProof(at, size),
                log.Root));
        }
        foreach (var a in new[] { 1, size / 3, size - 1, size }.Where(a => a >= 1 && a <= size))
        {
            Assert.Equal(Ledgers.RootOf(a), log.RootAt(a));
            Assert.True(Proofs.VerifyConsistency(a, size, Ledgers.RootOf(a), log.Root, log.ConsistencyProof(a, size)));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(700)]
    public async Task Entries_proofs_and_checkpoints_hold_and_survive(int size)
    {
        using (var log = _ledgers.Open("log"))
        {
            Verify(log, 0);
            await Ledgers.Fill(log, size);
            Verify(log, size);
        }
        Assert.Empty(_ledgers.Check("log"));
        using (var log = _ledgers.Open("log"))
        {
            Verify(log, size);
            await Ledgers.Fill(log, size + 3);
            Verify(log, size + 3);
        }
        Assert.Empty(_ledgers.Check("log"));
    }

    [Fact]
    public async Task Partial_files_are_written_while_full_ones_take_their_place()
    {
        const int Writers = 64, Each = 250;
        using (var log = _ledgers.Open("log", publishEvery: TimeSpan.Zero))
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
            {
                for (var i = 0; i < Each; i++) await log.Append(Ledgers.Entry(w * Each + i));
            })));
        Assert.Empty(_ledgers.Check("log"));
        using var again = _ledgers.Open("log");
        Assert.Equal(Writers * Each, again.Size);
    }

    [Fact]
    public async Task The_folder_alone_is_a_tlog_tiles_log()
    {
        const int Size = 66_000;   // one full tile of level 1, two levels above it partial
        await _ledgers.Make("log", Size);
        // A client that has nothing but the files, the key and the standard's paths.
        byte[] Get(string path) => File.ReadAllBytes(Path.Combine(_ledgers.At("log"), path));
        Assert.Equal(CheckpointTrust.Verified,
            Checkpoint.Open(Encoding.UTF8.GetString(Get("checkpoint")), _ledgers.Signer.Key, out var checkpoint));
        Assert.Equal(Size, checkpoint!.Size);
        Digest Subtree(int level, long index)
        {
            var tile = Tile.Holding(level, index, Size);
            return Tile.Subtree(level, index, Tile.Decode(Get(tile.Path), tile.Width));
        }
        Assert.Equal(checkpoint.Root, Proofs.TreeHash(Size, Subtree));
        foreach (var i in new[] { 0, 255, 65_535, 65_536, Size - 1 })
        {
            var n = i / 256;
            var entry = Tile.DecodeBundle(Get(new Tile(Tile.Entries, n, Tile.WidthAt(Size, Tile.Entries, n)).Path),
                Tile.WidthAt(Size, Tile.Entries, n))[i % 256];
            Assert.Equal(Ledgers.Entry(i), entry);
            Assert.True(Proofs.VerifyInclusion(i, Size, Merkle.Leaf(entry), Proofs.Inclusion(i, Size, Subtree),
                checkpoint.Root));
        }
        Assert.Equal(["checkpoint", "journal", "journal.lock"],
            Directory.GetFiles(_ledgers.At("log")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using var log = _ledgers.Open("log");
        Assert.True(Proofs.VerifyInclusion(65_535, Size, Merkle.Leaf(Ledgers.Entry(65_535)),
            log.InclusionProof(65_535, Size), log.Root));
        Assert.True(Proofs.VerifyConsistency(65_537, Size, log.RootAt(65_537), log.Root,
            log.ConsistencyProof(65_537, Size)));
    }

    [Fact]
    public async Task Every_width_that_was_signed_for_can_be_read()
    {
        using var log = _ledgers.Open("log");
        await Ledgers.Fill(log, 300);
        for (var n = 0; n < 2; n++)
            for (var width = 1; width <= (n == 0 ? 256 : 44); width++)
            {
                var entries = Enumerable.Range(n * 256, width).Select(i => Ledgers.Entry(i)).ToArray();
                Assert.Equal(Tile.EncodeBundle(entries), log.Bundle(n, width));
                Assert.Equal(Tile.Encode([.. entries.Select(e => Merkle.Leaf(e))]), log.Tile(0, n, width));
            }
        Assert.Equal(32, log.Tile(1, 0, 1)!.Length);
        Assert.Null(log.Tile(1, 0, 2));
        Assert.Null(log.Tile(0, 1, 45));
        Assert.Null(log.Tile(0, 2, 1));
        Assert.Null(log.Bundle(1, 256));
        Assert.Null(log.Bundle(-1, 1));
        Assert.Null(log.Tile(0, 0, 0));
        Assert.Null(log.Tile(0, 0, 257));
        Assert.Null(log.Tile(8, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.ReadEntry(300));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.ReadEntries(0, 301));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.InclusionProof(0, 301));
        Assert.Throws<ArgumentOutOfRangeException>(() => log.ConsistencyProof(0, 300));
    }

    [Fact]
    public async Task Many_writers_share_flushes_and_readers_read_meanwhile()
    {
        var file = default(FaultyFile);
        using (var log = _ledgers.Open("log", f => file = f, publishEvery: TimeSpan.FromMilliseconds(1)))
        {
            var before = file!.Syncs;
            using var done = new CancellationTokenSource();
            var reader = Task.Run(() =>
            {
                long rounds = 0;
                for (; !done.IsCancellationRequested; rounds++)
                {
                    Assert.Equal(CheckpointTrust.Verified,
                        Checkpoint.Open(log.Checkpoint, _ledgers.Signer.Key, out var checkpoint));
                    var size = checkpoint!.Size;
                    if (size == 0) continue;
                    // What a checkpoint covers can be read and proved, however the log grows.
                    var at = rounds * 7919 % size;
                    var entry = log.ReadEntry(at);
                    Assert.True(Proofs.VerifyInclusion(at, size, Merkle.Leaf(entry), log.InclusionProof(at, size),
                        checkpoint.Root));
                    var n = (size - 1) / 256;
                    Assert.Equal(Merkle.Leaf(log.ReadEntry(size - 1)),
                        Tile.Decode(log.Tile(0, n, Tile.WidthAt(size, 0, n))!, Tile.WidthAt(size, 0, n))[^1]);
                }
                return rounds;
            });
            var indexes = await Task.WhenAll(Enumerable.Range(0, 32).Select(w => Task.Run(async () =>
            {
                var mine = new List<long>();
                for (var i = 0; i < 40; i++)
                {
                    var index = await log.Append(at => Ledgers.Entry(at));
                    Assert.True(log.Size > index);   // under a signed checkpoint before the caller hears of it
                    mine.Add(index);
                }
                return mine;
            })));
            done.Cancel();
            Assert.True(await reader > 0);
            Assert.Equal(Enumerable.Range(0, 1280).Select(i => (long)i), indexes.SelectMany(i => i).Order());
            Assert.InRange(file.Syncs - before, 40, 800);
            Verify(log, 1280);
            Assert.Empty(Fsck.Check(_ledgers.Store("log"), _ledgers.Signer.Key));   // while it is open
        }
        Assert.Empty(_ledgers.Check("log"));
    }

    [Fact]
    public async Task The_files_follow_while_the_log_is_open()
    {
        using var log = _ledgers.Open("log", publishEvery: TimeSpan.FromMilliseconds(1));
        await Ledgers.Fill(log, 300);
        var note = log.Checkpoint;
        for (var i = 0; File.ReadAllText(Path.Combine(_ledgers.At("log"), "checkpoint")) != note; i++)
        {
            Assert.True(i < 1000, "the checkpoint was not published");
            await Task.Delay(10);
        }
        Assert.True(File.Exists(Path.Combine(_ledgers.At("log"), "tile/0/001.p/44")));
        Assert.True(File.Exists(Path.Combine(_ledgers.At("log"), "tile/entries/001.p/44")));
        Assert.True(File.Exists(Path.Combine(_ledgers.At("log"), "tile/1/000.p/1")));
    }

    [Fact]
    public async Task Waiting_for_more()
    {
        using var log = _ledgers.Open("log");
        await log.WaitBeyond(-1, default);
        var waiting = log.WaitBeyond(1, default);
        await log.Append(Ledgers.Entry(0));
        await Task.Delay(20);
        Assert.False(waiting.IsCompleted);
        await log.Append(Ledgers.Entry(1));
        await waiting.WaitAsync(TimeSpan.FromSeconds(120));
        using var stop = new CancellationTokenSource();
        var cancelled = log.WaitBeyond(99, stop.Token);
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled);
        var left = log.WaitBeyond(99, default);
        log.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => left);
    }

    [Fact]
    public async Task Entries_have_a_limit()
    {
        using var log = _ledgers.Open("log");
        Assert.Equal(0, await log.Append(new byte[65_535]));
        Assert.Equal(LogError.EntryTooLarge,
            (await Assert.ThrowsAsync<LogException>(() => log.Append(new byte[65_536]))).Error);
        Assert.Equal(LogError.EntryTooLarge,
            (await Assert.ThrowsAsync<LogException>(() => log.Append(_ => new byte[65_536]))).Error);
        Assert.Equal(1, await log.Append(ReadOnlyMemory<byte>.Empty));
        Assert.Equal(2, log.Size);
    }

    [Fact]
    public async Task A_full_queue_is_busy_not_slow()
    {
        var file = default(FaultyFile);
        using var log = _ledgers.Open("log", f => file = f);
        file!.Gate.Reset();
        var tasks = new List<Task<long>>();
        Task<long> last;
        do tasks.Add(last = log.Append(new byte[60_000]));
        while (!last.IsFaulted);
        Assert.Equal(LogError.Busy, (await Assert.ThrowsAsync<LogException>(() => last)).Error);
        Assert.InRange(tasks.Count, 1000, 1200);   // 64 MiB
        Assert.Equal(0, log.Size);
        file.Gate.Set();
        tasks.RemoveAt(tasks.Count - 1);
        Assert.Equal(Enumerable.Range(0, tasks.Count).Select(i => (long)i), await Task.WhenAll(tasks));
    }

    [Fact]
    public async Task One_process_one_folder()
    {
        using (var log = _ledgers.Open("log"))
        {
            Assert.Throws<LockedException>(() => _ledgers.Open("log"));
            Assert.Throws<LockedException>(() => _ledgers.OpenReplica("log"));
            Assert.Throws<LockedException>(() => Fsck.Repair(_ledgers.Store("log"), _ledgers.Signer.Key));
            await log.Append(Ledgers.Entry(0));
        }
        using var again = _ledgers.Open("log");
        Verify(again, 1);
    }

    // ---- Crashes

    [Fact]
    public async Task A_crash_at_any_byte_of_the_last_batches_loses_nothing_that_was_signed_for()
    {
        // A log that published its first 260 entries, then took three more batches and lost power: only the journal's
        // bytes are sure.
        var file = default(FaultyFile);
        var ends = new List<long>();
        using (var log = _ledgers.Open("log"))
        {
            await Ledgers.Fill(log, 260);
        }
        _ledgers.Copy("log", "closed");
        byte[] live;
        using (var log = _ledgers.Open("log", f => file = f))
        {
            ends.Add(new FileInfo(_ledgers.Journal("log")).Length);
            for (var i = 260; i < 263; i++)
            {
                await log.Append(Ledgers.Entry(i));
                ends.Add(file!.FrameEnd);
            }
            live = File.ReadAllBytes(_ledgers.Journal("log"));
        }
        for (var length = ends[0]; length <= ends[^1]; length += 2)
        {
            File.WriteAllBytes(FileStore.JournalPath(_ledgers.Copy("closed", "crashed")), live[..(int)length]);
            var size = 260 + ends.Skip(1).Count(e => e <= length);
            using (var log = _ledgers.Open("crashed"))
            {
                Assert.Equal((size, Ledgers.RootOf(size)), (log.Size, log.Root));
                await Ledgers.Fill(log, size + 1);
            }
            Assert.Empty(_ledgers.Check("crashed"));
        }
        // The same with zeros where the bytes never came.
        for (var from = ends[0]; from < ends[^1]; from += 5)
        {
            var bytes = (byte[])live.Clone();
            bytes.AsSpan((int)from).Clear();
            File.WriteAllBytes(FileStore.JournalPath(_ledgers.Copy("closed", "crashed")), bytes);
            using (var log = _ledgers.Open("crashed")) Assert.Equal(260 + ends.Skip(1).Count(e => e <= from), log.Size);
            Assert.Empty(_ledgers.Check("crashed"));
        }
    }

    [Fact]
    public async Task Derived_files_are_made_again_whatever_a_crash_left()
    {
        // A partial file of an earlier size, if the pacing left one, may go without harm.
        static bool Implied(string path) =>
            Tile.TryParse(path, out var tile) && tile.Width == Tile.WidthAt(600, tile.Level, tile.Index);
        await _ledgers.Make("log", 600);
        var good = _ledgers.Copy("log", "good");
        foreach (var file in Directory.GetFiles(good, "*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(good, f)).Where(f => f == "checkpoint" || Implied(f)))
            foreach (var damage in new Action<string>[] { File.Delete, f => File.WriteAllBytes(f, []),
                f => File.WriteAllBytes(f, new byte[new FileInfo(f).Length]), f => File.AppendAllText(f, "x") })
            {
                damage(Path.Combine(_ledgers.Copy("good", "damaged"), file));
                Assert.Contains(_ledgers.Check("damaged"), w => w.StartsWith(file, StringComparison.Ordinal));
                using (var log = _ledgers.Open("damaged")) Assert.Equal(Ledgers.RootOf(600), log.Root);
                Assert.Empty(_ledgers.Check("damaged"));
                Assert.Equal(File.ReadAllBytes(Path.Combine(good, file)),
                    File.ReadAllBytes(Path.Combine(_ledgers.At("damaged"), file)));
            }

        // Tiles ahead of the journal, partials of a size that never was, names that mean nothing.
        _ledgers.Copy("good", "ahead");
        foreach (var stray in new[] { "tile/0/005", "tile/0/002.p/89", "tile/entries/009.p/3", "tile/3/000.p/1",
            "tile/0/00x", "tile/other" })
        {
            var path = Path.Combine(_ledgers.At("ahead"), stray);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, "stray");
            Assert.Contains(_ledgers.Check("ahead"), w => w.StartsWith(stray + ":", StringComparison.Ordinal));
        }
        using (var log = _ledgers.Open("ahead")) Verify(log, 600);
        Assert.Empty(_ledgers.Check("ahead"));
        Assert.False(File.Exists(Path.Combine(_ledgers.At("ahead"), "tile/0/005")));
    }

    [Fact]
    public async Task No_log_goes_on_from_less_than_it_published()
    {
        await _ledgers.Make("log", 10);
        _ledgers.Copy("log", "old");
        using (var log = _ledgers.Open("log")) await Ledgers.Fill(log, 20);
        // Yesterday's journal under today's checkpoint.
        File.Copy(_ledgers.Journal("old"), _ledgers.Journal("log"), overwrite: true);
        var lost = Assert.Throws<LogException>(() => _ledgers.Open("log"));
        Assert.Equal(LogError.Truncated, lost.Error);
        Assert.Contains(_ledgers.Check("log"),
            w => w.StartsWith("checkpoint: it covers 20 entries", StringComparison.Ordinal));

        // Another history of the same length.
        using (var log = _ledgers.Open("other")) for (var i = 0; i < 20; i++)
            await log.Append(Encoding.UTF8.GetBytes($"other {i}"));
        File.Copy(_ledgers.Journal("other"), _ledgers.Journal("log"), overwrite: true);
        Assert.Equal(LogError.Forked, Assert.Throws<LogException>(() => _ledgers.Open("log")).Error);
        Assert.Contains(_ledgers.Check("log"),
            w => w.StartsWith("checkpoint: its root is not", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_folder_keeps_to_its_key_and_its_kind()
    {
        await _ledgers.Make("log", 3);
        using var other = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 2));
        Assert.Equal(LogError.WrongLog,
            Assert.Throws<LogException>(() =>
                Log.Open(_ledgers.Store("log"), Ledgers.Origin, other, TimeProvider.System)).Error);
        Assert.Equal(LogError.WrongLog,
            Assert.Throws<LogException>(() =>
                Log.Open(_ledgers.Store("log"), "example.com/x", other, TimeProvider.System)).Error);
        Assert.Equal(LogError.WrongLog, Assert.Throws<LogException>(() => _ledgers.OpenReplica("log")).Error);
        using (var log = _ledgers.Open("log"))
        using (var replica = _ledgers.OpenReplica("replica"))
            Assert.Equal(Extension.Extended, await replica.Extend([.. log.ReadEntries(0, 3)], log.Checkpoint));
        Assert.Equal(LogError.WrongLog, Assert.Throws<LogException>(() => _ledgers.Open("replica")).Error);
    }

    /// <summary>Each step of a commit fails twice: once with its effect lost and once with it kept.</summary>
    [Theory]
    [InlineData(Fault.WriteLost)]
    [InlineData(Fault.WriteTorn)]
    [InlineData(Fault.WriteKeptReportedLost)]
    [InlineData(Fault.SyncLost)]
    [InlineData(Fault.SyncKeptReportedLost)]
    public async Task After_an_io_error_nothing_is_taken_and_nothing_signed_for_is_lost(Fault fault)
    {
        foreach (var before in new[] { 0, 1, 255, 256 })
        {
            var name = $"log{before}";
            var file = default(FaultyFile);
            string signed;
            using (var log = _ledgers.Open(name, f => file = f))
            {
                await Ledgers.Fill(log, before);
                signed = log.Checkpoint;
                file!.Next = fault;
                var error = await Assert.ThrowsAsync<IOException>(() => log.Append(Ledgers.Entry(before)));
                Assert.Same(error, await Assert.ThrowsAsync<IOException>(() => log.Append(Ledgers.Entry(before))));
                Assert.Equal((before, signed), (log.Size, log.Checkpoint));   // nothing signed for what may be lost
                Assert.Equal(before, log.ReadEntries(0, before).Count());
            }
            using (var log = _ledgers.Open(name))
            {
                var kept = fault is Fault.WriteKeptReportedLost or Fault.SyncKeptReportedLost ? 1 : 0;
                Verify(log, before + kept);
                await Ledgers.Fill(log, before + 2);
                Verify(log, before + 2);
            }
            Assert.Empty(_ledgers.Check(name));
        }
    }
}
