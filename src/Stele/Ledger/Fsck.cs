using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// Reads a log's folder from the first byte to the last and says everything that is wrong with it: journal, entries, tiles, bundles, checkpoint.
/// It rests on no code path of <see cref="Log"/> but the tree's own arithmetic, and on nothing that the folder says about itself.
/// </summary>
static class Fsck
{
    /// <summary>
    /// Every violation found, in the order of the folder; none when it is sound. While a process has the log open, what its published checkpoint covers is checked and what is
    /// newer is left alone.
    /// </summary>
    public static IReadOnlyList<string> Check(string folder, VerifierKey key)
    {
        var wrong = new List<string>();
        var files = new TreeFolder(folder);
        var journal = Log.JournalPath(folder);
        if (!File.Exists(journal)) return ["journal: not there"];
        using var held = JournalFile.TryLockIfEverOpened(journal, out var inUse);

        var note = files.Checkpoint;
        Checkpoint? published = null;
        if (note is null) wrong.Add("checkpoint: not there");
        else if (Checkpoint.Open(note, key, out published) is not CheckpointTrust.Verified and var trust) wrong.Add($"checkpoint: {Why(trust)}");
        var limit = inUse ? published?.Size ?? 0 : long.MaxValue;

        // The journal is read once; each tile is compared as it fills up.
        // One that no checkpoint was published over may be missing after a crash: the next start makes it.
        var tree = new Tree((tile, bytes) =>
        {
            if (FullAt(tile) <= (published?.Size ?? long.MaxValue) || files.Exists(tile)) Compare(files, tile, bytes, wrong);
        });
        Digest? root = published?.Size == 0 ? Merkle.EmptyRoot : null;
        string? lastNote = null;
        long lastNoteAt = 0, floor = 0;
        var end = Journal.Scan(journal, batch =>
        {
            foreach (var record in batch)
            {
                if (tree.Size >= limit) continue;
                switch (record.Kind)
                {
                    case Log.EntryRecord:
                        if (record.Bytes.Length > Log.MaxEntry)
                        {
                            wrong.Add($"entry {tree.Size}: {record.Bytes.Length} bytes; at most {Log.MaxEntry} fit");
                            break;
                        }
                        tree.Add(record.Bytes);
                        if (tree.Size != published?.Size) break;
                        root = tree.Root;
                        foreach (var (tile, bytes) in tree.Edge()) if (!files.Exists(tile) && !files.Exists(new Tile(tile.Level, tile.Index))) wrong.Add($"{tile}: not there, though the checkpoint implies it");
                        break;
                    case Log.FloorRecord when record.Index == 0:
                        try
                        {
                            var begins = LogFloor.Parse(record.Bytes);
                            tree.Restore(floor = begins.Size, begins.Edge);
                            if (published?.Size == floor) root = tree.Root;
                        }
                        catch (FormatException e)
                        {
                            wrong.Add($"journal: its floor: {e.Message}");
                        }
                        break;
                    case Log.CheckpointRecord:
                        (lastNote, lastNoteAt) = (Encoding.UTF8.GetString(record.Bytes), tree.Size);
                        var stands = Checkpoint.Open(lastNote, key, out var own);
                        if (stands != CheckpointTrust.Verified) wrong.Add($"journal: the checkpoint in record {record.Index}: {Why(stands)}");
                        else if (own!.Size != tree.Size || own.Root != tree.Root) wrong.Add($"journal: the checkpoint in record {record.Index} is not that of the {tree.Size} entries before it");
                        break;
                    default:
                        wrong.Add($"journal: record {record.Index} is of an unknown kind {record.Kind}");
                        break;
                }
            }
        });
        if (end.Problem is not null && !inUse) wrong.Add($"journal: {(end.Tail == JournalTail.Torn ? "a torn tail " : "damaged ")}{end.Problem}");
        if (lastNote is not null && !inUse && lastNoteAt != tree.Size) wrong.Add($"journal: {tree.Size - lastNoteAt} entries stand after the last checkpoint of a replica");

        if (published is not null)
        {
            if (published.Size > tree.Size) wrong.Add($"checkpoint: it covers {published.Size} entries and the journal gives {tree.Size}");
            else if (root != published.Root) wrong.Add($"checkpoint: its root is not that of the journal's first {published.Size} entries");
        }
        foreach (var (tile, bytes) in tree.Edge()) ComparePartials(files, tile, bytes, wrong);
        if (!inUse) foreach (var path in files.Stray(tree.Size, floor).Where(p => !Files.IsTemporary(p))) wrong.Add($"{path}: no tile of this log");
        return wrong;
    }

