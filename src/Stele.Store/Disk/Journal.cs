using System.Diagnostics;
using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>What the owner of a journal may choose.</summary>
sealed record JournalOptions
{
    /// <summary>Readable by its owner alone.</summary>
    public bool Secret { get; init; }

    /// <summary>
    /// It is opened to be read: no byte of any file changes, no file is made, and nothing is taken. Where there is no
    /// journal it reads as an empty one. Default: false.
    /// </summary>
    public bool ReadOnly { get; init; }

    /// <summary>
    /// How many bytes may wait, from the call until the owner is done with them, before the answer is "busy". Default
    /// 64 MiB.
    /// </summary>
    public long QueueBytes { get; init; } = 64 << 20;

    /// <summary>How many records may wait. Default 131,072.</summary>
    public long QueueRecords { get; init; } = 1 << 17;

    /// <summary>
    /// A file is not written to beyond the batch that reaches this; the next begins. Default: one file.
    /// </summary>
    public long SegmentBytes { get; init; } = long.MaxValue;

    /// <summary>
    /// Given what was left to go on from a segment, the newest first: whether to start reading there. Default:
    /// everything is read.
    /// </summary>
    public Func<byte[], bool>? StartFrom { get; init; }

    /// <summary>Asked once the lock is held, before anything is read: the records to go on from, in one file, in the
    /// place of those that are there; null: those.</summary>
    public Func<IEnumerable<(byte Kind, byte[] Bytes)>?>? GoOnFrom { get; init; }

    /// <summary>Told once, when an error ended the journal's life.</summary>
    public Action<Exception>? Failed { get; init; }

    /// <summary>Opens a file; the tests' disk stands in here. It is called once a segment.</summary>
    public Func<string, JournalFile>? File { get; init; }
}

/// <summary>
/// An append-only file of records, made durable in batches: those who wait while one batch is being flushed share the
/// next flush (group commit); one writer alone waits for no timer. Order on disk is the order of the calls. Where the
/// owner wants it, the file goes on in the next when it is full (segments).
/// Invariant: a record's task completes only after an fdatasync that covers it. Records are never rewritten. After any
/// I/O error nothing more is taken: a failed flush says nothing about what is on the disk, so it is never retried;
/// reopening reads what is really there.
/// </summary>
sealed class Journal : IDisposable
{
    /// <summary>
    /// A batch takes no further waiting record beyond this; so one slow flush can't grow without end.
    /// </summary>
    const int BatchBytes = 8 << 20;

    /// <summary>What room is made of.</summary>
    static readonly byte[] Zeros = new byte[256 << 10];

    static readonly Task<long> Nothing = Task.FromCanceled<long>(new CancellationToken(canceled: true));

    readonly string _path;
    readonly JournalOptions _options;
    readonly Action<JournalBatch> _committed;
    readonly SafeFileHandle? _lock;   // null: nobody ever opened it to write, and it is read
    readonly Thread? _writer;         // null where it is read alone

    // Under the lock on _gate:
    readonly object _gate = new();
    readonly Queue<JournalBatch> _full = new();
    readonly Stack<JournalBatch> _spare = new();
    JournalBatch _filling;
    long _bytes, _records;         // waiting, being written, or still the owner's
    long _handed, _handedRecords;  // of them, those that are the owner's
    long _next;                    // the number that the next record gets
    bool _closing;
    Exception? _failure;

    // Only the writer's, but for _segments, which is under its own lock:
    readonly List<Extent> _segments = [];
    JournalFile _file = null!;     // none where it is read and was never written
    // one for all segments: waiting records have their checksums already when it shows where they go
    uint _salt;
    long _start;                   // the address of the file's first byte
    long _end;                     // where in the file the next frame goes
    long _room;                    // the file's length: zeros from _end on
    bool _sealed;
    JournalSegment? _begins;       // the segment being written, until a batch said so to the owner
    Task<FileStream?>? _ahead;         // the next segment's room, being made
    bool _disposed;

    /// <summary>
    /// Where a segment's addresses begin, and where its last frame ends in its file; -1: its file says.
    /// </summary>
    sealed record Extent(JournalSegment Segment, long Start, long End);

