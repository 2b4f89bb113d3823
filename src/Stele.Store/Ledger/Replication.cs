using System.Collections.Immutable;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// How a replica grows, and what it knows in addition to its entries: the newest checkpoint that was stored with them,
/// how far they are proved, and what was signed for sizes that it has not reached. Invariant: nothing is stored that a
/// signature of the log's key and a proof do not lead to, and two histories under one key are never both taken.
/// </summary>
/// <param name="tree">Its lock also covers what is known here; the log's thread changes it.</param>
/// <param name="segmentBytes">About how large a segment grows before the next begins.</param>
/// <param name="extending">One extension at a time. Never disposed: at closing its holder still gives it back.</param>
sealed class Replication(VerifierKey key, LogTree tree, long segmentBytes, SemaphoreSlim extending)
{
    Frontier _lastFrontier = new();               // the tree at the newest checkpoint's record
    long _provedTo;                               // how far the entries were proved to be those of some checkpoint
    // sizes that are not here yet, and the roots that were signed for them
    ImmutableDictionary<long, Digest> _seenAhead = ImmutableDictionary<long, Digest>.Empty;

    /// <summary>The newest checkpoint that was stored with its entries; null: none was.</summary>
    public string? LastNote { get; private set; }

    /// <summary>Whether what is stored is a replica's.</summary>
    public bool IsKnown => _provedTo > 0;

    /// <summary>
    /// Takes the next entries of the log that this is a replica of, with a signed checkpoint that covers exactly what
    /// it will then have. Signature and consistency are checked before a byte is written; entries and checkpoint become
    /// durable together.
    /// </summary>
    /// <param name="ahead">
    /// For a step of a long way: the checkpoint covers more than what will be held, and this proves that what will be
    /// held is where it began. What was taken so is kept, and shown when a later call brings the rest: what it signed
    /// for ahead must then be what came.
    /// </param>
    /// <exception cref="LogException">Too much is waiting to be written.</exception>
    /// <exception cref="OperationCanceledException">
    /// The log was closed while another extension was under way; nothing was taken.
    /// </exception>
    public async Task<Extension> Extend(GroupCommit queue, IReadOnlyList<byte[]> entries, string checkpointNote,
        Digest[]? ahead, CancellationToken untilClosing)
    {
        await extending.WaitAsync(untilClosing);
        try
        {
            if (Refusal(entries, checkpointNote, ahead) is { } refusal) return refusal;
            if (entries.Count == 0 && (ahead is not null || checkpointNote == LastNote)) return Extension.Extended;
            var records = entries.Select(e => (LedgerRecord.Entry, (ReadOnlyMemory<byte>)e)).Append(
                (ahead is null ? LedgerRecord.Checkpoint : LedgerRecord.Ahead, Encoding.UTF8.GetBytes(checkpointNote)))
                .ToArray();
            if (!queue.TryAppend(records, out var integrated, Completion.Released)) throw Log.Busy();
            await integrated;
            // After a long way the note once more, as the first record of the next segment: a basis in the middle of
            // the way is none to go on from, and this one is.
            if (ahead is null && records.Sum(r => (long)r.Item2.Length) >= segmentBytes)
            {
                if (!queue.TryAppend(records[^1..], out integrated, Completion.Released)) throw Log.Busy();
                await integrated;
            }
            return Extension.Extended;
        }
        finally
        {
            extending.Release();
        }
    }

