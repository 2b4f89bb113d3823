using System.Globalization;

namespace Cel.Values;

/// <summary>
/// An IPv4 or IPv6 address, or a range of them (CIDR: an address and the length of a prefix). Text is read as RFC 4291
/// and Go's netip do: four decimals without leading zeros; eight groups of up to four hexadecimal digits, one run of
/// zeros as <c>::</c>, the last two groups also as four decimals. It is written as RFC 5952 has it. There are no zones
/// (<c>%eth0</c>), which mean nothing off their machine. An IPv4 address mapped into IPv6 is the IPv4 address; written
/// with decimals it is refused, as is a range of such.
/// </summary>
internal sealed class NetAddress : IEquatable<NetAddress>
{
    const int NoPrefix = -1, V4 = 32, V6 = 128;

    readonly UInt128 _bits;
    readonly int _prefix;

    /// <param name="width">How many bits an address has: <see cref="V4"/> or <see cref="V6"/>.</param>
    NetAddress(UInt128 bits, int width, int prefix) => (_bits, Width, _prefix) = (bits, width, prefix);

    public bool IsV6 => Width == V6;

    public bool IsRange => _prefix != NoPrefix;

    public int Prefix => _prefix;

    int Width { get; }

    UInt128 Mask => _prefix == 0 ? UInt128.Zero : UInt128.MaxValue >> 128 - Width & UInt128.MaxValue << Width - _prefix;

    /// <summary>Null when the text is no address; then <paramref name="problem"/> says why.</summary>
    public static NetAddress? ParseIp(string text, out string problem)
    {
        problem = "";
        if (text.Contains('%', StringComparison.Ordinal)) problem = "an IP address with a zone is not allowed";
        else if (Read(text, out var bits, out var v6, out var dotted))
        {
            if (!v6 || bits >> 32 != 0xffff) return new NetAddress(bits, v6 ? V6 : V4, NoPrefix);
            if (!dotted) return new NetAddress((uint)bits, V4, NoPrefix);
            problem = "an IPv4 address mapped into IPv6 is not allowed: write the IPv4 address";
        }
        else problem = "not an IP address";
        return null;
    }

    /// <inheritdoc cref="ParseIp"/>
    public static NetAddress? ParseCidr(string text, out string problem)
    {
        problem = "not a network such as 10.0.0.0/8";
        var slash = text.LastIndexOf('/');
        if (text.Contains('%', StringComparison.Ordinal)) problem = "a network with a zone is not allowed";
        else if (slash >= 0 && Read(text.AsSpan(0, slash), out var bits, out var v6, out _))
        {
            var length = text.AsSpan(slash + 1);
            if (length.Length is < 1 or > 3 || (length.Length > 1 && length[0] == '0')) return null;
            foreach (var c in length)
                if (!char.IsAsciiDigit(c)) return null;
            var prefix = int.Parse(length, NumberStyles.None, CultureInfo.InvariantCulture);
            if (prefix > (v6 ? V6 : V4)) problem = $"a prefix of {prefix} bits is longer than the address";
            else if (v6 && bits >> 32 == 0xffff)
                problem = "an IPv4 address mapped into IPv6 is not allowed: write the IPv4 network";
            else return new NetAddress(bits, v6 ? V6 : V4, prefix);
        }
        return null;
    }

