namespace Stele.Disk;

/// <summary>What stands after the last whole batch of a journal.</summary>
enum JournalTail
{
    /// <summary>Nothing, or room made ahead of the writes.</summary>
    Clean,
    /// <summary>The remains of one write that was never acknowledged: cut off at the next start.</summary>
    Torn,
    /// <summary>Damage: whole batches follow it, or more than one write can leave, or the file's header is bad. Never repaired by cutting.</summary>
    Corrupt,
}

/// <summary>How far a journal reads: the end of its last whole batch, the number of records before it, and what follows.</summary>
sealed record JournalEnd(long Offset, long Records, bool Sealed, JournalTail Tail, string? Problem);

/// <summary>
/// An append-only file of records, made durable in batches: whoever waits while one batch is being flushed shares the next flush (group commit); one writer alone waits for
/// no timer. Order on disk is the order of the calls.
/// Invariant: a record's task completes only after an fdatasync that covers it. Records are never rewritten. After any I/O error nothing more is taken:
/// a failed flush says nothing about what is on the disk, so it is never retried; reopening reads what is really there.
/// </summary>
sealed class Journal : IDisposable
{
    /// <summary>A batch takes no further waiting record beyond this; so one slow flush can't grow without end.</summary>
    const int BatchBytes = 8 << 20;

    /// <summary>What room is made of.</summary>
    static readonly byte[] Zeros = new byte[256 << 10];

    static readonly Task<long> Nothing = Task.FromCanceled<long>(new CancellationToken(canceled: true));

    readonly JournalFile _file;
    readonly uint _salt;
    readonly Action<ReadOnlySpan<JournalRecord>> _committed;
    readonly long _queueBytes;
    readonly Thread _writer;

    // Under the lock on _gate:
    readonly object _gate = new();
    List<Pending> _queue = [];
    long _queued;                  // bytes waiting or being written
    long _next;                    // the index that the next record gets
    bool _closing;
    Exception? _failure;

    // Only the writer's:
    long _end;                     // where the next frame goes
    long _room;                    // the file's length: zeros from _end on
    bool _sealed;
    byte[] _buffer = new byte[64 << 10];
    List<Pending> _batch = [];

    Journal(JournalFile file, uint salt, JournalEnd end, Action<ReadOnlySpan<JournalRecord>> committed, long queueBytes)
    {
        (_file, _salt, _committed, _queueBytes) = (file, salt, committed, queueBytes);
        (_end, _room, _next, _sealed) = (end.Offset, end.Offset, end.Records, end.Sealed);
        _writer = new Thread(Run) { IsBackground = true, Name = "journal" };
        _writer.Start();
    }

