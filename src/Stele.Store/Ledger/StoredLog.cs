using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A log of one's own as it is stored, to be read while nobody writes it: nothing in its store changes, and what is
/// derived and not stored is in memory. Its checkpoint is signed in memory, over all records; where nothing was ever
/// stored it is an empty log. Invariant: no signed checkpoint leaves this class that covers an entry which is not
/// durable.
/// </summary>
sealed class StoredLog : LogReader, IDisposable
{
    readonly IDisposable? _held;   // null: nobody ever opened it to write

    /// <exception cref="LogException">
    /// The store holds another log, or less than, or something else than, its own checkpoint covers.
    /// </exception>
    /// <exception cref="LockedException">A writer has it open.</exception>
    /// <exception cref="IOException">Damaged, or the store failed.</exception>
    public static StoredLog Open(ILedgerStore store, NoteSigner signer)
    {
        var held = store.Hold(out var inUse);
        if (inUse) throw new LockedException($"{store.Place}/{Fsck.Records}");
        try
        {
            var objects = new LogObjects(store);
            return new StoredLog(store, held, objects, new LogTree(objects), signer);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    StoredLog(ILedgerStore store, IDisposable? held, LogObjects objects, LogTree tree, NoteSigner signer)
        : base(signer.Key, objects, tree)
    {
        _held = held;
        var published = PublishedCheckpoint.Of(store, Key);
        var growth = new Growth(store, Key, tree,
            new Replication(Key, tree, long.MaxValue, new SemaphoreSlim(1)), signer);
        if (store.Segments() is [var first, ..])
        {
            store.Sync();
            var end = store.Read(growth.StartFrom(published), long.MaxValue,
                (_, records) => growth.Add(records, published));
            if (end is { Problem: { } problem, Torn: false })
                throw new IOException($"{store.Place}/{Fsck.Records} is damaged: {problem}. Nothing was changed");
            Floor = Basis.FloorOf(store, first);
        }
        growth.Opened(published);
        Show(growth.Sign());
    }

    public override string? LastPublishError => null;

    internal override Exception? Ended => new OperationCanceledException("a log that is only read does not grow");

    public void Dispose() => _held?.Dispose();
}
