using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>
/// The files under a journal, for its owner: opened, read and cut to what is whole, then written to a batch at a time;
/// a full file goes on in the next (segments). Invariant: what <see cref="Append"/> returned from is on the disk.
/// Frames are never rewritten. One thread appends; <see cref="Read"/> and <see cref="SealBefore"/> may come from any
/// other.
/// </summary>
sealed class JournalFiles : IDisposable
{
    /// <summary>What room is made of.</summary>
    static readonly byte[] Zeros = new byte[256 << 10];

    readonly string _path;
    readonly Readers _readers;
    readonly long _segmentBytes;
    readonly Func<string, JournalFile>? _open;

    // Only the writer's, but for _segments, which is under its own lock:
    readonly List<Extent> _segments = [];
    JournalFile _file = null!;     // none where they are read and there are none
    readonly uint _salt;           // one for all segments
    long _start;                   // the address of the file's first byte
    long _end;                     // where in the file the next frame goes
    long _room;                    // the file's length: zeros from _end on
    bool _sealed;
    JournalSegment? _begins;       // the segment being written, until a batch in it was written
    Task<FileStream?>? _ahead;     // the next segment's room, being made
    bool _closing;

    /// <summary>
    /// Where a segment's addresses begin, and where its last frame ends in its file; -1: its file says.
    /// </summary>
    sealed record Extent(JournalSegment Segment, long Start, long End);

    /// <summary>
    /// Opens or creates them, cutting off what a torn write left. The caller holds the journal's lock
    /// (<see cref="JournalFile.Lock"/>).
    /// </summary>
    /// <param name="options">
    /// What is not its owner's queue's. Where <see cref="JournalOptions.Access"/> is to read, they stay as they are.
    /// </param>
    /// <param name="from">Of the segments that are there, the oldest first: the one to begin reading at.</param>
    /// <param name="found">
    /// Told of what the files hold, in order; each segment first without records, as it begins.
    /// </param>
    /// <exception cref="IOException">Damaged elsewhere than at its very end.</exception>
    public JournalFiles(string path, JournalOptions options, Func<List<JournalSegment>, int> from,
        JournalScan.Visitor found)
    {
        var isRead = options.Access == FileAccess.Read;
        (_path, _readers, _segmentBytes) = (path, options.Readers, options.SegmentBytes);
        _open = isRead ? JournalFile.OpenToRead : options.File;
        var segments = JournalSegment.List(path);
        if (segments.Count == 0)
        {
            if (isRead) return;
            segments.Add(JournalSegment.Of(path, 0));
        }
        _file = OpenFile(segments[^1].Path);
        try
        {
            if (!isRead)
            {
                // The process that made file and folder may have been killed before their names were durable.
                Files.SyncNames(path);
                Files.SyncNames(Path.GetDirectoryName(Path.GetFullPath(path))!);
                foreach (var leftover in Files.LeftBeside(path)) Files.Delete(leftover);
            }
            // Killed between a write and its flush, a process leaves what only the kernel's memory has: nothing is
            // built on that, and nothing signed over it, before it is on the disk too.
            _file.Sync();
            _file.Forget();
            var end = JournalScan.All(segments[from(segments)..], found, _file, out _salt, out _start);
            if (end.Tail == JournalTail.Corrupt)
                throw new IOException($"{path} is damaged: {end.Problem}. Nothing was changed");
            (_end, Next, _sealed) = (end.Offset - _start, end.Records, end.Sealed);
            _room = _end;
            if (!isRead && _file.Length != _end)
            {
                _file.Length = _end;
                _file.Sync();
            }
            foreach (var segment in segments) _segments.Add(new(segment, segment == segments[^1] ? _start : -1, -1));
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>The number that the next record gets.</summary>
    public long Next { get; private set; }

    JournalFile OpenFile(string path) => _open is { } open ? open(path) : JournalFile.Open(path, _readers);

    // ---- Writing: one thread

    /// <summary>
    /// Writes a batch's frame and flushes it. Sets <see cref="RecordBatch.Begins"/> where it begins a segment.
    /// </summary>
    /// <returns>The address of the frame.</returns>
    public long Append(RecordBatch batch)
    {
        if (_end >= _segmentBytes) Begin(batch.First);
        var address = _start + _end;
        var frame = batch.Frame.Span;
        JournalFrame.Check(frame[JournalFrame.Header..], _salt, batch.Count);
        JournalFrame.Seal(frame, _salt, batch.Count, batch.First);
        Write(frame);
        _file.Sync();
        _sealed = false;
        Next = batch.First + batch.Count;
        (batch.Begins, _begins) = (_begins?.First, null);
        if (_end >= _segmentBytes / 2 && _segmentBytes < long.MaxValue) _ahead ??= Task.Run(MakeRoom);
        return address;
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
            file = room ?? Files.CreateTemporary(_path, _readers);
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
            file = Files.CreateTemporary(_path, _readers);
            for (long made = 0; made < _segmentBytes && !Volatile.Read(ref _closing); made += Zeros.Length)
                Files.Fill(file, Zeros.AsSpan(0, (int)Math.Min(Zeros.Length, _segmentBytes - made)));
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
    /// <param name="first">The segment's first record.</param>
    public void SealBefore(long first, ReadOnlySpan<byte> basis)
    {
        Extent before;
        JournalSegment segment;
        lock (_segments)
        {
            var at = _segments.FindIndex(s => s.Segment.First == first);
            (before, segment) = (_segments[at - 1], _segments[at].Segment);
        }
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
            file.Write(end, JournalFrame.SealOf(_salt, segment.First));
            file.Length = end + JournalFrame.Header;
            file.Sync();
        }
        Files.Write(segment.BasisPath, JournalFrame.Basis(segment.First, basis), _readers);
    }

    // ---- Reading

    /// <summary>The bytes of the record at an address.</summary>
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

    // ---- Closing

    /// <summary>Ends it in order: a seal behind the last batch, and no unused room.</summary>
    public void Seal()
    {
        if (!_sealed)
        {
            _file.Write(_end, JournalFrame.SealOf(_salt, Next));
            _end += JournalFrame.Header;
        }
        _sealed = true;
        _file.Length = _end;
        _file.Sync();
    }

    /// <summary>No more room is made from here on.</summary>
    public void Stop() => Volatile.Write(ref _closing, true);

    /// <summary>Closes the files as they are. Nobody appends any more.</summary>
    public void Dispose()
    {
        Stop();
        if (_ahead?.GetAwaiter().GetResult() is { } unused) Discard(unused);
        _ahead = null;
        _file?.Dispose();
    }
}
