using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// How stored records become a log's tree and its signed checkpoint: steps 3 and 4 of <see cref="Log"/>, at run time
/// and at opening, for who writes the log and who only reads it.
/// </summary>
/// <param name="signer">Null: the log is a replica.</param>
sealed class Growth(ILedgerStore store, VerifierKey key, LogTree tree, Replication replication, NoteSigner? signer)
{
    Digest[] _leaves = new Digest[256];

    /// <summary>The newest segment whose basis the tree can go on from; the tree is restored from it.</summary>
    public long StartFrom(PublishedCheckpoint published)
    {
        var segments = store.Segments();
        for (var i = segments.Count - 1; i >= 0; i--)
            if (store.Basis(segments[i].First) is { } basis && TryRestore(basis, published)) return segments[i].First;
        return segments is not [{ First: > 0 and var first }, ..] ? 0 : throw new IOException(
            $"{store.Place}: what stood before record {first} is not here, nor a basis that fits to go on without it. "
            + "Nothing was changed");
    }

    /// <summary>Whether the tree can go on from a basis; then it does.</summary>
    bool TryRestore(byte[] bytes, PublishedCheckpoint published)
    {
        try
        {
            var basis = Basis.Parse(bytes);
            var restored = new Tree((_, _) => { });
            restored.Restore(basis.Tree);
            if (!published.Allows(restored.Size)) return false;
            if (signer is null && !replication.CanGoOnFrom(basis, restored.Size)) return false;
            tree.Edge.Restore(basis.Tree);
            if (basis.Note is not null) replication.Restore(basis.Note);
            return true;
        }
        catch (FormatException)
        {
            return false;   // damaged: an older one, or the beginning, will do
        }
    }

    /// <summary>3, for records that are durable; none where a segment begins.</summary>
    /// <param name="published">
    /// At opening, what the published checkpoint says: its root is compared as the tree passes its size.
    /// </param>
    public void Add(ReadOnlySpan<StoredRecord> batch, PublishedCheckpoint published)
    {
        // The costly half is done before readers of the tree are kept waiting.
        if (_leaves.Length < batch.Length) _leaves = new Digest[Math.Max(batch.Length, 2 * _leaves.Length)];
        for (var i = 0; i < batch.Length; i++) if (batch[i].Kind == LedgerRecord.Entry)
            _leaves[i] = Merkle.Leaf(batch[i].Bytes.Span);
        var edge = tree.Edge;
        published.Compare(edge);
        lock (tree.Gate)
        {
            for (var i = 0; i < batch.Length; i++)
            {
                switch (batch[i].Kind)
                {
                    case LedgerRecord.Entry when batch[i].Bytes.Length <= LedgerRecord.MaxEntry:
                        edge.Add(batch[i].Bytes.Span, _leaves[i]);
                        replication.Passed(edge.Size);
                        published.Compare(edge);
                        break;
                    case LedgerRecord.Checkpoint or LedgerRecord.Ahead:
                        replication.Note(batch[i]);
                        break;
                    default:
                        throw new LogException(LogError.WrongLog,
                            $"record {batch[i].Index} of the journal is not a log's");
                }
            }
        }
    }

    /// <summary>At opening, when all that is stored was added.</summary>
    /// <exception cref="LogException">It is another log, or less than was published.</exception>
    public void Opened(PublishedCheckpoint published)
    {
        if (signer is not null && replication.IsKnown)
            throw new LogException(LogError.WrongLog, "the folder is a replica's; it has no signing key of its own");
        published.DemandAll(tree.Edge);
    }

    /// <summary>4.</summary>
    public LogReader.Moment Sign()
    {
        if (signer is null) return replication.Shown();
        var frontier = tree.Edge.Frontier;
        var root = frontier.Root;
        return new(frontier.Size, root, signer.Sign(new Checkpoint(key.Name, frontier.Size, root).Text).ToString(),
            frontier);
    }
}
