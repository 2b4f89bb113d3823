using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>What the owner of a journal may choose.</summary>
sealed record JournalOptions
{
    /// <summary>Readable by its owner alone.</summary>
    public Readers Readers { get; init; }

    /// <summary>
    /// To read: no byte of any file changes, no file is made, and nothing is taken; where there is no journal it reads
    /// as an empty one. Default: to write.
    /// </summary>
    public FileAccess Access { get; init; } = FileAccess.ReadWrite;

    /// <summary>
    /// How many bytes may wait, from the call until the owner is done with them, before the answer is "busy". Default
    /// 64 MiB.
    /// </summary>
    public long QueueBytes { get; init; } = 64 << 20;

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

    /// <summary>Opens a file; the tests' disk stands in here. It is called once a segment.</summary>
    public Func<string, JournalFile>? File { get; init; }
}

/// <summary>
/// An append-only file of records, made durable in batches: <see cref="GroupCommit"/> before <see
/// cref="JournalFiles"/>. Order on disk is the order of the calls. Where the owner wants it, the file goes on in the
/// next when it is full (segments).
/// Invariant: a record's task completes only after an fdatasync that covers it. Records are never rewritten. After any
/// I/O error nothing more is taken: a failed flush says nothing about what is on the disk, so it is never retried;
/// reopening reads what is really there.
/// </summary>
sealed class Journal : IDisposable
{
    /// <summary>How many records may wait before the answer is "busy".</summary>
    const long MaxWaiting = 1 << 17;

    readonly string _path;
    readonly FileAccess _access;
    readonly SafeFileHandle? _lock;   // null: nobody ever opened it to write, and it is read
    readonly JournalFiles _files;
    readonly GroupCommit _queue;
    bool _disposed;

    /// <summary>Opens or creates the journal, cutting off what a torn write left.</summary>
    /// <param name="committed">
    /// Called for each batch in order: here for what the file holds, later on the writer's thread after the flush and
    /// before the tasks complete. What it throws later is as fatal as an I/O error.
    /// </param>
    /// <param name="queueBytes">
    /// How much may wait before <see cref="TryAppend(byte, ReadOnlySpan{byte}, out Task{long})"/> says busy.
    /// </param>
    /// <exception cref="IOException">Open elsewhere, or damaged elsewhere than at its very end.</exception>
    public static Journal Open(string path, Action<ReadOnlySpan<JournalRecord>> committed,
        Readers readers = Readers.All, long queueBytes = 64 << 20,
        Func<string, JournalFile>? file = null, FileAccess access = FileAccess.ReadWrite) =>
        Open(path, new JournalOptions { Readers = readers, Access = access, QueueBytes = queueBytes, File = file },
            committed);

    public static Journal Open(string path, JournalOptions options, Action<ReadOnlySpan<JournalRecord>> committed)
    {
        var records = Array.Empty<JournalRecord>();
        return new(path, options, (_, found) => { if (found.Length > 0) committed(found); }, (batch, address) =>
        {
            if (records.Length < batch.Count) records = new JournalRecord[Math.Max(batch.Count, 2 * records.Length)];
            var at = address + JournalFrame.Header;
            for (var i = 0; i < batch.Count; i++)
            {
                var record = batch.Records[i];
                records[i] = new(record.Kind, record.Index, at, record.Bytes);
                at += JournalFrame.RecordHeader + record.Bytes.Length;
            }
            committed(records.AsSpan(0, batch.Count));
            Array.Clear(records, 0, batch.Count);
            batch.Release();
        });
    }

    /// <summary>Opens or creates a journal whose owner takes its time over a batch.</summary>
    /// <param name="found">
    /// Told of what the files hold, in order; each segment first without records, as it begins.
    /// </param>
    /// <param name="committed">
    /// Told of each durable batch, in order, on the writer's thread; must be quick. The batch is the owner's until it
    /// calls <see cref="RecordBatch.Release"/>, and until then its bytes count as waiting.
    /// </param>
    public static Journal Open(string path, JournalOptions options, JournalScan.Visitor found,
        Action<RecordBatch> committed) => new(path, options, found, (batch, _) => committed(batch));

