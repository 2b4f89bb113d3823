using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Host;

/// <summary>
/// The server as a node sees it: its own verified copy of the ledger, folded here; a way to hand in statements; the server's store of blobs.
/// The server may be down, slow or lying: the copy holds only what this node has verified and folded itself.
/// </summary>
interface ILedgerLink
{
    /// <summary>This node's own fold. Grows only inside <see cref="Sync"/>.</summary>
    Replay Replay { get; }

    /// <summary>When this node last verified the server's newest checkpoint, in milliseconds since 1970 UTC; null = never since the copy was made.</summary>
    long? SyncedAt { get; }

    /// <summary>Catches up with the server, waiting up to <paramref name="wait"/> for news if there are none.</summary>
    /// <exception cref="LinkException">The server can't be reached, or what it says does not verify or fold.</exception>
    Task Sync(TimeSpan wait, CancellationToken stop);

    /// <summary>Hands in a signed statement; comes back when the server has recorded or refused it.</summary>
    /// <returns>Null when it stands in the ledger; else why it does not and never will as it is.</returns>
    /// <exception cref="LinkException">It is not known whether the server has it; send it again later.</exception>
    Task<string?> Submit(Envelope envelope, CancellationToken stop);

    /// <summary>A small document that the fold has read (a policy, a release document), verified against its digest; null when it is not at hand. Any thread may ask.</summary>
    byte[]? Document(Digest digest);

    /// <summary>The server's own store.</summary>
    IBlobs Blobs { get; }
}

/// <summary>The server did not answer, or not as a server of ours would.</summary>
sealed class LinkException(string message, Exception? cause = null) : Exception(message, cause);
