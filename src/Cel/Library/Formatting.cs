using System.Globalization;
using System.Text;
using Cel.Check;
using Cel.Plan;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// <c>"%s is %.3f".format([name, x])</c> of the strings extension: verbs <c>s d f e x X o b</c>, precision for <c>f</c>
/// and <c>e</c> (6 unless given, half to even on the exact value), <c>%%</c> for a percent sign.
/// </summary>
internal static class Formatting
{
    const int MaxPrecision = 100;

    public static void Declare(FunctionTable t)
        => t.Method("format", CelType.String, CelType.List(CelType.Dyn), CelType.String, Format,
            (in CelValue f, in CelValue args) => Price(f.RawString, Extent.Of(in args)));

    /// <summary>
    /// The units of a clause, apart from its text and argument; of one that may show hundreds of digits, and all of
    /// them exact; and of a value, which a map's keys have to be sorted for.
    /// </summary>
    const int Clause = 100, Digits = 500, Value = 30;

    static long Price(string f, Extent args)
    {
        var units = f.Length + args.Weight + Value * args.Values;
        for (var at = f.IndexOf('%'); at >= 0; at = f.IndexOf('%', at))
        {
            for (at++; at < f.Length && (f[at] == '.' || char.IsAsciiDigit(f[at]));) at++;
            units += at < f.Length && f[at] is 'f' or 'e' ? Digits : Clause;
            if (at < f.Length) at++;
        }
        return Costs.Traversal(units);
    }

    static CelValue Format(in CelValue format, in CelValue args)
    {
        var f = format.RawString;
        var values = args.ListItems;
        var b = new StringBuilder(f.Length + 16);
        var next = 0;
        for (var i = 0; i < f.Length; i++)
        {
            if (f[i] != '%') { b.Append(f[i]); continue; }
            if (++i < f.Length && f[i] == '%') { b.Append('%'); continue; }

            var precision = 6;
            var explicitPrecision = i < f.Length && f[i] == '.';
            if (explicitPrecision)
            {
                var from = ++i;
                while (i < f.Length && char.IsAsciiDigit(f[i])) i++;
                if (i == from || i - from > 3
                    || (precision = int.Parse(f.AsSpan(from, i - from), NumberStyles.None,
                        CultureInfo.InvariantCulture)) > MaxPrecision)
                    return Bad($"a precision is a number up to {MaxPrecision}");
            }
            if (i >= f.Length) return Bad("the format ends inside a verb");
            if (f[i] is not ('s' or 'd' or 'f' or 'e' or 'x' or 'X' or 'o' or 'b'))
                return Bad($"unknown verb %{(char.IsSurrogate(f[i]) ? '?' : f[i])}");
            if (explicitPrecision && f[i] is not ('f' or 'e')) return Bad($"%{f[i]} takes no precision");
            if (next >= values.Length) return Bad($"the format wants more than {values.Length} arguments");
            if (Verb(b, f[i], precision, in values[next++]) is { } problem) return Bad(problem);
            if (b.Length > ValueLimits.Text) return Arithmetic.TooLong("string");
        }
        return CelValue.ValidString(b.ToString());
    }

    static CelValue Bad(string reason) => CelValue.Error(CelErrorKind.InvalidArgument, reason);

    /// <summary>Appends; the problem if the value doesn't suit the verb.</summary>
    static string? Verb(StringBuilder b, char verb, int precision, in CelValue v)
    {
        switch (verb)
        {
            case 's': return Text(b, in v);
            case 'd' when v.Kind is CelKind.Int or CelKind.UInt: return Text(b, in v);
            case 'd' when v.Kind == CelKind.Double: b.Append(Numbers.Shortest(v.RawDouble)); return null;
            case 'f' or 'e' when v.Kind is CelKind.Int or CelKind.UInt or CelKind.Double:
                var d = v.Kind switch { CelKind.Int => v.RawInt, CelKind.UInt => v.RawUInt, _ => v.RawDouble };
                b.Append(verb == 'f' ? Numbers.Fixed(d, precision) : Numbers.Scientific(d, precision));
                return null;
            case 'b' when v.Kind == CelKind.Bool: b.Append(v.RawBool ? '1' : '0'); return null;
            case 'b' when v.Kind is CelKind.Int or CelKind.UInt: Radix(b, in v, 1, Small); return null;
            case 'o' when v.Kind is CelKind.Int or CelKind.UInt: Radix(b, in v, 3, Small); return null;
            case 'x' when v.Kind is CelKind.Int or CelKind.UInt: Radix(b, in v, 4, Small); return null;
            case 'X' when v.Kind is CelKind.Int or CelKind.UInt: Radix(b, in v, 4, Capitals); return null;
            case 'x' or 'X' when v.Kind is CelKind.String or CelKind.Bytes:
                var bytes = v.Kind == CelKind.Bytes ? v.RawBytes : Texts.Utf8(v.RawString);
                b.Append(verb == 'X' ? Convert.ToHexString(bytes) : Convert.ToHexStringLower(bytes));
                return null;
            default: return $"%{verb} can't show {v.TypeOf()}";
        }
    }

