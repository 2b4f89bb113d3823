using Stele.Disk;
using Stele.Proof;

namespace Stele.Gateway;

/// <summary>One opening of bodies.</summary>
/// <param name="Time">Milliseconds since 1970 UTC.</param>
/// <param name="Who">The name of the token.</param>
/// <param name="What">A decision's id; or in words, where many were opened at once.</param>
sealed record BodyRead(long Time, string Who, string What)
{
    public Json ToJson() => Json.Object(("decision", What), ("time", Time), ("who", Who));

    /// <summary>Every body of a time, opened to be judged again.</summary>
    public static BodyRead OfReplay(long time, string who, ReplayRequest request) =>
        new(time, who,
            $"all of {request.Scope} from {request.Since} to {request.Until}, judged again by policy "
            + $"{request.Policy.Digest}");

    public static BodyRead FromJson(Json j) => new(j["time"].AsInt, j["who"].AsString, j["decision"].AsString);
}

/// <summary>
/// Who opened which bodies of this node: a journal of records <code>1 {"decision","time","who"} as canonical JSON</code>
/// which is only ever added to.
/// </summary>
sealed class BodyReads : IDisposable
{
    /// <summary>How many one page has at most.</summary>
    public const int PageSize = 1000;

    const byte Record = 1;
    const int MaxRecord = 4096;

    readonly string _path;
    readonly Journal _journal;
    long _size;

    public BodyReads(string path)
    {
        _path = path;
        _journal = Journal.Open(path, records => Interlocked.Add(ref _size, records.Length), secret: true);
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
    public (IReadOnlyList<BodyRead> Reads, long Size) Page(long from)
    {
        var size = Interlocked.Read(ref _size);
        var page = new List<BodyRead>();
        Scan(_path, (number, read) =>
        {
            if (number >= from && number < size && page.Count < PageSize) page.Add(read);
        });
        return (page, size);
    }

    /// <summary>Reads all of it, oldest first, opening it for nobody.</summary>
    public static JournalEnd Scan(string path, Action<long, BodyRead> take)
    {
        var number = 0L;
        return Journal.Scan(path, records =>
        {
            foreach (var record in records) take(number++,
                BodyRead.FromJson(CanonicalJson.ParseCanonical(record.Bytes.Span, MaxRecord)));
        });
    }

    public void Dispose() => _journal.Dispose();
}
