using System.Text;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

public sealed class ReplicaTests : IDisposable
{
    readonly Ledgers _ledgers = new();

    public void Dispose() => _ledgers.Dispose();

    static byte[][] Entries(long from, long to) =>
        [.. Enumerable.Range((int)from, (int)(to - from)).Select(i => Ledgers.Entry(i))];

    string Note(long size, Digest? root = null, string origin = Ledgers.Origin) =>
        _ledgers.Signer.Sign(new Checkpoint(origin, size, root ?? Ledgers.RootOf(size)).Text).ToString();

    [Fact]
    public async Task Follows_and_survives()
    {
        using (var log = _ledgers.Open("log"))
        using (var replica = _ledgers.OpenReplica("replica"))
        {
            Assert.Equal((0, "", Merkle.EmptyRoot), (replica.Size, replica.Checkpoint, replica.Root));
            foreach (var size in new[] { 1, 2, 255, 256, 700 })
            {
                await Ledgers.Fill(log, size);
                Assert.Equal(Extension.Extended,
                    await replica.Extend([.. log.ReadEntries(replica.Size, size)], log.Checkpoint));
                Assert.Equal((log.Size, log.Root, log.Checkpoint), (replica.Size, replica.Root, replica.Checkpoint));
            }
            Assert.Equal(Extension.Extended, await replica.Extend([], log.Checkpoint));
            await Assert.ThrowsAsync<InvalidOperationException>(() => replica.Append(new byte[1]));
            await Assert.ThrowsAsync<InvalidOperationException>(() => log.Extend([], log.Checkpoint));
        }
        Assert.Empty(_ledgers.Check("replica"));
        using (var replica = _ledgers.OpenReplica("replica"))
        {
            Assert.Equal((700, Ledgers.RootOf(700), Note(700)), (replica.Size, replica.Root, replica.Checkpoint));
            Assert.Equal(Entries(0, 700), replica.ReadEntries(0, 700));
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(700, 701), Note(701)));
        }
        // The files of both are the same log.
        using (var log = _ledgers.Open("log")) await Ledgers.Fill(log, 701);
        foreach (var path in new[] { "checkpoint", "tile/0/000", "tile/0/001", "tile/0/002.p/189", "tile/1/000.p/2",
            "tile/entries/001", "tile/entries/002.p/189" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(_ledgers.At("log"), path)),
                File.ReadAllBytes(Path.Combine(_ledgers.At("replica"), path)));
    }

    [Fact]
    public async Task Refuses_everything_else_and_changes_nothing()
    {
        using var replica = _ledgers.OpenReplica("replica");
        Assert.Equal(Extension.Extended, await replica.Extend(Entries(0, 5), Note(5)));
        using var stranger = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 9));
        var other = Merkle.Root(Enumerable.Range(0, 7).Select(i => Merkle.Leaf([(byte)i])));
        var forged = Note(7).Replace("\u2014 ", "\u2014 ", StringComparison.Ordinal)[..^6] + "AAAA=\n";

        async Task Refused(Extension why, byte[][] entries, string note)
        {
            Assert.Equal(why, await replica.Extend(entries, note));
            Assert.Equal((5, Ledgers.RootOf(5), Note(5)), (replica.Size, replica.Root, replica.Checkpoint));
        }

        await Refused(Extension.Malformed, Entries(5, 7), "");
        await Refused(Extension.Malformed, Entries(5, 7), Ledgers.Origin + "\n7\n");
        await Refused(Extension.NoKnownKey, Entries(5, 7),
            stranger.Sign(new Checkpoint(Ledgers.Origin, 7, Ledgers.RootOf(7)).Text).ToString());
        await Refused(Extension.WrongOrigin, Entries(5, 7), Note(7, origin: "example.com/else"));
        await Refused(Extension.BadSignature, Entries(5, 7),
            Note(7).Replace("\n7\n", "\n8\n", StringComparison.Ordinal));
        Assert.NotEqual(Extension.Extended, await replica.Extend(Entries(5, 7), forged));
        await Refused(Extension.Smaller, [], Note(4));
        await Refused(Extension.Smaller, Entries(5, 7), Note(4));
        await Refused(Extension.WrongCount, Entries(5, 6), Note(7));
        await Refused(Extension.WrongCount, Entries(5, 8), Note(7));
        await Refused(Extension.WrongCount, Entries(5, 6), Note(5));
        // A second history, correctly signed: longer, and of the same size.
        await Refused(Extension.Fork, Entries(5, 7), Note(7, other));
        await Refused(Extension.Fork, [], Note(5, Merkle.Leaf([1])));
        // The right checkpoint with other entries, reordered ones, a doubled one.
        await Refused(Extension.Fork, [Ledgers.Entry(5), Ledgers.Entry(7)], Note(7));
        await Refused(Extension.Fork, [Ledgers.Entry(6), Ledgers.Entry(5)], Note(7));
        await Refused(Extension.Fork, [Ledgers.Entry(5), Ledgers.Entry(5)], Note(7));
        await Refused(Extension.EntryTooLarge, [Ledgers.Entry(5), new byte[65_536]], Note(7));

        Assert.Equal(Extension.Extended, await replica.Extend(Entries(5, 7), Note(7)));
        // More signatures on the same checkpoint are news, and kept.
        using var witness = NoteSigner.Parse(Ledgers.KeyText("witness.example.com", 3));
        var cosigned = Stele.Proof.Note.Parse(Note(7))
            .With(witness.Sign(new Checkpoint(Ledgers.Origin, 7, Ledgers.RootOf(7)).Text).Signatures[0]).ToString();
        Assert.Equal(Extension.Extended, await replica.Extend([], cosigned));
        Assert.Equal(cosigned, replica.Checkpoint);
    }

    [Fact]
    public async Task Entries_and_checkpoint_stand_or_fall_together()
    {
        using (var replica = _ledgers.OpenReplica("replica"))
        {
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(0, 3), Note(3)));
        }
        var journal = _ledgers.Journal("replica");
        var before = new FileInfo(journal).Length;
        using (var replica = _ledgers.OpenReplica("replica"))
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(3, 6), Note(6)));
        var end = new FileInfo(journal).Length - Stele.Disk.JournalFrame.Header;
        // published after the batch; a crash comes before
        File.Delete(Path.Combine(_ledgers.At("replica"), "checkpoint"));
        for (var length = before; length < end; length += 3)
        {
            var crashed = _ledgers.Copy("replica", "crashed");
            using (var file = File.OpenWrite(FileStore.JournalPath(crashed))) file.SetLength(length);
            using (var again = _ledgers.OpenReplica("crashed"))
            {
                Assert.Equal((3, Note(3)), (again.Size, again.Checkpoint));
                Assert.Equal(Extension.Extended, await again.Extend(Entries(3, 6), Note(6)));
            }
            Assert.Empty(_ledgers.Check("crashed"));
        }
    }

    [Fact]
    public async Task A_replica_from_another_history_does_not_open()
    {
        using (var replica = _ledgers.OpenReplica("replica"))
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(0, 3), Note(3)));
        using var stranger = NoteSigner.Parse(Ledgers.KeyText("example.com/else", 9));
        Assert.Equal(LogError.WrongLog,
            Assert.Throws<LogException>(() =>
                Log.OpenReplica(_ledgers.Store("replica"), stranger.Key, TimeProvider.System)).Error);
        Assert.NotEmpty(Fsck.Check(_ledgers.Store("replica"), stranger.Key));
    }

    [Fact]
    public async Task Steps_are_proved_and_kept_and_shown_when_the_way_is_done()
    {
        await _ledgers.Make("log", 1000);
        using var log = _ledgers.Open("log");
        using (var replica = _ledgers.OpenReplica("replica"))
        {
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(0, 10),
                _ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, 10, Ledgers.RootOf(10)).Text).ToString()));
            // Nothing is taken on trust: other entries, another proof, no way left to go.
            Assert.Equal(Extension.NoProof,
                await replica.Extend(Entries(11, 301), log.Checkpoint, log.ConsistencyProof(300, 1000)));
            Assert.Equal(Extension.NoProof,
                await replica.Extend(Entries(10, 300), log.Checkpoint, log.ConsistencyProof(299, 1000)));
            Assert.Equal(Extension.WrongCount, await replica.Extend(Entries(10, 1000), log.Checkpoint, []));
            Assert.Equal((10, 10), (replica.Size, replica.Held));

            Assert.Equal(Extension.Extended,
                await replica.Extend(Entries(10, 300), log.Checkpoint, log.ConsistencyProof(300, 1000)));
            Assert.Equal((10, 300), (replica.Size, replica.Held));
            Assert.Equal(Ledgers.RootOf(10), replica.Root);
            Assert.Throws<ArgumentOutOfRangeException>(() => replica.ReadEntry(10));
            Assert.Null(replica.Tile(0, 0, 11));
        }
        Assert.Empty(_ledgers.Check("replica"));
        using (var replica = _ledgers.OpenReplica("replica"))
        {
            Assert.Equal((10, 300, Ledgers.RootOf(10)), (replica.Size, replica.Held, replica.Root));
            Assert.True(Proofs.VerifyInclusion(3, 10, Merkle.Leaf(Ledgers.Entry(3)), replica.InclusionProof(3, 10),
                replica.Root));
            Assert.Equal(Extension.Smaller, await replica.Extend([],
                _ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, 299, Ledgers.RootOf(299)).Text).ToString()));
            Assert.Equal(Extension.Fork,
                await replica.Extend(Entries(301, 1000).Append([1]).ToArray(), log.Checkpoint));
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(300, 1000), log.Checkpoint));
            Assert.Equal((1000, 1000, log.Root, log.Checkpoint),
                (replica.Size, replica.Held, replica.Root, replica.Checkpoint));
            for (var i = 0; i < 1000; i += 31) Assert.Equal(Ledgers.Entry(i), replica.ReadEntry(i));
        }
        Assert.Empty(_ledgers.Check("replica"));
        Assert.Equal(LogError.WrongLog, Assert.Throws<LogException>(() => _ledgers.Open("replica")).Error);
    }

    [Fact]
    public async Task What_was_signed_ahead_is_held_to_when_its_size_is_passed()
    {
        // Two histories, both signed: they part after entry 300. A step towards one was taken, and it is not forgotten
        // by stopping.
        var other = Enumerable.Range(0, 600).Select(i => i < 300 ? Ledgers.Entry(i) : [(byte)i]).ToArray();
        string Other(int size) => Note(size, Merkle.Root(other.Take(size).Select(e => Merkle.Leaf(e))));
        await _ledgers.Make("log", 500);
        using var log = _ledgers.Open("log");
        using (var replica = _ledgers.OpenReplica("replica"))
            Assert.Equal(Extension.Extended,
                await replica.Extend(Entries(0, 100), log.Checkpoint, log.ConsistencyProof(100, 500)));
        using (var replica = _ledgers.OpenReplica("replica"))
        {
            // an older one, on the way
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(100, 200), Note(200)));
            Assert.Equal(Extension.Fork, await replica.Extend(other[200..500], Other(500)));
            Assert.Equal(Extension.Fork, await replica.Extend(other[200..600], Other(600)));
            Assert.Equal((200, 200), (replica.Size, replica.Held));
            Assert.Equal(Extension.Extended, await replica.Extend(Entries(200, 600), Note(600)));
        }
        Assert.Empty(_ledgers.Check("replica"));
    }

    [Fact]
    public async Task Closing_ends_an_extension_and_those_that_wait_for_it()
    {
        var file = default(Stele.Tests.Disk.FaultyFile);
        var replica = Log.OpenReplica(_ledgers.Store("replica", path => file = new(path)), _ledgers.Signer.Key,
            TimeProvider.System);
        file!.Gate.Reset();
        var first = replica.Extend(Entries(0, 3), Note(3));
        var others = Enumerable.Range(0, 3).Select(_ => replica.Extend(Entries(0, 4), Note(4))).ToArray();
        Assert.DoesNotContain(others, o => o.IsCompleted);
        var closing = Task.Run(replica.Dispose, TestContext.Current.CancellationToken);
        foreach (var other in others)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => other.WaitAsync(TimeSpan.FromSeconds(60)));
        file.Gate.Set();
        Assert.Equal(Extension.Extended,
            await first.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        await closing.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => replica.Extend([], Note(4)));
        using var again = _ledgers.OpenReplica("replica");
        Assert.Equal((3, Note(3)), (again.Size, again.Checkpoint));
    }
}
