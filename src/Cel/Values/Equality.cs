namespace Cel.Values;

/// <summary>
/// The language's <c>==</c>: never an error, false across types, except that int, uint and double compare as the
/// numbers they are, exactly (2⁵³+1 as an int is not 2⁵³ as a double). NaN equals nothing.
/// </summary>
internal static class Equality
{
    /// <summary>Looking up a key is as much work as looking at so many values, and at its characters.</summary>
    const int Lookup = 4;

    /// <param name="a">One value.</param>
    /// <param name="b">The other.</param>
    /// <param name="left">
    /// How much may still be looked at: values, characters and bytes. Less than nothing afterwards if that did not
    /// suffice; then the answer means nothing.
    /// </param>
    public static bool Equal(in CelValue a, in CelValue b, ref long left)
    {
        left--;
        if (a.Kind != b.Kind) return Mixed(in a, in b);
        switch (a.Kind)
        {
            case CelKind.Null: return true;
            case CelKind.Bool or CelKind.Int or CelKind.UInt or CelKind.Duration: return a.RawInt == b.RawInt;
            case CelKind.Double: return a.RawDouble == b.RawDouble;
            case CelKind.Timestamp: return a.RawInt == b.RawInt && a.RawNanos == b.RawNanos;
            case CelKind.Type: return string.Equals(a.RawType.Name, b.RawType.Name);
            case CelKind.Ip or CelKind.Cidr: return a.RawAddress.Equals(b.RawAddress);
            case CelKind.Optional:
                var (o, n) = (a.RawOptional, b.RawOptional);
                return o is null || n is null ? ReferenceEquals(o, n) : Equal(in o.Value, in n.Value, ref left);
            case CelKind.String:
                var (s, t) = (a.RawString, b.RawString);
                if (s.Length != t.Length) return false;
                return (left -= s.Length) >= 0 && string.Equals(s, t);
            case CelKind.Bytes:
                var (x, y) = (a.RawBytes, b.RawBytes);
                if (x.Length != y.Length) return false;
                return (left -= x.Length) >= 0 && x.AsSpan().SequenceEqual(y);
            case CelKind.List:
                var (l, m) = (a.ListItems, b.ListItems);
                if (l.Length != m.Length) return false;
                for (var i = 0; i < l.Length; i++)
                    if (left < 0 || !Equal(in l[i], in m[i], ref left)) return false;
                return true;
            case CelKind.Map:
                var (p, q) = (a.RawMap, b.RawMap);
                if (p.Count != q.Count) return false;
                for (var i = 0; i < p.Count; i++)
                {
                    left -= Lookup + (p.Keys[i].Kind == CelKind.String ? p.Keys[i].RawString.Length : 0);
                    if (left < 0 || !q.TryGet(in p.Keys[i], out var other)
                        || !Equal(in p.Values[i], in other, ref left)) return false;
                }
                return true;
            default: return false;
        }
    }

    static bool Mixed(in CelValue a, in CelValue b) => (a.Kind, b.Kind) switch
    {
        (CelKind.Int, CelKind.UInt) or (CelKind.UInt, CelKind.Int) => a.RawInt == b.RawInt && a.RawInt >= 0,
        (CelKind.Double, CelKind.Int or CelKind.UInt) =>
            TryInteger(a.RawDouble, out var n) && n.Kind == b.Kind ? n.RawInt == b.RawInt : Integral(a.RawDouble, b),
        (CelKind.Int or CelKind.UInt, CelKind.Double) => Mixed(in b, in a),
        _ => false,
    };

    static bool Integral(double d, CelValue i) =>
        TryInteger(d, out var n) && n.Kind != i.Kind && n.RawInt == i.RawInt && n.RawInt >= 0;

    /// <summary>The int (or, above its range, uint) that a double is exactly.</summary>
    public static bool TryInteger(double d, out CelValue value)
    {
        value = default;
        if (d != Math.Truncate(d)) return false;
        if (d is >= -9223372036854775808.0 and < 9223372036854775808.0) value = CelValue.Int((long)d);
        else if (d is >= 0 and < 18446744073709551616.0) value = CelValue.UInt((ulong)d);
        else return false;
        return true;
    }

    /// <summary>
    /// Seeded, so that nobody can make up numbers that are slow as keys: the plain hash of a long is the exclusive or
    /// of its halves.
    /// </summary>
    static int Hash(long n) => HashCode.Combine((int)n, (int)(n >> 32));

    /// <summary>Equal values have equal hashes: numbers hash as the integer they are, where they are one.</summary>
    public static int Hash(in CelValue v)
    {
        switch (v.Kind)
        {
            case CelKind.Null: return 0;
            case CelKind.Int or CelKind.UInt: return Hash(v.RawInt);
            case CelKind.Double: return TryInteger(v.RawDouble, out var n) ? Hash(n.RawInt) : v.RawDouble.GetHashCode();
            case CelKind.Bool or CelKind.Duration: return HashCode.Combine(v.Kind, v.RawInt);
            case CelKind.Timestamp: return HashCode.Combine(v.RawInt, v.RawNanos);
            case CelKind.String: return v.RawString.GetHashCode();
            case CelKind.Type: return v.RawType.GetHashCode();
            case CelKind.Bytes:
                var h = new HashCode();
                h.AddBytes(v.RawBytes);
                return h.ToHashCode();
            case CelKind.Ip or CelKind.Cidr: return v.RawAddress.GetHashCode();
            case CelKind.Optional:
                return HashCode.Combine(CelKind.Optional, v.RawOptional is { } o ? Hash(in o.Value) : 0);
            case CelKind.List: return HashCode.Combine(CelKind.List, v.ListItems.Length);
            case CelKind.Map: return HashCode.Combine(CelKind.Map, v.RawMap.Count);
            default: return (int)v.Kind;
        }
    }
}
