using System.Globalization;
using System.Text;

namespace Cel.Syntax;

/// <summary>Values of literal tokens.</summary>
internal static class Literals
{
    /// <summary>The number of a token. Null when out of range.</summary>
    public static object? Number(ReadOnlySpan<char> text, TokenKind kind) => kind switch
    {
        TokenKind.Double => (object?)Double(text),
        TokenKind.UInt => (object?)Magnitude(text[..^1]),
        _ => Magnitude(text) is { } n && n <= long.MaxValue ? (object)(long)n : null,
    };

    /// <summary>
    /// The same with the minus sign before it that belongs to it, so that the smallest int can be written.
    /// </summary>
    public static object? Negated(ReadOnlySpan<char> text, TokenKind kind) => kind is TokenKind.Double
        ? (object?)-Double(text)
        : Magnitude(text) is { } n && n <= 1ul << 63 ? (object)unchecked(-(long)n) : null;

    static double? Double(ReadOnlySpan<char> text)
    {
        var value = double.Parse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
            CultureInfo.InvariantCulture);
        return double.IsInfinity(value) ? null : value;
    }

    static ulong? Magnitude(ReadOnlySpan<char> text)
    {
        ulong magnitude = 0;
        var hex = text.Length > 2 && text[1] is 'x' or 'X';
        foreach (var c in hex ? text[2..] : text)
        {
            var digit = (ulong)(char.IsAsciiDigit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
            var radix = hex ? 16ul : 10ul;
            if (magnitude > (ulong.MaxValue - digit) / radix) return null;
            magnitude = magnitude * radix + digit;
        }
        return magnitude;
    }

    /// <summary>The string or byte[] of a token.</summary>
    public static object Quoted(SourceText source, Token token)
    {
        var start = token.Start;
        var text = source.Text;
        bool raw = false, bytes = false;
        for (; text[start] is not ('\'' or '"'); start++)
        {
            raw |= text[start] is 'r' or 'R';
            bytes |= text[start] is 'b' or 'B';
        }
        var quotes = token.End - start >= 6 && text[start + 1] == text[start] && text[start + 2] == text[start] ? 3 : 1;
        start += quotes;
        var body = text.AsSpan(start, token.End - quotes - start);
        // The lexer refused lone surrogates, and no raw string cuts a pair either.
        if (raw) return bytes ? Encoding.UTF8.GetBytes(body.ToString()) : body.ToString();
        return bytes ? Bytes(source, body, start) : Text(source, body, start);
    }

    /// <summary>
    /// Where in the source a UTF-16 unit of a string literal's value is written, for messages that point into it.
    /// </summary>
    public static int Offset(SourceText source, int literal, int unit)
    {
        var text = source.Text;
        var at = literal;
        var raw = false;
        for (; text[at] is not ('\'' or '"'); at++) raw |= text[at] is 'r' or 'R';
        at += at + 2 < text.Length && text[at + 1] == text[at] && text[at + 2] == text[at] ? 3 : 1;
        for (; unit > 0 && at < text.Length; unit--)
        {
            if (raw || text[at] != '\\') { at++; continue; }
            if (text[at + 1] == 'U' && string.CompareOrdinal(text, at + 2, "0000", 0, 4) != 0) unit--;
            at += text[at + 1] switch { 'x' or 'X' => 4, 'u' => 6, 'U' => 10, >= '0' and <= '3' => 4, _ => 2 };
        }
        return Math.Min(at, text.Length);
    }

    static string Text(SourceText source, ReadOnlySpan<char> body, int at)
    {
        if (!body.Contains('\\')) return body.ToString();
        var b = new StringBuilder(body.Length);
        for (var i = 0; i < body.Length;)
        {
            if (body[i] != '\\') { b.Append(body[i++]); continue; }
            var rune = Escape(source, body, at, ref i, bytes: false);
            if (!Rune.TryCreate(rune, out var r))
                throw new CelException(source, at + i, "the escape is no Unicode code point, or a surrogate");
            b.Append(r.ToString());
        }
        return b.ToString();
    }

    static byte[] Bytes(SourceText source, ReadOnlySpan<char> body, int at)
    {
        var b = new List<byte>(body.Length);
        Span<byte> utf8 = stackalloc byte[4];
        for (var i = 0; i < body.Length;)
        {
            if (body[i] == '\\')
            {
                b.Add((byte)Escape(source, body, at, ref i, bytes: true));
                continue;
            }
            Rune.DecodeFromUtf16(body[i..], out var rune, out var used);
            foreach (var x in utf8[..rune.EncodeToUtf8(utf8)]) b.Add(x);
            i += used;
        }
        return [.. b];
    }

    /// <summary>Reads one escape at <paramref name="i"/>: a code point in a string, a byte in bytes.</summary>
    static uint Escape(SourceText source, ReadOnlySpan<char> body, int at, ref int i, bool bytes)
    {
        var start = i;
        var c = body[i + 1];
        i += 2;
        switch (c)
        {
            case 'a': return 7;
            case 'b': return 8;
            case 'f': return 12;
            case 'n': return 10;
            case 'r': return 13;
            case 't': return 9;
            case 'v': return 11;
            case '\\' or '?' or '"' or '\'' or '`': return c;
            case 'x' or 'X': return Digits(source, body, at, ref i, 2, 16, start);
            case 'u' when !bytes: return Digits(source, body, at, ref i, 4, 16, start);
            case 'U' when !bytes: return Digits(source, body, at, ref i, 8, 16, start);
            case >= '0' and <= '3':
                i--;
                return Digits(source, body, at, ref i, 3, 8, start);
            default:
                throw new CelException(source, at + start, bytes && c is 'u' or 'U'
                    ? "\\u and \\U are for strings; bytes take \\x"
                    : "unknown escape in a string");
        }
    }

    static uint Digits(SourceText source, ReadOnlySpan<char> body, int at, ref int i, int count, uint radix, int start)
    {
        uint value = 0;
        for (var n = 0; n < count; n++, i++)
        {
            if (i >= body.Length || !char.IsAsciiHexDigit(body[i]) || (radix == 8 && body[i] > '7'))
                throw new CelException(source, at + start,
                    $"the escape needs {count} {(radix == 8 ? "octal" : "hexadecimal")} digits");
            value = value * radix + (uint)(char.IsAsciiDigit(body[i]) ? body[i] - '0' : (body[i] | 0x20) - 'a' + 10);
        }
        return value;
    }
}
