using System.Globalization;
using System.Security.Cryptography;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// Where a log begins after its oldest entries were taken out, and the first floor that would let the next file of its
/// journal go; null when that one is still being written.
/// </summary>
sealed record Pruned(long Begins, long? Next);

/// <summary>
/// Takes the oldest entries out of one's own log, by whole segments of its journal; the log must not be open. A segment
/// may go when the next has a basis: the tree's right edge, from which all that follows is proved.
///
///   1 read       the whole journal is sound, and every basis that is gone on from is what its entries give
///   2 copy       the segments go to cold storage, if they are moved: durable, read again, and listed with their digests
///   3 remove     the segments, the oldest first, each durably before the next. The point of no return
///   4 tidy       entry bundles wholly below are removed; hash tiles stay, and with them every proof
///
/// Broken off anywhere, doing it again finishes it.
/// </summary>
static class Pruning
{
    /// <summary>
    /// Removes the segments wholly below a floor; what lies in cold storage below it counts as removed from there on.
    /// </summary>
    /// <exception cref="IOException">The log is open elsewhere, or its journal is not sound.</exception>
    public static Pruned Prune(string folder, long floor) => Take(folder, floor, null);

    /// <summary>Moves the segments wholly below a floor into a folder.</summary>
    public static Pruned Move(string folder, string origin, long floor, string to) =>
        Take(folder, floor, ColdList.Journal(to, origin));

    static Pruned Take(string folder, long floor, string? cold)
    {
        var journal = Log.JournalPath(folder);
        if (Journal.Segments(journal).Count == 0)
            throw new FileNotFoundException($"there is no log in {folder}", journal);
        using var held = JournalFile.Lock(journal);

        // 1.
        var segments = Journal.Segments(journal);
        var size = Sound(journal, segments, null);
        if (floor > size) throw new IOException($"the log has {size} entries; it can't begin at {floor}");
        var count = Math.Max(0, segments.ToList().FindLastIndex(s => s.First <= floor && s.HasBasis));
        // the basis would keep all that the files had
        if (Whole(segments[count]) <= Log.FloorOf(segments[0])) count = 0;
        if (count > 0 && Published(folder) is { } published && published < segments[count].First)
            throw new IOException(
                $"the published checkpoint covers {published} entries and no more: open the log once before "
                + $"{segments[count].First} of them are taken out");

        // 2.
        var list = ColdList.Read(folder, segments[0].First);
        if (cold is not null && count > 0)
        {
            Files.CreateDirectory(Path.GetDirectoryName(cold)!);
            list = new([.. list.Moved, .. segments.Take(count).Select((s, i) => Copy(s, segments[i + 1].First, cold))]);
            list.Write(folder);
        }

        // 3.
        foreach (var segment in segments.Take(count))
        {
            Files.Delete(segment.Path);
            Files.SyncNames(journal);
        }
        var first = segments[count];
        foreach (var basis in Directory.EnumerateFiles(folder, Path.GetFileName(journal) + ".*.basis")
            .Where(b => !File.Exists(b[..^".basis".Length])).ToList()) Files.Delete(basis);

        // 4.
        var begins = Log.FloorOf(first);
        var files = new TreeFolder(folder);
        foreach (var path in files.BundlesBelow(begins).ToList()) files.Delete(path);
        Files.SyncAll(folder);
        if (cold is null && list.Moved.Any(m => m.To <= floor))
            new ColdList([.. list.Moved.Where(m => m.To > floor)]).Write(folder);
        return new(begins, segments.Skip(count + 1).FirstOrDefault(s => s.HasBasis && Whole(s) > begins)?.First);
    }

    /// <summary>Where the log would begin if this segment were the first.</summary>
    static long Whole(JournalSegment segment) => segment.First - segment.First % Tile.Full;

