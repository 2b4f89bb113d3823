using Stele.Blobs;
using Stele.Control;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Host;

/// <summary>
/// The server as a node sees it: its own verified copy of the ledger, folded here; a way to hand in statements; the
/// server's store of blobs. The server may be down, slow or lying: the copy holds only what this node has verified and
/// folded itself, and what the server can't do now is a <see cref="LinkException"/>.
/// </summary>
sealed class ServerLink : IAsyncDisposable
{
    readonly Replica _replica;
    readonly ServerClient _server;
    readonly Func<Digest, byte[]?> _documents;

    ServerLink(Replica replica, ServerClient server, BlobStore documents) =>
        (_replica, _server, _documents) = (replica, server, SmallDocuments.Of(documents));

    /// <summary>Opens the node's replica; asks the server for nothing yet.</summary>
    /// <param name="server">Belongs to the link from here on.</param>
    /// <param name="blobs">The node's own store, which also holds the documents that the fold reads.</param>
    public static async Task<ServerLink> Open(NodeFolder folder, Trust trust, ServerClient server, BlobStore blobs,
        TimeProvider time, FoldFrom from = FoldFrom.Snapshot) =>
        new(await Replica.Open(folder.Replica, trust, server, time, blobs,
            kept: new KeptFold(folder.State, folder.StateKey, from)), server, blobs);

    /// <summary>This node's own fold. Grows only inside <see cref="Sync"/>.</summary>
    public Replay Replay => _replica.Replay;

    /// <summary>
    /// The ledger as this node has verified and folded it, for proofs; null while it folds what it has fetched.
    /// </summary>
    public ProvenTree? Tree
    {
        get
        {
            var (note, state) = (_replica.Checkpoint, _replica.Replay.State);
            return state.Size > 0 && Proof.Checkpoint.TryOpen(note, _replica.Log.Key, out var covers, out _)
                && covers.Size <= state.Size
                ? new ProvenTree(note, covers.Size, i => _replica.Log.InclusionProof(i, covers.Size))
                : null;
        }
    }

    /// <summary>
    /// When the server last showed that this copy is all there is, in milliseconds since 1970 UTC; null = never.
    /// </summary>
    public long? SyncedAt => _replica.LastSync;

    /// <summary>
    /// Why this node follows the ledger no longer: its key signed a second history. The message says where the proof
    /// is; null: it does not.
    /// </summary>
    public string? Fork => _replica.Halted is { Fault: ReplicaFault.Forked } fork ? fork.Message : null;

    /// <summary>The newest checkpoint that was verified here, and found to extend all before it.</summary>
    public string CheckpointNote => _replica.Checkpoint;

    /// <summary>Hands in this node's cosignature.</summary>
    /// <exception cref="LinkException">The server can't be reached, or does not take it.</exception>
    public Task Cosign(CosignatureOffer offer, CancellationToken stop) => Ask(async () =>
    {
        await _server.Cosign(offer, stop);
        return true;
    });

    public string Origin => _replica.Log.Origin;

    /// <summary>Why this node's fold can't be kept now; null: it is.</summary>
    public string? SnapshotError => _replica.SnapshotError;

    /// <summary>Why the files of this node's copy can't be written now; null: they are.</summary>
    public string? LastPublishError => _replica.Log.LastPublishError;

    /// <summary>The server's own store.</summary>
    public IBlobs Blobs => _server;

    /// <summary>Catches up with the server, waiting up to <paramref name="wait"/> for news if there are none.</summary>
    /// <exception cref="LinkException">
    /// The server can't be reached, or what it says does not verify or fold. What did is folded.
    /// </exception>
    public Task Sync(TimeSpan wait, CancellationToken stop) => Ask(() => _replica.Sync(wait, stop));

    /// <summary>Hands in a signed statement; comes back when the server has recorded or refused it.</summary>
    /// <returns>Null when it stands in the ledger; else why it does not, and never will as it is.</returns>
    /// <exception cref="LinkException">
    /// It is not known whether the server has it, or it would take it later; send it again.
    /// </exception>
    public async Task<string?> Submit(Envelope envelope, CancellationToken stop) =>
        await Ask(() => _server.Submit(envelope, stop)) switch
    {
        Admitted.Refused { Problem: var problem } when !problem.IsJudgement =>
            throw new LinkException(FaultOf(problem), problem.Message),
        Admitted.Refused { Problem: var problem } => $"{problem.Code}: {problem.Message}",
        _ => null,
    };

    /// <summary>
    /// A small document that the fold has read (a policy, a release document); null when it is not at hand. Its digest
    /// is for the reader to check. Any thread may ask.
    /// </summary>
    public byte[]? Document(Digest digest) => _documents(digest);

    static FaultCode FaultOf(Problem problem) =>
        problem.Status is 401 or 403 ? FaultCode.Rejected : FaultCode.Unreachable;

    static async Task<T> Ask<T>(Func<Task<T>> question)
    {
        try
        {
            return await question();
        }
        catch (ProblemException e)
        {
            throw new LinkException(FaultOf(e.Problem), e.Message, e);
        }
        catch (ReplicaException e)
        {
            var fault = e.Fault == ReplicaFault.Forked ? FaultCode.Forked : FaultCode.Unverified;
            throw new LinkException(fault, e.Message, e);
        }
        catch (IOException e) when (Disk.DiskTrouble.LacksDescriptors(e))
        {
            throw new LinkException(FaultCode.Descriptors, e.Message, e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _replica.DisposeAsync();
        _server.Dispose();
    }
}

/// <summary>The server did not answer, or did not let this node in, or what it said does not verify.</summary>
sealed class LinkException(FaultCode fault, string message, Exception? cause = null) : Exception(message, cause)
{
    public FaultCode Fault { get; } = fault;
}
