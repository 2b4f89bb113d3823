using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Disk;
using Stele.Tests.Ledger;
using Stele.Tests.Worlds;

namespace Stele.Tests.Control;

/// <summary>
/// A fold that goes on from a snapshot is the fold from the first entry; and whatever became of what was kept, it is
/// never taken for what it is not.
/// </summary>
public sealed class SnapshotTests : IDisposable
{
    static readonly World Lived = Mortgage.Lived().World;
    static readonly Digest Genesis = Merkle.Leaf(Lived.Entries[0]);

    readonly Ledgers _ledgers = new();
    readonly Log _log;

    public SnapshotTests()
    {
        _log = _ledgers.Open("log");
        foreach (var entry in Lived.Entries) _log.Append(entry, Await.Integrated).GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        _log.Dispose();
        _ledgers.Dispose();
    }

    string Folder => _ledgers.At("state");

    Snapshots Open(Log? log = null, string secret = "secret", Digest? ledger = null) =>
        Snapshots.Open(new KeptFold(Folder, _ledgers.At(secret), FoldFrom.Snapshot), ledger ?? Genesis,
            () => log ?? _log, Holding.WhileStoring, out _)!;

    Replay Resumed(Snapshots snapshots, Log? log = null) =>
        new(Lived.Replay.Documents, new StoredEntries(() => log ?? _log), snapshots);

    static void Fold(Replay replay, Log log, long to)
    {
        foreach (var entry in new Preparation(replay.State).Read(log.ReadEntries(replay.State.Size, to)))
            Assert.IsType<Outcome.Accepted>(replay.Add(entry.Entry!));
    }

    /// <summary>Folds to each of the sizes, with a snapshot at each.</summary>
    void Keep(params IEnumerable<long> sizes)
    {
        using var snapshots = Open();
        var replay = Resumed(snapshots);
        foreach (var size in sizes)
        {
            Fold(replay, _log, size);
            replay.Keep();
            Assert.Equal(0, replay.NotKept);
        }
    }

    /// <summary>All that is asked of a replay, of the state now and of older ones.</summary>
    static void IsTheFold(Replay replay)
    {
        var (size, whole) = (replay.State.Size, Lived.Replay);
        Assert.Equal(StateDigest.ToJson(whole.At(size)), StateDigest.ToJson(replay.State));
        Assert.Equal(StateDigest.Of(whole.At(size)), StateDigest.Of(replay.State));
        Assert.Equal(whole.At(size).Used.SelectMany(u => u.Value).ToArray(),
            replay.State.Used.SelectMany(u => u.Value).ToArray());
        Assert.Equal(whole.At(size).Logs.Values.SelectMany(l => l.Anchors).ToArray(),
            replay.State.Logs.Values.SelectMany(l => l.Anchors).ToArray());
        for (var i = 0; i < size; i++)
        {
            Assert.True(replay.State.Identities.TryGetValue(
                Digest.Of(Entry.Parse(Lived.Entries[i]).Envelope.Payload), out var at));
            Assert.Equal(i, at);
            Assert.Equal(Lived.Entries[i], replay.Entries[i].Entry.Bytes);
        }
        Assert.Equal(size, replay.State.Identities.Count);
        foreach (var then in new[] { 1, size / 2, size - 1, size }.Where(s => s > 0))
            Assert.Equal(StateDigest.Of(whole.At(then)), StateDigest.Of(replay.At(then)));
        Assert.Equal(Indexes<Observation>(whole), Indexes<Observation>(replay));
        Assert.Equal(Indexes<Refusal>(whole), Indexes<Refusal>(replay));
        Assert.Equal(Indexes<Deployment>(whole), Indexes<Deployment>(replay));
        Assert.Equal(whole.Observations(World.Sys, World.Prod).Select(f => f.Index).Where(i => i < size).ToArray(),
            replay.Observations(World.Sys, World.Prod).Select(f => f.Index).ToArray());

        long[] Indexes<T>(Replay of) where T : Statement =>
            [.. of.Of<T>().Select(f => f.Index).Where(i => i < size)];
    }

    [Fact]
    public void At_every_size_the_fold_goes_on_from_a_snapshot_as_from_the_first_entry()
    {
        for (long size = 1; size <= Lived.Entries.Count; size++)
        {
            Keep(size);
            using var snapshots = Open();
            var replay = Resumed(snapshots);
            Assert.Equal(size, replay.State.Size);
            IsTheFold(replay);
        }
        // And from an old one to the end.
        using var first = Open();
        Assert.Equal(7, first.Before(7)!.Size);
        Assert.Equal(StateDigest.Of(Lived.Replay.At(9)), StateDigest.Of(Resumed(first).At(9)));
    }

    [Fact]
    public void One_fold_with_snapshots_on_the_way_is_the_fold()
    {
        Keep([3, 10, 11, 20, Lived.Entries.Count - 1]);
        using var snapshots = Open();
        var replay = Resumed(snapshots);
        Assert.Equal(Lived.Entries.Count - 1, replay.State.Size);
        Fold(replay, _log, Lived.Entries.Count);
        IsTheFold(replay);
    }

