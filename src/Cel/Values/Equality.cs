namespace Cel.Values;

/// <summary>
/// The language's <c>==</c>: never an error, false across types, except that int, uint and double compare as the numbers they are,
/// exactly (2⁵³+1 as an int is not 2⁵³ as a double). NaN equals nothing.
/// </summary>
internal static class Equality
{
    /// <param name="work">Grows by what was looked at: the cost of comparing large values.</param>
    public static bool Equal(in CelValue a, in CelValue b, ref long work)
    {
        work++;
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
                return o is null || n is null ? ReferenceEquals(o, n) : Equal(in o.Value, in n.Value, ref work);
            case CelKind.String:
                var (s, t) = (a.RawString, b.RawString);
                if (s.Length != t.Length) return false;
                work += s.Length;
                return string.Equals(s, t);
            case CelKind.Bytes:
                var (x, y) = (a.RawBytes, b.RawBytes);
                if (x.Length != y.Length) return false;
                work += x.Length;
                return x.AsSpan().SequenceEqual(y);
            case CelKind.List:
                var (l, m) = (a.ListItems, b.ListItems);
                if (l.Length != m.Length) return false;
                for (var i = 0; i < l.Length; i++)
                    if (!Equal(in l[i], in m[i], ref work)) return false;
                return true;
            case CelKind.Map:
                var (p, q) = (a.RawMap, b.RawMap);
                if (p.Count != q.Count) return false;
                for (var i = 0; i < p.Count; i++)
                {
                    work++;
                    if (!q.TryGet(in p.Keys[i], out var other) || !Equal(in p.Values[i], in other, ref work)) return false;
                }
                return true;
            default: return false;
        }
    }

    static bool Mixed(in CelValue a, in CelValue b) => (a.Kind, b.Kind) switch
    {
        (CelKind.Int, CelKind.UInt) or (CelKind.UInt, CelKind.Int) => a.RawInt == b.RawInt && a.RawInt >= 0,
        (CelKind.Double, CelKind.Int or CelKind.UInt) => TryInteger(a.RawDouble, out var n) && n.Kind == b.Kind ? n.RawInt == b.RawInt : Integral(a.RawDouble, b),
        (CelKind.Int or CelKind.UInt, CelKind.Double) => Mixed(in b, in a),
        _ => false,
    };

    static bool Integral(double d, CelValue i) => TryInteger(d, out var n) && n.Kind != i.Kind && n.RawInt == i.RawInt && n.RawInt >= 0;

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

    /// <summary>Seeded, so that nobody can make up numbers that are slow as keys: the plain hash of a long is the exclusive or of its halves.</summary>
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
            case CelKind.Optional: return HashCode.Combine(CelKind.Optional, v.RawOptional is { } o ? Hash(in o.Value) : 0);
            case CelKind.List: return HashCode.Combine(CelKind.List, v.ListItems.Length);
            case CelKind.Map: return HashCode.Combine(CelKind.Map, v.RawMap.Count);
            default: return (int)v.Kind;
        }
    }
}