    /// <summary>Opens or creates the journal, cutting off what a torn write left.</summary>
    /// <param name="committed">
    /// Called for each batch in order: here for what the file holds, later on the writer's thread after the flush and
    /// before the tasks complete. What it throws later is as fatal as an I/O error.
    /// </param>
    /// <param name="queueBytes">
    /// How much may wait before <see cref="TryAppend(byte, ReadOnlySpan{byte}, out Task{long}, bool)"/> says busy.
    /// </param>
    /// <exception cref="IOException">Open elsewhere, or damaged elsewhere than at its very end.</exception>
    public static Journal Open(string path, Action<ReadOnlySpan<JournalRecord>> committed, bool secret = false,
        long queueBytes = 64 << 20, Func<string, JournalFile>? file = null, FileAccess access = FileAccess.ReadWrite) =>
        new(path, new JournalOptions
        {
            Secret = secret,
            ReadOnly = access == FileAccess.Read,
            QueueBytes = queueBytes,
            File = file
        }, (_, records) => { if (records.Length > 0) committed(records); }, batch =>
        {
            committed(batch.Records);
            batch.Release();
        });

    /// <summary>Opens or creates a journal whose owner takes its time over a batch.</summary>
    /// <param name="found">
    /// Told of what the files hold, in order; each segment first without records, as it begins.
    /// </param>
    /// <param name="committed">
    /// Told of each durable batch, in order, on the writer's thread; must be quick. The batch is the owner's until it
    /// calls <see cref="JournalBatch.Release"/>: what waits "late" completes then, and until then its bytes count as
    /// waiting.
    /// </param>
    public static Journal Open(string path, JournalOptions options, JournalScan.Visitor found,
        Action<JournalBatch> committed) => new(path, options, found, committed);

