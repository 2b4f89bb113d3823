using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// What the witnesses stand behind of a log: the newest of its checkpoints that the policy's quorum has cosigned, and
/// who waits for that. Invariant: the cosigned size only grows, and is of this log's own history.
/// </summary>
sealed class Cosignatures
{
    /// <summary>About so many appends wait for witnesses, who may be away for days.</summary>
    const int MaxWaiting = 4096;

    readonly LogReader _log;
    readonly Func<Note, bool>? _quorum;
    readonly Lock _gate = new();
    readonly Waiters _waiters;
    volatile Cosigned? _newest;
    int _waiting;

    sealed record Cosigned(long Size, string Checkpoint);

    public Cosignatures(LogReader log, Func<Note, bool>? quorum)
    {
        (_log, _quorum) = (log, quorum);
        _waiters = new Waiters(() => Size, () => log.Ended);
    }

    /// <summary>
    /// Whether there is a policy about witnesses; without one, <see cref="Await.Witnessed"/> is refused.
    /// </summary>
    public bool AreWanted => _quorum is not null;

    /// <summary>Whether so many wait for witnesses that no more may.</summary>
    public bool IsBusy => Volatile.Read(ref _waiting) >= MaxWaiting;

    /// <summary>
    /// The newest checkpoint that the witnesses stand behind, with their cosignatures; null: none was taken since the
    /// log was opened.
    /// </summary>
    public string? Checkpoint => _newest?.Checkpoint;

    /// <summary>How many entries <see cref="Checkpoint"/> covers.</summary>
    public long Size => _newest?.Size ?? 0;

    /// <summary>
    /// Takes a checkpoint of the log's own with the cosignatures of its witnesses: those who wait for an entry under it
    /// are told. Anything else is refused, and changes nothing.
    /// </summary>
    public Cosigning Take(string checkpointWithCosignatures)
    {
        switch (Proof.Checkpoint.Open(checkpointWithCosignatures, _log.Key, out var checkpoint))
        {
            case CheckpointTrust.Verified: break;
            case CheckpointTrust.Malformed: return Cosigning.Malformed;
            default: return Cosigning.NotOurs;
        }
        if (checkpoint!.Size > _log.Size || _log.RootAt(checkpoint.Size) != checkpoint.Root)
            return Cosigning.Inconsistent;
        if (_quorum is null || !_quorum(Note.Parse(checkpointWithCosignatures))) return Cosigning.NoQuorum;
        lock (_gate)
        {
            if (_newest is { } newest && newest.Size >= checkpoint.Size) return Cosigning.Older;
            _newest = new(checkpoint.Size, checkpointWithCosignatures);
        }
        Wake();
        return Cosigning.Taken;
    }

    /// <summary>Completes once the witnesses stand behind more than <paramref name="size"/> entries.</summary>
    /// <exception cref="IOException">The log failed before.</exception>
    /// <exception cref="OperationCanceledException">It was closed before.</exception>
    public Task WaitBeyond(long size, CancellationToken cancellation) => _waiters.Beyond(size, cancellation);

    /// <summary>Waits for entries that are being appended, and for the witnesses of the last of them.</summary>
    public async Task<long> Over(Task<long> appended, int count)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            var index = await appended;
            await WaitBeyond(index + count - 1, default);
            return index;
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }

    /// <summary>Those who wait look again: the log has ended.</summary>
    public void Wake() => _waiters.Wake();
}
