using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// Reads what is stored of a log from the first byte to the last and says everything that is wrong with it: records,
/// entries, tiles, bundles, checkpoint. It rests on no code path of <see cref="Log"/> but the tree's own arithmetic,
/// and on nothing that the store says about itself.
/// </summary>
static class Fsck
{
    /// <summary>
    /// What the records are called in what is said of them, in whatever store: a word that people and scripts know.
    /// </summary>
    public const string Records = "journal";

    /// <summary>
    /// Every violation found, in the order of the folder; none when it is sound. While a process has the log open, what
    /// its published checkpoint covers is checked and what is newer is left alone.
    /// </summary>
    /// <param name="entry">
    /// Handed each entry that was read, with its index: for those who know what entries are.
    /// </param>
    public static IReadOnlyList<Violation> Check(ILedgerStore store, VerifierKey key,
        Action<long, byte[]>? entry = null)
    {
        var wrong = new List<Violation>();
        var files = new LogObjects(store);
        var segments = store.Segments();
        if (segments.Count == 0) return [Lost(Records, "not there")];
        using var held = store.Hold(out var inUse);

        var note = files.Checkpoint;
        Checkpoint? published = null;
        if (note is null) wrong.Add(Derived(CheckpointName, "not there"));
        else if (Checkpoint.Open(note, key, out published) is not CheckpointTrust.Verified and var trust)
            wrong.Add(trust is CheckpointTrust.Malformed or CheckpointTrust.BadSignature
                ? Derived(CheckpointName, Why(trust)) : Lost(CheckpointName, Why(trust)));
        var limit = inUse ? published?.Size ?? 0 : long.MaxValue;

        // The journal is read once; each tile is compared as it fills up.
        // One that no checkpoint was published over may be missing after a crash: the next start makes it.
        var tree = new Tree((tile, bytes) =>
        {
            if (FullAt(tile) <= (published?.Size ?? long.MaxValue) || files.Exists(tile))
                Compare(files, tile, bytes.ToArray(), wrong);
        });
        Digest? root = published?.Size == 0 ? Merkle.EmptyRoot : null;
        string? lastNote = null;
        long provedTo = 0;
        var end = store.Read(0, long.MaxValue, (segment, batch) =>
        {
            if (batch.IsEmpty && tree.Size < limit)
            {
                CheckBasis(store, segment, segments[0].First, tree, lastNote, wrong);
                if (tree.Size == published?.Size) root = tree.Root;
            }
            foreach (var record in batch)
            {
                if (tree.Size >= limit) continue;
                switch (record.Kind)
                {
                    case LedgerRecord.Entry:
                        if (record.Bytes.Length > LedgerRecord.MaxEntry)
                        {
                            wrong.Add(Lost(Records, $"entry {tree.Size}: {record.Bytes.Length} bytes; at most "
                                + $"{LedgerRecord.MaxEntry} fit"));
                            break;
                        }
                        entry?.Invoke(tree.Size, record.Bytes.ToArray());
                        tree.Add(record.Bytes.Span);
                        if (tree.Size != published?.Size) break;
                        root = tree.Root;
                        foreach (var (tile, bytes) in tree.Edge()) if (!files.Exists(tile)
                            && !files.Exists(new Tile(tile.Level, tile.Index)))
                            wrong.Add(Derived(tile, "not there, though the checkpoint implies it"));
                        break;
                    case LedgerRecord.Checkpoint:
                        (lastNote, provedTo) = (Encoding.UTF8.GetString(record.Bytes.Span), tree.Size);
                        var stands = Checkpoint.Open(lastNote, key, out var own);
                        if (stands != CheckpointTrust.Verified)
                            wrong.Add(Lost(Records, $"the checkpoint in record {record.Index}: {Why(stands)}"));
                        else if (own!.Size != tree.Size || own.Root != tree.Root)
                            wrong.Add(Lost(Records,
                                $"the checkpoint in record {record.Index} is not that of the {tree.Size} entries "
                                + "before it"));
                        break;
                    case LedgerRecord.Ahead:
                        provedTo = tree.Size;
                        var trust = Checkpoint.Open(Encoding.UTF8.GetString(record.Bytes.Span), key, out var covers);
                        if (trust != CheckpointTrust.Verified)
                            wrong.Add(Lost(Records, $"the checkpoint in record {record.Index}: {Why(trust)}"));
                        else if (covers!.Size <= tree.Size)
                            wrong.Add(Lost(Records,
                                $"the checkpoint in record {record.Index} is not ahead of the {tree.Size} entries "
                                + "before it"));
                        break;
                    default:
                        wrong.Add(Lost(Records, $"record {record.Index} is of an unknown kind {record.Kind}"));
                        break;
                }
            }
        });
        if (end.Problem is not null && !inUse)
            wrong.Add(Violation.OfEnd(Records, end.Problem, end.Torn ? Damage.TornTail : Damage.Truth));
        if (provedTo > 0 && !inUse && provedTo != tree.Size)
            wrong.Add(Lost(Records,
                $"{tree.Size - provedTo} entries stand after the last checkpoint of a replica"));

        if (published is not null)
        {
            if (published.Size > tree.Size)
                wrong.Add(Lost(CheckpointName,
                    $"it covers {published.Size} entries and the journal gives {tree.Size}"));
            else if (root != published.Root)
                wrong.Add(Lost(CheckpointName,
                    $"its root is not that of the journal's first {published.Size} entries"));
        }
        foreach (var (tile, bytes) in tree.Edge()) ComparePartials(files, tile, bytes, wrong);
        CheckPruned(files, Basis.FloorOf(store, segments[0]), tree.Size, wrong);
        // Of what a damaged journal does not give any more the tiles may be all that is left: they are no strays.
        if (!inUse && end.Problem is null)
            foreach (var name in files.Stray(tree.Size)) wrong.Add(Derived(name, "no tile of this log"));
        return wrong;
    }

