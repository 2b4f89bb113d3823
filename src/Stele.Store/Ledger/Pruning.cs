using System.Globalization;
using System.Security.Cryptography;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// Where a log begins after its oldest entries were taken out, and the first floor that would let its next segment go;
/// null when that one is still being written.
/// </summary>
sealed record Pruned(long Begins, long? Next);

/// <summary>
/// Takes the oldest entries out of one's own log, by whole segments; the log must not be open. A segment may go when
/// the next has a basis: the tree's right edge, from which all that follows is proved.
///
///   1 read       all records are sound, and every basis that is gone on from is what its entries give
///   2 copy       the segments go to cold storage, if they are moved: durable, read again, listed with their digests
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
    /// <exception cref="IOException">The log is open elsewhere, or its records are not sound.</exception>
    public static Pruned Prune(ILedgerStore store, long floor) => Take(store, floor, null);

    /// <summary>Moves the segments wholly below a floor into another store.</summary>
    public static Pruned Move(ILedgerStore store, long floor, ILedgerStore cold) => Take(store, floor, cold);

    static Pruned Take(ILedgerStore store, long floor, ILedgerStore? cold)
    {
        if (store.Segments().Count == 0) throw NoLog(store);
        using var writer = store.Lock();

        // 1.
        var segments = store.Segments().ToList();
        var size = Sound(store, [(store, segments[0].First, long.MaxValue)], null);
        if (floor > size) throw new IOException($"the log has {size} entries; it can't begin at {floor}");
        var count = Math.Max(0, segments.FindLastIndex(s => s.First <= floor && s.HasBasis));
        // the basis would keep all that the segments had
        if (Whole(segments[count]) <= Basis.FloorOf(store, segments[0])) count = 0;
        if (count > 0 && Published(store) is { } published && published < segments[count].First)
            throw new IOException(
                $"the published checkpoint covers {published} entries and no more: open the log once before "
                + $"{segments[count].First} of them are taken out");

        // 2.
        var list = ColdList.Read(store, segments[0].First);
        if (cold is not null && count > 0)
        {
            using var there = cold.Lock();
            list = new([.. list.Moved, .. segments.Take(count).Select((s, i) => new MovedSegment(s.First,
                segments[i + 1].First, Copy(store, s.First, SegmentPart.Records, cold, there),
                s.First > 0 ? Copy(store, s.First, SegmentPart.Basis, cold, there) : null))]);
            // A store of another kind takes any bytes; what it does not read is not there.
            if (Sound(cold, [(cold, segments[0].First, segments[count].First)], null) != segments[count].First)
                throw new IOException($"{cold.Place} does not read what was written to it");
            list.Write(store, writer);
        }

        // 3.
        var first = segments[count];
        writer.RemoveBefore(first.First);

        // 4.
        var begins = Basis.FloorOf(store, first);
        var objects = new LogObjects(store, writer);
        foreach (var name in objects.BundlesBelow(begins).ToList()) objects.Delete(name);
        writer.Flush();
        if (cold is null && list.Moved.Any(m => m.To <= floor))
            new ColdList([.. list.Moved.Where(m => m.To > floor)]).Write(store, writer);
        return new(begins, segments.Skip(count + 1).FirstOrDefault(s => s.HasBasis && Whole(s) > begins)?.First);
    }

    static FileNotFoundException NoLog(ILedgerStore store) => new($"there is no log in {store.Place}");

    /// <summary>Where the log would begin if this segment were the first.</summary>
    static long Whole(LedgerSegment segment) => segment.First - segment.First % Tile.Full;

    /// <summary>
    /// Puts segments back that were moved out of a log, each held to the digest that the log has of it and to the tree
    /// that it goes on from. Returns where the log begins now.
    /// </summary>
    /// <exception cref="IOException">
    /// There is none that leads to where the log begins, or one is not what was moved.
    /// </exception>
    public static long Attach(ILedgerStore store, ILedgerStore from)
    {
        using var writer = store.Lock();
        if (store.Segments() is not [var oldest, ..]) throw NoLog(store);
        var list = ColdList.Read(store, oldest.First);
        if (oldest.First == 0) return 0;

        var there = from.Segments().ToDictionary(s => s.First);
        var back = new List<LedgerSegment>();
        var to = oldest.First;
        foreach (var moved in list.Moved.Reverse())
        {
            if (moved.To != to || !there.TryGetValue(moved.From, out var segment)) break;
            if (DigestOf(from, segment.First, SegmentPart.Records) != moved.Digest
                || moved.Basis is { } basis && (!segment.HasBasis
                    || DigestOf(from, segment.First, SegmentPart.Basis) != basis))
                throw new IOException($"{from.Place}/{segment.Name} is not what was moved: its digest, or that of its "
                    + "basis, is another");
            back.Insert(0, segment);
            to = moved.From;
        }
        if (back.Count == 0)
            throw new IOException(string.Create(CultureInfo.InvariantCulture,
                $"no segment in {from.Place} ends where {store.Place} begins, at record {oldest.First}"));

        // The digests say that they are what was moved; that it leads to what is here is seen by reading both, first
        // without a change, then with the bundles made again.
        var parts = back.Select(s => (from, s.First, s.First + 1)).Append((store, oldest.First, long.MaxValue))
            .ToList();
        var (objects, limit) = (new LogObjects(store, writer), oldest.First);
        Sound(store, parts, null);
        Sound(store, parts, (tile, bytes) =>
        {
            if (tile.Index << 8 * (Math.Max(tile.Level, 0) + 1) < limit) objects.Ensure(tile, bytes.Span);
        });
        writer.Flush();
        // The newest first: whatever this is broken off in, the records have no hole.
        foreach (var segment in Enumerable.Reverse(back))
        {
            if (segment.HasBasis) Copy(from, segment.First, SegmentPart.Basis, store, writer);
            Copy(from, segment.First, SegmentPart.Records, store, writer);
        }
        new ColdList([.. list.Moved.Where(m => m.From < back[0].First)]).Write(store, writer);
        return Basis.FloorOf(store, back[0]);
    }

    /// <summary>Where a log begins, without opening it, and what of it was moved elsewhere.</summary>
    public static (long Begins, long First, ColdList Cold) FloorOf(ILedgerStore store) =>
        store.Segments() is [var first, ..]
            ? (Basis.FloorOf(store, first), first.First, ColdList.Read(store, first.First))
            : (0, 0, new([]));

    /// <summary>A durable copy, read again.</summary>
    static Digest Copy(ILedgerStore from, long first, SegmentPart part, ILedgerStore to, ILedgerWriter writer)
    {
        var digest = writer.Import(first, part, output => from.Export(first, part, output));
        return DigestOf(to, first, part) == digest && DigestOf(from, first, part) == digest
            ? digest
            : throw new IOException($"{to.Place} does not hold what was written to it of record {first}");
    }

    static Digest DigestOf(ILedgerStore store, long first, SegmentPart part)
    {
        using var sha = SHA256.Create();
        using (var hashed = new CryptoStream(Stream.Null, sha, CryptoStreamMode.Write))
            store.Export(first, part, hashed);
        return Digest.From(sha.Hash);
    }

    /// <summary>How much the published checkpoint covers; null when there is none that says so.</summary>
    static long? Published(ILedgerStore store) =>
        new LogObjects(store).Checkpoint?.Split('\n') is [_, var size, ..]
            && long.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var covers) ? covers : null;

    /// <summary>Reads segments from the first to the last, and says how many entries the log has.</summary>
    /// <param name="parts">Where they are, the oldest first: the segments of a store that begin in [from, to).</param>
    /// <exception cref="IOException">
    /// They are damaged, not one's own log's, or a basis is not what the entries before it give.
    /// </exception>
    static long Sound(ILedgerStore log, List<(ILedgerStore Store, long From, long To)> parts,
        Action<Tile, ReadOnlyMemory<byte>>? full)
    {
        var tree = new Tree((tile, bytes) => full?.Invoke(tile, bytes));
        foreach (var (store, from, to) in parts)
        {
            var end = store.Read(from, to, (segment, batch) =>
            {
                if (batch.IsEmpty) Begin(store, segment);
                foreach (var record in batch)
                    if (record.Kind == LedgerRecord.Entry && record.Index == tree.Size) tree.Add(record.Bytes.Span);
                    else throw new IOException($"{log.Place} is not one's own log: only that is pruned");
            });
            if (end.Problem is not null) throw Unsound(end.Problem);
        }
        return tree.Size;

        void Begin(ILedgerStore store, LedgerSegment segment)
        {
            var isFirst = segment.First == parts[0].From;
            if (segment.First == 0 || !segment.HasBasis && !isFirst) return;
            var basis = store.Basis(segment.First) ?? throw Unsound($"the basis of {segment.Name} is damaged");
            if (!isFirst)
            {
                if (!basis.AsSpan().SequenceEqual(Basis.Encode(tree.Save(), null)))
                    throw Unsound($"the basis of {segment.Name} is not what the entries before it give");
                return;
            }
            try
            {
                tree.Restore(Basis.Parse(basis).Tree);
            }
            catch (FormatException e)
            {
                throw Unsound($"the basis of {segment.Name}: {e.Message}");
            }
        }

        IOException Unsound(string problem) => new($"{log.Place} is not sound: {problem}. Nothing was changed");
    }
}
