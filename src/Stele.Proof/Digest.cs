using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Stele.Proof;

/// <summary>
/// A SHA-256 digest: 32 bytes, written <c>sha256:</c> and 64 lower-case hex digits as in the OCI image-spec.
/// </summary>
public readonly struct Digest : IEquatable<Digest>, IComparable<Digest>
{
    public const int Size = 32;
    const string Prefix = "sha256:";

    readonly ulong _a, _b, _c, _d;

    Digest(ReadOnlySpan<byte> bytes)
    {
        _a = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _b = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _c = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _d = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    public static Digest Of(ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[Size];
        SHA256.HashData(data, hash);
        return new Digest(hash);
    }

    /// <summary>Takes 32 bytes that are a digest already.</summary>
    public static Digest From(ReadOnlySpan<byte> bytes) =>
        bytes.Length == Size
            ? new Digest(bytes)
            : throw new FormatException($"a digest has {Size} bytes, not {bytes.Length}");

    /// <summary>One of the 256 bits; bit 0 is the highest of the first byte.</summary>
    internal bool Bit(int index) =>
        ((index < 128 ? index < 64 ? _a : _b : index < 192 ? _c : _d) << (index & 63) & 1UL << 63) != 0;

    public void CopyTo(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt64BigEndian(to, _a);
        BinaryPrimitives.WriteUInt64BigEndian(to[8..], _b);
        BinaryPrimitives.WriteUInt64BigEndian(to[16..], _c);
        BinaryPrimitives.WriteUInt64BigEndian(to[24..], _d);
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>64 lower-case hex digits.</summary>
    public string Hex
    {
        get
        {
            Span<byte> bytes = stackalloc byte[Size];
            CopyTo(bytes);
            return Convert.ToHexStringLower(bytes);
        }
    }

    /// <summary>The first twelve hex digits, for people; never for machines.</summary>
    public string Short => Hex[..12];

    /// <summary>Reads <c>sha256:</c> and 64 lower-case hex digits; anything else is refused.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        digest = default;
        return text is not null && text.StartsWith(Prefix, StringComparison.Ordinal)
            && TryParseHex(text.AsSpan(Prefix.Length), out digest);
    }

    public static bool TryParseHex(ReadOnlySpan<char> hex, out Digest digest)
    {
        digest = default;
        if (hex.Length != 2 * Size) return false;
        foreach (var c in hex) if (c is not (>= '0' and <= '9' or >= 'a' and <= 'f')) return false;
        digest = new Digest(Convert.FromHexString(hex));
        return true;
    }

    public static Digest Parse(string text) =>
        TryParse(text, out var d)
            ? d
            : throw new FormatException($"not a digest: '{Shown(text)}' (want sha256: and 64 lower-case hex digits)");

    public static Digest ParseHex(string text) =>
        TryParseHex(text, out var d)
            ? d
            : throw new FormatException($"not a SHA-256 in lower-case hex: '{Shown(text)}'");

    static string Shown(string text) => text.Length <= 80 ? text : text[..80] + "…";

    public bool Equals(Digest other) => _a == other._a && _b == other._b && _c == other._c && _d == other._d;
    public override bool Equals(object? obj) => obj is Digest d && Equals(d);
    public override int GetHashCode() => (int)_a;

    public int CompareTo(Digest other)
    {
        var c = _a.CompareTo(other._a);
        if (c == 0) c = _b.CompareTo(other._b);
        if (c == 0) c = _c.CompareTo(other._c);
        return c != 0 ? c : _d.CompareTo(other._d);
    }

    public static bool operator ==(Digest x, Digest y) => x.Equals(y);
    public static bool operator !=(Digest x, Digest y) => !x.Equals(y);
    public static bool operator <(Digest x, Digest y) => x.CompareTo(y) < 0;
    public static bool operator >(Digest x, Digest y) => x.CompareTo(y) > 0;
    public static bool operator <=(Digest x, Digest y) => x.CompareTo(y) <= 0;
    public static bool operator >=(Digest x, Digest y) => x.CompareTo(y) >= 0;

    public override string ToString() => Prefix + Hex;
}
