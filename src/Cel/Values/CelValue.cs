using System.Globalization;
using System.Text;

namespace Cel.Values;

/// <summary>
/// A value: a kind, 64 bits and a reference, so that scalars cost no allocation. <c>default</c> is null.
/// Immutable throughout; equality is the language's own (numbers on one number line, NaN unequal to itself, maps
/// without order).
/// </summary>
public readonly struct CelValue : IEquatable<CelValue>
{
    readonly object? _ref;
    readonly long _bits;
    readonly int _nanos;
    readonly CelKind _kind;

    CelValue(CelKind kind, object? reference, long bits, int nanos = 0)
    {
        _kind = kind;
        _ref = reference;
        _bits = bits;
        _nanos = nanos;
    }

    public CelKind Kind => _kind;

    public static CelValue Null => default;

    public static CelValue True => new(CelKind.Bool, null, 1);

    public static CelValue False => new(CelKind.Bool, null, 0);

    public static CelValue Bool(bool value) => new(CelKind.Bool, null, value ? 1 : 0);

    public static CelValue Int(long value) => new(CelKind.Int, null, value);

    public static CelValue UInt(ulong value) => new(CelKind.UInt, null, (long)value);

    public static CelValue Double(double value) => new(CelKind.Double, null, BitConverter.DoubleToInt64Bits(value));

    /// <exception cref="ArgumentException">
    /// Half a surrogate pair: strings are sequences of Unicode code points.
    /// </exception>
    public static CelValue String(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        if (!Texts.IsValid(value)) throw new ArgumentException("the string is not valid Unicode", nameof(value));
        return new(CelKind.String, value, 0);
    }

    /// <summary>A string known to be valid, such as one computed from valid strings at code point borders.</summary>
    internal static CelValue ValidString(string value) => new(CelKind.String, value, 0);

    /// <summary>Copies.</summary>
    public static CelValue Bytes(ReadOnlySpan<byte> value) => new(CelKind.Bytes, value.ToArray(), 0);

    internal static CelValue OwnBytes(byte[] value) => new(CelKind.Bytes, value, 0);

    /// <summary>Copies.</summary>
    /// <exception cref="ArgumentException">Deeper or heavier than <see cref="ValueLimits"/> allow.</exception>
    public static CelValue List(IReadOnlyList<CelValue> elements)
    {
        var items = new CelValue[elements.Count];
        for (var i = 0; i < items.Length; i++) items[i] = elements[i];
        return OrThrow(OwnList(items));
    }

    /// <summary>Takes the array over. An error when beyond <see cref="ValueLimits"/>.</summary>
    internal static CelValue OwnList(CelValue[] elements)
    {
        var list = new CelList(elements);
        return list.Extent.IsAllowed
            ? new(CelKind.List, list, 0)
            : Error(CelErrorKind.TooLarge, "the list would be too deep or too large");
    }

    /// <summary>A map with string keys, in the order given, which is the order macros walk it in.</summary>
    public static CelValue Map(IReadOnlyCollection<KeyValuePair<string, CelValue>> entries)
    {
        var keys = new CelValue[entries.Count];
        var values = new CelValue[entries.Count];
        var i = 0;
        foreach (var (key, value) in entries) (keys[i], values[i++]) = (String(key), value);
        return OwnMap(keys, values);
    }

    /// <summary>A map whose keys are strings, ints, uints or bools, in the order given.</summary>
    public static CelValue Map(IReadOnlyCollection<KeyValuePair<CelValue, CelValue>> entries)
    {
        var keys = new CelValue[entries.Count];
        var values = new CelValue[entries.Count];
        var i = 0;
        foreach (var (key, value) in entries) (keys[i], values[i++]) = (key, value);
        return OwnMap(keys, values);
    }

    static CelValue OwnMap(CelValue[] keys, CelValue[] values)
        => CelMap.TryCreate(keys, values, out var map, out _)
            ? OrThrow(Map(map))
            : throw new ArgumentException("a map key is of a type that can't be one, or is there twice");

    /// <summary>An error when beyond <see cref="ValueLimits"/>.</summary>
    internal static CelValue Map(CelMap map)
        => map.Extent.IsAllowed
            ? new(CelKind.Map, map, 0)
            : Error(CelErrorKind.TooLarge, "the map would be too deep or too large");

    static CelValue OrThrow(CelValue value) => value.IsError
        ? throw new ArgumentException(value.RawError.Reason)
        : value;

    /// <param name="seconds">Since 1970-01-01T00:00:00Z, within years 1 to 9999.</param>
    /// <param name="nanos">0 to 999,999,999, counted forward.</param>
    public static CelValue Timestamp(long seconds, int nanos = 0)
    {
        if (seconds is < Times.MinSeconds or > Times.MaxSeconds) throw new ArgumentOutOfRangeException(nameof(seconds));
        ArgumentOutOfRangeException.ThrowIfNegative(nanos);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(nanos, 999_999_999);
        return new(CelKind.Timestamp, null, seconds, nanos);
    }

    public static CelValue Timestamp(DateTimeOffset time)
    {
        var ticks = time.UtcTicks - DateTime.UnixEpoch.Ticks;
        var seconds = Math.DivRem(ticks, TimeSpan.TicksPerSecond, out var rest);
        if (rest < 0) (seconds, rest) = (seconds - 1, rest + TimeSpan.TicksPerSecond);
        return Timestamp(seconds, (int)rest * 100);
    }

    /// <param name="nanos">Nanoseconds, of either sign.</param>
    public static CelValue Duration(long nanos) => new(CelKind.Duration, null, nanos);

    /// <summary>The optional that has no value.</summary>
    public static CelValue None => new(CelKind.Optional, null, 0);

    /// <summary>The optional that has this one.</summary>
    /// <exception cref="ArgumentException">Optionals inside one another beyond <see cref="ValueLimits"/>.</exception>
    public static CelValue Some(CelValue value) => OrThrow(OwnSome(in value));

    /// <summary>An error when beyond <see cref="ValueLimits"/>.</summary>
    internal static CelValue OwnSome(in CelValue value)
    {
        var optional = new CelOptional(in value);
        return optional.Extent.IsAllowed
            ? new(CelKind.Optional, optional, 0)
            : Error(CelErrorKind.TooLarge, "the optional would be too deep or too large");
    }

    internal static CelValue Address(NetAddress address) =>
        new(address.IsRange ? CelKind.Cidr : CelKind.Ip, address, 0);

    public static CelValue Type(CelType type) => new(CelKind.Type, type, 0);

    internal static CelValue Error(CelError error) => new(CelKind.Error, error, 0);

    internal static CelValue Error(CelErrorKind kind, string reason) =>
        new(CelKind.Error, new CelError(kind, reason), 0);

    /// <summary>The elements of a list.</summary>
    /// <exception cref="InvalidOperationException">Each accessor demands its own kind.</exception>
    public IReadOnlyList<CelValue> AsList() => Expect(CelKind.List).ListItems;

    public bool AsBool() => Expect(CelKind.Bool)._bits != 0;

    public long AsInt() => Expect(CelKind.Int)._bits;

    public ulong AsUInt() => (ulong)Expect(CelKind.UInt)._bits;

    public double AsDouble() => Expect(CelKind.Double).RawDouble;

    public string AsString() => Expect(CelKind.String).RawString;

    public ReadOnlySpan<byte> AsBytes() => Expect(CelKind.Bytes).RawBytes;

    /// <summary>
    /// Values, characters and bytes in all of it, counted each time they are reached: no JSON of it is shorter.
    /// </summary>
    public long Weight => Extent.Of(in this).Weight;

    /// <summary>Entries of a map in its own order.</summary>
    public IEnumerable<KeyValuePair<CelValue, CelValue>> AsMap() => Expect(CelKind.Map).RawMap.Entries();

    /// <summary>The value under a string key of a map.</summary>
    public bool TryGet(string key, out CelValue value)
    {
        if (_kind == CelKind.Map) return RawMap.TryGet(key, out value);
        value = default;
        return false;
    }

    public (long Seconds, int Nanos) AsTimestamp() => (Expect(CelKind.Timestamp)._bits, _nanos);

    /// <summary>Nanoseconds.</summary>
    public long AsDuration() => Expect(CelKind.Duration)._bits;

    /// <summary>Null when the optional has no value.</summary>
    public CelValue? AsOptional() => Expect(CelKind.Optional).RawOptional is { } optional ? optional.Value : null;

    public CelType AsType() => Expect(CelKind.Type).RawType;

    CelValue Expect(CelKind kind) => _kind == kind
        ? this
        : throw new InvalidOperationException($"the value is {TypeOf()}, not {CelType.Of(kind)}");

    // Unchecked access for code that has looked at Kind.
    internal bool RawBool => _bits != 0;
    internal long RawInt => _bits;
    internal ulong RawUInt => (ulong)_bits;
    internal double RawDouble => BitConverter.Int64BitsToDouble(_bits);
    internal int RawNanos => _nanos;
    internal string RawString => (string)_ref!;
    internal byte[] RawBytes => (byte[])_ref!;
    internal CelList RawList => (CelList)_ref!;
    internal CelValue[] ListItems => ((CelList)_ref!).Items;
    internal CelMap RawMap => (CelMap)_ref!;
    internal CelType RawType => (CelType)_ref!;
    /// <summary>Null for the optional without a value.</summary>
    internal CelOptional? RawOptional => (CelOptional?)_ref;
    internal NetAddress RawAddress => (NetAddress)_ref!;
    internal CelError RawError => (CelError)_ref!;
    internal bool IsError => _kind == CelKind.Error;
    internal bool IsTrue => _kind == CelKind.Bool && _bits != 0;
    internal bool IsFalse => _kind == CelKind.Bool && _bits == 0;

    /// <summary>Without parameters: a list is <c>list(dyn)</c>.</summary>
    public CelType TypeOf() => CelType.Of(_kind);

    public bool Equals(CelValue other)
    {
        var left = long.MaxValue;
        return Equality.Equal(in this, in other, ref left);
    }

    public override bool Equals(object? obj) => obj is CelValue other && Equals(other);

    public override int GetHashCode() => Equality.Hash(in this);

    public static bool operator ==(CelValue left, CelValue right) => left.Equals(right);

    public static bool operator !=(CelValue left, CelValue right) => !left.Equals(right);

    /// <summary>Near to a literal of the language; for messages and debugging, not a format.</summary>
    public override string ToString()
    {
        var b = new StringBuilder();
        Write(b, in this);
        return b.ToString();
    }

    /// <summary>
    /// For messages of steps that cost next to nothing: what holds other values is not written out, only its type.
    /// </summary>
    internal string Named() => _kind is CelKind.List or CelKind.Map or CelKind.Optional
        ? $"a value of type {TypeOf()}"
        : ToString();

    /// <summary>Where <see cref="ToString"/> starts to leave things out.</summary>
    const int Shown = 200;

    /// <summary>
    /// As much of a string as is shown; never half a character, since what is shown goes into messages, and those into
    /// statements.
    /// </summary>
    static ReadOnlySpan<char> Start(string s) => s.Length <= Shown
        ? s
        : s.AsSpan(0, char.IsHighSurrogate(s[Shown - 1]) ? Shown - 1 : Shown);

    static void Write(StringBuilder b, in CelValue v)
    {
        switch (v._kind)
        {
            case CelKind.Null: b.Append("null"); break;
            case CelKind.Bool: b.Append(v.RawBool ? "true" : "false"); break;
            case CelKind.Int: b.Append(v._bits.ToString(CultureInfo.InvariantCulture)); break;
            case CelKind.UInt: b.Append(v.RawUInt.ToString(CultureInfo.InvariantCulture)).Append('u'); break;
            case CelKind.Double: b.Append(Numbers.Shortest(v.RawDouble)); break;
            case CelKind.String:
                b.Append('\'').Append(Start(v.RawString)).Append(v.RawString.Length > Shown ? "…'" : "'"); break;
            case CelKind.Bytes:
                b.Append("b'")
                    .Append(Convert.ToHexStringLower(v.RawBytes.AsSpan(0, Math.Min(Shown, v.RawBytes.Length))))
                    .Append(v.RawBytes.Length > Shown ? "…'" : "'"); break;
            case CelKind.Timestamp: b.Append("timestamp('").Append(Times.Format(v._bits, v._nanos)).Append("')"); break;
            case CelKind.Duration: b.Append("duration('").Append(Times.Format(v._bits)).Append("')"); break;
            case CelKind.Type: b.Append(v.RawType.Name); break;
            case CelKind.Ip or CelKind.Cidr:
                b.Append(v._kind == CelKind.Ip ? "ip('" : "cidr('").Append(v.RawAddress.ToString()).Append("')"); break;
            case CelKind.Optional or CelKind.List or CelKind.Map when b.Length > Shown: b.Append('…'); break;
            case CelKind.Optional when v.RawOptional is { } optional:
                b.Append("optional.of(");
                Write(b, in optional.Value);
                b.Append(')');
                break;
            case CelKind.Optional: b.Append("optional.none()"); break;
            case CelKind.Error: b.Append("error: ").Append(v.RawError.Reason); break;
            case CelKind.List:
                b.Append('[');
                var items = v.ListItems;
                for (var i = 0; i < items.Length; i++)
                {
                    if (i > 0) b.Append(", ");
                    if (b.Length > Shown) { b.Append('…'); break; }
                    Write(b, in items[i]);
                }
                b.Append(']');
                break;
            case CelKind.Map:
                b.Append('{');
                var map = v.RawMap;
                for (var i = 0; i < map.Count; i++)
                {
                    if (i > 0) b.Append(", ");
                    if (b.Length > Shown) { b.Append('…'); break; }
                    Write(b, in map.Keys[i]);
                    b.Append(": ");
                    Write(b, in map.Values[i]);
                }
                b.Append('}');
                break;
        }
    }
}
