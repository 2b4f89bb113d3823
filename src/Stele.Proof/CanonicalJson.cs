using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Stele.Proof;

/// <summary>
/// The JSON Canonicalization Scheme, RFC 8785: no white space, keys sorted by UTF-16 unit, shortest numbers as
/// ECMAScript prints them, minimal escapes, UTF-8.
/// <see cref="Parse"/> takes any I-JSON; <see cref="ParseCanonical"/> refuses whatever <see cref="Encode"/> would not
/// have written.
/// </summary>
public static class CanonicalJson
{
    /// <summary>Nesting beyond this is refused; nothing we write comes near.</summary>
    public const int MaxDepth = 64;

    /// <summary>
    /// What can't stand in a string as it is: the quote, the backslash, and everything below a space.
    /// </summary>
    static readonly SearchValues<char> Escaped =
        SearchValues.Create(['"', '\\', .. Enumerable.Range(0, ' ').Select(c => (char)c)]);

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true),
        Shown = new(encoderShouldEmitUTF8Identifier: false);

    /// <exception cref="FormatException">
    /// Not JSON, a duplicate key, a lone surrogate, invalid UTF-8, a number beyond a double, too deep or longer than
    /// <paramref name="maxBytes"/>.
    /// </exception>
    public static Json Parse(ReadOnlySpan<byte> utf8, int maxBytes)
    {
        if (utf8.Length > maxBytes)
            throw new FormatException($"{utf8.Length} bytes of JSON; at most {maxBytes} are read here");
        var reader = new Utf8JsonReader(utf8, new JsonReaderOptions { MaxDepth = MaxDepth });
        try
        {
            reader.Read();
            var value = Value(ref reader);
            while (reader.Read()) throw new FormatException("text after the JSON value");
            return value;
        }
        catch (JsonException e)
        {
            throw new FormatException($"not JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}", e);
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException("not JSON: " + (Utf8Text.Complain(utf8) ?? "a string is not valid Unicode"), e);
        }
    }

    /// <summary>Invariant: <c>Encode(ParseCanonical(x)) = x</c>, byte for byte, for every x that is accepted.</summary>
    public static Json ParseCanonical(ReadOnlySpan<byte> utf8, int maxBytes)
    {
        var value = Parse(utf8, maxBytes);
        if (!utf8.SequenceEqual(Encode(value)))
            throw new FormatException("JSON is not in its canonical form (RFC 8785)");
        return value;
    }

    /// <summary>
    /// Reads a record whose own encoding must be the very bytes. What comes out, or is thrown, is what
    /// <see cref="ParseCanonical"/> followed by <paramref name="read"/> and that comparison would give; one encoding is
    /// saved, since bytes that equal an encoding of ours are canonical.
    /// </summary>
    internal static T ParseRecord<T>(ReadOnlySpan<byte> utf8, int maxBytes, Func<Json, T> read, Func<T, byte[]> encode,
        Func<T, string> otherwise)
    {
        try
        {
            var record = read(Parse(utf8, maxBytes));
            return utf8.SequenceEqual(encode(record)) ? record : throw new FormatException(otherwise(record));
        }
        catch
        {
            ParseCanonical(utf8, maxBytes);
            throw;
        }
    }

    /// <exception cref="FormatException">A string holds a lone surrogate, which UTF-8 can't carry.</exception>
    public static byte[] Encode(Json value) => Encode(value, Utf8);

    /// <summary>
    /// The same for what is only shown, and neither signed nor read again: half a surrogate pair becomes U+FFFD, so
    /// that whatever there is to say can be said.
    /// </summary>
    public static byte[] EncodeShown(Json value) => Encode(value, Shown);

    static byte[] Encode(Json value, UTF8Encoding utf8)
    {
        var output = new ArrayBufferWriter<byte>(256);
        Write(output, value, utf8);
        return output.WrittenSpan.ToArray();
    }

    static Json Value(ref Utf8JsonReader reader)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.Null: return Json.Null;
            case JsonTokenType.True: return Json.True;
            case JsonTokenType.False: return Json.False;
            case JsonTokenType.String: return Json.Of(reader.GetString()!);
            case JsonTokenType.Number:
                if (!reader.TryGetDouble(out var d) || !double.IsFinite(d))
                    throw new FormatException("a number is beyond the range of a double");
                return Json.Of(d);
            case JsonTokenType.StartArray:
                var items = new List<Json>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndArray) items.Add(Value(ref reader));
                return Json.Array(items);
            default:
                var members = new List<KeyValuePair<string, Json>>();
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var name = reader.GetString()!;
                    reader.Read();
                    members.Add(new(name, Value(ref reader)));
                }
                return Json.Object(members);   // refuses a key that stands twice
        }
    }

    static void Write(ArrayBufferWriter<byte> output, Json value, UTF8Encoding utf8)
    {
        switch (value.Kind)
        {
            case JsonKind.Null: output.Write("null"u8); break;
            case JsonKind.Bool: output.Write(value.AsBool ? "true"u8 : "false"u8); break;
            case JsonKind.Int:
                value.AsInt.TryFormat(output.GetSpan(20), out var digits, default, CultureInfo.InvariantCulture);
                output.Advance(digits);
                break;
            case JsonKind.Double: WriteAscii(output, Number(value.AsDouble)); break;
            case JsonKind.String: WriteString(output, value.AsString, utf8); break;
            case JsonKind.Array:
                Byte(output, '[');
                var first = true;
                foreach (var item in value.AsArray)
                {
                    if (!first) Byte(output, ',');
                    first = false;
                    Write(output, item, utf8);
                }
                Byte(output, ']');
                break;
            default:
                Byte(output, '{');
                first = true;
                foreach (var (name, member) in value.AsObject.Sorted)
                {
                    if (!first) Byte(output, ',');
                    first = false;
                    WriteString(output, name, utf8);
                    Byte(output, ':');
                    Write(output, member, utf8);
                }
                Byte(output, '}');
                break;
        }
    }

    static void WriteString(ArrayBufferWriter<byte> output, string text, UTF8Encoding utf8)
    {
        Byte(output, '"');
        var rest = text.AsSpan();
        for (int at; (at = rest.IndexOfAny(Escaped)) >= 0; rest = rest[(at + 1)..])
        {
            WriteUtf8(output, rest[..at], utf8);
            WriteAscii(output, rest[at] switch
            {
                '"' => "\\\"", '\\' => "\\\\", '\b' => "\\b", '\f' => "\\f", '\n' => "\\n", '\r' => "\\r", '\t' =>
                    "\\t",
                var control => $"\\u{(int)control:x4}",
            });
        }
        WriteUtf8(output, rest, utf8);
        Byte(output, '"');
    }

    static void WriteUtf8(ArrayBufferWriter<byte> output, ReadOnlySpan<char> text, UTF8Encoding utf8)
    {
        if (text.IsEmpty) return;
        try
        {
            output.Advance(utf8.GetBytes(text, output.GetSpan(utf8.GetMaxByteCount(text.Length))));
        }
        catch (EncoderFallbackException e)
        {
            throw new FormatException("a string holds a lone surrogate, which UTF-8 can't carry", e);
        }
    }

    static void WriteAscii(ArrayBufferWriter<byte> output, string text) =>
        output.Advance(Encoding.ASCII.GetBytes(text, output.GetSpan(text.Length)));

    static void Byte(ArrayBufferWriter<byte> output, char c)
    {
        output.GetSpan(1)[0] = (byte)c;
        output.Advance(1);
    }

    /// <summary>
    /// A finite double as ECMAScript's Number::toString prints it (ECMA-262 §6.1.6.1.20), which RFC 8785 §3.2.2.3
    /// demands.
    /// </summary>
    internal static string Number(double d)
    {
        if (d == 0) return "0";
        // "E16" round-trips give the shortest digits; only the layout differs from ECMAScript's.
        var shortest = d.ToString("R", CultureInfo.InvariantCulture);
        var negative = shortest[0] == '-';
        var body = negative ? shortest[1..] : shortest;
        var e = body.IndexOf('E', StringComparison.Ordinal);
        var mantissa = e < 0 ? body : body[..e];
        var exponent = e < 0
            ? 0
            : int.Parse(body.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var dot = mantissa.IndexOf('.', StringComparison.Ordinal);
        var digits = dot < 0 ? mantissa : mantissa.Remove(dot, 1);
        var point = (dot < 0 ? mantissa.Length : dot) + exponent;   // the decimal point stands after this many digits
        var zeros = digits.Length - digits.TrimStart('0').Length;
        digits = digits[zeros..];
        point -= zeros;
        digits = digits.TrimEnd('0');

        var text = new StringBuilder(negative ? "-" : "");
        var k = digits.Length;
        if (k <= point && point <= 21) text.Append(digits).Append('0', point - k);
        else if (0 < point && point <= 21)
            text.Append(digits.AsSpan(0, point)).Append('.').Append(digits.AsSpan(point));
        else if (-6 < point && point <= 0) text.Append("0.").Append('0', -point).Append(digits);
        else
        {
            text.Append(digits[0]);
            if (k > 1) text.Append('.').Append(digits.AsSpan(1));
            text.Append('e').Append(point - 1 < 0 ? '-' : '+')
                .Append(Math.Abs(point - 1).ToString(CultureInfo.InvariantCulture));
        }
        return text.ToString();
    }
}
