using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace Stele.Proof;

/// <summary>
/// A line for a person to read: the program's own words as they stand, and every value put into them escaped (<see
/// cref="ForeignText.Line"/>). Written as an interpolated string,
/// <c>$"release {name}  {digest}"</c>, its holes are values and what stands around them is the program's own; a string
/// by itself is a value.
/// Invariant: no character of a value that <see cref="ForeignText.Hides"/> is in the text, whatever the value; colours
/// alone are put around by <see cref="Painted"/>.
/// </summary>
[InterpolatedStringHandler]
public sealed class PrintedLine
{
    // What is printed, and the same without colours.
    readonly StringBuilder _text, _plain;

    public PrintedLine(int literalLength, int formattedCount)
    {
        var length = literalLength + 16 * formattedCount;
        (_text, _plain) = (new StringBuilder(length), new StringBuilder(length));
    }

    /// <summary>Characters that are seen; colours take no room.</summary>
    public int Width => _plain.Length;

    /// <summary>The program's own words, as they stand.</summary>
    public static PrintedLine Own(string text)
    {
        var line = new PrintedLine(0, 0);
        line.AppendLiteral(text);
        return line;
    }

    public static implicit operator PrintedLine(string value) => FromString(value);

    public static PrintedLine FromString(string value) => Own(ForeignText.Line(value));

    public static PrintedLine operator +(PrintedLine first, PrintedLine second) => Add(first, second);

    public static PrintedLine Add(PrintedLine first, PrintedLine second)
    {
        var line = new PrintedLine(0, 0);
        line.AppendFormatted(first);
        line.AppendFormatted(second);
        return line;
    }

    public static PrintedLine Join(string separator, IEnumerable<PrintedLine> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var line = new PrintedLine(0, 0);
        foreach (var (i, part) in parts.Index())
        {
            if (i > 0) line.AppendLiteral(separator);
            line.AppendFormatted(part);
        }
        return line;
    }

    /// <summary>The same in colour: what switches it on and off for a terminal.</summary>
    public PrintedLine Painted(string on, string off)
    {
        var line = new PrintedLine(0, 0);
        line._text.Append(on).Append(_text).Append(off);
        line._plain.Append(_plain);
        return line;
    }

    public PrintedLine PadRight(int width)
    {
        var line = new PrintedLine(0, 0);
        line.AppendFormatted(this);
        line.AppendLiteral(new string(' ', Math.Max(0, width - Width)));
        return line;
    }

    /// <summary>As it is written to a terminal, colours included.</summary>
    public string Printed => _text.ToString();

    /// <summary>Without colours: they are lost where a line becomes a string, and never escaped.</summary>
    public override string ToString() => _plain.ToString();

    // What the compiler calls for an interpolated string.

    public void AppendLiteral(string own)
    {
        ArgumentNullException.ThrowIfNull(own);
        _text.Append(own);
        _plain.Append(own);
    }

    public void AppendFormatted(string? value) => AppendLiteral(value is null ? "" : ForeignText.Line(value));

    public void AppendFormatted(PrintedLine? part)
    {
        if (part is null) return;
        _text.Append(part._text);
        _plain.Append(part._plain);
    }

    public void AppendFormatted<T>(T value) => AppendFormatted(value, null);

    public void AppendFormatted<T>(T value, string? format) =>
        AppendFormatted(value is PrintedLine part ? part
            : FromString((value is IFormattable f ? f.ToString(format, CultureInfo.InvariantCulture)
            : value?.ToString()) ?? ""));
}
