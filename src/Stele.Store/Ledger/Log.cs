using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// An append-only, signed log of entries: the server's ledger, a node's decision log, or (without the signing key) a
/// replica of somebody else's. Where it is stored: <see cref="ILedgerStore"/>.
///
/// An append, numbered as below. It gets its index in the order of the calls. On the thread of the queue
/// (<see cref="GroupCommit"/>): 1 it joins all that wait, in one batch; 2 the batch is stored durably; here appends
/// that wait for "durable" complete. On the log's own thread, while the next batch is being stored: 3 the leaf hashes,
/// and the batch joins the tree; 4 one checkpoint is signed for all that came so far; here appends that wait for
/// "integrated" complete; 5 full tiles and bundles become objects (<see cref="Publisher"/>, as are all of 5 and 6). A
/// paced loop stores 6 the partial tiles, then the checkpoint, so that the objects alone are always a consistent log,
/// at most a moment behind. At the end of a segment 7: all that was derived is flushed, and the next gets its basis
/// (<see cref="Sealer"/>). None of 3 to 6 is flushed: it derives from the records. Opening does 3 and 5 for the records
/// from the last basis on, then 4 and 6, then 7, by the same functions. Waiting for witnesses comes after 4
/// (<see cref="Cosignatures"/>); a replica's records come by <see cref="Replication"/>, and go the same way.
/// Invariant: no signed checkpoint leaves this class that covers an entry which is not durable; hence after a crash the
/// log is never smaller than what it signed for.
/// </summary>
sealed class Log : LogReader, IDisposable
{
    /// <summary>How much can stand or fall together.</summary>
    internal const long MaxGroup = GroupCommit.MaxBatch / 2;

    readonly NoteSigner? _signer;
    readonly LogOptions _options;
    readonly ILedgerStore _store;
    readonly TimeProvider _time;
    readonly LogTree _tree;
    readonly Replication _replication;
    readonly Publisher _publisher;
    readonly Sealer _sealer;
    readonly ILedgerWriter _writer;
    readonly GroupCommit _queue;
    readonly CancellationTokenSource _closing = new();
    readonly CancellationToken _untilClosing;
    readonly Task _publishing;
    readonly Thread _integrating;

    // Durable batches on their way from the queue's thread to the log's; bounded, because the queue counts them as
    // waiting until they are released.
    readonly object _handover = new();
    List<RecordBatch> _handed = [];
    bool _lastHanded;
    volatile bool _closed;
    Digest[] _leaves = new Digest[256];

    /// <summary>Opens or creates one's own log.</summary>
    /// <param name="origin">The log's name in its checkpoints; the signer's key has it too.</param>
    /// <exception cref="LogException">
    /// The store holds another log, or less than, or something else than, its own checkpoint covers.
    /// </exception>
    /// <exception cref="IOException">Open elsewhere, damaged, or the store failed.</exception>
    public static Log Open(ILedgerStore store, string origin, NoteSigner signer, TimeProvider time,
        LogOptions? options = null) => signer.Key.Name == origin
        ? Create(store, signer.Key, signer, time, options)
        : throw new LogException(LogError.WrongLog, $"the key {signer.Key.Name} does not sign for the log {origin}");

    /// <summary>
    /// Opens or creates a replica of the log whose key this is. It grows by <see cref="Extend"/> alone.
    /// </summary>
    public static Log OpenReplica(ILedgerStore store, VerifierKey key, TimeProvider time, LogOptions? options = null) =>
        Create(store, key, null, time, options);

