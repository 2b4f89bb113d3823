using System.Globalization;
using Stele.Proof;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Stele.Build;

/// <summary>Where something stands in a YAML file, from 1.</summary>
sealed record YamlMark(int Line, int Column)
{
    public Scalar? Scalar { get; init; }

    /// <summary>
    /// Parameters that were put in: where in the value, how long, and how long the <c>${name}</c> was.
    /// </summary>
    public List<(int At, int Length, int Written)> Substituted { get; } = [];
}

/// <summary>A YAML file as it was written, to point into.</summary>
sealed class YamlText(string file, string text)
{
    const int Window = 100;

    public string File => file;
    public string Text => text;

    /// <summary>A file's text: UTF-8, or refused.</summary>
    /// <exception cref="FormatException">It is not UTF-8, or too long.</exception>
    public static async Task<string> Read(string file, CancellationToken stop = default)
    {
        await using var stream = System.IO.File.OpenRead(file);
        var bytes = new byte[Yaml.MaxBytes + 1];
        var length = await stream.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, stop);
        if (length > Yaml.MaxBytes) throw new FormatException($"{file}: longer than {Yaml.MaxBytes} bytes");
        try
        {
            return Utf8Text.Decode(bytes.AsSpan(0, length));
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Refuses what YAML 1.2 has no place for, and what parsers take for different things. Invariant: behind it, LF and
    /// CRLF end lines and nothing else does, whichever YAML one goes by (1.1, by which our scanner goes, breaks lines
    /// at CR, U+0085, U+2028 and U+2029 as well).
    /// </summary>
    public void Hold()
    {
        for (var i = 0; i < text.Length; i++)
        {
            var (c, length) = ForeignText.At(text, i);
            var wrong = c switch
            {
                '\r' when i + 1 < text.Length && text[i + 1] == '\n' => null,
                '\r' => "a carriage return (U+000D) that no line feed follows: end lines with LF or CRLF",
                0x85 or 0x2028 or 0x2029 => $"U+{c:X4} ends a line for some YAML parsers and not for others: end "
                    + "lines with LF or CRLF; in double quotes write it as "
                    + $"{(c == 0x85 ? "\\N" : c == 0x2028 ? "\\L" : "\\P")}",
                '\t' or '\n' => null,
                < ' ' or (>= 0x7F and <= 0x9F) => $"the control character U+{c:X4} has no place in YAML: in double "
                    + $"quotes write it as \\x{c:X2}",
                (>= 0xD800 and <= 0xDFFF) or 0xFFFE or 0xFFFF => $"U+{c:X4} is no character",
                _ => null,
            };
            if (wrong is not null)
            {
                var (line, column) = Place(i);
                throw Wrong(line, column, "not YAML as it is taken here: " + wrong);
            }
            i += length - 1;
        }
    }

    /// <summary>
    /// Characters that reorder what one reads, or that one does not see, each with its place: in a text that people are
    /// to judge they are seldom meant.
    /// </summary>
    public IEnumerable<HiddenCharacter> Hidden()
    {
        var (line, start) = (1, 0);
        for (var i = 0; i < text.Length;)
        {
            var (c, length) = ForeignText.At(text, i);
            if (c == '\n') (line, start) = (line + 1, i + 1);
            else if (ForeignText.Reorders(c)) yield return new(line, i - start + 1, "bidi",
                $"U+{c:X4} reorders what is read here: what one sees is not what is judged; take it away, or write "
                + $"it as \\u{c:X4} in double quotes");
            else if (c is not ('\t' or '\r') && ForeignText.Hides(c)) yield return new(line, i - start + 1, "invisible",
                $"U+{c:X4} is not seen here, and counts: take it away, or write it as "
                + $"{(c > 0xFFFF ? $"\\U{c:X8}" : $"\\u{c:X4}")} in double quotes");
            i += length;
        }
    }

    /// <summary>
    /// <code>
    /// policy.yaml:7:14: what is wrong
    ///  | require: chekcs.fairness
    ///  | .........^
    /// </code>
    /// </summary>
    public IReadOnlyList<string> Describe(int line, int column, string reason)
    {
        var source = Line(line).TrimEnd('\r');
        var at = Math.Clamp(column - 1, 0, source.Length);
        var from = Math.Max(source.Length - source.AsSpan().TrimStart().Length, at - Window);
        from = Math.Min(from, at);
        var to = Math.Min(source.Length, at + Window);
        var cut = from > 0 && source.AsSpan(0, from).ContainsAnyExcept(' ');
        // A tab would put the caret below something else. What else is escaped where the line is shown takes as many
        // dots as it will have characters.
        var dots = ForeignText.Line(source[from..at].Replace('\t', ' ')).Count(c => !char.IsLowSurrogate(c))
            + (cut ? 1 : 0);
        return
        [
            string.Create(CultureInfo.InvariantCulture, $"{file}:{line}:{column}: {reason}"),
            $" | {(cut ? "…" : "")}{source[from..to].Replace('\t', ' ')}{(to < source.Length ? "…" : "")}",
            $" | {new string('.', dots)}^",
        ];
    }

    public FormatException Wrong(int line, int column, string reason) =>
        new LinesException(Describe(line, column, reason));

    string Line(int line)
    {
        var start = 0;
        for (var i = 1; i < line; i++)
        {
            var end = text.IndexOf('\n', start);
            if (end < 0) return "";
            start = end + 1;
        }
        var stop = text.IndexOf('\n', start);
        return stop < 0 ? text[start..] : text[start..stop];
    }

    /// <summary>
    /// Where a place in a scalar's value, as line and column in code points, stands in the file: through quotes,
    /// escapes, folds and parameters. The scalar's own place where that can't be told.
    /// </summary>
    public (int Line, int Column) Locate(YamlMark mark, int line, int column)
    {
        if (mark.Scalar is not { } scalar) return (mark.Line, mark.Column);
        var wanted = Offset(line, column, mark, scalar.Value);
        var p = (int)scalar.Start.Index;
        var block = scalar.Style is ScalarStyle.Literal or ScalarStyle.Folded;
        var indent = 0;
        if (block)
        {
            p = text.IndexOf('\n', p) + 1;
            if (p == 0) return (mark.Line, mark.Column);
            var first = p;
            while (first < text.Length && text[first] is '\n' or '\r' or ' ')
                first = text[first] == '\n' ? p = first + 1 : first + 1;
            indent = Math.Max(0, first - p - (scalar.Value.Length - scalar.Value.AsSpan().TrimStart(' ').Length));
            p = text.IndexOf('\n', (int)scalar.Start.Index) + 1;
            Indent();
        }
        else if (scalar.Style is ScalarStyle.SingleQuoted or ScalarStyle.DoubleQuoted)
        {
            p++;
        }
        for (var i = 0; i < scalar.Value.Length && p < text.Length; i++)
        {
            var c = scalar.Value[i];
            // What folding left away.
            while (p < text.Length && text[p] != c && text[p] is ' ' or '\t' or '\r' or '\n'
                && !(c is ' ' or '\n' && text[p] == '\n')) Skip();
            if (i == wanted || p >= text.Length) break;
            if (text[p] is '\r' or '\n') Skip();
            else if (scalar.Style == ScalarStyle.DoubleQuoted && text[p] == '\\') p += text[p + 1] switch
            {
                'x' => 4,
                'u' => 6,
                'U' => 10,
                _ => 2
            };
            else if (scalar.Style == ScalarStyle.SingleQuoted && c == '\'') p += 2;
            else if (text[p] == c) p++;
            else return (mark.Line, mark.Column);
        }
        return Place(Math.Min(p, text.Length));

        void Skip()
        {
            if (text[p++] == '\n') Indent();
        }

        void Indent()
        {
            for (var n = 0; block && n < indent && p < text.Length && text[p] == ' '; n++) p++;
        }
    }

    /// <summary>The offset in the value as it was written, before parameters were put in.</summary>
    static int Offset(int line, int column, YamlMark mark, string written)
    {
        // Lines of the value with its parameters put in; those have no line breaks of their own, or it is the parameter
        // that is pointed at.
        var value = written;
        foreach (var (at, length, was) in mark.Substituted) value = value[..at] + new string('x', length)
            + value[(at + was)..];
        var start = 0;
        for (var i = 1; i < line && value.IndexOf('\n', start) is >= 0 and var end; i++) start = end + 1;
        var offset = start;
        for (var n = 1; n < column && offset < value.Length; n++) offset += char.IsHighSurrogate(value[offset]) ? 2 : 1;
        foreach (var (at, length, was) in Enumerable.Reverse(mark.Substituted))
        {
            if (offset >= at + length) offset += was - length;
            else if (offset > at) offset = at;
        }
        return offset;
    }

    (int Line, int Column) Place(int offset)
    {
        var line = 1;
        var start = 0;
        for (var i = 0; i < offset; i++)
            if (text[i] == '\n') (line, start) = (line + 1, i + 1);
        return (line, offset - start + 1);
    }
}

/// <summary>A character that people do not see, or that reorders what they see. Line and column count from 1.</summary>
sealed record HiddenCharacter(int Line, int Column, string Code, string Message);
