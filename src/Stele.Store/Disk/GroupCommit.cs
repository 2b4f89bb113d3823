namespace Stele.Disk;

/// <summary>How much may wait at a <see cref="GroupCommit"/> before the answer is "busy".</summary>
/// <param name="Bytes">From the call until the owner is done with them.</param>
readonly record struct QueueLimits(long Bytes, long Records);

/// <summary>
/// The queue of those who append records, and the one thread that makes them durable in batches: those who wait while
/// one batch is being made durable share the next (group commit); one writer alone waits for no timer. Where the
/// records go is its user's to say. Invariant: batches are written one after the other, in the order of the calls, and
/// a record's task completes only after its batch was. After any error nothing more is taken, and nothing is tried
/// again: a failed flush says nothing about what is stored.
/// </summary>
/// <param name="name">What failed, as its callers are told.</param>
/// <param name="next">The number of the next record.</param>
/// <param name="write">Makes a batch durable before it returns. On the queue's thread.</param>
/// <param name="committed">
/// Told of each durable batch, in order, on the queue's thread; must be quick. The batch is the owner's until it calls
/// <see cref="RecordBatch.Release"/>, and until then its bytes count as waiting.
/// </param>
/// <param name="failed">Told once, when an error ended it.</param>
sealed class GroupCommit(string name, long next, QueueLimits limits, Action<RecordBatch> write,
    Action<RecordBatch> committed, Action<Exception>? failed)
{
    /// <summary>
    /// A batch takes no further waiting record beyond this; so one slow flush can't grow without end.
    /// </summary>
    const int BatchBytes = 8 << 20;

    /// <summary>What a record takes in addition to its bytes.</summary>
    public const int RecordOverhead = JournalFrame.RecordHeader;

    /// <summary>The most that one batch can have.</summary>
    public const int MaxBatch = JournalFrame.MaxPayload;

    static readonly Task<long> Nothing = Task.FromCanceled<long>(new CancellationToken(canceled: true));

    // Under the lock on _gate:
    readonly object _gate = new();
    readonly Queue<RecordBatch> _full = new();
    readonly Stack<RecordBatch> _spare = new();
    RecordBatch? _filling;
    Thread? _writer;
    long _bytes, _records;         // waiting, being written, or still the owner's
    long _handed, _handedRecords;  // of them, those that are the owner's
    long _next = next;             // the number that the next record gets
    bool _closing;
    Exception? _failure;

    /// <summary>Begins to write. Before that nothing is taken.</summary>
    public GroupCommit Start()
    {
        _filling = new RecordBatch(this);
        _writer = new Thread(Run) { IsBackground = true, Name = "journal" };
        _writer.Start();
        return this;
    }

    /// <summary>Queues one record. The task completes with its number, or fails with what ended the queue.</summary>
    /// <returns>False when too much is waiting already: nothing was queued.</returns>
    public bool TryAppend(byte kind, ReadOnlySpan<byte> record, out Task<long> durable,
        Completion at = Completion.Durable)
    {
        var size = JournalFrame.RecordHeader + (long)Fits(record.Length);
        lock (_gate)
        {
            if (Refused(size, 1, out durable) is { } answer) return answer;
            var batch = Batch(size, 1);
            var pending = batch.Add(_next++, at);
            batch.Write(kind, record);
            durable = pending.Task;
            return true;
        }
    }

    /// <summary>Queues records that must stand or fall together; the task's result is the first one's number.</summary>
    public bool TryAppend(IReadOnlyList<(byte Kind, ReadOnlyMemory<byte> Bytes)> records, out Task<long> durable,
        Completion at = Completion.Durable)
    {
        if (records.Count == 0) throw new ArgumentException("no records");
        long size = 0;
        foreach (var (_, bytes) in records) size += JournalFrame.RecordHeader + Fits(bytes.Length);
        if (size > JournalFrame.MaxPayload)
            throw new ArgumentException(
                $"{size} bytes in one batch; at most {JournalFrame.MaxPayload} can stand or fall together");
        lock (_gate)
        {
            if (Refused(size, records.Count, out durable) is { } answer) return answer;
            var batch = Batch(size, records.Count);
            var pending = batch.Add(_next, at);
            _next += records.Count;
            foreach (var (kind, bytes) in records) batch.Write(kind, bytes.Span);
            durable = pending.Task;
            return true;
        }
    }

    /// <summary>
    /// Queues a record that is made knowing its own number. <paramref name="compose"/> runs in the order of the calls,
    /// alone, and must be quick; if it throws, nothing was queued.
    /// </summary>
    public bool TryAppend(byte kind, Func<long, byte[]> compose, out Task<long> durable,
        Completion at = Completion.Durable)
    {
        lock (_gate)
        {
            // Composing may have effects (a time stamp given out), so only what will be taken is composed, and what was
            // composed is taken.
            if (Refused(1, 1, out durable) is { } answer) return answer;
            var bytes = compose(_next);
            var batch = Batch(JournalFrame.RecordHeader + (long)Fits(bytes.Length), 1);
            var pending = batch.Add(_next++, at);
            batch.Write(kind, bytes);
            durable = pending.Task;
            return true;
        }
    }

    /// <summary>Whether so many bytes are not to be queued, and what to answer then.</summary>
    bool? Refused(long size, int records, out Task<long> durable)
    {
        durable = Nothing;
        ObjectDisposedException.ThrowIf(_closing, this);
        if (_failure is not null)
        {
            durable = Task.FromException<long>(_failure);
            return true;
        }
        // A batch larger than the whole queue is taken when nothing else waits.
        return _records > 0 && (_bytes + size > limits.Bytes || _records + records > limits.Records) ? false : null;
    }

    /// <summary>
    /// The batch that so many bytes go into. The writer is woken for the first in it; it gets the lock when the record
    /// is there.
    /// </summary>
    RecordBatch Batch(long size, int records)
    {
        var filling = _filling!;
        if (filling.Count > 0 && filling.Length + size > BatchBytes)
        {
            _full.Enqueue(filling);
            filling = _filling = Empty();
        }
        _bytes += size;
        _records += records;
        if (filling.Count == 0 && _full.Count == 0) Monitor.Pulse(_gate);
        return filling;
    }

    RecordBatch Empty() => _spare.TryPop(out var spare) ? spare : new RecordBatch(this);

    internal static int Fits(int length) => length <= JournalFrame.MaxRecord
        ? length
        : throw new ArgumentException($"a record of {length} bytes; at most {JournalFrame.MaxRecord} fit");

    /// <summary>Why nothing is taken any more; null while it lives.</summary>
    public Exception? Failure
    {
        get { lock (_gate) return _failure; }
    }

    /// <summary>
    /// Ends it as an error of its own would: for an owner whose own half of a commit failed elsewhere.
    /// </summary>
    public Exception Fail(Exception cause)
    {
        List<RecordBatch> lost;
        lock (_gate)
        {
            if (_failure is not null) return _failure;
            _failure = new IOException($"{name} takes no more records: {cause.Message}", cause);
            lost = _filling is null ? [.. _full] : [.. _full, _filling];
            _full.Clear();
            _filling = new RecordBatch(this);
            Monitor.PulseAll(_gate);
        }
        foreach (var batch in lost) batch.Fail(_failure);
        failed?.Invoke(_failure);
        return _failure;
    }

    // ---- Writing: one thread

    void Run()
    {
        while (Take() is { } batch)
        {
            try
            {
                Commit(batch);
            }
            catch (Exception e)
            {
                batch.Fail(Fail(e));
                return;
            }
        }
    }

    /// <summary>Waits for records and takes a batch of them; null when there will be none any more.</summary>
    RecordBatch? Take()
    {
        lock (_gate)
        {
            // An owner that lags behind slows the writing down, and so those who wait for it; only a caller that does
            // not wait is told that it is too much.
            while (_failure is null && ((_filling!.Count == 0 && _full.Count == 0 && !_closing) || IsLagging))
                Monitor.Wait(_gate);
            if (_failure is not null) return null;
            if (_full.TryDequeue(out var full)) return full;
            if (_filling!.Count == 0) return null;
            var taken = _filling;
            _filling = Empty();
            return taken;
        }
    }

    void Commit(RecordBatch batch)
    {
        // 1. All that waited, as one.
        batch.Close();

        // 2. To where it is stored. Until this returns, a crash leaves the batch whole, torn or absent, and no one was
        //    told that it is there.
        write(batch);

        // The point of no return: from here on every start finds these records.
        lock (_gate)
        {
            _handed += batch.Length - JournalFrame.Header;
            _handedRecords += batch.Count;
        }
        committed(batch);
        batch.Complete(Completion.Durable);
    }

    /// <summary>Whether half of what may wait is durable and the owner is not done with it.</summary>
    bool IsLagging => _handed > limits.Bytes / 2 || _handedRecords > limits.Records / 2;

    /// <summary>Nobody uses the batch any more.</summary>
    internal void Done(RecordBatch batch)
    {
        lock (_gate)
        {
            var lagged = IsLagging;
            _handed -= batch.Length - JournalFrame.Header;
            _handedRecords -= batch.Count;
            if (lagged && !IsLagging) Monitor.PulseAll(_gate);
            _bytes -= batch.Length - JournalFrame.Header;
            _records -= batch.Count;
            if (batch.Reset() && _spare.Count < 2) _spare.Push(batch);
        }
    }

    /// <summary>
    /// Takes nothing more and writes what still waits; whatever is durable then was handed to the owner.
    /// </summary>
    /// <returns>Whether all of it was written: no error ended it.</returns>
    public bool Stop()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.PulseAll(_gate);
        }
        if (Thread.CurrentThread != _writer) _writer?.Join();
        return Failure is null;
    }
}