    /// <summary>
    /// Opens what is there, and asks all. What was changed is discarded, and folding from the first entry gives the
    /// same.
    /// </summary>
    long Judge(Log? log = null, string secret = "secret", Digest? ledger = null)
    {
        long from;
        using (var snapshots = Open(log, secret, ledger))
        {
            try
            {
                var replay = Resumed(snapshots, log);
                from = replay.State.Size;
                Fold(replay, log ?? _log, (log ?? _log).Size);
                IsTheFold(replay);
            }
            catch (NodeException)
            {
                Assert.NotNull(snapshots.Broken);
                snapshots.Discard("it is broken");
                from = -1;
            }
        }
        if (from >= 0) return from;
        using var again = Open(log, secret, ledger);
        var folded = Resumed(again, log);
        Assert.Equal(0, folded.State.Size);
        Fold(folded, log ?? _log, (log ?? _log).Size);
        IsTheFold(folded);
        return -1;
    }

    (string Path, byte[] Bytes)[] Kept() =>
        [.. Directory.EnumerateFiles(Folder).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal))
            .Select(f => (f, File.ReadAllBytes(f)))];

    void PutBack((string Path, byte[] Bytes)[] kept)
    {
        foreach (var (path, _) in Kept()) File.Delete(path);
        foreach (var (path, bytes) in kept) File.WriteAllBytes(path, bytes);
    }

    [Fact]
    public void No_changed_byte_makes_another_state()
    {
        Keep([20, Lived.Entries.Count]);
        var kept = Kept();
        Assert.Equal(Lived.Entries.Count, Judge());
        var random = new Random(12);
        var used = 0;
        foreach (var (path, bytes) in kept)
        {
            var all = path.EndsWith("snapshots", StringComparison.Ordinal);
            foreach (var at in all ? Enumerable.Range(0, bytes.Length)
                : Enumerable.Range(0, 150).Select(_ => random.Next(bytes.Length)))
            {
                PutBack(kept);
                var changed = bytes.ToArray();
                changed[at] ^= (byte)(1 << random.Next(8));
                File.WriteAllBytes(path, changed);
                // A record that does not count leaves the one before it.
                if (Judge() is var from && all) Assert.Contains(from, new long[] { 0, 20, Lived.Entries.Count });
                if (from > 0) used++;
            }
            foreach (var length in new[] { 0, 1, bytes.Length / 2, bytes.Length - 1 })
            {
                PutBack(kept);
                File.WriteAllBytes(path, bytes[..length]);
                Judge();
            }
            PutBack(kept);
            File.Delete(path);
            Assert.Equal(0, Judge());
        }
        Assert.True(used > 0);
    }

    [Fact]
    public async Task Another_secret_ledger_or_history_is_not_used()
    {
        Keep(Lived.Entries.Count);
        var kept = Kept();
        Assert.Equal(0, Judge(secret: "another"));
        PutBack(kept);
        Assert.Equal(0, Judge(ledger: Digest.Of("another"u8)));
        PutBack(kept);
        File.SetUnixFileMode(_ledgers.At("secret"), UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Equal(0, Judge());
        // The same genesis, and another history of the same length or less.
        PutBack(kept);
        using var other = _ledgers.Open("other");
        foreach (var entry in Lived.Entries.SkipLast(1)) await other.Append(entry, Await.Integrated);
        Assert.Equal(0, Judge(other));
        PutBack(kept);
        await other.Append("other"u8.ToArray(), Await.Integrated);
        using var snapshots = Open(other);
        Assert.Equal(0, Resumed(snapshots, other).State.Size);
    }

    [Fact]
    public void An_old_copy_is_the_beginning_of_the_same()
    {
        Keep(9);
        var old = Kept();
        Keep(Lived.Entries.Count);
        PutBack(old);
        Assert.Equal(9, Judge());
    }

    [Fact]
    public void Two_processes_keep_what_either_folded()
    {
        using var one = Open();
        using var two = Open();
        var (a, b) = (Resumed(one), Resumed(two));
        Fold(a, _log, 5);
        a.Keep();
        Fold(b, _log, 8);
        b.Keep();
        Fold(a, _log, 12);
        a.Keep();
        Fold(b, _log, Lived.Entries.Count);
        b.Keep();
        IsTheFold(b);
        Fold(a, _log, Lived.Entries.Count);
        IsTheFold(a);
        Assert.InRange(Judge(), 5, Lived.Entries.Count);
    }

    /// <summary>Whatever step fails, and however: what is found afterwards is right, and goes on.</summary>
    [Theory]
    [MemberData(nameof(Ways))]
    public void Whatever_fails_the_fold_is_right(Failing how)
    {
        List<string> steps;
        using (var disk = new FaultyDisk(Folder))
        {
            Keep([5, 12]);
            steps = disk.Steps;
        }
        Assert.Contains(steps, s => s.StartsWith("flush", StringComparison.Ordinal));
        foreach (var (step, count) in steps.CountBy(s => s))
            for (var nth = 1; nth <= count; nth++)
            {
                Directory.Delete(Folder, true);
                using var disk = new FaultyDisk(Folder);
                disk.Plan(step, nth, how);
                try
                {
                    using var snapshots = Open();
                    if (snapshots is not null)
                    {
                        var replay = Resumed(snapshots);
                        foreach (var size in new[] { 5L, 12, 13 })
                        {
                            Fold(replay, _log, size);
                            replay.Keep();
                        }
                        Fold(replay, _log, Lived.Entries.Count);
                        IsTheFold(replay);
                    }
                }
                catch (IOException) { }
                Assert.True(disk.Failed, step);
                disk.Recover();
                Assert.Contains(Judge(), new long[] { 0, 5, 12, 13 });
                Keep(Lived.Entries.Count);
                Assert.Equal(Lived.Entries.Count, Judge());
            }
    }

    public static TheoryData<Failing> Ways => [.. Enum.GetValues<Failing>()];
}