    /// <summary>
    /// What a segment's basis says must be what the entries before it give. Where those are gone, it is all there is to
    /// go on from; the checkpoint's root then says whether it was right.
    /// </summary>
    /// <param name="begin">The entry that the journal begins with.</param>
    static void CheckBasis(ILedgerStore store, LedgerSegment segment, long begin, Tree tree, string? note,
        List<Violation> wrong)
    {
        var first = segment.First == begin;
        if (!segment.HasBasis && (!first || segment.First == 0)) return;
        var name = $"{segment.Name}.basis";
        try
        {
            var bytes = store.Basis(segment.First) ?? throw new FormatException("damaged");
            if (first) tree.Restore(Basis.Parse(bytes).Tree);
            else if (!bytes.AsSpan().SequenceEqual(Basis.Encode(tree.Save(), note)))
                wrong.Add(Lost(name, "not what the journal's entries give"));
        }
        catch (FormatException e)
        {
            wrong.Add(Lost(name, e.Message));
        }
    }

    /// <summary>
    /// Below where the journal begins, hash tiles are all there is: each must be what the tile above it says, up to
    /// those that the journal gives.
    /// </summary>
    static void CheckPruned(LogObjects files, long floor, long size, List<Violation> wrong)
    {
        for (var level = 0; level < Tile.MaxLevel; level++)
            for (long n = 0; n < floor >> 8 * (level + 1); n++)
            {
                var (tile, above) = (new Tile(level, n),
                    new Tile(level + 1, n >> 8, Tile.WidthAt(size, level + 1, n >> 8)));
                if (files.Find(tile) is not { } bytes)
                    wrong.Add(Lost(tile.ToString(), "not there, nor the entries to make it again"));
                else if (files.Find(above) is not { } over) continue;   // that was said, or is made again
                else if (bytes.Length != Tile.Full * Digest.Size || Merkle.Perfect(Tile.Decode(bytes, Tile.Full))
                    != Tile.Decode(over, above.Width)[(int)(n & 255)]) wrong.Add(Lost(tile.ToString(),
                        "not what the tile above it says, and the entries to make it again are not there"));
            }
    }

    /// <summary>The tree size at which a full tile or bundle fills up.</summary>
    static long FullAt(Tile tile) => (tile.Index + 1) << (8 * (Math.Max(tile.Level, 0) + 1));

