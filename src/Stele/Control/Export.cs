using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Control;

/// <summary>
/// Writes audit packs. What goes into one is fixed by <see cref="Pack"/>; here it is brought together and put on the
/// disk whole or not at all.
/// </summary>
static class Export
{
    /// <param name="replay">The ledger, folded: a server's own or a replica's.</param>
    /// <param name="checkpoint">The signed checkpoint over exactly those entries.</param>
    /// <param name="find">Small documents by digest: the ones the fold read, and refused envelopes.</param>
    /// <param name="logs">
    /// Every decision log that the ledger anchors, complete; walked once, as the pack is written.
    /// </param>
    /// <param name="progress">Told what is being done; from this thread.</param>
    /// <returns>The file's digest and size.</returns>
    /// <exception cref="FormatException">
    /// Something that must be in the pack is not to be had, or the checkpoint is of another size.
    /// </exception>
    public static (Digest Digest, long Size) Write(string file, Replay replay, string checkpoint,
        Func<Digest, byte[]?> find, IReadOnlyList<PackedLog> logs, Action<string>? progress = null)
    {
        var entries = replay.Entries;
        if (!Checkpoint.TryOpen(checkpoint, VerifierKey.Parse(replay.State.LogKeyAt(entries.Count)), out var covers,
            out var error)) throw new FormatException($"the checkpoint: {error}");
        if (covers.Size != entries.Count)
            throw new FormatException(
                $"the checkpoint covers {covers.Size} entries, and {entries.Count} are folded here");
        return Files.WriteStream(file, Readers.Owner,
            output => Pack.Write(output, entries.Select(e => e.Entry.Bytes), checkpoint, find, logs, progress));
    }

    /// <summary>
    /// Puts the page that shows packs next to a pack. Always the same bytes, so one that is there already is left.
    /// </summary>
    public static string WritePage(string pack)
    {
        var file = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(pack))!, PackPage.FileName);
        var page = PackPage.Bytes();
        if (!File.Exists(file) || new FileInfo(file).Length != page.Length
            || !File.ReadAllBytes(file).AsSpan().SequenceEqual(page)) Files.Write(file, page);
        return file;
    }

    /// <summary>The pack of a running server: its ledger as it stands now.</summary>
    public static (Digest Digest, long Size) Write(string file, LogReader ledger, Admission admission,
        Func<Digest, byte[]?> find, IReadOnlyList<PackedLog> logs, Action<string>? progress = null)
    {
        // The ledger's checkpoint may be a moment ahead of the visible state; a replay of exactly what it covers is
        // made here.
        var checkpoint = ledger.Checkpoint;
        if (!Checkpoint.TryOpen(checkpoint, ledger.Key, out var covers, out var error))
            throw new FormatException($"the checkpoint: {error}");
        if (covers.Size == admission.Replay.Entries.Count)
            return Write(file, admission.Replay, checkpoint, find, logs, progress);
        var replay = new Replay(new Documents(find));
        foreach (var bytes in ledger.ReadEntries(0, covers.Size)) replay.Add(Entry.Parse(bytes));
        return Write(file, replay, checkpoint, find, logs, progress);
    }

    /// <summary>Where a log begins, as packs carry it; null = at 0.</summary>
    public static PackedFloor? FloorOf(LogReader log)
    {
        return log.Beginning is { } begins ? new PackedFloor(begins.Size, [.. begins.Peaks]) : null;
    }

    /// <summary>A decision log out of its own folder, which must stay open until the pack is written.</summary>
    public static PackedLog Of(LogReader log)
    {
        var checkpoint = log.Checkpoint;
        if (!Checkpoint.TryOpen(checkpoint, log.Key, out var covers, out var error))
            throw new FormatException($"the checkpoint of {log.Origin}: {error}");
        return new PackedLog(log.Origin, log.ReadEntries(log.Floor, covers.Size), checkpoint) { Floor = FloorOf(log) };
    }
}
