using Stele.Control.Views;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Gateway;

/// <summary>One opening of bodies.</summary>
/// <param name="Time">Milliseconds since 1970 UTC.</param>
/// <param name="Who">The name of the token.</param>
/// <param name="Decision">Its id; or in words, where many were opened at once.</param>
sealed record BodyRead(long Time, string Who, string Decision) : IView
{
    /// <summary>Every body of a time, opened to be judged again.</summary>
    public static BodyRead OfReplay(long time, string who, ReplayRequest request) =>
        new(time, who,
            $"all of {request.Scope} from {request.Since} to {request.Until}, judged again by policy "
            + $"{request.Policy.Digest}");
}

/// <summary>
/// Who opened which bodies of this node: a journal of records <code>1 {"decision","time","who"} as canonical
/// JSON</code> which is only ever added to, in files of a mebibyte. A start reads the newest file, a page those that
/// its reads are in: nothing costs more for what was read before.
/// </summary>
sealed class BodyReads : IDisposable
{
    /// <summary>How many one page has at most.</summary>
    public const int PageSize = 1000;

    const byte Record = 1;
    const int MaxRecord = 4096, SegmentBytes = 1 << 20;

    readonly string _path;
    readonly Journal _journal;
    long _size;

    public BodyReads(string path)
    {
        _path = path;
        var unsealed = new List<JournalSegment>();
        _journal = Journal.Open(path, new JournalOptions
        {
            // What is before a file is not needed to go on from it: the basis has nothing in it.
            Readers = Readers.Owner, SegmentBytes = SegmentBytes, StartFrom = _ => true,
        }, (segment, records) =>
        {
            if (records.IsEmpty && segment is { First: > 0, HasBasis: false }) unsealed.Add(segment);
            _size = Math.Max(segment.First, records.IsEmpty ? _size : records[^1].Index + 1);
        }, batch =>
        {
            Interlocked.Exchange(ref _size, batch.First + batch.Count);
            if (batch.Begins is { } segment) _journal!.SealBefore(segment, []);
            batch.Release();
        });
        // The process was killed between the beginning of a file and its basis.
        foreach (var segment in unsealed) _journal.SealBefore(segment.First, []);
    }

    /// <summary>Completes when it is durable.</summary>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unrecorded"/>: it can't be recorded, so nothing may
    /// be opened.</exception>
    public async Task Add(BodyRead read)
    {
        try
        {
            if (!_journal.TryAppend(Record, read.ToJson().ToBytes(),
                out var durable)) throw new IOException("too much waits to be written");
            await durable;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw new GatewayException(GatewayError.Unrecorded,
                $"who opens a body can't be recorded, so it is not opened: {e.Message}");
        }
    }

    /// <summary>A page of what is durable, from a number on, and how many there are.</summary>
    /// <exception cref="GatewayException"><see cref="GatewayError.Unrecorded"/>: not all of it is there.</exception>
    public (IReadOnlyList<BodyRead> Reads, long Size) Page(long from)
    {
        var size = Interlocked.Read(ref _size);
        var to = Math.Min(from > size ? size : from + PageSize, size);
        var page = new List<BodyRead>();
        if (from >= to) return (page, size);
        var segments = Journal.Segments(_path);
        var needed = segments.Where((s, i) => s.First < to
            && (i + 1 == segments.Count || segments[i + 1].First > from)).ToList();
        var end = JournalScan.All(needed, (_, records) =>
        {
            foreach (var record in records) if (record.Index >= from && record.Index < to) page.Add(Parse(record));
        }, null, out _, out _);
        return page.Count == to - from ? (page, size) : throw new GatewayException(GatewayError.Unrecorded,
            $"what was read can't be told: {end.Problem ?? $"records are missing in {_path}"}");
    }

    /// <summary>Reads all of it, oldest first, opening it for nobody.</summary>
    public static JournalEnd Scan(string path, Action<long, BodyRead> take)
    {
        var number = 0L;
        return Journal.Scan(path, records =>
        {
            foreach (var record in records) take(number++, Parse(record));
        });
    }

    static BodyRead Parse(JournalRecord record) =>
        ViewJson.Read<BodyRead>(CanonicalJson.ParseCanonical(record.Bytes.Span, MaxRecord));

    public void Dispose() => _journal.Dispose();
}
