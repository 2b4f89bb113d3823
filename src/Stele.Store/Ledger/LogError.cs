namespace Stele.Ledger;

/// <summary>Why a log would not do what it was asked. Broken I/O is an <see cref="IOException"/> instead.</summary>
enum LogError
{
    /// <summary>Too much is waiting to be written; nothing was taken; try again later.</summary>
    Busy,
    /// <summary>An entry has at most 65,535 bytes.</summary>
    EntryTooLarge,
    /// <summary>
    /// The journal holds fewer entries than a checkpoint of this log covers: it was cut or restored from an old copy.
    /// </summary>
    Truncated,
    /// <summary>The journal's entries are not those that a checkpoint of this log covers.</summary>
    Forked,
    /// <summary>The entry is not in the folder any more: pruned, or moved to cold storage.</summary>
    Pruned,
    /// <summary>The folder belongs to another log, or was written as another kind (own log, replica).</summary>
    WrongLog,
    /// <summary>It was asked to wait for witnesses, and nobody witnesses the log; nothing was taken.</summary>
    NoWitnesses,
}

sealed class LogException(LogError error, string message) : Exception(message)
{
    public LogError Error { get; } = error;
}

/// <summary>What came of extending a replica. Only <see cref="Extended"/> changes anything.</summary>
enum Extension
{
    Extended,
    /// <summary>The checkpoint is not one.</summary>
    Malformed,
    /// <summary>It is not signed with the log's key.</summary>
    NoKnownKey,
    /// <summary>Its signature with the log's key is wrong.</summary>
    BadSignature,
    /// <summary>It is the same key's, but of another log.</summary>
    WrongOrigin,
    /// <summary>
    /// It is smaller than what this replica has: never accepted, whether an old copy or a rewritten log.
    /// </summary>
    Smaller,
    /// <summary>It covers more or fewer entries than came with it.</summary>
    WrongCount,
    /// <summary>Nothing proves that the entries are the beginning of what the checkpoint covers.</summary>
    NoProof,
    /// <summary>An entry is larger than any log takes.</summary>
    EntryTooLarge,
    /// <summary>Entries and checkpoint are more than one write takes.</summary>
    TooMuch,
    /// <summary>
    /// Correctly signed, and not an extension of what this replica has with these entries. If the entries are the
    /// server's, the note is evidence of a second history.
    /// </summary>
    Fork,
}
