using System.Globalization;

namespace Stele.Disk;

/// <summary>What stands after the last whole batch of a journal.</summary>
enum JournalTail
{
    /// <summary>Nothing, or room made ahead of the writes.</summary>
    Clean,
    /// <summary>The remains of one write that was never acknowledged: cut off at the next start.</summary>
    Torn,
    /// <summary>
    /// Damage: whole batches follow it, or more than one write can leave, or a file's header is bad, or a segment is
    /// missing. Never repaired by cutting.
    /// </summary>
    Corrupt,
}

/// <summary>
/// How far a journal reads: the address of the end of its last whole batch, the number that the next record gets, and
/// what follows.
/// </summary>
/// <param name="Torn">How many bytes there are of what is torn, the last that is not zero included.</param>
sealed record JournalEnd(long Offset, long Records, bool Sealed, JournalTail Tail, string? Problem, long Torn = 0)
{
    /// <summary>
    /// Whether a file that is not the last ends here, just before that record: whole, or all but for its seal, which is
    /// written when the next file has begun already. Power lost meanwhile leaves a part of it; it is written again with
    /// the next file's basis, and once that stands the seal is on the disk.
    /// </summary>
    public bool EndsBefore(JournalSegment next) =>
        Tail == JournalTail.Clean || Tail == JournalTail.Torn && Torn <= JournalFrame.Header && !Sealed
            && Records == next.First && !next.HasBasis;
}

/// <summary>
/// One file of a journal, the number of its first record, and whether a basis stands next to it: then nothing before it
/// is needed to go on from here.
/// </summary>
sealed record JournalSegment(string Path, long First)
{
    /// <summary>
    /// The first segment has the journal's own name, those behind it are <c>NAME.[number of the first record]</c>.
    /// </summary>
    public static JournalSegment Of(string journal, long first) =>
        new(first == 0 ? journal : string.Create(CultureInfo.InvariantCulture, $"{journal}.{first:D12}"), first);

    public string BasisPath => Path + ".basis";

    public bool HasBasis => File.Exists(BasisPath);

    /// <summary>What the journal's owner left to go on from here; null when there is none, or it is damaged.</summary>
    public byte[]? Basis => HasBasis ? JournalFrame.ReadBasis(File.ReadAllBytes(BasisPath), First) : null;

    /// <summary>
    /// A journal's segments, the oldest first; none when there is no journal. The oldest may be gone: then the first
    /// one here has a basis.
    /// </summary>
    public static List<JournalSegment> List(string journal)
    {
        var found = new List<JournalSegment>();
        if (File.Exists(journal)) found.Add(Of(journal, 0));
        var directory = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(journal))!;
        var name = System.IO.Path.GetFileName(journal) + ".";
        if (Directory.Exists(directory))
            foreach (var file in Directory.EnumerateFiles(directory, name + "*").Select(System.IO.Path.GetFileName))
                if (file!.Length >= name.Length + 12
                    && long.TryParse(file.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture,
                        out var first) && first > 0 && file == System.IO.Path.GetFileName(Of(journal, first).Path))
                    found.Add(Of(journal, first));
        found.Sort((a, b) => a.First.CompareTo(b.First));
        return found;
    }
}

/// <summary>
/// Reads journals: every whole batch in order, then how it ends. At opening and for those who only look, the same code.
/// </summary>
static class JournalScan
{
    public delegate int Reader(long offset, Span<byte> to);

    /// <summary>
    /// Told of each batch in order, and of each segment before its batches; the records' bytes are lent until it
    /// returns.
    /// </summary>
    public delegate void Visitor(JournalSegment segment, ReadOnlySpan<JournalRecord> batch);

