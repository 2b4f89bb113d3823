using System.Collections.Immutable;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// Takes the oldest entries out of one's own log, by whole bundles; the log must not be open. Everything about what remains is proved as before: its tree goes on from the right edge it had at the floor.
///
///   1 read       the journal is sound, and gives the tree at the new floor
///   2 copy       the entries go into a segment file, if they are moved: durable, and read again
///   3 cut        the journal is replaced by one that begins with the floor. The point of no return
///   4 tidy       tiles and bundles below are removed; a crash before that leaves it to the next opening
/// </summary>
static class Pruning
{
    /// <summary>Removes the entries below a floor, rounded down to whole bundles; those that lie in cold storage count as removed from there on.</summary>
    /// <returns>Where the log begins now.</returns>
    /// <exception cref="IOException">The log is open elsewhere, or its journal is not sound.</exception>
    public static long Prune(string folder, long floor) => Cut(folder, floor, null, null);

    /// <summary>Moves the entries below a floor, rounded down to whole bundles, into a segment file.</summary>
    public static long Move(string folder, string origin, long floor, string to) => Cut(folder, floor, origin, to);

    static long Cut(string folder, long floor, string? origin, string? to)
    {
        var journal = Log.JournalPath(folder);
        if (!File.Exists(journal)) throw new FileNotFoundException($"there is no log in {folder}", journal);
        using var held = JournalFile.Lock(journal);

        // 1.
        floor -= floor % Tile.Full;
        var (before, edge, size) = Read(journal, floor);
        var begins = before?.Size ?? 0;
        var moved = before?.Moved ?? [];
        if (to is null) moved = [.. moved.Where(m => m.To > floor)];
        if (floor > size) throw new IOException($"the log has {size} entries; it can't begin at {floor}");
        if (floor <= begins && moved.Length == (before?.Moved.Length ?? 0)) return begins;
        if (floor < begins) (floor, edge) = (begins, before!.Edge);

        // 2.
        if (to is not null)
        {
            var start = before?.Edge ?? new Tree((_, _) => { }).EdgeHashes;
            var left = floor - begins;
            var (segment, digest) = ColdSegment.Write(to, origin!, begins, floor, start, write => Journal.Scan(journal, batch =>
            {
                foreach (var record in batch) if (record.Kind == Log.EntryRecord && left-- > 0) write(record.Bytes);
            }));
            if (!LogFloor.ToJson(segment.Tree().EdgeHashes).Equals(LogFloor.ToJson(edge))) throw new IOException($"{segment.Path} does not hold what was written to it");
            moved = moved.Add(new MovedRange(begins, floor, digest));
        }

        // 3.
        var drop = floor - begins;
        JournalCut.Rewrite(journal, [(Log.FloorRecord, new LogFloor(floor, edge, moved).Encode())], record => record.Kind == Log.EntryRecord && drop-- <= 0);

        // 4.
        var files = new TreeFolder(folder);
        foreach (var path in files.Stray(size, floor).ToList()) files.Delete(path);
        return floor;
    }

    /// <summary>Puts segments back that were moved out of a log, each held to the digest that the log has of it and to the tree that it goes on from. Returns where the log begins now.</summary>
    /// <exception cref="IOException">There is none that leads to where the log begins, or one is not what was moved.</exception>
    public static long Attach(string folder, string origin, string from)
    {
        var journal = Log.JournalPath(folder);
        using var held = JournalFile.Lock(journal);
        var (before, _, _) = Read(journal, 0);
        if (before is null) return 0;
        var tree = new Tree((_, _) => { });
        tree.Restore(before.Size, before.Edge);
        var segments = ColdSegment.Leading(from, origin, before.Size, tree.Frontier.Peaks);
        if (segments.Count == 0) throw new IOException($"no segment in {from} ends where {origin} begins, at {before.Size}");
        foreach (var segment in segments)
            if (before.Moved.FirstOrDefault(m => m.From == segment.From && m.To == segment.To) is { } known && known.Digest != segment.DigestNow()) throw new IOException($"{segment.Path} is not the file that was moved: its digest is another");
        var first = segments[0];
        IEnumerable<(byte, byte[])> head = first.From == 0 ? [] : [(Log.FloorRecord, new LogFloor(first.From, first.Edge, [.. before.Moved.Where(m => m.To <= first.From)]).Encode())];
        JournalCut.Rewrite(journal, head.Concat(segments.SelectMany(s => s.Entries()).Select(e => (Log.EntryRecord, e))), record => record.Kind == Log.EntryRecord);
        return first.From;
    }

    /// <summary>Where a log's journal begins, without opening it; null = at 0.</summary>
    public static LogFloor? FloorOf(string folder)
    {
        LogFloor? floor = null;
        var first = true;
        Journal.Scan(Log.JournalPath(folder), batch =>
        {
            if (first && batch[0].Kind == Log.FloorRecord) floor = LogFloor.Parse(batch[0].Bytes);
            first = false;
        });
        return floor;
    }

    /// <summary>The journal's own floor, the tree's right edge at the new one, and how many entries the log has.</summary>
    static (LogFloor? Before, ImmutableArray<ImmutableArray<Digest>> Edge, long Size) Read(string journal, long floor)
    {
        LogFloor? before = null;
        var tree = new Tree((_, _) => { });
        var edge = tree.EdgeHashes;
        var end = Journal.Scan(journal, batch =>
        {
            foreach (var record in batch)
            {
                if (record.Kind == Log.FloorRecord && record.Index == 0)
                {
                    before = LogFloor.Parse(record.Bytes);
                    tree.Restore(before.Size, before.Edge);
                }
                else if (record.Kind == Log.EntryRecord) tree.Add(record.Bytes);
                else throw new IOException($"{journal} is not one's own log: only that is pruned");
                if (tree.Size == floor) edge = tree.EdgeHashes;
            }
        });
        if (end.Problem is not null) throw new IOException($"{journal} is not sound: {end.Problem}. Nothing was changed");
        return (before, edge, tree.Size);
    }
}
