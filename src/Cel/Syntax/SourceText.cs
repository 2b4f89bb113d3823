using System.Text;

namespace Cel.Syntax;

/// <summary>A source and the way to point into it.</summary>
/// <param name="definition">What it defines; null for a program's own source.</param>
internal sealed class SourceText(string text, string? definition = null)
{
    const int Window = 100;

    public string Text { get; } = text;

    public string? Definition { get; } = definition;

    /// <summary>Line and column from 1; the column counts code points.</summary>
    public (int Line, int Column) Locate(int position)
    {
        var (line, start) = LineAt(position);
        return (line, CodePoints(start, Math.Min(position, Text.Length)) + 1);
    }

    /// <summary>
    /// <code>
    /// 1:5: undeclared reference to 'foo'
    ///  | 1 + foo
    ///  | ....^
    /// </code>
    /// The source of a definition is named first. A long line is cut to the part around the caret.
    /// </summary>
    public string Describe(int position, string reason)
    {
        position = Math.Clamp(position, 0, Text.Length);
        var (line, start) = LineAt(position);
        var end = Text.IndexOf('\n', start);
        if (end < 0) end = Text.Length;
        if (end > start && Text[end - 1] == '\r') end--;

        var from = Math.Max(start, position - Window);
        if (from > start && char.IsLowSurrogate(Text[from])) from++;
        var to = Math.Min(end, position + Window);
        if (to < end && to > 0 && char.IsHighSurrogate(Text[to - 1])) to--;

        var b = new StringBuilder();
        if (Definition is not null) b.Append("definition '").Append(Definition).Append("', ");
        b.Append(line).Append(':').Append(CodePoints(start, position) + 1).Append(": ").Append(reason);
        b.Append("\n | ");
        if (from > start) b.Append('…');
        foreach (var c in Text.AsSpan(from, Math.Max(0, to - from))) b.Append(char.IsControl(c) ? ' ' : c);
        if (to < end) b.Append('…');
        b.Append("\n | ");
        if (from > start) b.Append('.');
        b.Append('.', CodePoints(from, position)).Append('^');
        return b.ToString();
    }

    (int Line, int Start) LineAt(int position)
    {
        int line = 1, start = 0;
        for (var i = 0; i < position && i < Text.Length; i++)
            if (Text[i] == '\n') { line++; start = i + 1; }
        return (line, start);
    }

    int CodePoints(int from, int to)
    {
        var n = 0;
        for (var i = from; i < to; i++)
            if (!char.IsLowSurrogate(Text[i])) n++;
        return n;
    }
}