    Journal(string path, JournalOptions options, JournalScan.Visitor found, Action<JournalBatch> committed)
    {
        (_path, _options, _committed) = (path, options, committed);
        _filling = new JournalBatch(this);
        if (!options.ReadOnly) Files.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!, options.Secret);
        _lock = options.ReadOnly ? JournalFile.LockIfEverOpened(path) : JournalFile.Lock(path);
        try
        {
            if (options.ReadOnly)
            {
                _closing = true;
                if (JournalSegment.List(path) is { Count: > 0 } there) ReadAll(there, found);
                return;
            }
            if (options.GoOnFrom?.Invoke() is { } kept) ReplaceHeld(path, kept, options.Secret);
            var segments = JournalSegment.List(path);
            if (segments.Count == 0) segments.Add(JournalSegment.Of(path, 0));
            // The process that made file and folder may have been killed before their names were durable.
            Files.SyncNames(path);
            Files.SyncNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
            foreach (var leftover in Files.LeftBeside(path)) Files.Delete(leftover);
            ReadAll(segments, found);
            if (_file.Length != _end)
            {
                _file.Length = _end;
                _file.Sync();
            }
        }
        catch
        {
            _file?.Dispose();
            _lock?.Dispose();
            throw;
        }
        _writer = new Thread(Run) { IsBackground = true, Name = "journal" };
        _writer.Start();
    }

    /// <summary>Opens the last of the files, and reads all that the owner does not go on without.</summary>
    void ReadAll(List<JournalSegment> segments, JournalScan.Visitor found)
    {
        _file = OpenFile(segments[^1].Path);
        // Killed between a write and its flush, a process leaves what only the kernel's memory has: nothing is built
        // on that, and nothing signed over it, before it is on the disk too.
        _file.Sync();
        _file.Forget();
        var from = StartFrom(segments);
        var end = JournalScan.All(segments[from..], found, _file, out _salt, out _start);
        if (end.Tail == JournalTail.Corrupt)
            throw new IOException($"{_path} is damaged: {end.Problem}. Nothing was changed");
        (_end, _next, _sealed) = (end.Offset - _start, end.Records, end.Sealed);
        _room = _end;
        foreach (var segment in segments) _segments.Add(new(segment, segment == segments[^1] ? _start : -1, -1));
    }

    JournalFile OpenFile(string path) => _options.ReadOnly ? JournalFile.OpenToRead(path)
        : _options.File is { } open ? open(path) : JournalFile.Open(path, _options.Secret);

    /// <summary>The newest segment that the owner can go on from.</summary>
    int StartFrom(List<JournalSegment> segments)
    {
        if (_options.StartFrom is { } accept)
        {
            for (var i = segments.Count - 1; i >= 0; i--)
                if (segments[i].Basis is { } basis && accept(basis)) return i;
            if (segments[0].First > 0)
                throw new IOException(
                    $"{_path}: what stood before record {segments[0].First} is not here, nor a basis that fits to go "
                    + $"on without it. Nothing was changed");
        }
        return 0;
    }

    /// <summary>
    /// Reads a journal without opening it for writing: every whole batch in order, then how it ends. Takes no lock and
    /// changes nothing.
    /// </summary>
    public static JournalEnd Scan(string path, Action<ReadOnlySpan<JournalRecord>> batch) => Scan(path, (_, records) =>
    {
        if (records.Length > 0) batch(records);
    });

    /// <summary>The same, told of each segment as it begins.</summary>
    public static JournalEnd Scan(string path, JournalScan.Visitor visit) =>
        JournalScan.All(JournalSegment.List(path), visit, null, out _, out _);

    /// <summary>A journal's files, the oldest first.</summary>
    public static IReadOnlyList<JournalSegment> Segments(string path) => JournalSegment.List(path);

    /// <summary>
    /// Puts a journal of just these records, in one file, in the place of another, durably and at once. The path must
    /// not be open.
    /// </summary>
    public static void Replace(string path, IEnumerable<(byte Kind, byte[] Bytes)> records, bool secret = false)
    {
        using var held = JournalFile.Lock(path);
        ReplaceHeld(path, records, secret);
    }

    static void ReplaceHeld(string path, IEnumerable<(byte Kind, byte[] Bytes)> records, bool secret)
    {
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
                    var frame = new byte[JournalFrame.Header + JournalFrame.RecordHeader + Fits(bytes.Length)];
                    JournalFrame.WriteRecord(frame.AsSpan(JournalFrame.Header), salt, kind, bytes);
                    JournalFrame.Seal(frame, salt, 1, index++);
                    Files.Fill(file, frame);
                }
                Files.Fill(file, SealFrame(salt, index));
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

    static byte[] SealFrame(uint salt, long next)
    {
        var seal = new byte[JournalFrame.Header];
        JournalFrame.Seal(seal, salt, 0, next);
        return seal;
    }

    // ---- Appending

    /// <summary>
    /// Queues one record. The task completes with its number once it is durable and <c>committed</c> has seen it, or
    /// fails with what broke the journal.
    /// </summary>
    /// <param name="late">The task completes when the owner is done with the record instead.</param>
    /// <returns>False when too much is waiting already: nothing was queued.</returns>
    public bool TryAppend(byte kind, ReadOnlySpan<byte> record, out Task<long> durable, bool late = false)
    {
        var size = JournalFrame.RecordHeader + (long)Fits(record.Length);
        lock (_gate)
        {
            if (Refused(size, 1, out durable) is { } answer) return answer;
            var batch = Batch(size, 1);
            var pending = batch.Add(_next++, late);
            batch.Write(_salt, kind, record);
            durable = pending.Task;
            return true;
        }
    }

    /// <summary>Queues records that must stand or fall together; the task's result is the first one's number.</summary>
    public bool TryAppend(IReadOnlyList<(byte Kind, ReadOnlyMemory<byte> Bytes)> records, out Task<long> durable,
        bool late = false)
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
            var pending = batch.Add(_next, late);
            _next += records.Count;
            foreach (var (kind, bytes) in records) batch.Write(_salt, kind, bytes.Span);
            durable = pending.Task;
            return true;
        }
    }

    /// <summary>
    /// Queues a record that is made knowing its own number. <paramref name="compose"/> runs in the order of the calls,
    /// alone, and must be quick; if it throws, nothing was queued.
    /// </summary>
    public bool TryAppend(byte kind, Func<long, byte[]> compose, out Task<long> durable, bool late = false)
    {
        lock (_gate)
        {
            // Composing may have effects (a time stamp given out), so only what will be taken is composed, and what was
            // composed is taken.
            if (Refused(1, 1, out durable) is { } answer) return answer;
            var bytes = compose(_next);
            var batch = Batch(JournalFrame.RecordHeader + (long)Fits(bytes.Length), 1);
            var pending = batch.Add(_next++, late);
            batch.Write(_salt, kind, bytes);
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
        return _records > 0 && (_bytes + size > _options.QueueBytes || _records + records > _options.QueueRecords)
            ? false
            : null;
    }

    /// <summary>
    /// The batch that so many bytes go into. The writer is woken for the first in it; it gets the lock when the record
    /// is there.
    /// </summary>
    JournalBatch Batch(long size, int records)
    {
        if (_filling.Count > 0 && _filling.Length + size > BatchBytes)
        {
            _full.Enqueue(_filling);
            _filling = _spare.TryPop(out var spare) ? spare : new JournalBatch(this);
        }
        _bytes += size;
        _records += records;
        if (_filling.Count == 0 && _full.Count == 0) Monitor.Pulse(_gate);
        return _filling;
    }

    static int Fits(int length) => length <= JournalFrame.MaxRecord
        ? length
        : throw new ArgumentException($"a record of {length} bytes; at most {JournalFrame.MaxRecord} fit");

    /// <summary>The bytes of the record at an address that <c>committed</c> was told.</summary>
    /// <exception cref="IOException">What stands there is not a whole record any more.</exception>
    public byte[] Read(long address)
    {
        Extent holder;
        lock (_segments)
        {
            var n = _segments.Count - 1;
            while (n > 0 && Start(n) > address) n--;
            Start(n);
            holder = _segments[n];
            if (n == _segments.Count - 1 && Record(_file.Read, address - holder.Start, _salt) is { } bytes)
                return bytes;
        }
        // Only the newest segment is open; what is older is rarely asked for.
        if (File.Exists(holder.Segment.Path))
        {
            using var file = File.OpenHandle(holder.Segment.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (Record((offset, to) => JournalFile.Read(file, offset, to), address - holder.Start, _salt) is { } bytes)
                return bytes;
        }
        throw new IOException($"{_path}: no whole record at {address}");
    }

    static byte[]? Record(JournalScan.Reader read, long offset, uint salt)
    {
        Span<byte> header = stackalloc byte[JournalFrame.RecordHeader];
        if (read(offset, header) != header.Length) return null;
        var (_, length, checksum) = JournalFrame.ReadRecordHeader(header);
        var bytes = new byte[length];
        return read(offset + header.Length, bytes) == length && JournalFrame.Checksum(salt, bytes) == checksum
            ? bytes
            : null;
    }

    /// <summary>Where a segment's addresses begin; of one that was not read at opening, its file says.</summary>
    long Start(int n)
    {
        if (_segments[n].Start >= 0) return _segments[n].Start;
        using var file = File.OpenHandle(_segments[n].Segment.Path, FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        var header = new byte[JournalFrame.FileHeader];
        _ = JournalFile.Read(file, 0, header);
        if (!JournalFrame.TryReadFile(header, out _, out _, out var start))
            throw new IOException($"{_segments[n].Segment.Path} is damaged: its header is not a journal's");
        _segments[n] = _segments[n] with { Start = start };
        return start;
    }

    /// <summary>Why nothing is taken any more; null while the journal lives.</summary>
    public Exception? Failure
    {
        get { lock (_gate) return _failure; }
    }

    /// <summary>
    /// Ends the journal's life as an I/O error would: for an owner whose own half of a commit failed elsewhere.
    /// </summary>
    public Exception Fail(Exception cause)
    {
        List<JournalBatch> lost;
        lock (_gate)
        {
            if (_failure is not null) return _failure;
            _failure = new IOException($"{_path} takes no more records: {cause.Message}", cause);
            lost = [.. _full, _filling];
            _full.Clear();
            _filling = new JournalBatch(this);
            Monitor.PulseAll(_gate);
        }
        foreach (var batch in lost) batch.Fail(_failure);
        _options.Failed?.Invoke(_failure);
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
    JournalBatch? Take()
    {
        lock (_gate)
        {
            // An owner that lags behind slows the writing down, and so those who wait for it; only a caller that does
            // not wait is told that it is too much.
            while (_failure is null && ((_filling.Count == 0 && _full.Count == 0 && !_closing) || IsLagging))
                Monitor.Wait(_gate);
            if (_failure is not null) return null;
            if (_full.TryDequeue(out var full)) return full;
            if (_filling.Count == 0) return null;
            var taken = _filling;
            _filling = _spare.TryPop(out var spare) ? spare : new JournalBatch(this);
            return taken;
        }
    }

    void Commit(JournalBatch batch)
    {
        if (_end >= _options.SegmentBytes) Begin(batch.First);

        // 1. One frame out of all that waited.
        batch.Seal(_salt, _start + _end);
        batch.Share();

        // 2. To the disk. Until the flush returns, a crash leaves the frame whole, torn or absent, and no one was told
        //    that it is there.
        Write(batch.Frame.Span);
        _file.Sync();

        // The point of no return: from here on every start finds these records.
        _sealed = false;
        (batch.Begins, _begins) = (_begins, null);
        lock (_gate)
        {
            _handed += batch.Length - JournalFrame.Header;
            _handedRecords += batch.Count;
        }
        _committed(batch);
        batch.Complete(late: false);
        if (_end >= _options.SegmentBytes / 2 && _options.SegmentBytes < long.MaxValue) _ahead ??= Task.Run(MakeRoom);
    }

    /// <summary>
    /// Writes a frame at the end, with zeros ahead of it when the room made before is used up: a flush that need not
    /// also grow the file is much quicker.
    /// </summary>
    void Write(ReadOnlySpan<byte> frame)
    {
        _file.Write(_end, frame);
        _end += frame.Length;
        if (_end <= _room) return;
        var ahead = _end;
        for (_room = _end + Math.Clamp(_end / 4, 64 << 10, 4 << 20); ahead < _room; ahead += Zeros.Length)
            _file.Write(ahead, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, _room - ahead)));
    }

    /// <summary>
    /// Goes on in a new file, whose first record will be this one. The old one is whole and flushed; its owner seals it
    /// (<see cref="SealBefore"/>) when nothing needs to be read from it any more.
    /// </summary>
    void Begin(long first)
    {
        // Closed and opened again just here, the old file has its seal already.
        var end = _sealed ? _end - JournalFrame.Header : _end;
        var (start, segment) = (_start + end + JournalFrame.Header, JournalSegment.Of(_path, first));
        var header = JournalFrame.NewFile(_salt, first, start);
        // Room that was made meanwhile is taken; where it wasn't, the file grows as the first one did.
        var room = _ahead?.GetAwaiter().GetResult();
        _ahead = null;
        FileStream file;
        try
        {
            file = room ?? Files.CreateTemporary(_path, _options.Secret);
        }
        catch (IOException e) when (DiskTrouble.LacksDescriptors(e))
        {
            return;   // the present file grows until there is one: it is no limit
        }
        using (file)
        {
            file.Position = 0;
            Files.Fill(file, header);
            Files.Flush(file);
        }
        Files.Rename(file.Name, segment.Path);
        Files.SyncNames(segment.Path);
        var opened = OpenFile(segment.Path);
        lock (_segments)
        {
            _segments[^1] = _segments[^1] with { End = end };
            _segments.Add(new(segment, start, -1));
            _file.Dispose();
            _file = opened;
        }
        (_start, _end, _room, _sealed, _begins) = (start, header.Length, opened.Length, false, segment);
    }

    /// <summary>Makes room for the next segment during the writing. Without it all is well, only slower.</summary>
    FileStream? MakeRoom()
    {
        FileStream? file = null;
        try
        {
            file = Files.CreateTemporary(_path, _options.Secret);
            for (long made = 0; made < _options.SegmentBytes && !Volatile.Read(ref _closing); made += Zeros.Length)
                Files.Fill(file, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, _options.SegmentBytes - made)));
            Files.Flush(file);
            return file;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (file is not null) Discard(file);
            return null;
        }
    }

    static void Discard(FileStream unused)
    {
        unused.Dispose();
        Files.Abandon(unused.Name);
    }

    /// <summary>
    /// Closes what stands before a segment for good: the file before it gets its seal and gives back its unused room,
    /// then the basis is written, durably. From here on every start may begin at that segment.
    /// </summary>
    public void SealBefore(JournalSegment segment, ReadOnlySpan<byte> basis)
    {
        Extent before;
        lock (_segments) before = _segments[_segments.FindIndex(s => s.Segment == segment) - 1];
        using (var file = OpenFile(before.Segment.Path))
        {
            var end = before.End;
            if (end < 0)
            {
                var found = JournalScan.All([before.Segment], (_, _) => { }, file, out _, out var start);
                if (!found.EndsBefore(segment) || found.Records != segment.First)
                    throw new IOException($"{before.Segment.Path} is damaged: {found.Problem ?? "it ends too early"}");
                end = found.Offset - start - (found.Sealed ? JournalFrame.Header : 0);
            }
            file.Write(end, SealFrame(_salt, segment.First));
            file.Length = end + JournalFrame.Header;
            file.Sync();
        }
        Files.Write(segment.BasisPath, JournalFrame.Basis(segment.First, basis), _options.Secret);
    }

    /// <summary>Whether half of what may wait is durable and the owner is not done with it.</summary>
    bool IsLagging => _handed > _options.QueueBytes / 2 || _handedRecords > _options.QueueRecords / 2;

    /// <summary>Nobody uses the batch any more.</summary>
    internal void Done(JournalBatch batch)
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
    public void Stop()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.PulseAll(_gate);
        }
        if (Thread.CurrentThread != _writer) _writer?.Join();
    }

    /// <summary>Writes what still waits, then a seal, and closes the file.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Stop();
        try
        {
            if (_options.ReadOnly) return;
            if (_ahead?.GetAwaiter().GetResult() is { } unused) Discard(unused);
            if (_failure is not null) return;
            if (!_sealed)
            {
                _file.Write(_end, SealFrame(_salt, _next));
                _end += JournalFrame.Header;
            }
            _file.Length = _end;
            _file.Sync();
        }
        finally
        {
            _file?.Dispose();
            _lock?.Dispose();
        }
    }
}
