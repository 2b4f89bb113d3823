using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof.Decisions;

namespace Stele.Gateway;

/// <summary>
/// What was asked and answered, sealed, outside of the log: a journal of records <c>u64 index, AES-256-GCM ciphertext,
/// 16 bytes tag</c>, of kind 1 (input), 2 (output), 3 (context: what the rules saw apart from the input) or 4 (masked:
/// the input as it was forwarded).
/// The key is the decision's own, used once for each field, the nonce is the field's number; the associated data is
/// <c>[decision id] LF [field]</c>, so that no body can stand for another.
/// </summary>
sealed class SealedBodies : IDisposable
{
    public const string Input = "input", Output = "output", Context = "context", Masked = "masked";
    const int Tag = 16;

    /// <summary>Every field, in the order of the records' kinds, from 1 on. It may only grow.</summary>
    public static readonly ImmutableArray<string> Fields = [Input, Output, Context, Masked];

    readonly object _gate = new();
    readonly Dictionary<(long Index, byte Field), long> _addresses = [];
    readonly Journal _journal;
    readonly string _origin;
    long _newest = -1;

    public SealedBodies(string path, string origin, FileAccess access = FileAccess.ReadWrite)
    {
        _origin = origin;
        _journal = Journal.Open(path, Take, Readers.Owner, access: access);
    }

    /// <summary>Whether an error ended the writing: what was added may not be there.</summary>
    public bool HasFailed => _journal.Failure is not null;

    /// <summary>The newest decision of which a body is here; -1: none.</summary>
    public long Newest
    {
        get { lock (_gate) return _newest; }
    }

    /// <summary>Whether the sealed body is here.</summary>
    public bool Has(long index, string field)
    {
        lock (_gate) return _addresses.ContainsKey((index, KindOf(field)));
    }

    public bool TryAdd(long index, DecisionKeys keys, IEnumerable<(string Field, byte[] Body)> bodies,
        out Task<long> durable) =>
        _journal.TryAppend(
            [.. bodies.Select(b =>
                (KindOf(b.Field), (ReadOnlyMemory<byte>)Seal(index, KindOf(b.Field), keys, b.Body)))], out durable);

    /// <summary>
    /// Null when the body is not there; a <see cref="CryptographicException"/> when it is not what was sealed.
    /// </summary>
    public byte[]? Open(long index, string field, DecisionKeys keys)
    {
        var kind = KindOf(field);
        long address;
        lock (_gate) if (!_addresses.TryGetValue((index, kind), out address)) return null;
        return Unseal(_origin, kind, _journal.Read(address), keys);
    }

    /// <summary>The body in a record of the journal.</summary>
    /// <exception cref="CryptographicException">
    /// It is not what was sealed under these keys for this decision.
    /// </exception>
    static byte[] Unseal(string origin, byte kind, ReadOnlySpan<byte> record, DecisionKeys keys)
    {
        if (record.Length < 8 + Tag) throw new CryptographicException("a sealed body is longer");
        var index = BinaryPrimitives.ReadInt64BigEndian(record);
        var sealed_ = record[8..];
        var body = new byte[sealed_.Length - Tag];
        using var aes = new AesGcm(keys.Key, Tag);
        aes.Decrypt(Nonce(kind), sealed_[..^Tag], sealed_[^Tag..], body, Associated(origin, index, kind));
        return body;
    }

    /// <summary>
    /// Reads a file of sealed bodies to its end, opening it for nobody: each body whose keys are given, or null where
    /// it is not what was sealed under them. Of two of a decision the later one counts.
    /// </summary>
    public static JournalEnd Scan(string path, string origin, Func<long, DecisionKeys?> keys,
        Action<long, string, byte[]?> body) => Journal.Scan(path, records =>
    {
        foreach (var record in records)
        {
            var (index, field) = (BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span), FieldOf(record.Kind));
            if (field is null || keys(index) is not { } with) continue;
            try
            {
                body(index, field, Unseal(origin, record.Kind, record.Bytes.Span, with));
            }
            catch (CryptographicException)
            {
                body(index, field, null);
            }
        }
    });

    byte[] Seal(long index, byte kind, DecisionKeys keys, byte[] body)
    {
        var record = new byte[8 + body.Length + Tag];
        BinaryPrimitives.WriteInt64BigEndian(record, index);
        using var aes = new AesGcm(keys.Key, Tag);
        aes.Encrypt(Nonce(kind), body, record.AsSpan(8, body.Length), record.AsSpan(8 + body.Length),
            Associated(_origin, index, kind));
        return record;
    }

    static byte[] Nonce(byte kind) => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, kind];

    static byte[] Associated(string origin, long index, byte kind) =>
        Encoding.UTF8.GetBytes($"{Decision.Id(origin, index)}\n{FieldOf(kind)}");

    static byte KindOf(string field) => checked((byte)(Fields.IndexOf(field) + 1));

    static string? FieldOf(byte kind) => kind > 0 && kind <= Fields.Length ? Fields[kind - 1] : null;

    void Take(ReadOnlySpan<JournalRecord> records)
    {
        lock (_gate)
            foreach (var record in records)
            {
                var index = BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span);
                _addresses[(index, record.Kind)] = record.Address;
                _newest = Math.Max(_newest, index);
            }
    }

    public void Dispose() => _journal.Dispose();
}