    static bool Read(ReadOnlySpan<char> s, out UInt128 bits, out bool v6, out bool dotted)
    {
        bits = 0;
        dotted = false;
        v6 = s.Contains(':');
        // Longer than any address: no need to look.
        if (s.Length > 45) return false;
        if (!v6) return Decimals(s, out bits);

        // Groups before and after the "::", which stands for at least one.
        UInt128 head = 0, tail = 0;
        int heads = 0, tails = 0;
        var gap = false;
        if (s.StartsWith("::"))
        {
            gap = true;
            s = s[2..];
        }
        while (s.Length > 0)
        {
            var colon = s.IndexOf(':');
            var group = colon < 0 ? s : s[..colon];
            UInt128 value = 0;
            var width = 1;
            if (colon < 0 && group.Contains('.'))
            {
                if (!Decimals(group, out value)) return false;
                (dotted, width) = (true, 2);
            }
            else
            {
                if (group.Length is < 1 or > 4) return false;
                foreach (var c in group)
                {
                    if (!char.IsAsciiHexDigit(c)) return false;
                    value = value << 4 | (uint)(char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
                }
            }
            if (heads + tails + width > 8) return false;
            if (gap) (tail, tails) = (tail << 16 * width | value, tails + width);
            else (head, heads) = (head << 16 * width | value, heads + width);
            if (colon < 0) break;
            s = s[(colon + 1)..];
            if (s.StartsWith(":"))
            {
                if (gap) return false;
                gap = true;
                s = s[1..];
            }
            else if (s.IsEmpty) return false;
        }
        if (gap ? heads + tails > 7 : heads != 8) return false;
        bits = heads == 0 ? tail : head << 16 * (8 - heads) | tail;
        return true;
    }

    static bool Decimals(ReadOnlySpan<char> s, out UInt128 bits)
    {
        bits = 0;
        for (var field = 0; field < 4; field++)
        {
            var dot = s.IndexOf('.');
            if (field < 3 == dot < 0) return false;
            var digits = field < 3 ? s[..dot] : s;
            if (digits.Length is < 1 or > 3 || (digits.Length > 1 && digits[0] == '0')) return false;
            uint value = 0;
            foreach (var c in digits)
            {
                if (!char.IsAsciiDigit(c)) return false;
                value = value * 10 + (uint)(c - '0');
            }
            if (value > 255) return false;
            bits = bits << 8 | value;
            if (field < 3) s = s[(dot + 1)..];
        }
        return true;
    }

    /// <summary>The range's own address.</summary>
    public NetAddress Ip => new(_bits, Width, NoPrefix);

    /// <summary>The range with everything behind the prefix zero.</summary>
    public NetAddress Masked => new(_bits & Mask, Width, _prefix);

    /// <summary>Is the other address, or all of the other range, in this range? Never across the families.</summary>
    public bool Contains(NetAddress other) =>
        IsV6 == other.IsV6 && (!other.IsRange || other._prefix >= _prefix) && ((_bits ^ other._bits) & Mask) == 0;

    bool Starts(uint value, int length) => _bits >> Width - length == value;

    public bool IsUnspecified => _bits == 0;

    public bool IsLoopback => IsV6 ? _bits == 1 : Starts(127, 8);

    public bool IsLinkLocalUnicast => IsV6 ? Starts(0xfe80 >> 6, 10) : Starts(0xa9fe, 16);

    public bool IsLinkLocalMulticast => IsV6 ? Starts(0xff, 8) && (_bits >> 112 & 0xf) == 2 : Starts(0xe00000, 24);

    bool IsMulticast => IsV6 ? Starts(0xff, 8) : Starts(0xe, 4);

    /// <summary>Every unicast address that leaves its link, private ones included.</summary>
    public bool IsGlobalUnicast =>
        !IsUnspecified && !IsLoopback && !IsMulticast && !IsLinkLocalUnicast && (IsV6 || _bits != uint.MaxValue);

    public bool Equals(NetAddress? other) =>
        other is not null && _bits == other._bits && IsV6 == other.IsV6 && _prefix == other._prefix;

    public override bool Equals(object? obj) => Equals(obj as NetAddress);

    public override int GetHashCode() => HashCode.Combine(_bits, IsV6, _prefix);

    public override string ToString()
    {
        var address = IsV6 ? Groups() : string.Create(CultureInfo.InvariantCulture,
            $"{(byte)(_bits >> 24)}.{(byte)(_bits >> 16)}.{(byte)(_bits >> 8)}.{(byte)_bits}");
        return IsRange ? string.Create(CultureInfo.InvariantCulture, $"{address}/{_prefix}") : address;
    }

    /// <summary>The first longest run of two or more zero groups is <c>::</c>.</summary>
    string Groups()
    {
        var (from, length) = (-1, 1);
        for (var i = 0; i < 8; i++)
        {
            var n = 0;
            while (i + n < 8 && Group(i + n) == 0) n++;
            if (n > length) (from, length) = (i, n);
            i += n;
        }
        var b = new System.Text.StringBuilder();
        for (var i = 0; i < 8; i++)
        {
            if (i == from)
            {
                b.Append("::");
                i += length - 1;
                continue;
            }
            if (b.Length > 0 && b[^1] != ':') b.Append(':');
            b.Append(Group(i).ToString("x", CultureInfo.InvariantCulture));
        }
        return b.ToString();
    }

    ushort Group(int i) => (ushort)(_bits >> 16 * (7 - i));
}
