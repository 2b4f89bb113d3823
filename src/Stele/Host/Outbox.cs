using System.Buffers.Binary;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Host;

/// <summary>
/// Statements on their way to the server, durable and in order: each waits here until the server has recorded or
/// refused it. A journal of
/// <code>1 an envelope's canonical bytes    2 u64 big-endian: the record number of an envelope that is settled</code>
/// A crash between the server's answer and the settling sends a statement twice; the ledger takes it once.
/// </summary>
sealed class Outbox : IDisposable
{
    const byte Waits = 1, Settled = 2;

    readonly Journal _journal;
    readonly object _gate = new();
    readonly SortedDictionary<long, byte[]> _waiting = [];
    TaskCompletionSource _added = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <exception cref="IOException">Another process has it open; nothing was changed.</exception>
    public Outbox(string path) => _journal = Journal.Open(path,
        new JournalOptions { Readers = Readers.Owner, GoOnFrom = () => Compacted(path) }, Take);

    public int Waiting
    {
        get { lock (_gate) return _waiting.Count; }
    }

    /// <summary>The last statement that the server refused, and why.</summary>
    public string? LastRefusal { get; private set; }

    /// <summary>Completes when the statement is durable here.</summary>
    public Task Add(Envelope envelope) =>
        _journal.TryAppend(Waits, envelope.ToJson().ToBytes(), out var durable)
            ? durable
            : throw new IOException("the outbox is full");

    /// <summary>
    /// Hands in whatever waits, oldest first, until stopped. An unreachable server is asked again after
    /// <paramref name="pause"/>.
    /// </summary>
    public async Task Send(ServerLink link, TimeSpan pause, TimeProvider time, CancellationToken stop)
    {
        while (true)
        {
            Task added;
            lock (_gate) added = _added.Task;
            try
            {
                await SendAll(link, stop);
            }
            catch (LinkException)
            {
                await Task.Delay(pause, time, stop);
                continue;
            }
            await added.WaitAsync(stop);
        }
    }

    /// <summary>Hands in what waits now.</summary>
    public async Task SendAll(ServerLink link, CancellationToken stop)
    {
        while (Oldest() is { } next)
        {
            if (await link.Submit(Envelope.Parse(next.Envelope), stop) is { } refused) LastRefusal = refused;
            var settled = new byte[8];
            BinaryPrimitives.WriteInt64BigEndian(settled, next.Number);
            if (!_journal.TryAppend(Settled, settled, out var durable)) throw new IOException("the outbox is full");
            await durable;
        }
    }

    (long Number, byte[] Envelope)? Oldest()
    {
        lock (_gate)
            foreach (var (number, envelope) in _waiting) return (number, envelope);
        return null;
    }

    void Take(ReadOnlySpan<JournalRecord> records)
    {
        lock (_gate)
        {
            foreach (var record in records)
                if (record.Kind == Waits) _waiting[record.Index] = record.Bytes.ToArray();
                else _waiting.Remove(BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span));
            _added.TrySetResult();
            _added = new(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    /// <summary>Reads an outbox to its end, opening it for nobody: what is wrong with the statements in it.</summary>
    public static JournalEnd Scan(string path, Action<string> wrong) => Journal.Scan(path, records =>
    {
        foreach (var record in records)
        {
            try
            {
                if (record.Kind == Waits) Envelope.Parse(record.Bytes.Span);
                else if (record.Kind != Settled
                    || BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span) >= record.Index)
                    wrong($"record {record.Index} is none of an outbox");
            }
            catch (FormatException e)
            {
                wrong($"record {record.Index}: {e.Message}");
            }
        }
    });

    /// <summary>What waits, when what is settled is most of the file; null: it stays as it is.</summary>
    static IEnumerable<(byte Kind, byte[] Bytes)>? Compacted(string path)
    {
        if (!File.Exists(path)) return null;
        var waiting = new SortedDictionary<long, byte[]>();
        var end = Journal.Scan(path, records =>
        {
            foreach (var record in records)
                if (record.Kind == Waits) waiting[record.Index] = record.Bytes.ToArray();
                else waiting.Remove(BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span));
        });
        return end.Tail != JournalTail.Corrupt && end.Records > 1000 + 2 * waiting.Count
            ? waiting.Values.Select(b => (Waits, b)) : null;
    }

    public void Dispose() => _journal.Dispose();
}