    /// <summary>One caller's records, side by side in the file: all of them are there after a crash, or none.</summary>
    sealed class Pending(long first, (byte Kind, byte[] Bytes)[] records, long size) : TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously)
    {
        public readonly long First = first, Size = size;
        public readonly (byte Kind, byte[] Bytes)[] Records = records;
    }

    /// <summary>Opens or creates the journal, cutting off what a torn write left.</summary>
    /// <param name="committed">
    /// Called for each batch in order: here for what the file holds, later on the writer's thread after the flush and before the tasks complete.
    /// What it throws later is as fatal as an I/O error.
    /// </param>
    /// <param name="queueBytes">How much may wait before <see cref="TryAppend(byte, byte[], out Task{long})"/> says busy.</param>
    /// <exception cref="IOException">Open elsewhere, or damaged elsewhere than at its very end.</exception>
    public static Journal Open(string path, Action<ReadOnlySpan<JournalRecord>> committed, bool secret = false, long queueBytes = 64 << 20, Func<string, JournalFile>? file = null)
    {
        Files.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!, secret);
        var opened = file is null ? JournalFile.Open(path, secret) : file(path);
        try
        {
            // Whoever made file and folder may have been killed before their names were durable.
            Files.SyncNames(path);
            Files.SyncNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
            foreach (var leftover in Files.LeftBeside(path)) Files.Delete(leftover);
            // Killed between a write and its flush, a process leaves what only the kernel's memory has: nothing is built on that before it is on the disk too.
            opened.Sync();
            opened.Forget();
            var end = Scan(opened.Read, opened.Length, committed, out var salt);
            if (end.Tail == JournalTail.Corrupt) throw new IOException($"{path} is damaged: {end.Problem}. Nothing was changed");
            if (opened.Length != end.Offset)
            {
                opened.Length = end.Offset;
                opened.Sync();
            }
            return new Journal(opened, salt, end, committed, queueBytes);
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    /// <summary>Reads a journal without opening it for writing: every whole batch in order, then how it ends. Takes no lock and changes nothing.</summary>
    public static JournalEnd Scan(string path, Action<ReadOnlySpan<JournalRecord>> batch)
    {
        using var file = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        return Scan((offset, to) => JournalFile.Read(file, offset, to), RandomAccess.GetLength(file), batch, out _);
    }

    /// <summary>Puts a journal of just these records in the place of another, durably and at once. The path must not be open.</summary>
    public static void Replace(string path, IEnumerable<(byte Kind, byte[] Bytes)> records, bool secret = false)
    {
        using var held = JournalFile.Lock(path);
        var file = Files.CreateTemporary(path, secret);
        try
        {
            using (file)
            {
                var salt = JournalFrame.NewSalt();
                Files.Fill(file, JournalFrame.NewFile(salt));
                long index = 0;
                foreach (var (kind, bytes) in records)
                {
                    var frame = new byte[JournalFrame.Header + JournalFrame.RecordHeader + Fits(bytes).Length];
                    JournalFrame.WriteRecord(frame.AsSpan(JournalFrame.Header), salt, kind, bytes);
                    JournalFrame.Seal(frame, salt, 1, index++);
                    Files.Fill(file, frame);
                }
                var seal = new byte[JournalFrame.Header];
                JournalFrame.Seal(seal, salt, 0, index);
                Files.Fill(file, seal);
                Files.Flush(file);
            }
            Files.Rename(file.Name, path);
        }
        catch
        {
            Files.Abandon(file.Name);
            throw;
        }
        Files.SyncNames(path);
    }

    /// <summary>Queues one record. The task completes with its index once it is durable and <c>committed</c> has seen it, or fails with what broke the journal.</summary>
    /// <returns>False when too much is waiting already: nothing was queued.</returns>
    public bool TryAppend(byte kind, byte[] record, out Task<long> durable) => TryAppend([(kind, record)], out durable);

    /// <summary>Queues records that must stand or fall together; the task's result is the first one's index. The arrays belong to the journal from here on.</summary>
    public bool TryAppend((byte Kind, byte[] Bytes)[] records, out Task<long> durable)
    {
        if (records.Length == 0) throw new ArgumentException("no records");
        var size = Size(records);
        if (size > JournalFrame.MaxPayload) throw new ArgumentException($"{size} bytes in one batch; at most {JournalFrame.MaxPayload} can stand or fall together");
        lock (_gate)
        {
            if (Refused(size, out durable) is { } answer) return answer;
            durable = Enqueue(records);
            return true;
        }
    }

    /// <summary>Queues a record that is made knowing its own index. <paramref name="compose"/> runs in the order of the calls, alone, and must be quick; if it throws, nothing was queued.</summary>
    public bool TryAppend(byte kind, Func<long, byte[]> compose, out Task<long> durable)
    {
        lock (_gate)
        {
            // Composing may have effects (a time stamp given out), so only what will be taken is composed, and what was composed is taken.
            if (Refused(size: 1, out durable) is { } answer) return answer;
            durable = Enqueue([(kind, Fits(compose(_next)))]);
            return true;
        }
    }

    /// <summary>Whether records of this size are not to be queued, and what to answer then.</summary>
    bool? Refused(long size, out Task<long> durable)
    {
        durable = Nothing;
        ObjectDisposedException.ThrowIf(_closing, this);
        if (_failure is not null)
        {
            durable = Task.FromException<long>(_failure);
            return true;
        }
        // A batch larger than the whole queue is taken when nothing else waits.
        return _queued > 0 && _queued + size > _queueBytes ? false : null;
    }

    Task<long> Enqueue((byte Kind, byte[] Bytes)[] records)
    {
        var pending = new Pending(_next, records, Size(records));
        _next += records.Length;
        _queued += pending.Size;
        _queue.Add(pending);
        if (_queue.Count == 1) Monitor.Pulse(_gate);
        return pending.Task;
    }

    static long Size((byte Kind, byte[] Bytes)[] records)
    {
        long size = 0;
        foreach (var (_, bytes) in records) size += JournalFrame.RecordHeader + Fits(bytes).Length;
        return size;
    }

    static byte[] Fits(byte[] bytes) => bytes.Length <= JournalFrame.MaxRecord ? bytes : throw new ArgumentException($"a record of {bytes.Length} bytes; at most {JournalFrame.MaxRecord} fit");

    /// <summary>The bytes of the record at an address that <c>committed</c> was told.</summary>
    /// <exception cref="IOException">What stands there is not a whole record any more.</exception>
    public byte[] Read(long address)
    {
        Span<byte> header = stackalloc byte[JournalFrame.RecordHeader];
        if (_file.Read(address, header) == header.Length)
        {
            var (_, length, checksum) = JournalFrame.ReadRecordHeader(header);
            var bytes = new byte[length];
            if (_file.Read(address + header.Length, bytes) == length && JournalFrame.Checksum(_salt, bytes) == checksum) return bytes;
        }
        throw new IOException($"{_file.Path}: no whole record at {address}");
    }

    /// <summary>Ends the journal's life as an I/O error would: for an owner whose own half of a commit failed elsewhere.</summary>
    public void Fail(Exception cause)
    {
        List<Pending> lost;
        lock (_gate)
        {
            if (_failure is not null) return;
            _failure = new IOException($"{_file.Path} takes no more records: {cause.Message}", cause);
            (lost, _queue) = (_queue, []);
            Monitor.PulseAll(_gate);
        }
        foreach (var pending in lost) pending.TrySetException(_failure);
    }

    void Run()
    {
        while (Take())
        {
            try
            {
                Commit();
            }
            catch (Exception e)
            {
                Fail(e);
                foreach (var pending in _batch) pending.TrySetException(_failure!);
                return;
            }
        }
    }

    /// <summary>Waits for records and takes a batch of them; false when there will be none any more.</summary>
    bool Take()
    {
        lock (_gate)
        {
            _queued -= _batch.Sum(p => p.Size);
            _batch.Clear();
            while (_queue.Count == 0 && !_closing && _failure is null) Monitor.Wait(_gate);
            if (_failure is not null || _queue.Count == 0) return false;
            long size = 0;
            var n = 0;
            while (n < _queue.Count && (n == 0 || size + _queue[n].Size <= BatchBytes)) size += _queue[n++].Size;
            if (n == _queue.Count) (_batch, _queue) = (_queue, _batch);
            else
            {
                _batch.AddRange(_queue[..n]);
                _queue.RemoveRange(0, n);
            }
            return true;
        }
    }

    void Commit()
    {
        // 1. One frame out of all that waited.
        var size = JournalFrame.Header + (int)_batch.Sum(p => p.Size);
        var records = new JournalRecord[_batch.Sum(p => p.Records.Length)];
        if (_buffer.Length < size) _buffer = new byte[size + size / 2];
        int at = JournalFrame.Header, n = 0;
        foreach (var pending in _batch)
            foreach (var (kind, bytes) in pending.Records)
            {
                records[n] = new(kind, _batch[0].First + n, _end + at, bytes);
                n++;
                at += JournalFrame.WriteRecord(_buffer.AsSpan(at), _salt, kind, bytes);
            }
        JournalFrame.Seal(_buffer.AsSpan(0, size), _salt, n, _batch[0].First);

        // 2. To the disk. Until the flush returns, a crash leaves the frame whole, torn or absent, and no one was told that it is there.
        Write(_buffer.AsSpan(0, size));
        _file.Sync();

        // The point of no return: from here on every start finds these records.
        _sealed = false;
        _committed(records);
        foreach (var pending in _batch) pending.TrySetResult(pending.First);

        if (_buffer.Length > 4 * BatchBytes) _buffer = new byte[64 << 10];
    }

    /// <summary>Writes a frame at the end, with zeros ahead of it when the room made before is used up: a flush that need not also grow the file is much quicker.</summary>
    void Write(ReadOnlySpan<byte> frame)
    {
        _file.Write(_end, frame);
        _end += frame.Length;
        if (_end <= _room) return;
        var ahead = _end;
        for (_room = _end + Math.Clamp(_end / 4, 64 << 10, 4 << 20); ahead < _room; ahead += Zeros.Length) _file.Write(ahead, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, _room - ahead)));
    }

    /// <summary>Writes what still waits, then a seal, and closes the file.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closing) return;
            _closing = true;
            Monitor.PulseAll(_gate);
        }
        _writer.Join();
        try
        {
            if (_failure is not null) return;
            if (!_sealed)
            {
                var seal = new byte[JournalFrame.Header];
                JournalFrame.Seal(seal, _salt, 0, _next);
                _file.Write(_end, seal);
                _end += seal.Length;
            }
            _file.Length = _end;
            _file.Sync();
        }
        finally
        {
            _file.Dispose();
        }
    }

    delegate int Reader(long offset, Span<byte> to);

    static JournalEnd Scan(Reader read, long length, Action<ReadOnlySpan<JournalRecord>> batch, out uint salt)
    {
        Span<byte> header = stackalloc byte[JournalFrame.Header];
        if (read(0, header[..JournalFrame.FileHeader]) < JournalFrame.FileHeader || !JournalFrame.TryReadFile(header, out salt))
        {
            salt = 0;
            return new(0, 0, false, JournalTail.Corrupt, "its first 24 bytes are not a journal's");
        }
        long offset = JournalFrame.FileHeader, count = 0;
        var sealedHere = false;
        var buffer = new byte[64 << 10];
        for (;;)
        {
            string problem;
            var got = read(offset, header);
            if (got == 0) return new(offset, count, sealedHere, JournalTail.Clean, null);
            if (got < header.Length || !JournalFrame.TryReadHeader(header, salt, out var payload, out var records, out var first, out var checksum)) problem = "no batch starts there";
            else if (first != count) problem = $"a batch starts with record {first} where record {count} is due";
            else
            {
                if (buffer.Length < payload) buffer = new byte[payload];
                var body = buffer.AsSpan(0, payload);
                if (read(offset + header.Length, body) < payload || JournalFrame.Checksum(salt, body) != checksum) problem = "the batch there is not whole";
                else if (JournalFrame.Records(body, records, first, offset + header.Length) is not { } found) problem = "the batch there does not hold the records it says";
                else
                {
                    if (found.Length > 0) batch(found);
                    count += found.Length;
                    sealedHere = found.Length == 0;
                    offset += header.Length + payload;
                    continue;
                }
            }
            var tail = Judge(read, offset, length, salt, count, out var why);
            return new(offset, count, sealedHere, tail, tail == JournalTail.Clean ? null : $"at byte {offset}, after {count} records: {problem}{why}");
        }
    }

    /// <summary>
    /// Whether what stands at a bad offset can be the remains of the last write. Batches are written one after the other, each flushed before the next begins; so a whole
    /// batch further on means that this one was whole once.
    /// </summary>
    static JournalTail Judge(Reader read, long offset, long length, uint salt, long count, out string why)
    {
        why = "";
        const int Window = 1 << 20;
        var window = new byte[Window + JournalFrame.Header];
        var lastByte = -1L;      // of the last one that is not zero
        for (var at = offset; at < length; at += Window)
        {
            var here = window.AsSpan(0, read(at, window));
            var nonZero = here.LastIndexOfAnyExcept((byte)0);
            if (nonZero >= 0) lastByte = Math.Max(lastByte, at + nonZero);
            for (var from = at == offset ? 1 : 0; from < here.Length;)
            {
                var found = here[from..].IndexOf(JournalFrame.Mark);
                if (found < 0) break;
                from += found;
                if (JournalFrame.TryReadHeader(here[from..], salt, out var payload, out _, out var first, out var checksum) && first >= count)
                {
                    var body = new byte[payload];
                    if (read(at + from + JournalFrame.Header, body) == payload && JournalFrame.Checksum(salt, body) == checksum)
                    {
                        why = $", but a whole one follows at byte {at + from}";
                        return JournalTail.Corrupt;
                    }
                }
                from++;
            }
        }
        if (lastByte < 0) return JournalTail.Clean;
        if (lastByte - offset <= JournalFrame.Header + (long)JournalFrame.MaxPayload) return JournalTail.Torn;
        why = ", and more follows than one write can leave";
        return JournalTail.Corrupt;
    }
}