    /// <summary>
    /// Appends, and stops once there is more than a string may hold; the problem if there is no way to show the value.
    /// </summary>
    static string? Text(StringBuilder b, in CelValue v)
    {
        string? problem = null;
        switch (v.Kind)
        {
            case CelKind.Null: b.Append("null"); break;
            case CelKind.Bool: b.Append(v.RawBool ? "true" : "false"); break;
            case CelKind.Int: b.Append(v.RawInt.ToString(CultureInfo.InvariantCulture)); break;
            case CelKind.UInt: b.Append(v.RawUInt.ToString(CultureInfo.InvariantCulture)); break;
            case CelKind.Double: b.Append(Numbers.Shortest(v.RawDouble)); break;
            case CelKind.String: b.Append(v.RawString); break;
            case CelKind.Bytes: b.Append(Lossy(v.RawBytes)); break;
            case CelKind.Timestamp: b.Append(Times.Format(v.RawInt, v.RawNanos)); break;
            case CelKind.Duration: b.Append(Times.Format(v.RawInt)); break;
            case CelKind.Type: b.Append(v.RawType.Name); break;
            case CelKind.Ip or CelKind.Cidr: b.Append(v.RawAddress.ToString()); break;
            case CelKind.List:
                b.Append('[');
                var items = v.ListItems;
                for (var i = 0; i < items.Length && problem is null && b.Length <= ValueLimits.Text; i++)
                {
                    if (i > 0) b.Append(", ");
                    problem = Text(b, in items[i]);
                }
                b.Append(']');
                break;
            case CelKind.Map:
                // Sorted by the keys as shown, so that equal maps read alike.
                var map = v.RawMap;
                var shown = new string[map.Count];
                var order = new int[map.Count];
                for (var i = 0; i < shown.Length; i++)
                {
                    var key = new StringBuilder();
                    problem ??= Text(key, in map.Keys[i]);
                    (shown[i], order[i]) = (key.ToString(), i);
                }
                Array.Sort(order, (x, y) => Texts.Compare(shown[x], shown[y]) is var c and not 0
                    ? c
                    : map.Keys[x].Kind.CompareTo(map.Keys[y].Kind));
                b.Append('{');
                for (var i = 0; i < order.Length && problem is null && b.Length <= ValueLimits.Text; i++)
                {
                    if (i > 0) b.Append(", ");
                    b.Append(shown[order[i]]).Append(": ");
                    problem = Text(b, in map.Values[order[i]]);
                }
                b.Append('}');
                break;
            default: return $"%s can't show {v.TypeOf()}";
        }
        return problem;
    }

    const string Small = "0123456789abcdef", Capitals = "0123456789ABCDEF";

    static void Radix(StringBuilder b, in CelValue v, int bits, string shown)
    {
        var negative = v.Kind == CelKind.Int && v.RawInt < 0;
        var magnitude = negative ? unchecked(0 - v.RawUInt) : v.RawUInt;
        if (negative) b.Append('-');
        var digits = 1;
        while (digits * bits < 64 && magnitude >> digits * bits != 0) digits++;
        for (var i = digits - 1; i >= 0; i--)
            b.Append(shown[(int)(magnitude >> i * bits & (1ul << bits) - 1)]);
    }

    /// <summary>UTF-8 with each run of invalid bytes as one U+FFFD.</summary>
    static string Lossy(byte[] bytes)
    {
        var b = new StringBuilder(bytes.Length);
        var broken = false;
        for (var i = 0; i < bytes.Length;)
        {
            var status = Rune.DecodeFromUtf8(bytes.AsSpan(i), out var rune, out var used);
            if (status == System.Buffers.OperationStatus.Done) b.Append(rune.ToString());
            else if (!broken) b.Append('\ufffd');
            broken = status != System.Buffers.OperationStatus.Done;
            i += used;
        }
        return b.ToString();
    }
}
