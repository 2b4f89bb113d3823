using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// What a log has published, if that can be believed, for a start to be held to: it goes on from no less, and from
/// nothing else. What is no checkpoint, or has a wrong signature, is evidence of nothing and is written again.
/// </summary>
/// <param name="Covers">Null: nothing can be believed.</param>
readonly record struct PublishedCheckpoint(Checkpoint? Covers)
{
    /// <exception cref="LogException">It is another log's.</exception>
    public static PublishedCheckpoint Of(ILedgerStore store, VerifierKey key)
    {
        if (new LogObjects(store).Checkpoint is not { } note) return default;
        var trust = Checkpoint.Open(note, key, out var published);
        if (trust is CheckpointTrust.NoKnownKey or CheckpointTrust.WrongOrigin)
            throw new LogException(LogError.WrongLog,
                $"{store.Place}/checkpoint is signed by another key, or for another log, than {key.Name}");
        return new(trust == CheckpointTrust.Verified ? published : null);
    }

    /// <summary>
    /// Whether a start may go on from a tree of this size without reading what is before it: so that the signature is
    /// always over what was gone on from.
    /// </summary>
    public bool Allows(long size) => !(size > Covers?.Size);

    /// <summary>As the tree grows at opening: where it passes the published size its root must be that.</summary>
    /// <exception cref="LogException">It is not.</exception>
    public void Compare(Tree tree)
    {
        if (tree.Size == Covers?.Size && tree.Root != Covers.Root)
            throw new LogException(LogError.Forked,
                $"the journal's first {Covers.Size} entries are not those of the published checkpoint");
    }

    /// <summary>When all that is stored was read.</summary>
    /// <exception cref="LogException">It is less than what was published.</exception>
    public void DemandAll(Tree tree)
    {
        if (Covers?.Size > tree.Size)
            throw new LogException(LogError.Truncated,
                $"the published checkpoint covers {Covers.Size} entries and the journal holds {tree.Size}: entries "
                + $"were lost, or an old copy was put back");
    }
}
