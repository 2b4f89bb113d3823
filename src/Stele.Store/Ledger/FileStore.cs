using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A ledger's storage in a folder:
/// <code>
/// folder/
///   journal            every record, in order (<see cref="JournalFrame"/>)
///   journal.N          its next segments, from record N on; journal.N.basis: the basis of that segment
///   cold.json          which of the oldest segments were moved elsewhere (ColdList)
///   journal.lock       held while a process writes
///   checkpoint         the newest published signed checkpoint    ┐
///   tile/L/…           hash tiles (C2SP tlog-tiles)              ├ any static server may serve them
///   tile/entries/…     entry bundles                             ┘
/// </code>
/// Segments that were moved out of it lie in a folder of the operator's as files of a journal named
/// <c>[64 hex of the SHA-256 of the origin].journal</c>, byte for byte as they were.
/// </summary>
sealed class FileStore : ILedgerStore
{
    readonly string _journal;
    readonly Func<string, JournalFile>? _file;

    public FileStore(string folder) : this(folder, JournalPath(folder)) { }

    /// <param name="file">Opens the journal's files; the tests' disk stands in here.</param>
    public FileStore(string folder, Func<string, JournalFile>? file) : this(folder) => _file = file;

    FileStore(string folder, string journal) => (Place, _journal) = (folder, journal);

    bool IsCold { get; init; }

    /// <summary>
    /// The segments that were moved out of a log. It has no lock: who writes there holds the lock of the log.
    /// </summary>
    public static FileStore Cold(string folder, string origin) =>
        new(folder, ColdPath(folder, origin)) { IsCold = true };

    public static string ColdPath(string folder, string origin) =>
        Path.Combine(folder, Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex + ".journal");

    public static string JournalPath(string folder) => Path.Combine(folder, "journal");

    public string Place { get; }

    public IReadOnlyList<LedgerSegment> Segments() => [.. JournalSegment.List(_journal).Select(Of)];

    static LedgerSegment Of(JournalSegment segment) =>
        new(segment.First, Path.GetFileName(segment.Path), segment.HasBasis);

    JournalSegment At(long first) => JournalSegment.Of(_journal, first);

    public LedgerEnd Read(long from, long to, LedgerVisitor visit)
    {
        var segments = JournalSegment.List(_journal).Where(s => s.First >= from && s.First < to).ToList();
        var end = JournalScan.All(segments, Visit(visit), null, out _, out _);
        return new(end.Records, end.Sealed, end.Tail == JournalTail.Torn, end.Problem);
    }

    /// <summary>Tells what a journal's scan finds as a ledger's.</summary>
    static JournalScan.Visitor Visit(LedgerVisitor visit)
    {
        LedgerSegment? current = null;
        var records = new StoredRecord[256];
        return (segment, batch) =>
        {
            if (current?.First != segment.First) current = Of(segment);
            if (records.Length < batch.Length) records = new StoredRecord[Math.Max(batch.Length, 2 * records.Length)];
            for (var i = 0; i < batch.Length; i++) records[i] = new(batch[i].Kind, batch[i].Index, batch[i].Bytes);
            visit(current, records.AsSpan(0, batch.Length));
        };
    }

    public byte[]? Basis(long first) => At(first).Basis;

    public void Export(long first, SegmentPart part, Stream to)
    {
        using var file = File.OpenRead(PathOf(first, part));
        file.CopyTo(to);
    }

    string PathOf(long first, SegmentPart part) => part == SegmentPart.Basis ? At(first).BasisPath : At(first).Path;

    string PathOf(string name) => Path.Combine(Place, name);

    public byte[]? Get(string name)
    {
        try
        {
            return File.Exists(PathOf(name)) ? File.ReadAllBytes(PathOf(name)) : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;   // removed just now
        }
    }

    public bool Has(string name) => File.Exists(PathOf(name));

    public IEnumerable<string> List(string folder) => Directory.Exists(PathOf(folder))
        ? Directory.EnumerateFiles(PathOf(folder), "*", SearchOption.AllDirectories)
            .Where(f => !Files.IsTemporary(f)).Select(f => Path.GetRelativePath(Place, f))
        : [];

    public IDisposable? Hold(out bool inUse) => JournalFile.TryLockIfEverOpened(_journal, out inUse);

    public void Sync()
    {
        if (JournalSegment.List(_journal) is not [.., var last]) return;
        using var file = JournalFile.OpenToRead(last.Path);
        file.Sync();
        file.Forget();
    }

    public ILedgerWriter Lock()
    {
        Files.CreateDirectory(Place);
        var held = IsCold ? null : JournalFile.Lock(_journal);
        try
        {
            if (held is not null) Files.Sweep(Place);   // nobody else writes there
            return new Writer(this, held);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    sealed class Writer(FileStore store, SafeFileHandle? held) : ILedgerWriter
    {
        JournalFiles? _files;

        public long Open(long from, long segmentBytes, LedgerVisitor visit)
        {
            var options = new JournalOptions { SegmentBytes = segmentBytes, File = store._file };
            _files = new JournalFiles(store._journal, options, segments => segments.FindIndex(s => s.First == from),
                Visit(visit));
            return _files.Next;
        }

        public void Append(RecordBatch batch) => _files!.Append(batch);

        public void Seal()
        {
            _files!.Stop();
            _files.Seal();
        }

        public void PutBasis(long first, ReadOnlySpan<byte> basis)
        {
            if (_files is { } open) open.SealBefore(first, basis);
            else Files.Write(store.At(first).BasisPath, JournalFrame.Basis(first, basis));
        }

        public void RemoveBefore(long first)
        {
            foreach (var segment in JournalSegment.List(store._journal).TakeWhile(s => s.First < first))
            {
                Files.Delete(segment.Path);
                Files.SyncNames(store._journal);
            }
            foreach (var basis in Directory.EnumerateFiles(store.Place, Path.GetFileName(store._journal) + ".*.basis")
                .Where(b => !File.Exists(b[..^".basis".Length])).ToList()) Files.Delete(basis);
        }

        public Digest Import(long first, SegmentPart part, Action<Stream> export) =>
            Files.WriteStream(store.PathOf(first, part), Readers.All, export).Digest;

        public void Put(string name, ReadOnlySpan<byte> bytes, Durability durability)
        {
            if (durability == Durability.Now) Files.Write(store.PathOf(name), bytes);
            else Derived.Write(store.PathOf(name), bytes);
        }

        public void Delete(string name)
        {
            Files.DeleteDirectory(store.PathOf(name));
            if (store.Has(name)) Files.Delete(store.PathOf(name));
        }

        public void Flush() => Files.SyncAll(store.Place);

        public void Dispose()
        {
            try
            {
                _files?.Dispose();
            }
            finally
            {
                held?.Dispose();
            }
        }
    }
}
