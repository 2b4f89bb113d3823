using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>A log whose oldest entries are gone, or lie elsewhere: what is left is proved as before, and the log goes on.</summary>
public sealed class PruningTests : IDisposable
{
    const string Origin = "example.com/pruned";

    readonly Scratch _scratch = new();
    readonly NoteSigner _key = NoteSigner.Create(Path.Combine(Directory.CreateTempSubdirectory("stele-key-").FullName, "key"), Origin);
    readonly List<byte[]> _entries = [];

    string Folder => _scratch.At("log");

    public void Dispose()
    {
        _key.Dispose();
        _scratch.Dispose();
    }

    Log Open() => Log.Open(Folder, Origin, _key, TimeProvider.System);

    static byte[] Entry(long i) => System.Text.Encoding.UTF8.GetBytes($"entry {i} {new string('x', (int)(i % 50))}");

    async Task Grow(int to)
    {
        using var log = Open();
        var waiting = new List<Task<long>>();
        var first = _entries.Count;
        for (var i = first; i < to; i++)
        {
            _entries.Add(Entry(i));
            waiting.Add(i % 2 == 0 ? log.Append(_entries[i]) : log.Append(index => Entry(index)));
        }
        for (var i = 0; i < waiting.Count; i++) Assert.Equal(first + i, await waiting[i]);
    }

    Digest Root(long size) => Merkle.Root(_entries.Take((int)size).Select(e => Merkle.Leaf(e)));

