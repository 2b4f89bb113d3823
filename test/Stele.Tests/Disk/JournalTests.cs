using System.Text;
using Stele.Disk;

namespace Stele.Tests.Disk;

public sealed class JournalTests : IDisposable
{
    readonly string _dir = Directory.CreateTempSubdirectory("stele-journal").FullName;

    string At(string name) => Path.Combine(_dir, name);

    public void Dispose() => Directory.Delete(_dir, recursive: true);

    static List<string> Contents(string path)
    {
        var found = new List<string>();
        using var journal = Journal.Open(path, batch => Take(batch, found));
        return found;
    }

    static void Take(ReadOnlySpan<JournalRecord> batch, List<string> into)
    {
        foreach (var r in batch)
        {
            Assert.Equal(into.Count, r.Index);
            into.Add($"{r.Kind}:{Encoding.UTF8.GetString(r.Bytes.Span)}");
        }
    }

    static byte[] Bytes(string s) => Encoding.UTF8.GetBytes(s);

    /// <summary>
    /// A journal of several batches as a crash would leave it: no seal, room ahead. Gives the offset where each batch
    /// ends.
    /// </summary>
    static async Task<(byte[] File, List<long> Ends)> Crashed(string path, int batches)
    {
        var file = default(FaultyFile);
        using var journal = Journal.Open(path, _ => { }, file: p => file = new FaultyFile(p));
        var ends = new List<long>();
        for (var i = 0; i < batches; i++)
        {
            Assert.True(
                journal.TryAppend(
                    [.. Enumerable.Range(0, i % 3 + 1).Select(j =>
                        ((byte)j, Bytes($"batch {i} record {j} {new string('x', i * 7)}")))], out var durable));
            await durable;
            ends.Add(file!.FrameEnd);
        }
        return (File.ReadAllBytes(path), ends);
    }

    [Fact]
    public async Task What_a_killed_process_left_unflushed_is_flushed_before_anything_is_built_on_it()
    {
        // Killed between writing a frame and flushing it: the next start reads the frame out of the kernel's memory,
        // and the file ends just behind it.
        var (bytes, ends) = await Crashed(At("first"), 3);
        File.WriteAllBytes(At("j"), bytes[..(int)ends[^1]]);
        var file = default(FaultyFile);
        var seen = 0;
        using var journal = Journal.Open(At("j"), batch => seen += batch.Length, file: p => file = new FaultyFile(p));
        Assert.Equal(6, seen);
        Assert.Equal(1, file!.Syncs);
    }

    [Fact]
    public async Task Records_come_back_in_order()
    {
        var path = At("j");
        var addresses = new List<long>();
        using (var journal = Journal.Open(path, batch => { foreach (var r in batch) addresses.Add(r.Address); }))
        {
            for (var i = 0; i < 100; i++)
            {
                Assert.True(journal.TryAppend((byte)(i % 5), Bytes($"record {i}"), out var durable));
                Assert.Equal(i, await durable);
                Assert.Equal($"record {i}", Encoding.UTF8.GetString(journal.Read(addresses[i])));
            }
            Assert.Throws<IOException>(() => journal.Read(addresses[3] + 1));
        }
        Assert.Equal(Enumerable.Range(0, 100).Select(i => $"{i % 5}:record {i}"), Contents(path));
        Assert.Equal(100, Contents(path).Count);
        var end = Journal.Scan(path, _ => { });
        Assert.Equal((100, true, JournalTail.Clean, new FileInfo(path).Length),
            (end.Records, end.Sealed, end.Tail, end.Offset));
        // Opening and closing without writing adds nothing.
        Assert.Equal(end, Journal.Scan(path, _ => { }));
    }

    [Fact]
    public void One_owner_at_a_time()
    {
        var path = At("j");
        using (Journal.Open(path, _ => { }))
        {
            Assert.Contains("open in another process",
                Assert.Throws<LockedException>(() => Journal.Open(path, _ => { })).Message, StringComparison.Ordinal);
            Assert.Throws<LockedException>(() => Journal.Replace(path, []));
            Assert.Equal(JournalTail.Clean, Journal.Scan(path, _ => { }).Tail);   // reading is free
        }
        Journal.Open(path, _ => { }).Dispose();
    }

