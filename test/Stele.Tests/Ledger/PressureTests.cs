using Stele.Disk;
using Stele.Ledger;
using Stele.Tests.Disk;

namespace Stele.Tests.Ledger;

/// <summary>
/// What a log does when more comes than it can write, when several entries come at once, and when its disk fails under
/// those who wait.
/// </summary>
public sealed class PressureTests : IDisposable
{
    static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    readonly Ledgers _ledgers = new();

    public void Dispose() => _ledgers.Dispose();

    [Fact]
    public async Task The_queue_is_bounded_in_entries_too()
    {
        var file = default(FaultyFile);
        using var log = _ledgers.Open("log", new LogOptions { QueueEntries = 100 }, f => file = f);
        file!.Gate.Reset();
        var taken = new List<Task<long>>();
        Task<long> last;
        do taken.Add(last = log.Append(new byte[] { 1 }, Await.Durable));
        while (!last.IsFaulted);
        taken.RemoveAt(taken.Count - 1);
        Assert.Equal(100, taken.Count);
        Assert.Equal(LogError.Busy, (await Assert.ThrowsAsync<LogException>(() => last)).Error);
        Assert.Equal(LogError.Busy,
            (await Assert.ThrowsAsync<LogException>(() =>
                log.Append(_ => throw new InvalidOperationException("composed in vain")))).Error);
        Assert.Equal(LogError.Busy,
            (await Assert.ThrowsAsync<LogException>(() => log.Append([new byte[1], new byte[1]]))).Error);
        file.Gate.Set();
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (long)i), await Task.WhenAll(taken).WaitAsync(Bound));
        // What was busy is free again once it is under a checkpoint.
        await log.WaitBeyond(99, default).WaitAsync(Bound);
        Task<long> next;
        while ((next = log.Append(new byte[] { 2 })).IsFaulted) await Task.Yield();
        Assert.Equal(100, await next.WaitAsync(Bound));
    }

    [Fact]
    public async Task Entries_of_one_call_stand_side_by_side_while_others_append()
    {
        using (var log = _ledgers.Open("log"))
        {
            var groups = Enumerable.Range(0, 8).Select(w => Task.Run(async () =>
            {
                var firsts = new List<long>();
                for (var i = 0; i < 20; i++)
                {
                    firsts.Add(
                        await log.Append(
                            [.. Enumerable.Range(0, 50).Select(n =>
                                (ReadOnlyMemory<byte>)new byte[] { (byte)w, (byte)i, (byte)n })], (Await)(i % 2)));
                    await log.Append(new byte[] { 255 }, Await.Durable);
                }
                return firsts;
            })).ToArray();
            await Task.WhenAll(groups).WaitAsync(Bound);
            await log.WaitBeyond(8 * 20 * 51 - 1, default).WaitAsync(Bound);
            for (var w = 0; w < groups.Length; w++)
                for (var i = 0; i < 20; i++)
                    for (var n = 0; n < 50; n++)
                        Assert.Equal([(byte)w, (byte)i, (byte)n], log.ReadEntry((await groups[w])[i] + n));
        }
        Assert.Empty(_ledgers.Check("log"));
    }

    [Theory]
    [InlineData(Fault.WriteTorn)]
    [InlineData(Fault.SyncLost)]
    public async Task Of_several_entries_a_crash_keeps_all_or_none(Fault fault)
    {
        var file = default(FaultyFile);
        using (var log = _ledgers.Open("log", f => file = f))
        {
            await log.Append([Ledgers.Entry(0), Ledgers.Entry(1)]);
            file!.Next = fault;
            await Assert.ThrowsAsync<IOException>(() => log.Append(
                [.. Enumerable.Range(2, 100).Select(i => (ReadOnlyMemory<byte>)Ledgers.Entry(i))]).WaitAsync(Bound));
        }
        using (var log = _ledgers.Open("log")) Assert.Equal((2, Ledgers.RootOf(2)), (log.Size, log.Root));
        Assert.Empty(_ledgers.Check("log"));
    }

    [Fact]
    public async Task Durable_is_before_integrated_and_a_checkpoint_never_covers_what_is_not()
    {
        var file = default(FaultyFile);
        using var log = _ledgers.Open("log", f => file = f);
        file!.Gate.Reset();
        var durable = log.Append(Ledgers.Entry(0), Await.Durable);
        var integrated = log.Append(Ledgers.Entry(1), Await.Integrated);
        Assert.False(durable.IsCompleted || integrated.IsCompleted);
        Assert.Equal(0, log.Size);
        file.Gate.Set();
        Assert.Equal((0, 1), (await durable.WaitAsync(Bound), await integrated.WaitAsync(Bound)));
        Assert.Equal((2, Ledgers.RootOf(2)), (log.Size, log.Root));
    }

    [Fact]
    public async Task A_slow_pace_of_checkpoints_is_waited_for_by_those_who_ask_for_one()
    {
        var time = new Control.ManualTime(DateTimeOffset.UnixEpoch);
        using var log = Log.Open(_ledgers.Store("log"), Ledgers.Origin, _ledgers.Signer, time,
            new LogOptions { SignEvery = TimeSpan.FromHours(1) });
        Assert.Equal(0, await log.Append(Ledgers.Entry(0)).WaitAsync(Bound));      // the first is due at once
        Assert.Equal(1, await log.Append(Ledgers.Entry(1), Await.Durable).WaitAsync(Bound));
        var waiting = log.Append(Ledgers.Entry(2));
        Assert.Equal(3, await log.Append(Ledgers.Entry(3), Await.Durable).WaitAsync(Bound));
        Assert.False(waiting.IsCompleted);
        Assert.Equal(1, log.Size);
    }

    [Theory]
    [InlineData(Fault.WriteLost)]
    [InlineData(Fault.SyncKeptReportedLost)]
    public async Task Those_who_wait_are_told_that_the_log_failed(Fault fault)
    {
        var file = default(FaultyFile);
        using var log = _ledgers.Open("log", f => file = f);
        await Ledgers.Fill(log, 3);
        var beyond = log.WaitBeyond(3, default);
        var cosigned = log.Cosignatures.WaitBeyond(0, default);
        Assert.False(beyond.IsCompleted || cosigned.IsCompleted);
        file!.Next = fault;
        var error = await Assert.ThrowsAsync<IOException>(() => log.Append(Ledgers.Entry(3)).WaitAsync(Bound));
        Assert.Contains(error.Message, (await Assert.ThrowsAsync<IOException>(() => beyond.WaitAsync(Bound))).Message,
            StringComparison.Ordinal);
        await Assert.ThrowsAsync<IOException>(() => cosigned.WaitAsync(Bound));
        await Assert.ThrowsAsync<IOException>(() => log.WaitBeyond(3, default).WaitAsync(Bound));
        await log.WaitBeyond(2, default).WaitAsync(Bound);   // what was signed for is there
        Assert.Equal(3, log.ReadEntries(0, 3).Count());
    }

    [Fact]
    public async Task What_cannot_become_a_tile_ends_the_log_and_the_next_start_integrates_it()
    {
        // A directory stands where the first full bundle belongs: derived files can't be written, the journal can.
        var at = Path.Combine(_ledgers.At("log"), "tile/entries/000");
        using (var log = _ledgers.Open("log", new LogOptions { UnwrittenTiles = 8 }))
        {
            await Ledgers.Fill(log, 200);
            Directory.CreateDirectory(at);
            File.WriteAllText(Path.Combine(at, "x"), "");
            var durable = Enumerable.Range(200, 100).Select(i => log.Append(Ledgers.Entry(i), Await.Durable)).ToArray();
            await Task.WhenAll(durable).WaitAsync(Bound);
            await Assert.ThrowsAsync<IOException>(async () =>
            {
                for (long size = 300; ; size++)
                {
                    await log.Append(new byte[] { 1 }).WaitAsync(Bound);
                    await log.WaitBeyond(size, default).WaitAsync(Bound);
                }
            });
            Directory.Delete(at, recursive: true);
        }
        using (var log = _ledgers.Open("log"))
            for (var i = 0; i < 300; i++) Assert.Equal(Ledgers.Entry(i), log.ReadEntry(i));
        Assert.Empty(_ledgers.Check("log"));
    }
}