    /// <summary>Everything that must hold of a log that begins at a floor, and of its folder.</summary>
    void Holds(long floor)
    {
        using (var log = Open())
        {
            Assert.Equal((floor, _entries.Count, Root(_entries.Count)), (log.Floor, log.Size, log.Root));
            for (var i = floor; i < _entries.Count; i += i < floor + 3 || i > _entries.Count - 4 ? 1 : 41)
            {
                Assert.Equal(_entries[(int)i], log.ReadEntry(i));
                foreach (var size in new[] { i + 1, Math.Min(_entries.Count, i + 100), _entries.Count })
                    Assert.True(Proofs.VerifyInclusion(i, size, Merkle.Leaf(_entries[(int)i]), log.InclusionProof(i, size), Root(size)), $"{i} in {size}");
            }
            Assert.Equal(_entries.Skip((int)floor), log.ReadEntries(floor, log.Size));
            foreach (var size in new[] { floor, floor + 1, (floor + _entries.Count) / 2, _entries.Count }.Where(s => s > 0 && s <= _entries.Count))
            {
                Assert.Equal(Root(size), log.RootAt(size));
                Assert.True(Proofs.VerifyConsistency(size, _entries.Count, Root(size), log.Root, log.ConsistencyProof(size, _entries.Count)), $"from {size}");
            }
            if (floor == 0) return;
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.ReadEntry(floor - 1)).Error);
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.ReadEntries(floor - 1, log.Size)).Error);
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.InclusionProof(0, log.Size)).Error);
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.RootAt(floor - 1)).Error);
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.ConsistencyProof(floor - 1, log.Size)).Error);
            Assert.Null(log.Tile(0, 0, 256));
            Assert.Null(log.Bundle(0, 256));
        }
        Assert.Equal([], Fsck.Check(Folder, _key.Key));
    }

    [Theory]
    [InlineData(700, 600, 512)]
    [InlineData(700, 256, 256)]
    [InlineData(512, 512, 512)]
    [InlineData(1100, 1030, 1024)]
    [InlineData(66_200, 65_800, 65_792)]
    public async Task What_remains_is_proved_and_the_log_goes_on(int size, long floor, long begins)
    {
        await Grow(size);
        Assert.Equal(begins, Pruning.Prune(Folder, floor));
        Assert.False(File.Exists(Path.Combine(Folder, "tile", "entries", "000")));
        Holds(begins);
        await Grow(size + 300);
        Holds(begins);
        Assert.Equal(begins, Pruning.Prune(Folder, floor));   // again: nothing to do
        Assert.Equal(begins + 256, Pruning.Prune(Folder, begins + 256));
        Holds(begins + 256);
        foreach (var file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
            Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf(Entry(7)) < 0, $"{file} still has a pruned entry");
    }

    /// <summary>Killed after the journal was replaced and before the tiles below were removed: the next opening removes them.</summary>
    [Fact]
    public async Task A_crash_before_the_tidying_is_tidied_at_the_next_opening()
    {
        await Grow(700);
        var tiles = Directory.EnumerateFiles(Path.Combine(Folder, "tile"), "*", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllBytes);
        Pruning.Prune(Folder, 512);
        foreach (var (file, bytes) in tiles)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, bytes);
        }
        Assert.NotEmpty(Fsck.Check(Folder, _key.Key));
        Holds(512);
        // And before the journal was replaced: a copy is left, and nothing has happened.
        File.WriteAllText(Path.Combine(Folder, "journal.0123456789ab.tmp"), "half a journal");
        Holds(512);
        Assert.Empty(Directory.EnumerateFiles(Folder, "*.tmp"));
    }

    [Fact]
    public async Task Tiles_that_were_lost_are_made_again_from_the_floor_on()
    {
        await Grow(1100);
        Pruning.Prune(Folder, 600);
        Directory.Delete(Path.Combine(Folder, "tile"), recursive: true);
        Assert.NotEmpty(Fsck.Check(Folder, _key.Key));
        Assert.NotEmpty(Fsck.Repair(Folder, _key.Key));
        Holds(512);
    }

    [Fact]
    public async Task A_floor_that_says_something_else_is_found_at_opening()
    {
        await Grow(700);
        Pruning.Prune(Folder, 512);
        var journal = Path.Combine(Folder, "journal");
        var records = new List<(byte, byte[])>();
        Journal.Scan(journal, batch => { foreach (var r in batch) records.Add((r.Kind, r.Bytes)); });
        var floor = LogFloor.Parse(records[0].Item2);
        records[0] = (records[0].Item1, (floor with { Edge = floor.Edge.SetItem(0, floor.Edge[0].SetItem(1, Digest.Of("x"u8))) }).Encode());
        Journal.Replace(journal, records);
        Assert.NotEmpty(Fsck.Check(Folder, _key.Key));
        Assert.Equal(LogError.Forked, Assert.Throws<LogException>(Open).Error);
        // A leaf cut off above the floor, too.
        records[0] = (records[0].Item1, floor.Encode());
        records.RemoveAt(1);
        Journal.Replace(journal, records);
        Assert.Equal(LogError.Truncated, Assert.Throws<LogException>(Open).Error);
    }

    [Fact]
    public async Task An_open_log_and_a_damaged_one_are_not_pruned()
    {
        await Grow(300);
        using (Open()) Assert.Contains("open in another process", Assert.Throws<IOException>(() => Pruning.Prune(Folder, 256)).Message, StringComparison.Ordinal);
        Assert.Contains("it can't begin at 512", Assert.Throws<IOException>(() => Pruning.Prune(Folder, 512)).Message, StringComparison.Ordinal);
        var journal = Path.Combine(Folder, "journal");
        var bytes = File.ReadAllBytes(journal);
        bytes[1000] ^= 1;
        File.WriteAllBytes(journal, bytes);
        Assert.Contains("not sound", Assert.Throws<IOException>(() => Pruning.Prune(Folder, 256)).Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(journal));
    }

    [Fact]
    public async Task What_is_moved_can_be_put_back_and_nothing_else_can()
    {
        await Grow(1100);
        var (cold, elsewhere) = (_scratch.At("cold"), _scratch.At("elsewhere"));
        Assert.Equal(256, Pruning.Move(Folder, Origin, 300, cold));
        Assert.Equal(768, Pruning.Move(Folder, Origin, 800, cold));
        Holds(768);
        var segments = Directory.EnumerateFiles(cold).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal([ColdSegment.NameOf(Origin, 0, 256), ColdSegment.NameOf(Origin, 256, 768)], segments.Select(s => Path.GetFileName(s)!));
        Assert.Equal([(0L, 256L), (256L, 768L)], Pruning.FloorOf(Folder)!.Moved.Select(m => (m.From, m.To)));

        // One bit anywhere, another log's, a shorter one, none at all.
        var whole = File.ReadAllBytes(segments[1]);
        var journal = File.ReadAllBytes(Path.Combine(Folder, "journal"));
        for (var at = 0; at < whole.Length; at += 997)
        {
            var changed = (byte[])whole.Clone();
            changed[at] ^= 1;
            File.WriteAllBytes(segments[1], changed);
            Assert.Throws<IOException>(() => Pruning.Attach(Folder, Origin, cold));
        }
        File.WriteAllBytes(segments[1], whole[..^1]);
        Assert.Throws<IOException>(() => Pruning.Attach(Folder, Origin, cold));
        Directory.CreateDirectory(elsewhere);
        Assert.Throws<IOException>(() => Pruning.Attach(Folder, Origin, elsewhere));
        Assert.Equal(journal, File.ReadAllBytes(Path.Combine(Folder, "journal")));

        // The last one alone, then the rest.
        File.WriteAllBytes(segments[1], whole);
        File.Copy(segments[1], Path.Combine(elsewhere, Path.GetFileName(segments[1])));
        Assert.Equal(256, Pruning.Attach(Folder, Origin, elsewhere));
        Holds(256);
        await Grow(1200);
        Assert.Equal(0, Pruning.Attach(Folder, Origin, cold));
        Holds(0);
        Assert.Equal(0, Pruning.Attach(Folder, Origin, cold));
    }

    [Fact]
    public async Task Pruning_forgets_what_lies_in_cold_storage_below_the_floor()
    {
        await Grow(1100);
        var cold = _scratch.At("cold");
        Pruning.Move(Folder, Origin, 256, cold);
        Pruning.Move(Folder, Origin, 768, cold);
        Assert.Equal(768, Pruning.Prune(Folder, 300));
        Assert.Equal([(256L, 768L)], Pruning.FloorOf(Folder)!.Moved.Select(m => (m.From, m.To)));
        Holds(768);
        Assert.Equal(1024, Pruning.Prune(Folder, 1100));
        Assert.Empty(Pruning.FloorOf(Folder)!.Moved);
        Holds(1024);
    }
}
