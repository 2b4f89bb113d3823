using System.Globalization;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Stele.Build;

/// <summary>Where something stands in a YAML file, from 1.</summary>
sealed record YamlMark(int Line, int Column)
{
    public Scalar? Scalar { get; init; }

    /// <summary>Parameters that were put in: where in the value, how long, and how long the <c>${name}</c> was.</summary>
    public List<(int At, int Length, int Written)> Substituted { get; } = [];
}

/// <summary>A YAML file as it was written, to point into.</summary>
sealed class YamlText(string file, string text)
{
    const int Window = 100;

    public string File => file;
    public string Text => text;

    /// <summary>
    /// <code>
    /// policy.yaml:7:14: what is wrong
    ///  | require: chekcs.fairness
    ///  | .........^
    /// </code>
    /// </summary>
    public string Describe(int line, int column, string reason)
    {
        var source = Line(line).TrimEnd('\r');
        var at = Math.Clamp(column - 1, 0, source.Length);
        var from = Math.Max(source.Length - source.AsSpan().TrimStart().Length, at - Window);
        from = Math.Min(from, at);
        var to = Math.Min(source.Length, at + Window);
        var b = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{file}:{line}:{column}: {reason}\n | ");
        if (from > 0 && source.AsSpan(0, from).ContainsAnyExcept(' ')) b.Append('…');
        foreach (var c in source.AsSpan(from, to - from)) b.Append(char.IsControl(c) ? ' ' : c);
        if (to < source.Length) b.Append('…');
        b.Append("\n | ");
        if (from > 0 && source.AsSpan(0, from).ContainsAnyExcept(' ')) b.Append('.');
        foreach (var c in source.AsSpan(from, at - from)) if (!char.IsLowSurrogate(c)) b.Append('.');
        return b.Append('^').ToString();
    }

    public FormatException Wrong(int line, int column, string reason) => new(Describe(line, column, reason));

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
    /// Where a place in a scalar's value, as line and column in code points, stands in the file: through quotes, escapes, folds and parameters. The scalar's own place where that can't be told.
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
            while (first < text.Length && text[first] is '\n' or '\r' or ' ') first = text[first] == '\n' ? p = first + 1 : first + 1;
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
            while (p < text.Length && text[p] != c && text[p] is ' ' or '\t' or '\r' or '\n' && !(c is ' ' or '\n' && text[p] == '\n')) Skip();
            if (i == wanted || p >= text.Length) break;
            if (text[p] is '\r' or '\n') Skip();
            else if (scalar.Style == ScalarStyle.DoubleQuoted && text[p] == '\\') p += text[p + 1] switch { 'x' => 4, 'u' => 6, 'U' => 10, _ => 2 };
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
        // Lines of the value with its parameters put in; those have no line breaks of their own, or it is the parameter that is pointed at.
        var value = written;
        foreach (var (at, length, was) in mark.Substituted) value = value[..at] + new string('x', length) + value[(at + was)..];
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