    [Fact]
    public void One_process_at_a_time()
    {
        // flock(1) of util-linux is the other process.
        static int Flock(string file, string command)
        {
            using var process = System.Diagnostics.Process.Start("flock", ["--nonblock", file, "sh", "-c", command]);
            process.WaitForExit();
            return process.ExitCode;
        }
        var path = At("j");
        using (Journal.Open(path, _ => { })) Assert.Equal(1, Flock(path + ".lock", "exit 0"));
        Assert.Equal(0, Flock(path + ".lock", "exit 0"));
        using var holder = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("flock",
            [path + ".lock", "sh", "-c", "echo held; read line"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true
        })!;
        Assert.Equal("held", holder.StandardOutput.ReadLine());
        Assert.Throws<LockedException>(() => Journal.Open(path, _ => { }));
        holder.StandardInput.WriteLine();
        holder.WaitForExit();
        Journal.Open(path, _ => { }).Dispose();
    }

    [Fact]
    public async Task A_torn_tail_is_cut_at_any_byte()
    {
        var (bytes, ends) = await Crashed(At("whole"), 5);
        for (var length = ends[2]; length <= ends[4]; length++)
        {
            var path = At($"cut{length}");
            File.WriteAllBytes(path, bytes[..(int)length]);
            var kept = ends.Count(e => e <= length);
            var records = Enumerable.Range(0, kept).Sum(i => i % 3 + 1);
            Assert.Equal(records, Contents(path).Count);
            Assert.Equal(JournalTail.Clean, Journal.Scan(path, _ => { }).Tail);
            // And the next record goes where the torn one stood.
            using (var journal = Journal.Open(path, _ => { }))
            {
                Assert.True(journal.TryAppend(9, Bytes("after"), out var durable));
                Assert.Equal(records, await durable);
            }
            Assert.Equal("9:after", Contents(path)[^1]);
            File.Delete(path);
        }
    }

    [Fact]
    public async Task A_zeroed_tail_is_cut_at_any_byte()
    {
        var (bytes, ends) = await Crashed(At("whole"), 4);
        for (var from = ends[1]; from <= ends[3]; from++)
        {
            var path = At("zeroed");
            var copy = (byte[])bytes.Clone();
            copy.AsSpan((int)from).Clear();
            File.WriteAllBytes(path, copy);
            // Zeros at the end of a record may be what stood there anyway; no content here ends in zeros.
            Assert.Equal(Enumerable.Range(0, ends.Count(e => e <= from)).Sum(i => i % 3 + 1), Contents(path).Count);
        }
    }

    [Fact]
    public async Task A_page_lost_inside_the_last_write_is_torn()
    {
        var path = At("j");
        using (var journal = Journal.Open(path, _ => { }, file: p => new FaultyFile(p)))
        {
            Assert.True(journal.TryAppend(0, Bytes("first"), out var durable));
            await durable;
            var big = new byte[20_000];
            Array.Fill(big, (byte)7);
            Assert.True(journal.TryAppend(0, big, out durable));
            await durable;
            var bytes = File.ReadAllBytes(path);
            bytes.AsSpan(8192, 4096).Clear();
            File.WriteAllBytes(At("torn"), bytes);
        }
        Assert.Equal(["0:first"], Contents(At("torn")));
    }

    [Fact]
    public async Task A_bad_bit_before_a_whole_batch_is_damage_and_nothing_is_cut()
    {
        var (bytes, ends) = await Crashed(At("whole"), 4);
        var path = At("flipped");
        for (var at = 0L; at < ends[3]; at++)
        {
            var copy = (byte[])bytes.Clone();
            copy[at] ^= (byte)(1 << (int)(at % 8));
            File.WriteAllBytes(path, copy);
            if (at < ends[2])
            {
                Assert.Contains("damaged", Assert.Throws<IOException>(() => Contents(path)).Message,
                    StringComparison.Ordinal);
                Assert.Equal(copy, File.ReadAllBytes(path));
                Assert.Equal(JournalTail.Corrupt, Journal.Scan(path, _ => { }).Tail);
            }
            else
            {
                Assert.Equal(JournalTail.Torn, Journal.Scan(path, _ => { }).Tail);
                Assert.Equal(Enumerable.Range(0, 3).Sum(i => i % 3 + 1), Contents(path).Count);
            }
        }
    }

