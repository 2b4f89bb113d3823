using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>
/// A log whose oldest entries are gone, or lie elsewhere: what is left is proved as before, and the log goes on.
/// </summary>
public sealed class PruningTests : IDisposable
{
    const string Origin = "example.com/pruned";

    readonly Scratch _scratch = new();
    readonly NoteSigner _key =
        NoteSigner.Create(Path.Combine(Directory.CreateTempSubdirectory("stele-key-").FullName, "key"), Origin);
    readonly List<byte[]> _entries = [];
    readonly List<Digest> _roots = [Merkle.EmptyRoot];
    Frontier _frontier = new();

    string Folder => _scratch.At("log");
    FileStore Store => new(Folder);

    static FileStore Cold(string folder) => FileStore.Cold(folder, Origin);

    long _segment = 4 << 10;

    public void Dispose()
    {
        _key.Dispose();
        _scratch.Dispose();
    }

    Log Open() => Log.Open(Store, Origin, _key, TimeProvider.System, new LogOptions
    {
        SegmentBytes = _segment,
        PublishEvery = TimeSpan.FromMilliseconds(1)
    });

    IReadOnlyList<JournalSegment> Segments => Journal.Segments(Path.Combine(Folder, "journal"));

    /// <summary>The first record of the newest segment that a floor lets be the first.</summary>
    long FirstAt(long floor) => Segments.Last(s => s.First <= floor && s.HasBasis || s == Segments[0]).First;

    static long Whole(long first) => first - first % 256;

    static byte[] Entry(long i) => System.Text.Encoding.UTF8.GetBytes($"entry {i} {new string('x', (int)(i % 50))}");

    async Task Grow(int to)
    {
        using var log = Open();
        // A segment ends with a batch: these are small, so that there are many.
        while (_entries.Count < to)
        {
            var (first, waiting) = (_entries.Count, new List<Task<long>>());
            for (var i = first; i < Math.Min(to, first + (_segment > 4096 ? 1000 : 16)); i++)
            {
                _entries.Add(Entry(i));
                _roots.Add((_frontier = _frontier.Add(Merkle.Leaf(_entries[i]))).Root);
                waiting.Add(i % 2 == 0 ? log.Append(_entries[i]) : log.Append(index => Entry(index)));
            }
            for (var i = 0; i < waiting.Count; i++) Assert.Equal(first + i, await waiting[i]);
        }
    }

