using System.Globalization;
using Cel.Check;
using Cel.Plan;
using Cel.Values;

namespace Cel.Library;

/// <summary>Functions named like types, and <c>type</c> itself.</summary>
internal static class Conversions
{
    public static void Declare(FunctionTable t)
    {
        CelType i = CelType.Int, u = CelType.UInt, d = CelType.Double, s = CelType.String, y = CelType.Bytes,
            b = CelType.Bool;
        CelType time = CelType.Timestamp, span = CelType.Duration, any = CelType.Param("A");

        t.Global("dyn", any, CelType.Dyn, (in CelValue x) => x);
        t.Global("type", any, CelType.Type, (in CelValue x) => CelValue.Type(x.TypeOf()));
        foreach (var type in new[] { b, i, u, d, s, y, time, span })
            t.Global(type.ToString(), type, type, (in CelValue x) => x);

        t.Global("bool", s, b, (in CelValue x) => x.RawString switch
        {
            "1" or "t" or "true" or "TRUE" or "True" => CelValue.True,
            "0" or "f" or "false" or "FALSE" or "False" => CelValue.False,
            _ => Bad(in x, "bool"),
        });

        t.Global("int", u, i,
            (in CelValue x) => x.RawUInt <= long.MaxValue ? CelValue.Int(x.RawInt) : OutOfRange(in x, "int"));
        // Both limits are exclusive: 2⁶³ is out, and a double that reads -2⁶³ may have been a smaller number.
        t.Global("int", d, i, (in CelValue x) => x.RawDouble is > -9223372036854775808.0 and < 9223372036854775808.0
            ? CelValue.Int((long)x.RawDouble)
            : OutOfRange(in x, "int"));
        t.Global("int", s, i,
            (in CelValue x) => Numbers.TryInt(x.RawString, out var n) ? CelValue.Int(n) : Bad(in x, "int"), Traverse);
        t.Global("int", time, i, (in CelValue x) => CelValue.Int(x.RawInt));

        t.Global("uint", i, u, (in CelValue x) => x.RawInt >= 0 ? CelValue.UInt(x.RawUInt) : OutOfRange(in x, "uint"));
        t.Global("uint", d, u, (in CelValue x) => x.RawDouble is > -1 and < 18446744073709551616.0
            ? CelValue.UInt((ulong)x.RawDouble)
            : OutOfRange(in x, "uint"));
        t.Global("uint", s, u, (in CelValue x) => Numbers.TryUInt(x.RawString, out var n)
            ? CelValue.UInt(n)
            : Bad(in x, "uint"), Traverse);

        t.Global("double", i, d, (in CelValue x) => CelValue.Double(x.RawInt));
        t.Global("double", u, d, (in CelValue x) => CelValue.Double(x.RawUInt));
        t.Global("double", s, d, (in CelValue x) => Numbers.TryDouble(x.RawString, out var n)
            ? CelValue.Double(n)
            : Bad(in x, "double"), Traverse);

        t.Global("string", b, s, (in CelValue x) => CelValue.ValidString(x.RawBool ? "true" : "false"));
        t.Global("string", i, s,
            (in CelValue x) => CelValue.ValidString(x.RawInt.ToString(CultureInfo.InvariantCulture)));
        t.Global("string", u, s,
            (in CelValue x) => CelValue.ValidString(x.RawUInt.ToString(CultureInfo.InvariantCulture)));
        t.Global("string", d, s, (in CelValue x) => CelValue.ValidString(Numbers.Shortest(x.RawDouble)));
        t.Global("string", y, s, (in CelValue x) => Texts.FromUtf8(x.RawBytes) is { } text
            ? CelValue.ValidString(text)
            : CelValue.Error(CelErrorKind.InvalidArgument, "the bytes are not UTF-8"), Traverse);
        t.Global("string", time, s, (in CelValue x) => CelValue.ValidString(Times.Format(x.RawInt, x.RawNanos)));
        t.Global("string", span, s, (in CelValue x) => CelValue.ValidString(Times.Format(x.RawInt)));

        t.Global("bytes", s, y, (in CelValue x) => Texts.Utf8(x.RawString) is { Length: <= ValueLimits.Text } utf8
            ? CelValue.OwnBytes(utf8)
            : Arithmetic.TooLong("bytes"), Traverse);

        t.Global("timestamp", i, time, (in CelValue x) => x.RawInt is >= Times.MinSeconds and <= Times.MaxSeconds
            ? CelValue.Timestamp(x.RawInt)
            : OutOfRange(in x, "timestamp"));
        t.Global("timestamp", s, time, (in CelValue x) => Times.TryParse(x.RawString, out var seconds, out var nanos)
            ? CelValue.Timestamp(seconds, nanos)
            : Bad(in x, "timestamp"), Traverse);
        t.Global("duration", s, span, (in CelValue x) => Times.TryParseDuration(x.RawString, out var nanos)
            ? CelValue.Duration(nanos)
            : Bad(in x, "duration"), Traverse);
    }

    static long Traverse(in CelValue x) => Costs.Traversal(Costs.Size(in x));

    static CelValue Bad(in CelValue x, string type) =>
        CelValue.Error(CelErrorKind.InvalidArgument, $"{x} is no {type}");

    static CelValue OutOfRange(in CelValue x, string type) =>
        CelValue.Error(CelErrorKind.Range, $"{x} is outside the range of {type}");
}
