using System.Buffers.Binary;
using Stele.Disk;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Gateway;

/// <summary>
/// Takes old decisions out of a node's folder while the node does not run: pruned for good below the floor that the
/// ledger admits, with their keys and sealed bodies, or moved to cold storage, which destroys nothing.
/// </summary>
static class NodePruning
{
    /// <summary>Keeps a node out of its folder, as a running node keeps this out.</summary>
    /// <exception cref="IOException">The node runs.</exception>
    /// <exception cref="FormatException">A newer build wrote the folder.</exception>
    public static IDisposable Alone(NodeFolder folder)
    {
        FolderFormat.Demand(folder.Path);
        return JournalFile.TryLock(folder.Outbox) ?? throw new IOException($"a node runs in {folder.Path}");
    }

    /// <summary>Why nothing below this may be destroyed; null when it may.</summary>
    public static string? Objection(LogFact log, State state, long begins, long floor) =>
        floor > log.Floor ? log.Floor == 0 ? $"the ledger admits no floor for '{log.Origin}'"
            : $"the ledger admits a floor of {log.Floor} for '{log.Origin}', not {floor}"
        : state.HoldsOn(log, begins, floor).FirstOrDefault() is { } hold
            ? $"records below {floor} are held by entry {hold.Entry} (a legal hold on {hold})" : null;

    /// <summary>
    /// Prunes leaves below a floor, by whole segments of the journal, and the keys and bodies of those that are gone.
    /// What was broken off is finished by doing it again.
    /// </summary>
    public static Pruned Prune(NodeFolder folder, string origin, long floor)
    {
        var pruned = Pruning.Prune(folder.LogStore(origin), floor);
        // What was moved lies elsewhere and is not destroyed: its keys stay.
        var gone = Pruning.FloorOf(folder.LogStore(origin)).Cold.Moved.Select(m => m.From).Append(pruned.Begins).Min();
        Drop(folder.KeyTable(origin), gone);
        Drop(folder.Bodies(origin), gone);
        return pruned;
    }

    /// <summary>
    /// Leaves out of a key table, or of sealed bodies, all that belongs to decisions below a floor: each record begins
    /// with its decision's number.
    /// </summary>
    static void Drop(string path, long below)
    {
        if (!File.Exists(path)) return;
        using var held = JournalFile.Lock(path);
        foreach (var leftover in Files.LeftBeside(path)) Files.Delete(leftover);
        var any = false;
        var end = Journal.Scan(path, batch =>
        {
            foreach (var record in batch) any |= Number(record) < below;
        });
        if (end.Tail == JournalTail.Corrupt)
            throw new IOException($"{path} is damaged: {end.Problem}. Nothing was changed");
        if (!any) return;
        using var old = new Scrub(path);
        JournalCut.Rewrite(path, record => Number(record) >= below, Readers.Owner);
        old.Overwrite();
    }

    static long Number(JournalRecord record) => BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span);

    /// <summary>
    /// A log as a pack carries it, out of its own folder: with what lies in cold storage put back before it, where it
    /// is given and leads there.
    /// </summary>
    /// <exception cref="IOException">A segment is not what was moved.</exception>
    public static PackedLog WithCold(PackedLog log, string cold)
    {
        if (log.Floor is not { } floor || ColdEntries.Leading(NodeFolder.ColdStore(cold, log.Origin), floor.Frontier)
            is not { } entries) return log;
        return log with
        {
            Leaves = entries.All().Concat(log.Leaves),
            Floor = entries.Beginning.Size == 0
                ? null
                : new PackedFloor(entries.Beginning.Size, [.. entries.Beginning.Peaks])
        };
    }
}
