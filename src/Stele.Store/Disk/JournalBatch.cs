namespace Stele.Disk;

/// <summary>One caller's records, side by side in the file: all of them are there after a crash, or none.</summary>
sealed class Pending(long first, bool late)
    : TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public readonly long First = first;

    /// <summary>Completes when the journal's owner is done with the batch, not when it is durable.</summary>
    public readonly bool Late = late;
}

/// <summary>
/// The records that share one flush, as the frame that is written. Callers' bytes are copied into it once, under the
/// journal's lock; nothing else is allocated for a record but its task. Used again when its last user has let go of it.
/// </summary>
sealed class JournalBatch(Journal journal) : IThreadPoolWorkItem
{
    const int SmallFrame = 64 << 10, KeptFrame = 4 << 20;

    readonly List<Pending> _waiting = [];
    byte[] _frame = new byte[SmallFrame];
    JournalRecord[] _records = new JournalRecord[16];
    int _length = JournalFrame.Header, _users;

    /// <summary>The number of the first record.</summary>
    public long First { get; private set; }

    public int Count { get; private set; }

    /// <summary>Bytes of the frame so far.</summary>
    public int Length => _length;

    /// <summary>Set where this batch is the first in a segment that has no basis yet.</summary>
    public JournalSegment? Begins { get; set; }

    /// <summary>The records; their bytes are lent until <see cref="Release"/>.</summary>
    public ReadOnlySpan<JournalRecord> Records => _records.AsSpan(0, Count);

    public ReadOnlyMemory<byte> Frame => _frame.AsMemory(0, _length);

    public Pending Add(long first, bool late)
    {
        if (Count == 0) First = first;
        var pending = new Pending(first, late);
        _waiting.Add(pending);
        return pending;
    }

    public void Write(uint salt, byte kind, ReadOnlySpan<byte> bytes)
    {
        var need = _length + JournalFrame.RecordHeader + bytes.Length;
        if (_frame.Length < need) Array.Resize(ref _frame, Math.Max(need, 2 * _frame.Length));
        _length += JournalFrame.WriteRecord(_frame.AsSpan(_length), salt, kind, bytes);
        Count++;
    }

    /// <summary>Makes the frame whole, and finds the records in it as every later start will.</summary>
    public void Seal(uint salt, long address)
    {
        JournalFrame.Seal(_frame.AsSpan(0, _length), salt, Count, First);
        if (JournalFrame.Records(_frame.AsMemory(JournalFrame.Header, _length - JournalFrame.Header), Count, First,
            address + JournalFrame.Header, ref _records) != Count)
            throw new InvalidOperationException("a frame was made that does not read back");
    }

    /// <summary>The writer's claim and the owner's.</summary>
    public void Share() => _users = 2;

    /// <summary>The owner is done with it: what waited for that completes, and the bytes go back.</summary>
    public void Release() => Complete(late: true);

    /// <summary>
    /// Completes the tasks of one kind. From a thread of the pool, where they are many: queueing a continuation costs
    /// least there, and the writer goes on meanwhile.
    /// </summary>
    public void Complete(bool late)
    {
        var mine = 0;
        foreach (var pending in _waiting) if (pending.Late == late) mine++;
        if (mine <= 2)
        {
            Finish(late);
            return;
        }
        _ = late
            ? ThreadPool.UnsafeQueueUserWorkItem(static b => b.Finish(late: true), this, preferLocal: false)
            : ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => Finish(late: false);

    void Finish(bool late)
    {
        foreach (var pending in _waiting) if (pending.Late == late) pending.TrySetResult(pending.First);
        if (Interlocked.Decrement(ref _users) == 0) journal.Done(this);
    }

    /// <summary>Nobody knows what became of the records.</summary>
    public void Fail(Exception failure)
    {
        foreach (var pending in _waiting) pending.TrySetException(failure);
    }

    /// <summary>What is durable stays so; those who wait for more are told that it will not come.</summary>
    public void FailLate(Exception failure)
    {
        foreach (var pending in _waiting) if (pending.Late) pending.TrySetException(failure);
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