    /// <summary>
    /// Puts segments back that were moved out of a log, each held to the digest that the log has of it and to the tree
    /// that it goes on from. Returns where the log begins now.
    /// </summary>
    /// <exception cref="IOException">
    /// There is none that leads to where the log begins, or one is not what was moved.
    /// </exception>
    public static long Attach(string folder, string origin, string from)
    {
        var journal = Log.JournalPath(folder);
        using var held = JournalFile.Lock(journal);
        var segments = Journal.Segments(journal);
        if (segments.Count == 0) throw new FileNotFoundException($"there is no log in {folder}", journal);
        var list = ColdList.Read(folder, segments[0].First);
        if (segments[0].First == 0) return 0;

        var back = new List<JournalSegment>();
        var to = segments[0].First;
        foreach (var moved in list.Moved.Reverse())
        {
            var segment = JournalSegment.Of(ColdList.Journal(from, origin), moved.From);
            if (moved.To != to || !File.Exists(segment.Path)) break;
            if (DigestOf(segment.Path) != moved.Digest)
                throw new IOException($"{segment.Path} is not the file that was moved: its digest is another");
            if (moved.Basis is { } basis && (!segment.HasBasis || DigestOf(segment.BasisPath) != basis))
                throw new IOException($"{segment.BasisPath} is not the file that was moved: its digest is another");
            back.Insert(0, segment);
            to = moved.From;
        }
        if (back.Count == 0)
            throw new IOException(string.Create(CultureInfo.InvariantCulture,
                $"no segment in {from} ends where {origin} begins, at record {segments[0].First}"));

        // The digests say that they are what was moved; that it leads to what is here is seen by reading both, first
        // without a change, then with the bundles made again.
        var all = back.Concat(segments).ToList();
        var (files, limit) = (new TreeFolder(folder), segments[0].First);
        Sound(journal, all, null);
        Sound(journal, all, (tile, bytes) =>
        {
            if (tile.Index << 8 * (Math.Max(tile.Level, 0) + 1) < limit) files.Ensure(tile, bytes.Span);
        });
        Files.SyncAll(folder);
        // The newest first: whatever this is broken off in, the journal has no hole.
        foreach (var segment in Enumerable.Reverse(back))
        {
            var here = JournalSegment.Of(journal, segment.First);
            if (segment.HasBasis) Put(segment.BasisPath, here.BasisPath);
            Put(segment.Path, here.Path);
        }
        new ColdList([.. list.Moved.Where(m => m.From < back[0].First)]).Write(folder);
        return Log.FloorOf(JournalSegment.Of(journal, back[0].First));
    }

    /// <summary>Where a log begins, without opening it, and what of it was moved elsewhere.</summary>
    public static (long Begins, long First, ColdList Cold) FloorOf(string folder)
    {
        if (Journal.Segments(Log.JournalPath(folder)) is not [var first, ..]) return (0, 0, new([]));
        return (Log.FloorOf(first), first.First, ColdList.Read(folder, first.First));
    }

    static MovedSegment Copy(JournalSegment segment, long to, string cold)
    {
        var there = JournalSegment.Of(cold, segment.First);
        Digest? basis = segment.First > 0 ? Put(segment.BasisPath, there.BasisPath) : null;
        return new(segment.First, to, Put(segment.Path, there.Path), basis);
    }

    /// <summary>A durable copy, read again.</summary>
    static Digest Put(string from, string to)
    {
        var (digest, _) = Files.WriteStream(to, secret: false, output =>
        {
            using var input = File.OpenRead(from);
            input.CopyTo(output);
        });
        return DigestOf(to) == digest && DigestOf(from) == digest
            ? digest
            : throw new IOException($"{to} does not hold what was written to it");
    }

    static Digest DigestOf(string path)
    {
        using var file = File.OpenRead(path);
        return Digest.From(SHA256.HashData(file));
    }

    /// <summary>How much the published checkpoint covers; null when there is none that says so.</summary>
    static long? Published(string folder) =>
        new TreeFolder(folder).Checkpoint?.Split('\n') is [_, var size, ..]
            && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var covers) ? covers : null;

    /// <summary>Reads segments from the first to the last, and says how many entries the log has.</summary>
    /// <exception cref="IOException">
    /// They are damaged, not one's own log's, or a basis is not what the entries before it give.
    /// </exception>
    static long Sound(string journal, IReadOnlyList<JournalSegment> segments, Action<Tile, ReadOnlyMemory<byte>>? full)
    {
        var tree = new Tree((tile, bytes) => full?.Invoke(tile, bytes));
        var end = JournalScan.All(segments, (segment, batch) =>
        {
            if (batch.IsEmpty && segment.First > 0 && (segment.HasBasis || segment == segments[0]))
            {
                var basis = segment.Basis ?? throw Unsound($"{segment.BasisPath} is damaged");
                if (segment != segments[0])
                {
                    if (!basis.AsSpan().SequenceEqual(Basis.Encode(tree.Save(), null)))
                        throw Unsound($"{segment.BasisPath} is not what the entries before it give");
                }
                else
                    try
                    {
                        tree.Restore(Basis.Parse(basis).Tree);
                    }
                    catch (FormatException e)
                    {
                        throw Unsound($"{segment.BasisPath}: {e.Message}");
                    }
            }
            foreach (var record in batch)
                if (record.Kind == Log.EntryRecord && record.Index == tree.Size) tree.Add(record.Bytes.Span);
                else throw new IOException($"{journal} is not one's own log: only that is pruned");
        }, null, out _, out _);
        return end.Problem is null ? tree.Size : throw Unsound(end.Problem);

        IOException Unsound(string problem) => new($"{journal} is not sound: {problem}. Nothing was changed");
    }
}