    /// <summary>The tree size at which a full tile or bundle fills up.</summary>
    static long FullAt(Tile tile) => (tile.Index + 1) << (8 * (Math.Max(tile.Level, 0) + 1));

    /// <summary>Makes every derived file again that is missing or wrong, and removes what is none. The journal is not touched; a torn or damaged one is refused. Says what it did.</summary>
    /// <exception cref="IOException">The log is open elsewhere, or its journal is not sound.</exception>
    public static IReadOnlyList<string> Repair(string folder, VerifierKey key)
    {
        var journal = Log.JournalPath(folder);
        using var held = JournalFile.Lock(journal);
        if (Journal.Scan(journal, _ => { }) is { Problem: { } problem }) throw new IOException($"{journal} is not sound: {problem}. Only derived files are repaired");

        var done = new List<string>();
        var files = new TreeFolder(folder);
        string? note = null;
        var floor = 0L;
        var tree = new Tree((tile, bytes) =>
        {
            if (files.Ensure(tile, bytes)) done.Add($"{tile}: written anew");
        });
        Journal.Scan(journal, batch =>
        {
            foreach (var record in batch)
                if (record.Kind == Log.EntryRecord) tree.Add(record.Bytes);
                else if (record.Kind == Log.FloorRecord && record.Index == 0 && LogFloor.Parse(record.Bytes) is var begins) tree.Restore(floor = begins.Size, begins.Edge);
                else if (record.Kind == Log.CheckpointRecord) note = Encoding.UTF8.GetString(record.Bytes);
        });
        files.EnsureEdge(tree, tile => done.Add($"{tile}: written anew"));
        foreach (var path in files.Stray(tree.Size, floor).ToList())
        {
            files.Delete(path);
            done.Add($"{path}: removed");
        }
        var trust = files.Checkpoint is { } standing ? Checkpoint.Open(standing, key, out _) : CheckpointTrust.Malformed;
        if (trust != CheckpointTrust.Verified && note is not null && Checkpoint.Open(note, key, out _) == CheckpointTrust.Verified)
        {
            files.WriteCheckpoint(note);
            done.Add("checkpoint: taken from the journal");
        }
        else if (trust != CheckpointTrust.Verified)
        {
            done.Add("checkpoint: left as it is; opening the log signs it anew");
        }
        return done;
    }

    static void Compare(TreeFolder files, Tile tile, byte[] bytes, List<string> wrong)
    {
        if (!files.Exists(tile)) wrong.Add($"{tile}: not there");
        else if (!files.Same(tile, bytes)) wrong.Add($"{tile}: not what the journal's entries give");
        ComparePartials(files, tile, bytes, wrong);
    }

    /// <summary>Partial files of a tile are prefixes of it.</summary>
    static void ComparePartials(TreeFolder files, Tile tile, byte[] bytes, List<string> wrong)
    {
        foreach (var partial in files.Partials(tile.Level, tile.Index).Where(p => p.Width <= tile.Width).OrderBy(p => p.Width).ToList())
        {
            var want = partial.Width == tile.Width ? bytes
                : tile.Level == Tile.Entries ? Tile.EncodeBundle(Tile.DecodeBundle(bytes, tile.Width)[..partial.Width])
                : bytes[..(partial.Width * Digest.Size)];
            if (files.Exists(partial) && !files.Same(partial, want)) wrong.Add($"{partial}: not what the journal's entries give");
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
