namespace Stele.Disk;

/// <summary>
/// One record as it is stored: a kind that its owner gives meaning, its number, and its bytes, which are lent: a caller
/// that keeps them copies them.
/// </summary>
readonly record struct StoredRecord(byte Kind, long Index, ReadOnlyMemory<byte> Bytes);

/// <summary>When the task of records completes.</summary>
enum Completion
{
    /// <summary>When they are durable and their owner was told.</summary>
    Durable,
    /// <summary>When their owner is done with the batch.</summary>
    Released,
}

/// <summary>One caller's records, side by side: all of them are there after a crash, or none.</summary>
sealed class Pending(long first, Completion at)
    : TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public readonly long First = first;

    public readonly Completion At = at;
}

/// <summary>
/// The records that share one flush. Callers' bytes are copied into it once, under the lock of <see
/// cref="GroupCommit"/>; nothing else is allocated for a record but its task. They lie as a journal's frame has them,
/// with room for its headers, so that a journal writes the batch as it is; other stores read <see cref="Records"/>.
/// Used again when its last user has let go of it.
/// </summary>
sealed class RecordBatch(GroupCommit queue) : IThreadPoolWorkItem
{
    const int SmallFrame = 64 << 10, KeptFrame = 4 << 20;

    readonly List<Pending> _waiting = [];
    byte[] _frame = new byte[SmallFrame];
    StoredRecord[] _records = new StoredRecord[16];
    int _length = JournalFrame.Header, _users;

    /// <summary>The number of the first record.</summary>
    public long First { get; private set; }

    public int Count { get; private set; }

    /// <summary>Bytes of the frame so far.</summary>
    public int Length => _length;

    /// <summary>The first record of a segment that has no basis yet, where this batch is the first in it.</summary>
    public long? Begins { get; set; }

    /// <summary>The records of a batch that was closed; their bytes are lent until <see cref="Release"/>.</summary>
    public ReadOnlySpan<StoredRecord> Records => _records.AsSpan(0, Count);

    /// <summary>
    /// Room for a frame's header, then room for a record's header and the record, one after the other.
    /// </summary>
    public Memory<byte> Frame => _frame.AsMemory(0, _length);

    public Pending Add(long first, Completion at)
    {
        if (Count == 0) First = first;
        var pending = new Pending(first, at);
        _waiting.Add(pending);
        return pending;
    }

    public void Write(byte kind, ReadOnlySpan<byte> bytes)
    {
        var need = _length + JournalFrame.RecordHeader + bytes.Length;
        if (_frame.Length < need) Array.Resize(ref _frame, Math.Max(need, 2 * _frame.Length));
        _length += JournalFrame.LayRecord(_frame.AsSpan(_length), kind, bytes);
        Count++;
    }

    /// <summary>Nothing more comes: finds the records, and counts the writer's claim and the owner's.</summary>
    public void Close()
    {
        _users = 2;
        if (_records.Length < Count) _records = new StoredRecord[Math.Max(Count, 2 * _records.Length)];
        var at = JournalFrame.Header;
        for (var i = 0; i < Count; i++)
        {
            var (kind, length, _) = JournalFrame.ReadRecordHeader(_frame.AsSpan(at));
            at += JournalFrame.RecordHeader;
            _records[i] = new(kind, First + i, _frame.AsMemory(at, length));
            at += length;
        }
        if (at != _length) throw new InvalidOperationException("a batch was made that does not read back");
    }

    /// <summary>The owner is done with it: what waited for that completes, and the bytes go back.</summary>
    public void Release() => Complete(Completion.Released);

    /// <summary>
    /// Completes the tasks of one kind. From a thread of the pool, where they are many: queueing a continuation costs
    /// least there, and the writer goes on meanwhile.
    /// </summary>
    public void Complete(Completion at)
    {
        var mine = 0;
        foreach (var pending in _waiting) if (pending.At == at) mine++;
        if (mine <= 2)
        {
            Finish(at);
            return;
        }
        _ = at == Completion.Released
            ? ThreadPool.UnsafeQueueUserWorkItem(static b => b.Finish(Completion.Released), this, preferLocal: false)
            : ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => Finish(Completion.Durable);

    void Finish(Completion at)
    {
        foreach (var pending in _waiting) if (pending.At == at) pending.TrySetResult(pending.First);
        if (Interlocked.Decrement(ref _users) == 0) queue.Done(this);
    }

    /// <summary>Nobody knows what became of the records.</summary>
    public void Fail(Exception failure)
    {
        foreach (var pending in _waiting) pending.TrySetException(failure);
    }

    /// <summary>What is durable stays so; those who wait for more are told that it will not come.</summary>
    public void FailLate(Exception failure)
    {
        foreach (var pending in _waiting) if (pending.At == Completion.Released) pending.TrySetException(failure);
    }

    /// <summary>Empties it for the next; false when it is too large to be kept.</summary>
    public bool Reset()
    {
        _waiting.Clear();
        Array.Clear(_records, 0, Count);
        (_length, Count, First, Begins) = (JournalFrame.Header, 0, 0, null);
        return _frame.Length <= KeptFrame;
    }
}