    /// <summary>
    /// Reads a journal from one of its segments on without opening it for writing. Takes no lock and changes nothing.
    /// </summary>
    /// <param name="last">Reads the last segment; null: as it stands in its file.</param>
    public static JournalEnd All(IReadOnlyList<JournalSegment> segments, Visitor visit, JournalFile? last,
        out uint salt, out long start)
    {
        (salt, start) = (0, 0);
        var end = default(JournalEnd);
        for (var i = 0; i < segments.Count; i++)
        {
            var segment = segments[i];
            var isLast = i == segments.Count - 1;
            visit(segment, []);
            JournalEnd here;
            if (isLast && last is not null) here = One(last.Read, last.Length, segment, visit, out salt, out start);
            else
            {
                using var file = File.OpenHandle(segment.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                here = One((offset, to) => JournalFile.Read(file, offset, to), RandomAccess.GetLength(file), segment,
                    visit, out salt, out start);
            }
            if (end is not null && here.Tail != JournalTail.Corrupt
                && (segment.First != end.Records || start != end.Offset + (end.Sealed ? 0 : JournalFrame.Header)))
                return end with
                {
                    Tail = JournalTail.Corrupt,
                    Problem =
                        $"{segment.Path} begins with record {segment.First}, and the file before it ends before "
                        + $"record {end.Records}"
                };
            // Records go to the last file alone: what is bad before it, and not the remains of a seal, was damaged
            // later.
            if (!isLast && !here.EndsBefore(segments[i + 1])) return here with { Tail = JournalTail.Corrupt };
            end = here;
        }
        return end ?? new(0, 0, false, JournalTail.Corrupt, "not there");
    }

    static JournalEnd One(Reader read, long length, JournalSegment segment, Visitor visit, out uint salt,
        out long start)
    {
        var window = new Window(read);
        var header = window.Get(0, JournalFrame.FileHeader);
        if (!JournalFrame.TryReadFile(header.Span, out salt, out var count, out start) || count != segment.First)
            return new(0, 0, false, JournalTail.Corrupt,
                $"the first {JournalFrame.FileHeader} bytes of {Path.GetFileName(segment.Path)} are not a journal's");
        long offset = JournalFrame.FileHeader;
        var sealedHere = false;
        var found = new JournalRecord[256];
        for (;;)
        {
            string problem;
            header = window.Get(offset, JournalFrame.Header);
            if (header.Length == 0) return new(start + offset, count, sealedHere, JournalTail.Clean, null);
            if (header.Length < JournalFrame.Header || !JournalFrame.TryReadHeader(header.Span, salt, out var payload,
                out var records, out var first, out var checksum)) problem = "no batch starts there";
            else if (first != count) problem = $"a batch starts with record {first} where record {count} is due";
            else
            {
                var body = window.Get(offset + JournalFrame.Header, payload);
                if (body.Length < payload || JournalFrame.Checksum(salt, body.Span) != checksum)
                    problem = "the batch there is not whole";
                else if (JournalFrame.Records(body, records, first, start + offset + JournalFrame.Header,
                    ref found) is < 0) problem = "the batch there does not hold the records it says";
                else
                {
                    if (records > 0) visit(segment, found.AsSpan(0, records));
                    count += records;
                    sealedHere = records == 0;
                    offset += JournalFrame.Header + payload;
                    continue;
                }
            }
            var tail = Judge(read, offset, length, salt, count, out var torn, out var why);
            return new(start + offset, count, sealedHere, tail, tail == JournalTail.Clean
                ? null
                : $"at byte {offset} of {Path.GetFileName(segment.Path)}, after {count} records: {problem}{why}", torn);
        }
    }

    /// <summary>A stretch of a file in memory, so that small batches don't cost a system call each.</summary>
    sealed class Window(Reader read)
    {
        byte[] _buffer = new byte[1 << 20];
        long _at;
        int _length;

        /// <summary>The bytes at an offset, fewer where the file ends; good until the next call.</summary>
        public ReadOnlyMemory<byte> Get(long offset, int length)
        {
            if (offset < _at || offset + length > _at + _length)
            {
                if (_buffer.Length < length) _buffer = new byte[length];
                (_at, _length) = (offset, read(offset, _buffer));
            }
            var from = (int)(offset - _at);
            return _buffer.AsMemory(from, Math.Min(length, _length - from));
        }
    }

    /// <summary>
    /// Whether what stands at a bad offset can be the remains of the last write. Batches are written one after the
    /// other, each flushed before the next begins; so a whole batch further on means that this one was whole once.
    /// </summary>
    static JournalTail Judge(Reader read, long offset, long length, uint salt, long count, out long torn,
        out string why)
    {
        (torn, why) = (0, "");
        const int Size = 1 << 20;
        var window = new byte[Size + JournalFrame.Header];
        var lastByte = -1L;      // of the last one that is not zero
        for (var at = offset; at < length; at += Size)
        {
            var here = window.AsSpan(0, read(at, window));
            var nonZero = here.LastIndexOfAnyExcept((byte)0);
            if (nonZero >= 0) lastByte = Math.Max(lastByte, at + nonZero);
            for (var from = at == offset ? 1 : 0; from < here.Length;)
            {
                var found = here[from..].IndexOf(JournalFrame.Mark);
                if (found < 0) break;
                from += found;
                if (JournalFrame.TryReadHeader(here[from..], salt, out var payload, out _, out var first,
                    out var checksum) && first >= count)
                {
                    var body = new byte[payload];
                    if (read(at + from + JournalFrame.Header, body) == payload
                        && JournalFrame.Checksum(salt, body) == checksum)
                    {
                        why = $", but a whole one follows at byte {at + from}";
                        return JournalTail.Corrupt;
                    }
                }
                from++;
            }
        }
        if (lastByte < 0) return JournalTail.Clean;
        torn = lastByte + 1 - offset;
        if (torn <= JournalFrame.Header + (long)JournalFrame.MaxPayload) return JournalTail.Torn;
        why = ", and more follows than one write can leave";
        return JournalTail.Corrupt;
    }
}
