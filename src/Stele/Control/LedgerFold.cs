using Stele.Blobs;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control;

/// <summary>
/// The fold over a server's own log. It begins after the newest snapshot that may be used, and makes new ones as the
/// ledger grows; where what was kept turns out to be damaged it folds the log again from its first entry.
/// </summary>
sealed class LedgerFold : IDisposable
{
    readonly Log _log;
    readonly BlobStore _blobs;
    readonly KeptFold? _kept;
    Snapshots? _snapshots;
    volatile Replay _replay;
    string? _unkept;

    /// <exception cref="FormatException">An entry does not fold.</exception>
    public LedgerFold(Log log, BlobStore blobs, KeptFold? kept)
    {
        (_log, _blobs, _kept) = (log, blobs, kept);
        try
        {
            _replay = Fold(kept?.From ?? FoldFrom.Zero);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public Replay Replay => _replay;

    /// <summary>Why the fold can't be kept for the next start; null: it can, or is not to be.</summary>
    public string? SnapshotError => _unkept ?? _snapshots?.LastError;

    /// <summary>Whether what was kept can't be read: reading the state may fail until it is folded again.</summary>
    public bool IsBroken => _snapshots?.Broken is not null;

    /// <summary>Told once when that is found.</summary>
    public Action? WhenBroken { get; set; }

    /// <summary>Folds from the first entry, and uses nothing of what was kept.</summary>
    public void Again() => _replay = Fold(FoldFrom.Zero);

    Replay Fold(FoldFrom from)
    {
        if (_kept is not null)
        {
            _snapshots?.Dispose();
            _snapshots = Snapshots.Open(_kept, Merkle.Leaf(_log.ReadEntry(0)), () => _log, Holding.Throughout,
                out _unkept);
            if (_snapshots is not null) _snapshots.WhenBroken = () => WhenBroken?.Invoke();
            if (from is FoldFrom.Zero) _snapshots?.Discard("everything is folded again from the first entry");
        }
        try
        {
            return Folded();
        }
        catch (NodeException) when (from is FoldFrom.Snapshot)
        {
            return Fold(FoldFrom.Zero);
        }
        catch (NodeException e) when (_snapshots is not null)
        {
            // Kept a moment ago, and damaged by now: the disk is not to be used for it.
            _unkept = e.Message;
            _snapshots.Dispose();
            _snapshots = null;
            return Folded();
        }
    }

    Replay Folded()
    {
        var replay = new Replay(new Documents(SmallDocuments.Of(_blobs)), new StoredEntries(() => _log), _snapshots);
        foreach (var entry in new Preparation(replay.State).Read(_log.ReadEntries(replay.State.Size, _log.Size)))
            if (entry.Entry is not { } prepared)
                throw new FormatException($"entry {replay.State.Size} of the ledger is none: {entry.Error}");
            else if (replay.Add(prepared) is Outcome.Refused refused)
                throw new FormatException($"entry {replay.State.Size} of the ledger does not fold: "
                    + $"{refused.Code.Name()}: {refused.Message}");
        if (!KeptFold.IsFew(replay.NotKept, replay.State.Size)) replay.Keep();
        return replay;
    }

    /// <summary>Keeps what is not kept yet, and lets others keep.</summary>
    public async Task End()
    {
        if (_snapshots is null) return;
        await _snapshots.Idle;
        if (!KeptFold.IsFew(_replay.NotKept, _replay.State.Size)) _replay.Keep();
        Dispose();
    }

    public void Dispose() => _snapshots?.Dispose();
}