    Extension? Refusal(IReadOnlyList<byte[]> entries, string checkpointNote, Digest[]? ahead)
    {
        switch (Checkpoint.Open(checkpointNote, key, out var checkpoint))
        {
            case CheckpointTrust.Verified: break;
            case CheckpointTrust.NoKnownKey: return Extension.NoKnownKey;
            case CheckpointTrust.BadSignature: return Extension.BadSignature;
            case CheckpointTrust.WrongOrigin: return Extension.WrongOrigin;
            default: return Extension.Malformed;
        }
        Frontier frontier;
        ImmutableDictionary<long, Digest> seen;
        lock (tree.Gate) (frontier, seen) = (tree.Edge.Frontier, _seenAhead);
        var size = frontier.Size + entries.Count;
        if (checkpoint!.Size < frontier.Size) return Extension.Smaller;
        if (ahead is null ? checkpoint.Size != size : checkpoint.Size <= size) return Extension.WrongCount;
        var bytes = (long)checkpointNote.Length;
        var forked = seen.TryGetValue(checkpoint.Size, out var signed) && signed != checkpoint.Root;
        foreach (var entry in entries)
        {
            if (entry.Length > LedgerRecord.MaxEntry) return Extension.EntryTooLarge;
            bytes += entry.Length + GroupCommit.RecordOverhead;
            frontier = frontier.Add(Merkle.Leaf(entry));
            forked |= seen.TryGetValue(frontier.Size, out signed) && signed != frontier.Root;
        }
        if (ahead is null && frontier.Root != checkpoint.Root) return Extension.Fork;
        if (ahead is not null && !Proofs.VerifyConsistency(size, checkpoint.Size, frontier.Root, checkpoint.Root,
            ahead)) return Extension.NoProof;
        // two histories, both signed: these entries are those of one, and not of the other
        if (forked) return Extension.Fork;
        return bytes > Log.MaxGroup ? Extension.TooMuch : null;
    }

    /// <summary>3, for an entry that joined the tree: what was signed ahead for that size is passed.</summary>
    public void Passed(long size)
    {
        if (!_seenAhead.IsEmpty) _seenAhead = _seenAhead.Remove(size);
    }

    /// <summary>3, for a checkpoint that stands after what is in the tree now.</summary>
    public void Note(StoredRecord record)
    {
        _provedTo = tree.Edge.Size;
        var note = Encoding.UTF8.GetString(record.Bytes.Span);
        if (record.Kind == LedgerRecord.Checkpoint) (LastNote, _lastFrontier) = (note, tree.Edge.Frontier);
        else if (Checkpoint.Open(note, key, out var ahead) == CheckpointTrust.Verified)
            _seenAhead = _seenAhead.SetItem(ahead!.Size, ahead.Root);
    }

    /// <summary>
    /// Whether a replica can go on from a basis. In the middle of a step, it held more than its checkpoint covers:
    /// where that ended is not in the basis.
    /// </summary>
    public bool CanGoOnFrom(Basis basis, long size) => basis.Note is not null
        && Checkpoint.Open(basis.Note, key, out var note) == CheckpointTrust.Verified && note!.Size == size;

    /// <summary>Goes on from a basis that the tree was restored from.</summary>
    public void Restore(string note) =>
        (LastNote, _lastFrontier, _provedTo) = (note, tree.Edge.Frontier, tree.Edge.Size);

    /// <summary>
    /// 4: a replica repeats what it was given: entries and note were written together. What came ahead of its
    /// checkpoint is held, and not shown yet.
    /// </summary>
    /// <exception cref="LogException">It is no replica of that log.</exception>
    public LogReader.Moment Shown()
    {
        if (_provedTo != tree.Edge.Size)
            throw new LogException(LogError.WrongLog,
                "the folder is not a replica's: entries stand in it without a checkpoint");
        if (LastNote is null) return new(0, Merkle.EmptyRoot, "", new Frontier());
        var (frontier, root) = (_lastFrontier, _lastFrontier.Root);
        if (Checkpoint.Open(LastNote, key, out var checkpoint) != CheckpointTrust.Verified)
            throw new LogException(LogError.WrongLog, $"the folder is not a replica of {key.Name} under this key");
        if (checkpoint!.Size != frontier.Size || checkpoint.Root != root)
            throw new LogException(LogError.Forked,
                $"the replica's entries are not those of its checkpoint at size {checkpoint.Size}");
        return new(frontier.Size, root, LastNote, frontier);
    }
}
