using System.Buffers.Binary;
using System.Text;

namespace Stele.Proof.Interchange;

/// <summary>
/// As much of CBOR (RFC 8949) as COSE receipts need, in its deterministic encoding: definite lengths and shortest
/// heads. Integers, byte and text strings, arrays, maps, tags, null, true and false; no floating point and no
/// indefinite lengths, which nothing here writes. A writer of 40 lines instead of a package: the one of the platform is
/// not in the base framework.
/// </summary>
sealed class CborWriter
{
    readonly List<byte> _bytes = [];

    public byte[] Encode() => [.. _bytes];

    public CborWriter Int(long value) => value >= 0 ? Head(0, (ulong)value) : Head(1, (ulong)(-1 - value));
    public CborWriter Bytes(ReadOnlySpan<byte> value) => Head(2, (ulong)value.Length).Raw(value);
    public CborWriter Text(string value) =>
        Head(3, (ulong)Encoding.UTF8.GetByteCount(value)).Raw(Encoding.UTF8.GetBytes(value));
    public CborWriter Array(int count) => Head(4, (ulong)count);

    /// <summary>A map's head; keys are written by the caller in the order of their encodings.</summary>
    public CborWriter Map(int count) => Head(5, (ulong)count);
    public CborWriter Tag(int tag) => Head(6, (ulong)tag);
    public CborWriter Null() => Raw([0xf6]);

    CborWriter Head(int major, ulong value)
    {
        var type = (byte)(major << 5);
        if (value < 24) return Raw([(byte)(type | (byte)value)]);
        var size = value <= byte.MaxValue ? 0 : value <= ushort.MaxValue ? 1 : value <= uint.MaxValue ? 2 : 3;
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(number, value);
        return Raw([(byte)(type | (24 + size))]).Raw(number[^(1 << size)..]);
    }

    CborWriter Raw(ReadOnlySpan<byte> bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }
}

/// <summary>
/// Reads it back; whatever has another encoding than the writer's, but for the order of a map's keys, is refused.
/// </summary>
ref struct CborReader(ReadOnlySpan<byte> bytes)
{
    const int MaxDepth = 16;

    ReadOnlySpan<byte> _rest = bytes;

    public readonly bool AtEnd => _rest.IsEmpty;
    public readonly int Major => _rest.IsEmpty ? throw new FormatException("CBOR that is cut short") : _rest[0] >> 5;

    public long Int()
    {
        var major = Major;
        if (major > 1) throw new FormatException("CBOR: want an integer");
        var value = Head(major);
        return value > long.MaxValue ? throw new FormatException("CBOR: an integer beyond 64 bits") : major == 0
            ? (long)value : -1 - (long)value;
    }

    public ReadOnlySpan<byte> Bytes() => Take(Head(2));

    public string Text()
    {
        try
        {
            return new UTF8Encoding(false, true).GetString(Take(Head(3)));
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("CBOR: a text that is not UTF-8", e);
        }
    }

    /// <summary>How many items follow; never more than there are bytes left.</summary>
    public int Array() => Count(Head(4), 1);
    public int Map() => Count(Head(5), 2);
    public int Tag() => (int)Math.Min(Head(6), int.MaxValue);

    public bool TryNull()
    {
        if (_rest.IsEmpty || _rest[0] != 0xf6) return false;
        _rest = _rest[1..];
        return true;
    }

    /// <summary>Passes over one item of any kind.</summary>
    public void Skip(int depth = 0)
    {
        if (depth > MaxDepth) throw new FormatException("CBOR that is nested too deep");
        switch (Major)
        {
            case 0 or 1: Head(Major); break;
            case 2 or 3: Take(Head(Major)); break;
            case 4:
                for (var n = Array(); n > 0; n--) Skip(depth + 1);
                break;
            case 5:
                for (var n = 2 * Map(); n > 0; n--) Skip(depth + 1);
                break;
            case 6:
                Tag();
                Skip(depth + 1);
                break;
            default:
                if (_rest[0] is not (0xf4 or 0xf5 or 0xf6))
                    throw new FormatException("CBOR: a simple value or number that is not read here");
                _rest = _rest[1..];
                break;
        }
    }

    ulong Head(int major)
    {
        if (Major != major) throw new FormatException($"CBOR: want an item of type {major}, found {Major}");
        var info = _rest[0] & 0x1f;
        _rest = _rest[1..];
        if (info < 24) return (ulong)info;
        if (info > 27) throw new FormatException("CBOR: a length that is not definite");
        var size = 1 << (info - 24);
        ulong value = 0;
        foreach (var b in Take((ulong)size)) value = (value << 8) | b;
        var shortest = value < 24 ? 0 : value <= byte.MaxValue ? 1 : value <= ushort.MaxValue ? 2
            : value <= uint.MaxValue ? 4 : 8;
        return shortest == size ? value : throw new FormatException("CBOR: a number that is not in its shortest form");
    }

    readonly int Count(ulong count, int itemsEach) =>
        count <= (ulong)(_rest.Length / itemsEach) ? (int)count : throw new FormatException("CBOR that is cut short");

    ReadOnlySpan<byte> Take(ulong length)
    {
        if (length > (ulong)_rest.Length) throw new FormatException("CBOR that is cut short");
        var taken = _rest[..(int)length];
        _rest = _rest[(int)length..];
        return taken;
    }
}