    Journal(string path, JournalOptions options, JournalScan.Visitor found, Action<RecordBatch, long> committed)
    {
        (_path, _access) = (path, options.Access);
        if (!IsRead) Files.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!, options.Readers);
        _lock = IsRead ? JournalFile.LockIfEverOpened(path) : JournalFile.Lock(path);
        try
        {
            if (!IsRead && options.GoOnFrom?.Invoke() is { } kept) ReplaceHeld(path, kept, options.Readers);
            _files = new JournalFiles(path, options, segments => StartFrom(segments, options.StartFrom), found);
        }
        catch
        {
            _lock?.Dispose();
            throw;
        }
        long address = 0;   // of the batch that was written last: it is handed over before the next is written
        _queue = new GroupCommit(path, _files.Next, new QueueLimits(options.QueueBytes, MaxWaiting),
            batch => address = _files.Append(batch), batch => committed(batch, address), null);
        if (IsRead) _queue.Stop();
        else _queue.Start();
    }

    bool IsRead => _access == FileAccess.Read;

    /// <summary>The newest segment that the owner can go on from.</summary>
    int StartFrom(List<JournalSegment> segments, Func<byte[], bool>? accept)
    {
        if (accept is null) return 0;
        for (var i = segments.Count - 1; i >= 0; i--)
            if (segments[i].Basis is { } basis && accept(basis)) return i;
        return segments[0].First == 0 ? 0 : throw new IOException(
            $"{_path}: what stood before record {segments[0].First} is not here, nor a basis that fits to go on "
            + $"without it. Nothing was changed");
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
    public static void Replace(string path, IEnumerable<(byte Kind, byte[] Bytes)> records,
        Readers readers = Readers.All)
    {
        using var held = JournalFile.Lock(path);
        ReplaceHeld(path, records, readers);
    }

    static void ReplaceHeld(string path, IEnumerable<(byte Kind, byte[] Bytes)> records, Readers readers)
    {
        var file = Files.CreateTemporary(path, readers);
        try
        {
            using (file)
            {
                var salt = JournalFrame.NewSalt();
                Files.Fill(file, JournalFrame.NewFile(salt));
                long index = 0;
                foreach (var (kind, bytes) in records)
                {
                    var length = JournalFrame.RecordHeader + GroupCommit.Fits(bytes.Length);
                    var frame = new byte[JournalFrame.Header + length];
                    JournalFrame.WriteRecord(frame.AsSpan(JournalFrame.Header), salt, kind, bytes);
                    JournalFrame.Seal(frame, salt, 1, index++);
                    Files.Fill(file, frame);
                }
                Files.Fill(file, JournalFrame.SealOf(salt, index));
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

    /// <summary>
    /// Queues one record. The task completes with its number once it is durable and <c>committed</c> has seen it, or
    /// fails with what broke the journal.
    /// </summary>
    /// <returns>False when too much is waiting already: nothing was queued.</returns>
    public bool TryAppend(byte kind, ReadOnlySpan<byte> record, out Task<long> durable) =>
        _queue.TryAppend(kind, record, out durable);

    /// <summary>Queues records that must stand or fall together; the task's result is the first one's number.</summary>
    public bool TryAppend(IReadOnlyList<(byte Kind, ReadOnlyMemory<byte> Bytes)> records, out Task<long> durable) =>
        _queue.TryAppend(records, out durable);

    /// <summary>
    /// Queues a record that is made knowing its own number. <paramref name="compose"/> runs in the order of the calls,
    /// alone, and must be quick; if it throws, nothing was queued.
    /// </summary>
    public bool TryAppend(byte kind, Func<long, byte[]> compose, out Task<long> durable) =>
        _queue.TryAppend(kind, compose, out durable);

    /// <summary>The bytes of the record at an address that <c>committed</c> was told.</summary>
    /// <exception cref="IOException">What stands there is not a whole record any more.</exception>
    public byte[] Read(long address) => _files.Read(address);

    /// <summary>
    /// Closes what stands before a segment for good, so that every start may begin at that segment
    /// (<see cref="JournalFiles.SealBefore"/>).
    /// </summary>
    public void SealBefore(long first, ReadOnlySpan<byte> basis) => _files.SealBefore(first, basis);

    /// <summary>Why nothing is taken any more; null while the journal lives.</summary>
    public Exception? Failure => _queue.Failure;

    /// <summary>
    /// Takes nothing more and writes what still waits; whatever is durable then was handed to the owner.
    /// </summary>
    public void Stop()
    {
        _files.Stop();
        _queue.Stop();
    }

    /// <summary>Writes what still waits, then a seal, and closes the file.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        Stop();
        try
        {
            if (!IsRead && Failure is null) _files.Seal();
        }
        finally
        {
            _files.Dispose();
            _lock?.Dispose();
        }
    }
}
