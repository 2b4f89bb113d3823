namespace Stele.Control;

/// <summary>
/// What is wrong with the ledger that a server shows. A closed set: each is a reason not to follow it.
/// </summary>
enum ReplicaFault
{
    /// <summary>Its genesis or its key is not the one that is pinned.</summary>
    WrongLedger,
    /// <summary>The checkpoint is not one, or is not signed by the pinned key.</summary>
    BadCheckpoint,
    /// <summary>
    /// Correctly signed, and smaller than what this replica was shown before: an old copy, or a rewritten log.
    /// </summary>
    Shrunk,
    /// <summary>Correctly signed, and not an extension of what this replica has: a second history.</summary>
    Forked,
    /// <summary>The tiles do not hold what they should.</summary>
    BadTile,
    /// <summary>
    /// An entry stands in the ledger that the rules refuse: the replica stays at the entry before it for good.
    /// </summary>
    Refused,
    /// <summary>
    /// A document that an entry names is not to be had. The replica stays before that entry until it is.
    /// </summary>
    MissingDocument,
    /// <summary>Another process keeps the folder.</summary>
    InUse,
}

/// <param name="evidence">
/// What convicts the server: its signed checkpoint, or the proof of a <see cref="Fork"/>.
/// </param>
sealed class ReplicaException(ReplicaFault fault, string message, string? evidence = null) : Exception(message)
{
    public ReplicaFault Fault { get; } = fault;
    public string? Evidence { get; } = evidence;
}
