namespace Stele.Ledger;

/// <summary>What an append waits for. Each is more than the one before it, and takes longer.</summary>
enum Await
{
    /// <summary>It is on the disk: every later start finds it, at this index.</summary>
    Durable,
    /// <summary>It is under a checkpoint that the log signed: it can be read and proved.</summary>
    Integrated,
    /// <summary>
    /// It is under a checkpoint that as many witnesses cosigned as the policy asks for: nobody can be shown a history
    /// without it.
    /// </summary>
    Witnessed,
}

/// <summary>
/// What came of handing a log one of its checkpoints back with cosignatures. Only <see cref="Taken"/> changes anything.
/// </summary>
enum Cosigning
{
    Taken,
    /// <summary>A checkpoint of this size, or a larger one, was taken already.</summary>
    Older,
    /// <summary>It is no signed checkpoint.</summary>
    Malformed,
    /// <summary>The log's own signature is not on it, or not good, or it is another log's.</summary>
    NotOurs,
    /// <summary>
    /// The log's own key signed it, and this log never had that size with that root: another history under the same
    /// key.
    /// </summary>
    Inconsistent,
    /// <summary>The cosignatures on it are not those that the policy asks for.</summary>
    NoQuorum,
}
