using Cel.Check;
using Cel.Plan;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// The encoders extension: base64 in the standard alphabet. Written with padding; read with or without it, never with
/// anything else.
/// </summary>
internal static class EncoderExtension
{
    public static void Declare(FunctionTable t)
    {
        t.Global("base64.encode", CelType.Bytes, CelType.String, (in CelValue x)
            => (x.RawBytes.Length + 2L) / 3 * 4 > ValueLimits.Text
                ? Arithmetic.TooLong("string")
                : CelValue.ValidString(Convert.ToBase64String(x.RawBytes)), Traverse);
        t.Global("base64.decode", CelType.String, CelType.Bytes, (in CelValue x)
            => Decode(x.RawString) is { } bytes
                ? CelValue.OwnBytes(bytes)
                : CelValue.Error(CelErrorKind.InvalidArgument, $"{x} is not base64"), Traverse);
    }

    static long Traverse(in CelValue x) => Costs.Traversal(Costs.Size(in x));

    static byte[]? Decode(string text)
    {
        var end = text.Length;
        if (end % 4 == 0)
            while (end > text.Length - 2 && end > 0 && text[end - 1] == '=') end--;
        if (end % 4 == 1) return null;
        var bytes = new byte[end / 4 * 3 + Math.Max(0, end % 4 - 1)];
        var (bits, held, at) = (0, 0, 0);
        foreach (var c in text.AsSpan(0, end))
        {
            var value = c switch
            {
                >= 'A' and <= 'Z' => c - 'A',
                >= 'a' and <= 'z' => c - 'a' + 26,
                >= '0' and <= '9' => c - '0' + 52,
                '+' => 62,
                '/' => 63,
                _ => -1,
            };
            if (value < 0) return null;
            bits = (bits << 6 | value) & 0xffff;
            held += 6;
            if (held < 8) continue;
            held -= 8;
            bytes[at++] = (byte)(bits >> held);
        }
        // What the last character holds beyond the last byte must be nothing, so that each value has one text but for
        // padding.
        return (bits & (1 << held) - 1) == 0 ? bytes : null;
    }
}
