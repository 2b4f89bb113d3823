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
/// and the batch joins the tree; 4 one checkpoint is signed for all that came so far (<see cref="Growth"/>, as is 3);
/// here appends that wait for "integrated" complete; 5 full tiles and bundles become objects (<see cref="Publisher"/>,
/// as are all of 5 and 6). A paced loop stores 6 the partial tiles, then the checkpoint, so that the objects alone are
/// always a consistent log, at most a moment behind. At the end of a segment 7: all that was derived is flushed, and
/// the next gets its basis (<see cref="Sealer"/>). None of 3 to 6 is flushed: it derives from the records. Opening does
/// 3 and 5 for the records from the last basis on, then 4 and 6, then 7, by the same functions. Waiting for witnesses
/// comes after 4 (<see cref="Cosignatures"/>); a replica's records come by <see cref="Replication"/>, and go the same
/// way. <see cref="StoredLog"/> reads a log that nobody writes.
/// Invariant: no signed checkpoint leaves this class that covers an entry which is not durable; hence after a crash the
/// log is never smaller than what it signed for.
/// </summary>
sealed class Log : LogReader, IDisposable
{
    /// <summary>How much can stand or fall together.</summary>
    internal const long MaxGroup = GroupCommit.MaxBatch / 2;

    readonly NoteSigner? _signer;
    readonly LogOptions _options;
    readonly TimeProvider _time;
    readonly LogTree _tree;
    readonly Replication _replication;
    readonly Growth _growth;
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
        (_writer, _tree, _signer, _time, _options) = (writer, tree, signer, time, options);
        _untilClosing = _closing.Token;
        _replication = new Replication(key, tree, options.SegmentBytes, new SemaphoreSlim(1));
        _growth = new Growth(store, key, tree, _replication, signer);
        _publisher = new Publisher(this, objects, tree, options, time);
        _sealer = new Sealer(writer, _publisher, options, time, e => _queue!.Fail(e), _untilClosing);
        Cosignatures = new Cosignatures(this, options.Quorum);

        var next = writer.Open(_growth.StartFrom(published), options.SegmentBytes, (segment, records) =>
        {
            if (records.IsEmpty && store.Basis(segment.First) is null) Begin(segment.First);
            _growth.Add(records, published);
        });
        _growth.Opened(published);
        foreach (var name in objects.Stray(tree.Size).ToList()) objects.Delete(name);
        tree.Opened();
        Floor = store.Segments() is [var first, ..] ? Basis.FloorOf(store, first) : 0;
        _queue = new GroupCommit($"{store.Place}/{Fsck.Records}", next,
            new QueueLimits(options.QueueBytes, options.QueueEntries), writer.Append, Hand, _ =>
            {
                Wake();
                Cosignatures.Wake();
            });
        Show(_growth.Sign());
        objects.EnsureEdge(tree.Edge, _ => { });
        var size = _publisher.Publish();
        _sealer.SealBehind();
        // From here on: what is appended before the loop runs for the first time is still to be published.
        _publishing = Task.Run(() => _publisher.Run(size, e => _queue.Fail(e), _untilClosing));
        _integrating = new Thread(Integrate) { IsBackground = true, Name = "log" };
        _integrating.Start();
        _queue.Start();
    }

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
        return Owned().TryAppend(LedgerRecord.Entry, entry.Span, out var appended, At(until))
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
            }, out var appended, At(until))
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
        return Owned().TryAppend(records, out var appended, At(until))
            ? Witnessed(appended, records.Length, until)
            : Task.FromException<long>(Busy());
    }

    LogException? Refusal(int length, Await until) =>
        length > LedgerRecord.MaxEntry ? TooLarge(length)
        : until == Await.Witnessed && !Cosignatures.AreWanted
            ? new(LogError.NoWitnesses, "nobody witnesses this log; wait for 'integrated' instead")
        : until == Await.Witnessed && Cosignatures.IsBusy ? Busy()
        : null;

    static Completion At(Await until) => until == Await.Durable ? Completion.Durable : Completion.Released;

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
                Show(_growth.Sign());
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
        if (batch.Begins is { } first) Begin(first);
        _growth.Add(batch.Records, default);
    }

    /// <summary>
    /// A segment without a basis, or with a damaged one, begins after what is in the tree now. It gets one when all
    /// that derives from what stands before it is durable.
    /// </summary>
    void Begin(long first)
    {
        if (first > 0) _sealer.Begin(first, Basis.Encode(_tree.Edge.Save(), _replication.LastNote));
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