    Digest Root(long size) => _roots[(int)size];

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
                    Assert.True(Proofs.VerifyInclusion(i, size, Merkle.Leaf(_entries[(int)i]),
                        log.InclusionProof(i, size), Root(size)), $"{i} in {size}");
            }
            Assert.Equal(_entries.Skip((int)floor), log.ReadEntries(floor, log.Size));
            foreach (var size in new[] { floor, floor + 1, (floor + _entries.Count) / 2,
                _entries.Count }.Where(s => s > 0 && s <= _entries.Count))
            {
                Assert.Equal(Root(size), log.RootAt(size));
                Assert.True(Proofs.VerifyConsistency(size, _entries.Count, Root(size), log.Root,
                    log.ConsistencyProof(size, _entries.Count)), $"from {size}");
            }
            if (floor == 0) return;
            Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.ReadEntry(floor - 1)).Error);
            Assert.Equal(LogError.Pruned,
                Assert.Throws<LogException>(() => log.ReadEntries(floor - 1, log.Size)).Error);
            Assert.Equal((floor, Root(floor)), (log.Beginning!.Size, log.Beginning.Root));
            // The hash tiles stay, and with them every proof of what is gone.
            Assert.True(Proofs.VerifyInclusion(0, log.Size, Merkle.Leaf(_entries[0]), log.InclusionProof(0, log.Size),
                log.Root));
            Assert.Equal(Root(floor - 1), log.RootAt(floor - 1));
            Assert.True(Proofs.VerifyConsistency(floor - 1, _entries.Count, Root(floor - 1), log.Root,
                log.ConsistencyProof(floor - 1, log.Size)));
            Assert.NotNull(log.Tile(0, 0, 256));
            Assert.Null(log.Bundle(0, 256));
        }
        Assert.Equal([], Fsck.Check(Store, _key.Key));
    }

    [Theory]
    [InlineData(700, 600, 4 << 10)]
    [InlineData(700, 400, 4 << 10)]
    [InlineData(1100, 1030, 4 << 10)]
    [InlineData(66_400, 65_900, 64 << 10)]
    public async Task What_remains_is_proved_and_the_log_goes_on(int size, long floor, long segment)
    {
        _segment = segment;
        await Grow(size);
        var first = FirstAt(floor);
        var begins = Whole(first);
        Assert.InRange(begins, 256, floor);
        var pruned = Pruning.Prune(Store, floor);
        Assert.Equal(begins, pruned.Begins);
        Assert.True(pruned.Next is null || pruned.Next > floor, $"{pruned.Next}");
        Assert.Equal(first, Segments[0].First);
        Assert.False(File.Exists(Path.Combine(Folder, "tile", "entries", "000")));
        Holds(begins);
        var more = segment > 4096 ? 6000 : 600;
        await Grow(size + more);
        Holds(begins);
        Assert.Equal(begins, Pruning.Prune(Store, floor).Begins);   // again: nothing to do
        var further = Whole(FirstAt(size + more - 200));
        Assert.True(further > begins);
        Assert.Equal(further, Pruning.Prune(Store, size + more - 200).Begins);
        Holds(further);
        foreach (var file in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
            Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf(Entry(7)) < 0, $"{file} still has a pruned entry");
    }

    /// <summary>In one file, nothing can go: what is asked for is refused by doing nothing, and why is said.</summary>
    [Fact]
    public async Task The_file_that_is_being_written_never_goes()
    {
        _segment = 64 << 20;
        await Grow(700);
        Assert.Equal(new Pruned(0, null), Pruning.Prune(Store, 600));
        Assert.Equal(new Pruned(0, null), Pruning.Move(Store, 600, Cold(_scratch.At("cold"))));
        Holds(0);
    }

    /// <summary>Killed between any two removals: the log opens and is sound, and doing it again finishes it.</summary>
    [Fact]
    public async Task Broken_off_anywhere_it_is_finished_by_doing_it_again()
    {
        await Grow(1100);
        var whole = Whole(FirstAt(900));
        foreach (var gone in Segments.Where(s => s.First < FirstAt(900)).Take(3).ToList())
        {
            File.Delete(gone.Path);
            // the bundles are still there
            using (var log = Open()) Assert.Equal(_entries, log.ReadEntries(0, log.Size));
            Assert.Equal([], Fsck.Check(Store, _key.Key));
        }
        Assert.Equal(whole, Pruning.Prune(Store, 900).Begins);
        Assert.All(Directory.EnumerateFiles(Folder, "*.basis"), b => Assert.True(File.Exists(b[..^6]), b));
        Holds(whole);
    }

    [Fact]
    public async Task Tiles_that_were_lost_are_made_again_from_the_floor_on()
    {
        await Grow(1100);
        var begins = Pruning.Prune(Store, 600).Begins;
        Directory.Delete(Path.Combine(Folder, "tile"), recursive: true);
        Assert.NotEmpty(Fsck.Check(Store, _key.Key));
        Assert.NotEmpty(Fsck.Repair(Store, _key.Key));
        // What was below is lost for good, and said to be.
        Assert.Equal(Enumerable.Range(0, (int)begins / 256)
            .Select(n => $"tile/0/00{n}: not there, nor the entries to make it again"),
            Fsck.Check(Store, _key.Key).Select(v => v.ToString()));
        using var log = Open();
        Assert.Equal(_entries.Skip((int)begins), log.ReadEntries(begins, log.Size));
        Assert.True(Proofs.VerifyInclusion(begins, log.Size, Merkle.Leaf(_entries[(int)begins]),
            log.InclusionProof(begins, log.Size), log.Root));
        Assert.Equal(Root(begins), log.Beginning!.Root);
        Assert.Equal(LogError.Pruned, Assert.Throws<LogException>(() => log.InclusionProof(0, log.Size)).Error);
    }

    [Fact]
    public async Task A_hash_tile_below_the_floor_that_was_changed_is_found()
    {
        await Grow(1100);
        Pruning.Prune(Store, 900);
        var tile = Path.Combine(Folder, "tile", "0", "000");
        var bytes = File.ReadAllBytes(tile);
        bytes[77] ^= 1;
        File.WriteAllBytes(tile, bytes);
        Assert.Equal(["tile/0/000: not what the tile above it says, and the entries to make it again are not there"],
            Fsck.Check(Store, _key.Key).Select(v => v.ToString()));
    }

    [Fact]
    public async Task A_basis_that_says_something_else_is_found_and_nothing_is_removed()
    {
        await Grow(1100);
        var second = Segments[1];
        var basis = second.Basis!;
        basis[^1] ^= 1;
        var right = File.ReadAllBytes(second.BasisPath);
        File.WriteAllBytes(second.BasisPath, JournalFrame.Basis(second.First, basis));
        var before = Segments.Count;
        Assert.Contains("not sound", Assert.Throws<IOException>(() => Pruning.Prune(Store, 900)).Message,
            StringComparison.Ordinal);
        Assert.Equal(before, Segments.Count);
        // After the pruning it is all there is to go on from, and the checkpoint's root says that it is not right.
        File.WriteAllBytes(second.BasisPath, right);
        Pruning.Prune(Store, 900);
        var first = Segments[0];
        basis = first.Basis!;
        basis[20] ^= 1;
        File.WriteAllBytes(first.BasisPath, JournalFrame.Basis(first.First, basis));
        Assert.NotEmpty(Fsck.Check(Store, _key.Key));
        Assert.Contains("not sound", Assert.Throws<IOException>(() => Pruning.Prune(Store, 1000)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_open_log_and_a_damaged_one_are_not_pruned()
    {
        await Grow(600);
        using (Open())
            Assert.Contains("open in another process",
                Assert.Throws<LockedException>(() => Pruning.Prune(Store, 256)).Message, StringComparison.Ordinal);
        Assert.Contains("it can't begin at 700", Assert.Throws<IOException>(() => Pruning.Prune(Store, 700)).Message,
            StringComparison.Ordinal);
        var journal = Path.Combine(Folder, "journal");
        var bytes = File.ReadAllBytes(journal);
        bytes[1000] ^= 1;
        File.WriteAllBytes(journal, bytes);
        Assert.Contains("not sound", Assert.Throws<IOException>(() => Pruning.Prune(Store, 500)).Message,
            StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(journal));
    }

    /// <summary>A store of another kind may take the bytes and give them out again without reading them.</summary>
    [Fact]
    public async Task What_the_other_store_does_not_read_is_not_removed()
    {
        await Grow(1100);
        var error = Assert.Throws<IOException>(() =>
            Pruning.Move(Store, 400, new Unread(Cold(_scratch.At("cold")))));
        Assert.Contains("does not read what was written to it", error.Message, StringComparison.Ordinal);
        Holds(0);
        Assert.Empty(Pruning.FloorOf(Store).Cold.Moved);
    }

    sealed class Unread(ILedgerStore inner) : AroundStore(inner)
    {
        public override LedgerEnd Read(long from, long to, LedgerVisitor visit) => new(from, false, false, null);
    }

    [Fact]
    public async Task What_is_moved_can_be_put_back_and_nothing_else_can()
    {
        await Grow(1100);
        var (cold, elsewhere) = (_scratch.At("cold"), _scratch.At("elsewhere"));
        var (one, two) = (FirstAt(400), FirstAt(900));
        var tiles = Directory.EnumerateFiles(Path.Combine(Folder, "tile"), "*", SearchOption.AllDirectories)
            .ToDictionary(f => f, File.ReadAllBytes);
        Assert.Equal(Whole(one), Pruning.Move(Store, 400, Cold(cold)).Begins);
        Assert.Equal(Whole(two), Pruning.Move(Store, 900, Cold(cold)).Begins);
        Holds(Whole(two));
        var moved = Pruning.FloorOf(Store).Cold.Moved;
        Assert.Equal((0, two), (moved[0].From, moved[^1].To));
        var segments = Journal.Segments(FileStore.ColdPath(cold, Origin));
        Assert.Equal(moved.Select(m => m.From), segments.Select(s => s.First));
        Assert.True(segments.Count(s => s.First >= one) >= 2 && one >= 256);

        // One bit anywhere, a shorter one, none at all.
        var here = Directory.EnumerateFiles(Folder, "journal*").Order(StringComparer.Ordinal).ToArray();
        foreach (var path in new[] { segments[^1].Path, segments[^1].BasisPath })
        {
            var whole = File.ReadAllBytes(path);
            for (var at = 0; at < whole.Length; at += 397)
            {
                var changed = (byte[])whole.Clone();
                changed[at] ^= 1;
                File.WriteAllBytes(path, changed);
                Assert.Throws<IOException>(() => Pruning.Attach(Store, Cold(cold)));
            }
            File.WriteAllBytes(path, whole[..^1]);
            Assert.Throws<IOException>(() => Pruning.Attach(Store, Cold(cold)));
            File.WriteAllBytes(path, whole);
        }
        Directory.CreateDirectory(elsewhere);
        Assert.Throws<IOException>(() => Pruning.Attach(Store, Cold(elsewhere)));
        Assert.Throws<IOException>(() => Pruning.Attach(Store, FileStore.Cold(cold, Origin + "/other")));
        Assert.Equal(here, Directory.EnumerateFiles(Folder, "journal*").Order(StringComparer.Ordinal));

        // The last ones alone, then the rest.
        foreach (var segment in segments.Where(s => s.First >= one))
            foreach (var file in new[] { segment.Path, segment.BasisPath })
                File.Copy(file, Path.Combine(elsewhere, Path.GetFileName(file)));
        Assert.Equal(Whole(one), Pruning.Attach(Store, Cold(elsewhere)));
        Holds(Whole(one));
        await Grow(1200);
        Assert.Equal(0, Pruning.Attach(Store, Cold(cold)));
        Assert.Empty(Pruning.FloorOf(Store).Cold.Moved);
        Holds(0);
        foreach (var (file, bytes) in tiles.Where(t => !t.Key.Contains(".p/", StringComparison.Ordinal))) Assert.Equal(
            bytes, File.ReadAllBytes(file));
        Assert.Equal(0, Pruning.Attach(Store, Cold(cold)));
    }

    [Fact]
    public async Task Cold_storage_is_read_from_where_it_lies()
    {
        await Grow(1100);
        var cold = _scratch.At("cold");
        var two = FirstAt(900);
        Pruning.Move(Store, 400, Cold(cold));
        Pruning.Move(Store, 900, Cold(cold));
        Frontier floor;
        using (var log = Open()) floor = log.Beginning!;
        var entries = ColdEntries.Leading(Cold(cold), floor)!;
        Assert.Equal(0, entries.Beginning.Size);
        Assert.Equal(_entries.Take((int)Whole(two)), entries.All());
        // Without the oldest, from where the next one begins; without the newest, not at all.
        var segments = Journal.Segments(FileStore.ColdPath(cold, Origin));
        var later = segments.First(s => s.First >= 256);
        foreach (var segment in segments.Where(s => s.First < later.First)) File.Delete(segment.Path);
        entries = ColdEntries.Leading(Cold(cold), floor)!;
        Assert.Equal((Whole(later.First), Root(Whole(later.First))), (entries.Beginning.Size, entries.Beginning.Root));
        Assert.Equal(_entries.Skip((int)Whole(later.First)).Take((int)(Whole(two) - Whole(later.First))),
            entries.All());
        Assert.Throws<IOException>(() => ColdEntries.Leading(Cold(cold),
            new Frontier(floor.Size, [.. floor.Peaks.ToArray().Select(p => Digest.Of("x"u8))])));
        var last = segments.Last(s => s.First < floor.Size);
        File.Delete(last.Path);
        Assert.Null(ColdEntries.Leading(Cold(cold), floor));
    }

    [Fact]
    public async Task Pruning_forgets_what_lies_in_cold_storage_below_the_floor()
    {
        await Grow(1100);
        var cold = _scratch.At("cold");
        var (one, two) = (FirstAt(400), FirstAt(900));
        Pruning.Move(Store, 400, Cold(cold));
        Pruning.Move(Store, 900, Cold(cold));
        Assert.Equal(Whole(two), Pruning.Prune(Store, one).Begins);
        Assert.Equal((one, two),
            (Pruning.FloorOf(Store).Cold.Moved[0].From, Pruning.FloorOf(Store).Cold.Moved[^1].To));
        Holds(Whole(two));
        Pruning.Prune(Store, 1100);
        Assert.Empty(Pruning.FloorOf(Store).Cold.Moved);
        Holds(Whole(Segments[0].First));
    }
}