    /// <summary>
    /// Makes every derived file again that is missing or wrong, and removes what is none. The journal is not touched; a
    /// torn or damaged one is refused. Says what it did.
    /// </summary>
    /// <param name="signer">
    /// Signs the checkpoint again where there is none that can be read; without it a replica's comes from its journal,
    /// and another log's stays as it is.
    /// </param>
    /// <exception cref="IOException">The log is open elsewhere, or its journal is not sound.</exception>
    public static IReadOnlyList<Repaired> Repair(ILedgerStore store, VerifierKey key, NoteSigner? signer = null)
    {
        using var writer = store.Lock();
        if (store.Read(0, long.MaxValue, (_, _) => { }) is { Problem: { } problem })
            throw new IOException($"{store.Place} is not sound: {problem}. Only derived files are repaired");

        var done = new List<Repaired>();
        var segments = store.Segments();
        var files = new LogObjects(store, writer);
        string? note = null;
        var tree = new Tree((tile, bytes) =>
        {
            if (files.Ensure(tile, bytes.Span)) done.Add(new(tile.ToString(), "written again"));
        });
        store.Read(0, long.MaxValue, (segment, batch) =>
        {
            if (batch.IsEmpty && segment is { First: > 0, HasBasis: true })
            {
                var stored = store.Basis(segment.First);
                if (segment.First == segments[0].First)
                    tree.Restore(Basis.Parse(stored ?? throw new IOException($"the basis of {store.Place}/"
                        + $"{segment.Name} is damaged, and what it was made from is not here")).Tree);
                else if (Basis.Encode(tree.Save(), note) is var basis
                    && stored?.AsSpan().SequenceEqual(basis) is not true)
                {
                    writer.PutBasis(segment.First, basis);
                    done.Add(new($"{segment.Name}.basis", "written again"));
                }
            }
            foreach (var record in batch)
                if (record.Kind == LedgerRecord.Entry) tree.Add(record.Bytes.Span);
                else if (record.Kind == LedgerRecord.Checkpoint) note = Encoding.UTF8.GetString(record.Bytes.Span);
        });
        files.EnsureEdge(tree, tile => done.Add(new(tile.ToString(), "written again")));
        foreach (var name in files.Stray(tree.Size).ToList())
        {
            files.Delete(name);
            done.Add(new(name, "removed"));
        }
        var trust = files.Checkpoint is { } standing
            ? Checkpoint.Open(standing, key, out _)
            : CheckpointTrust.Malformed;
        if (trust is CheckpointTrust.Malformed or CheckpointTrust.BadSignature && note is null
            && signer?.Key.ToString() == key.ToString())
        {
            files.WriteCheckpoint(signer.Sign(new Checkpoint(key.Name, tree.Size, tree.Root).Text).ToString());
            done.Add(new(CheckpointName, "signed again"));
        }
        else if (trust != CheckpointTrust.Verified && note is not null
            && Checkpoint.Open(note, key, out _) == CheckpointTrust.Verified)
        {
            files.WriteCheckpoint(note);
            done.Add(new(CheckpointName, "taken from the journal"));
        }
        else if (trust != CheckpointTrust.Verified)
        {
            done.Add(new(CheckpointName, "left as it is; opening the log signs it again"));
        }
        return done;
    }

    const string CheckpointName = "checkpoint";

    // What a checkpoint says against the journal is not derived: then entries are missing, or others than they were.
    static Violation Lost(string file, string problem) => new(file, problem, Damage.Truth);
    static Violation Derived(string file, string problem) => new(file, problem, Damage.Derived);
    static Violation Derived(Tile tile, string problem) => Derived(tile.ToString(), problem);

    static void Compare(LogObjects files, Tile tile, byte[] bytes, List<Violation> wrong)
    {
        if (!files.Exists(tile)) wrong.Add(Derived(tile, "not there"));
        else if (!files.Same(tile, bytes)) wrong.Add(Derived(tile, "not what the journal's entries give"));
        ComparePartials(files, tile, bytes, wrong);
    }

    /// <summary>Partial files of a tile are prefixes of it.</summary>
    static void ComparePartials(LogObjects files, Tile tile, byte[] bytes, List<Violation> wrong)
    {
        foreach (var partial in files.Partials(tile.Level, tile.Index).Where(p => p.Width <= tile.Width)
            .OrderBy(p => p.Width).ToList())
        {
            var want = partial.Width == tile.Width ? bytes
                : tile.Level == Tile.Entries ? Tile.EncodeBundle(Tile.DecodeBundle(bytes, tile.Width)[..partial.Width])
                : bytes[..(partial.Width * Digest.Size)];
            if (files.Exists(partial) && !files.Same(partial, want))
                wrong.Add(Derived(partial, "not what the journal's entries give"));
        }
    }

    static string Why(CheckpointTrust trust) => trust switch
    {
        CheckpointTrust.Malformed => "not a signed checkpoint",
        CheckpointTrust.NoKnownKey => "not signed with the log's key",
        CheckpointTrust.BadSignature => "its signature is wrong",
        CheckpointTrust.WrongOrigin => "signed for another log",
        _ => trust.ToString(),
    };
}
