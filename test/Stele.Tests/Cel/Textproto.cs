using System.Globalization;
using System.Text;

namespace Stele.Tests.Cel;

/// <summary>
/// Just enough of protobuf's text format to read the CEL conformance files: nested messages, scalars, adjacent string
/// literals, expanded Any names in brackets, comments. Field order and repetition are kept; nothing is typed.
/// </summary>
sealed class Textproto
{
    public readonly List<(string Name, object Value)> Fields = [];

    public IEnumerable<Textproto> Messages(string name) =>
        Fields.Where(f => f.Name == name).Select(f => (Textproto)f.Value);

    public Textproto? Message(string name) => Messages(name).FirstOrDefault();

    public bool Has(string name) => Fields.Any(f => f.Name == name);

    /// <summary>A string field, or null.</summary>
    public string? Text(string name) => Bytes(name) is { } b ? new UTF8Encoding(false, true).GetString(b) : null;

    public byte[]? Bytes(string name) =>
        Fields.Where(f => f.Name == name).Select(f => (byte[])f.Value).FirstOrDefault();

    /// <summary>A number, bool or enum field as written, or null.</summary>
    public string? Word(string name) => Fields.Where(f => f.Name == name).Select(f => (string)f.Value).FirstOrDefault();

    public static Textproto Parse(string text)
    {
        var at = 0;
        var message = ReadMessage(text, ref at, '\0');
        return message;
    }

    static Textproto ReadMessage(string s, ref int at, char close)
    {
        var message = new Textproto();
        while (true)
        {
            Skip(s, ref at);
            if (at == s.Length ? close == '\0' : s[at] == close)
            {
                at++;
                return message;
            }
            var name = ReadName(s, ref at);
            Skip(s, ref at);
            if (s[at] == ':') { at++; Skip(s, ref at); }
            if (s[at] == '[')
            {
                for (at++, Skip(s, ref at); s[at] != ']'; Skip(s, ref at))
                {
                    if (s[at] == ',') at++;
                    else message.Fields.Add((name, ReadValue(s, ref at)));
                }
                at++;
            }
            else
            {
                message.Fields.Add((name, ReadValue(s, ref at)));
            }
            Skip(s, ref at);
            if (at < s.Length && s[at] is ',' or ';') at++;
        }
    }

    static string ReadName(string s, ref int at)
    {
        var from = at;
        if (s[at] == '[') at = s.IndexOf(']', at) + 1;
        else while (IsWord(s[at])) at++;
        return at > from
            ? s[from..at]
            : throw new FormatException(
                $"a field name expected at {at}: {s.Substring(at, Math.Min(40, s.Length - at))}");
    }

    static object ReadValue(string s, ref int at)
    {
        if (s[at] is '{' or '<')
        {
            var close = s[at++] == '{' ? '}' : '>';
            return ReadMessage(s, ref at, close);
        }
        if (s[at] is '"' or '\'')
        {
            var bytes = new List<byte>();
            for (; at < s.Length && s[at] is '"' or '\''; Skip(s, ref at)) ReadString(s, ref at, bytes);
            return bytes.ToArray();
        }
        var from = at;
        while (IsWord(s[at])) at++;
        return at > from
            ? s[from..at]
            : throw new FormatException($"a value expected at {at}: {s.Substring(at, Math.Min(40, s.Length - at))}");
    }

    static void ReadString(string s, ref int at, List<byte> bytes)
    {
        var quote = s[at++];
        while (s[at] != quote)
        {
            if (s[at] != '\\')
            {
                var rune = Rune.GetRuneAt(s, at);
                bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
                at += rune.Utf16SequenceLength;
                continue;
            }
            var c = s[at + 1];
            at += 2;
            switch (c)
            {
                case 'a': bytes.Add(7); break;
                case 'b': bytes.Add(8); break;
                case 'f': bytes.Add(12); break;
                case 'n': bytes.Add(10); break;
                case 'r': bytes.Add(13); break;
                case 't': bytes.Add(9); break;
                case 'v': bytes.Add(11); break;
                case '\\' or '\'' or '"' or '?': bytes.Add((byte)c); break;
                case 'x' or 'X': bytes.Add((byte)Digits(s, ref at, 2, 16)); break;
                case 'u': bytes.AddRange(Encoding.UTF8.GetBytes(new Rune(Digits(s, ref at, 4, 16)).ToString())); break;
                case 'U': bytes.AddRange(Encoding.UTF8.GetBytes(new Rune(Digits(s, ref at, 8, 16)).ToString())); break;
                case >= '0' and <= '7': at--; bytes.Add((byte)Digits(s, ref at, 3, 8)); break;
                default: throw new FormatException($"escape \\{c} at {at}");
            }
        }
        at++;
    }

    static int Digits(string s, ref int at, int most, int radix)
    {
        var value = 0;
        for (var n = 0; n < most && (radix == 16 ? char.IsAsciiHexDigit(s[at]) : s[at] is >= '0' and <= '7'); n++, at++)
            value = value * radix + int.Parse(s.AsSpan(at, 1), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        return value;
    }

    static void Skip(string s, ref int at)
    {
        while (at < s.Length && (char.IsWhiteSpace(s[at]) || s[at] == '#'))
        {
            if (s[at] == '#') while (at < s.Length && s[at] != '\n') at++;
            else at++;
        }
    }

    static bool IsWord(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '-' or '+';
}