    static Log Create(ILedgerStore store, VerifierKey key, NoteSigner? signer, TimeProvider time, LogOptions? options)
    {
        var published = PublishedCheckpoint.Of(store, key);
        var writer = store.Lock();
        try
        {
            var objects = new LogObjects(store, writer);
            return new Log(store, writer, objects, new LogTree(objects), key, signer, published, time,
                options ?? new());
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    Log(ILedgerStore store, ILedgerWriter writer, LogObjects objects, LogTree tree, VerifierKey key, NoteSigner? signer,
        PublishedCheckpoint published, TimeProvider time, LogOptions options) : base(key, objects, tree)
    {
        (_store, _writer, _tree, _signer, _time, _options) = (store, writer, tree, signer, time, options);
        _untilClosing = _closing.Token;
        _replication = new Replication(key, tree, new SemaphoreSlim(1));
        _publisher = new Publisher(this, objects, tree, options, time);
        _sealer = new Sealer(writer, _publisher, options, time, e => _queue!.Fail(e), _untilClosing);
        Cosignatures = new Cosignatures(this, options.Quorum);

        var start = writer.Open(StartFrom(published), options.SegmentBytes, (segment, records) =>
        {
            if (records.IsEmpty) Begin(segment.First, store.Basis(segment.First) is not null, published);
            else Add(records, published);
        });
        EndedInOrder = start.EndedInOrder;
        if (signer is not null && _replication.IsKnown)
            throw new LogException(LogError.WrongLog, "the folder is a replica's; it has no signing key of its own");
        published.DemandAll(tree.Edge);
        foreach (var name in objects.Stray(tree.Size).ToList()) objects.Delete(name);
        tree.Opened();
        Floor = store.Segments() is [var first, ..] ? Basis.FloorOf(store, first) : 0;
        _queue = new GroupCommit($"{store.Place}/{Fsck.Records}", start.Next,
            new QueueLimits(options.QueueBytes, options.QueueEntries), writer.Append, Hand, _ =>
            {
                Wake();
                Cosignatures.Wake();
            });
        Show(Sign());
        objects.EnsureEdge(tree.Edge, _ => { });
        var size = _publisher.Publish();
        _sealer.SealBehind();
        // From here on: what is appended before the loop runs for the first time is still to be published.
        _publishing = Task.Run(() => _publisher.Run(size, e => _queue.Fail(e), _untilClosing));
        _integrating = new Thread(Integrate) { IsBackground = true, Name = "log" };
        _integrating.Start();
        _queue.Start();
    }

    /// <summary>Whether its last owner closed it in order before it was opened here.</summary>
    public bool EndedInOrder { get; }

    /// <summary>What the witnesses stand behind.</summary>
    public Cosignatures Cosignatures { get; }

    public override string? LastPublishError => _publisher.LastError;

    internal override Exception? Ended => _queue.Failure is { } failure ? new IOException(failure.Message, failure)
        : _closed ? new OperationCanceledException("the log was closed") : null;

    // ---- Appending

    /// <summary>
    /// Appends one entry. The task's result is its index, once it is as safe as <paramref name="until"/> says.
    /// </summary>
    /// <returns>
    /// A task that fails with a <see cref="LogException"/> (busy, too large, no witnesses) when nothing was taken, or
    /// with the I/O error that ended the log: then the entry may or may not be in it; or is cancelled when the log is
    /// closed before what is waited for came: then the entry is in it.
    /// </returns>
    public Task<long> Append(ReadOnlyMemory<byte> entry, Await until = Await.Integrated)
    {
        if (Refusal(entry.Length, until) is { } refusal) return Task.FromException<long>(refusal);
        return Owned().TryAppend(LedgerRecord.Entry, entry.Span, out var appended, late: until != Await.Durable)
            ? Witnessed(appended, 1, until)
            : Task.FromException<long>(Busy());
    }

    /// <summary>
    /// Appends the entry that <paramref name="compose"/> makes for the index it gets. It is called at once, alone, in
    /// the order of the calls, and must be quick; if it throws, nothing was taken.
    /// </summary>
    public Task<long> Append(Func<long, byte[]> compose, Await until = Await.Integrated)
    {
        if (Refusal(0, until) is { } refusal) return Task.FromException<long>(refusal);
        try
        {
            return Owned().TryAppend(LedgerRecord.Entry, index =>
            {
                var entry = compose(index);
                return entry.Length <= LedgerRecord.MaxEntry ? entry : throw TooLarge(entry.Length);
            }, out var appended, late: until != Await.Durable)
                ? Witnessed(appended, 1, until)
                : Task.FromException<long>(Busy());
        }
        catch (LogException e)
        {
            return Task.FromException<long>(e);
        }
    }

    /// <summary>
    /// Appends entries that stand side by side, or not at all; the task's result is the first one's index.
    /// </summary>
    public Task<long> Append(IReadOnlyList<ReadOnlyMemory<byte>> entries, Await until = Await.Integrated)
    {
        if (entries.Count == 0) throw new ArgumentException("no entries");
        var records = new (byte, ReadOnlyMemory<byte>)[entries.Count];
        long bytes = 0;
        for (var i = 0; i < records.Length; i++)
        {
            if (Refusal(entries[i].Length, until) is { } refusal) return Task.FromException<long>(refusal);
            bytes += entries[i].Length + GroupCommit.RecordOverhead;
            records[i] = (LedgerRecord.Entry, entries[i]);
        }
        if (bytes > MaxGroup)
            return Task.FromException<long>(new LogException(LogError.EntryTooLarge,
                $"entries of {bytes} bytes to stand or fall together; at most {MaxGroup} can"));
        return Owned().TryAppend(records, out var appended, late: until != Await.Durable)
            ? Witnessed(appended, records.Length, until)
            : Task.FromException<long>(Busy());
    }

    LogException? Refusal(int length, Await until) =>
        length > LedgerRecord.MaxEntry ? TooLarge(length)
        : until == Await.Witnessed && !Cosignatures.AreWanted
            ? new(LogError.NoWitnesses, "nobody witnesses this log; wait for 'integrated' instead")
        : until == Await.Witnessed && Cosignatures.IsBusy ? Busy()
        : null;

    Task<long> Witnessed(Task<long> appended, int count, Await until) =>
        until == Await.Witnessed ? Cosignatures.Over(appended, count) : appended;

    GroupCommit Owned() => _signer is not null
        ? _queue
        : throw new InvalidOperationException("a replica is extended, not appended to");

    static LogException TooLarge(int length) =>
        new(LogError.EntryTooLarge, $"an entry of {length} bytes; at most {LedgerRecord.MaxEntry} fit");

    internal static LogException Busy() =>
        new(LogError.Busy, "too much is waiting to be written; try again in a moment");

    /// <summary>
    /// Takes the next entries of the log that this is a replica of (<see cref="Replication.Extend"/>).
    /// </summary>
    public Task<Extension> Extend(IReadOnlyList<byte[]> entries, string checkpointNote, Digest[]? ahead = null) =>
        _signer is null
            ? _replication.Extend(_queue, entries, checkpointNote, ahead, _untilClosing)
            : throw new InvalidOperationException("one's own log is appended to, not extended");

    // ---- Integrating: one thread

    /// <summary>Between 2 and 3: on the queue's thread, for a batch that is durable.</summary>
    void Hand(RecordBatch batch)
    {
        lock (_handover)
        {
            _handed.Add(batch);
            if (_handed.Count == 1) Monitor.Pulse(_handover);
        }
    }

    void Integrate()
    {
        var batches = new List<RecordBatch>();
        try
        {
            for (long? signed = null; Handed(ref batches);)
            {
                // 3.
                foreach (var batch in batches) Add(batch);
                while (signed is { } last && _time.GetElapsedTime(last) < _options.SignEvery
                    && AddUntilDue(last, batches)) { }
                // 4. From here on the batches are part of what this log has signed for.
                Show(Sign());
                signed = _time.GetTimestamp();
                foreach (var batch in batches) batch.Release();
                batches.Clear();   // no longer ours
                // 5 and 7.
                _publisher.TryWriteFull();
                _sealer.SealBehind();
            }
        }
        catch (Exception e)
        {
            // What is durable stays so, and the next start integrates it; nobody who waits for more than that is told
            // that it came.
            var failure = _queue.Fail(e);
            do foreach (var batch in batches) batch.FailLate(failure);
            while (Handed(ref batches));
        }
    }

    /// <summary>Waits for durable batches; false when there will be none any more.</summary>
    bool Handed(ref List<RecordBatch> batches)
    {
        lock (_handover)
        {
            while (_handed.Count == 0 && !_lastHanded) Monitor.Wait(_handover);
            (batches, _handed) = (_handed, batches);
            _handed.Clear();
            return batches.Count > 0;
        }
    }

    /// <summary>While the next checkpoint is not due, more may come under it. False: none will.</summary>
    bool AddUntilDue(long signed, List<RecordBatch> batches)
    {
        int from = batches.Count;
        lock (_handover)
        {
            var left = _options.SignEvery - _time.GetElapsedTime(signed);
            if (_handed.Count == 0 && !_lastHanded && left > TimeSpan.Zero) Monitor.Wait(_handover, left);
            if (_handed.Count == 0 && _lastHanded) return false;
            batches.AddRange(_handed);
            _handed.Clear();
        }
        for (; from < batches.Count; from++) Add(batches[from]);
        return true;
    }

    void Add(RecordBatch batch)
    {
        if (batch.Begins is { } first) Begin(first, hasBasis: false, default);
        Add(batch.Records, default);
    }

    /// <summary>
    /// A segment begins after what is in the tree now. Where it has no basis, or a damaged one, it gets one when all
    /// that derives from what stands before it is durable.
    /// </summary>
    void Begin(long first, bool hasBasis, PublishedCheckpoint published)
    {
        published.Compare(_tree.Edge);
        if (first > 0 && !hasBasis) _sealer.Begin(first, Basis.Encode(_tree.Edge.Save(), _replication.LastNote));
    }

    /// <summary>
    /// 3, for records that are durable: at run time, and at opening for those that the store holds.
    /// </summary>
    /// <param name="published">
    /// At opening, what the published checkpoint says: its root is compared as the tree passes its size.
    /// </param>
    void Add(ReadOnlySpan<StoredRecord> batch, PublishedCheckpoint published)
    {
        // The costly half is done before readers of the tree are kept waiting.
        if (_leaves.Length < batch.Length) _leaves = new Digest[Math.Max(batch.Length, 2 * _leaves.Length)];
        for (var i = 0; i < batch.Length; i++) if (batch[i].Kind == LedgerRecord.Entry)
            _leaves[i] = Merkle.Leaf(batch[i].Bytes.Span);
        var tree = _tree.Edge;
        lock (_tree.Gate)
        {
            for (var i = 0; i < batch.Length; i++)
            {
                switch (batch[i].Kind)
                {
                    case LedgerRecord.Entry when batch[i].Bytes.Length <= LedgerRecord.MaxEntry:
                        tree.Add(batch[i].Bytes.Span, _leaves[i]);
                        _replication.Passed(tree.Size);
                        published.Compare(tree);
                        break;
                    case LedgerRecord.Checkpoint or LedgerRecord.Ahead:
                        _replication.Note(batch[i]);
                        break;
                    default:
                        throw new LogException(LogError.WrongLog,
                            $"record {batch[i].Index} of the journal is not a log's");
                }
            }
        }
    }

    /// <summary>4.</summary>
    Moment Sign()
    {
        if (_signer is null) return _replication.Shown();
        var frontier = _tree.Edge.Frontier;
        var root = frontier.Root;
        return new(frontier.Size, root, _signer.Sign(new Checkpoint(Origin, frontier.Size, root).Text).ToString(),
            frontier);
    }

    // ---- Opening

    /// <summary>The newest segment whose basis the tree can go on from; the tree is restored from it.</summary>
    long StartFrom(PublishedCheckpoint published)
    {
        var segments = _store.Segments();
        for (var i = segments.Count - 1; i >= 0; i--)
            if (_store.Basis(segments[i].First) is { } basis && TryRestore(basis, published)) return segments[i].First;
        return segments is not [{ First: > 0 and var first }, ..] ? 0 : throw new IOException(
            $"{_store.Place}: what stood before record {first} is not here, nor a basis that fits to go on without it. "
            + "Nothing was changed");
    }

    /// <summary>Whether the tree can go on from a basis; then it does.</summary>
    bool TryRestore(byte[] bytes, PublishedCheckpoint published)
    {
        try
        {
            var basis = Basis.Parse(bytes);
            var tree = new Tree((_, _) => { });
            tree.Restore(basis.Tree);
            if (!published.Allows(tree.Size)) return false;
            if (_signer is null && !_replication.CanGoOnFrom(basis, tree.Size)) return false;
            _tree.Edge.Restore(basis.Tree);
            if (basis.Note is not null) _replication.Restore(basis.Note);
            return true;
        }
        catch (FormatException)
        {
            return false;   // damaged: an older one, or the beginning, will do
        }
    }

    // ---- Closing

    /// <summary>Stores what waits, publishes the last checkpoint and closes the store.</summary>
    public void Dispose()
    {
        if (_closing.IsCancellationRequested) return;
        _closing.Cancel();
        _publishing.GetAwaiter().GetResult();
        try
        {
            _queue.Stop();
            lock (_handover)
            {
                _lastHanded = true;
                Monitor.Pulse(_handover);
            }
            _integrating.Join();
            _sealer.Sealing.GetAwaiter().GetResult();
            _closed = true;
            Wake();   // no batch comes any more; those who wait are told
            Cosignatures.Wake();
            _publisher.Publish();
        }
        finally
        {
            Close();
        }
    }

    void Close()
    {
        try
        {
            if (_queue.Failure is null) _writer.Seal();
        }
        finally
        {
            _writer.Dispose();
            _closing.Dispose();
        }
    }
}