    [Fact]
    public async Task After_a_clean_close_no_bit_may_flip_anywhere()
    {
        var path = At("j");
        using (var journal = Journal.Open(path, _ => { }))
        {
            for (var i = 0; i < 3; i++)
            {
                Assert.True(journal.TryAppend(1, Bytes($"record {i}"), out var durable));
                await durable;
            }
        }
        var bytes = File.ReadAllBytes(path);
        var seal = bytes.Length - JournalFrame.Header;
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            var copy = (byte[])bytes.Clone();
            copy[bit / 8] ^= (byte)(1 << bit % 8);
            File.WriteAllBytes(path, copy);
            var end = Journal.Scan(path, _ => { });
            Assert.Equal(bit / 8 < seal ? JournalTail.Corrupt : JournalTail.Torn, end.Tail);
            Assert.NotNull(end.Problem);
            if (bit / 8 >= seal) Assert.Equal(3, Contents(path).Count);
            else Assert.Throws<IOException>(() => Contents(path));
        }
    }

    [Fact]
    public async Task What_a_record_holds_never_passes_for_a_batch()
    {
        // A record whose bytes are a whole frame of another journal, then a torn end: still only torn.
        var (other, ends) = await Crashed(At("other"), 3);
        var path = At("j");
        var file = default(FaultyFile);
        using (var journal = Journal.Open(path, _ => { }, file: p => file = new FaultyFile(p)))
        {
            Assert.True(journal.TryAppend(0, Bytes("kept"), out var durable));
            await durable;
            Assert.True(journal.TryAppend(0, other.AsSpan(JournalFrame.FileHeader..(int)ends[2]), out durable));
            await durable;
            File.WriteAllBytes(At("torn"), File.ReadAllBytes(path)[..(int)(file!.FrameEnd - 10)]);
        }
        Assert.Equal(["0:kept"], Contents(At("torn")));
    }

    [Fact]
    public async Task Waiting_writers_share_a_flush()
    {
        var file = default(FaultyFile);
        using var journal = Journal.Open(At("j"), _ => { }, file: p => file = new FaultyFile(p));
        var before = file!.Syncs;
        await Task.WhenAll(Enumerable.Range(0, 64).Select(w => Task.Run(async () =>
        {
            for (var i = 0; i < 50; i++)
            {
                Assert.True(journal.TryAppend(0, Bytes($"{w}/{i}"), out var durable));
                await durable;
            }
        })));
        Assert.InRange(file.Syncs - before, 50, 1600);   // 3,200 records; alone each would have had its own
    }

    [Fact]
    public async Task Composed_records_know_their_index_and_keep_the_order_of_the_calls()
    {
        var path = At("j");
        var tasks = new List<Task<long>>();
        using (var journal = Journal.Open(path, _ => { }))
        {
            Parallel.For(0, 1000, _ =>
            {
                Assert.True(journal.TryAppend(0, index => Bytes($"{index}"), out var durable));
                lock (tasks) tasks.Add(durable);
            });
            Assert.Throws<InvalidOperationException>(() =>
                journal.TryAppend(0, _ => throw new InvalidOperationException("no"), out var _));
            Assert.Equal(Enumerable.Range(0, 1000).Select(i => (long)i), (await Task.WhenAll(tasks)).Order());
        }
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => $"0:{i}"), Contents(path));
    }

    [Fact]
    public async Task A_full_queue_says_busy_and_loses_nothing()
    {
        var file = default(FaultyFile);
        using var journal = Journal.Open(At("j"), _ => { }, queueBytes: 1000, file: p => file = new FaultyFile(p));
        file!.Gate.Reset();
        var taken = new List<Task<long>>();
        Assert.True(journal.TryAppend(0, new byte[5000], out var first));   // larger than the queue, but alone
        taken.Add(first);
        Assert.False(journal.TryAppend(0, new byte[1], out _));
        Assert.False(journal.TryAppend(0, _ => throw new InvalidOperationException("composed in vain"), out var _));
        file.Gate.Set();
        await first;
        for (var i = 0; i < 3; i++)
        {
            Task<long> durable;
            while (!journal.TryAppend(0, new byte[400], out durable)) await Task.Yield();
            taken.Add(durable);
        }
        Assert.Equal(new long[] { 0, 1, 2, 3 }, await Task.WhenAll(taken));
    }

    [Theory]
    [InlineData(Fault.WriteLost)]
    [InlineData(Fault.WriteTorn)]
    [InlineData(Fault.WriteKeptReportedLost)]
    [InlineData(Fault.SyncLost)]
    [InlineData(Fault.SyncKeptReportedLost)]
    public async Task An_io_error_ends_the_journal_and_reopening_tells_the_truth(Fault fault)
    {
        var path = At("j");
        var file = default(FaultyFile);
        var acknowledged = 0;
        using (var journal = Journal.Open(path, _ => { }, file: p => file = new FaultyFile(p)))
        {
            for (; acknowledged < 3; acknowledged++)
            {
                Assert.True(journal.TryAppend(0, Bytes($"{acknowledged}"), out var durable));
                await durable;
            }
            file!.Next = fault;
            Assert.True(journal.TryAppend(0, Bytes("3"), out var lost));
            var error = await Assert.ThrowsAsync<IOException>(() => lost);
            for (var i = 0; i < 3; i++)
            {
                // Nothing was repaired: the same error again, though the disk would work now.
                Assert.True(journal.TryAppend(0, Bytes("later"), out var later));
                Assert.Same(error, await Assert.ThrowsAsync<IOException>(() => later));
            }
        }
        var found = Contents(path);
        Assert.Equal(["0:0", "0:1", "0:2"], found.Take(3));
        Assert.Equal(fault is Fault.WriteKeptReportedLost or Fault.SyncKeptReportedLost ? 4 : 3, found.Count);
    }

    [Fact]
    public async Task Closing_writes_what_still_waits()
    {
        var path = At("j");
        var tasks = new List<Task<long>>();
        var journal = Journal.Open(path, _ => { });
        for (var i = 0; i < 100; i++)
        {
            Assert.True(journal.TryAppend(0, Bytes($"{i}"), out var durable));
            tasks.Add(durable);
        }
        journal.Dispose();
        await Task.WhenAll(tasks);
        Assert.Throws<ObjectDisposedException>(() => journal.TryAppend(0, [], out _));
        Assert.Equal(100, Contents(path).Count);
    }

    [Fact]
    public void Replacing_is_all_or_nothing()
    {
        var path = At("j");
        Journal.Replace(path, [(1, Bytes("a")), (2, Bytes("b"))], Readers.Owner);
        Assert.Equal(["1:a", "2:b"], Contents(path));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Throws<InvalidOperationException>(() => Journal.Replace(path, Failing()));
        Assert.Equal(["1:a", "2:b"], Contents(path));
        Journal.Replace(path, [(2, Bytes("b"))]);
        Assert.Equal(["2:b"], Contents(path));
        Assert.Equal(["j", "j.lock"], Directory.GetFiles(_dir).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        static IEnumerable<(byte, byte[])> Failing()
        {
            yield return (3, Bytes("c"));
            throw new InvalidOperationException("no more");
        }
    }

    [Fact]
    public void Records_have_a_limit()
    {
        using var journal = Journal.Open(At("j"), _ => { });
        Assert.Throws<ArgumentException>(() => journal.TryAppend(0, new byte[JournalFrame.MaxRecord + 1], out _));
        Assert.Throws<ArgumentException>(() => journal.TryAppend([], out _));
        Assert.True(journal.TryAppend(0, [], out _));
    }
}
