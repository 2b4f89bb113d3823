using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>
/// Text that somebody else wrote, made fit to be shown. Names of files, comments of policies, messages, reasons and
/// answers of servers are all such text, and what stands in them must not be able to
/// move the cursor, recolour or reorder what a reader sees, begin a line of ours, or hide.
/// <para>
/// Every code point of the table below is written as <c>\u{HEX}</c>, upper case and without leading zeros:
/// <c>\u{1B}</c>, <c>\u{202E}</c>, <c>\u{A}</c>; half a surrogate pair too. A backslash stays
/// as it is, unless <c>u{</c> follows it: then it becomes <c>\u{5C}</c>. So nobody can write what looks like an escape
/// of ours, two texts are never shown alike, and
/// text without such characters (a regular expression, a Windows path) is shown as it was written.
/// </para>
/// The table: the general categories Cc (controls), Cf (format characters: bidi, joiners, tags), Cs (half surrogate
/// pairs), Co (private use, which has no agreed looks), Zl and Zp (line and paragraph
/// separators) and the property Default_Ignorable_Code_Point of Unicode 15.0.0, the noncharacters, and U+2800, a blank.
/// The page that judges packs has the same table and the same function.
/// </summary>
public static class ForeignText
{
    public const string UnicodeVersion = "15.0.0";

    /// <summary>
    /// First and last of each range, in order. Noncharacters at the end of a plane are not listed: see <see
    /// cref="Hides"/>.
    /// </summary>
    internal static ReadOnlySpan<int> Ranges =>
    [
        0x0, 0x1F, 0x7F, 0x9F, 0xAD, 0xAD, 0x34F, 0x34F, 0x600, 0x605, 0x61C, 0x61C, 0x6DD, 0x6DD, 0x70F, 0x70F, 0x890,
            0x891, 0x8E2, 0x8E2,
        0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180F, 0x200B, 0x200F, 0x2028, 0x202E, 0x2060, 0x206F, 0x2800, 0x2800,
            0x3164, 0x3164,
        0xD800, 0xF8FF, 0xFDD0, 0xFDEF, 0xFE00, 0xFE0F, 0xFEFF, 0xFEFF, 0xFFA0, 0xFFA0, 0xFFF0, 0xFFFB, 0x110BD,
            0x110BD, 0x110CD, 0x110CD,
        0x13430, 0x1343F, 0x1BCA0, 0x1BCA3, 0x1D173, 0x1D17A, 0xE0000, 0xE0FFF, 0xF0000, 0x10FFFF,
    ];

    /// <summary>
    /// Whether a code point may not reach a reader as it is: it controls, reorders, is invisible, or has no agreed
    /// looks.
    /// </summary>
    public static bool Hides(int codePoint)
    {
        if (codePoint is >= ' ' and < 0x7F) return false;
        if ((codePoint & 0xFFFE) == 0xFFFE) return true;
        for (var i = 0; i < Ranges.Length && Ranges[i] <= codePoint; i += 2)
            if (codePoint <= Ranges[i + 1]) return true;
        return false;
    }

    /// <summary>Whether it is one of the controls that reorder what is read (Unicode's Bidi_Control).</summary>
    public static bool Reorders(int codePoint) =>
        codePoint is 0x61C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069);

    /// <summary>A value on a line of ours; a line break in it is escaped as well.</summary>
    public static string Line(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        StringBuilder? escaped = null;
        for (var i = 0; i < text.Length;)
        {
            var (codePoint, length) = At(text, i);
            if (Hides(codePoint) || codePoint == '\\' && i + 2 < text.Length && text[i + 1] == 'u'
                && text[i + 2] == '{')
                (escaped ??= new StringBuilder(text, 0, i, text.Length + 16))
                    .Append(CultureInfo.InvariantCulture, $"\\u{{{codePoint:X}}}");
            else
                escaped?.Append(text, i, length);
            i += length;
        }
        return escaped?.ToString() ?? text;
    }

    /// <summary>
    /// Text of several lines, each made fit to be shown. LF and CRLF end a line, nothing else does; the last may have
    /// no end.
    /// </summary>
    public static IEnumerable<string> Lines(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return text.Split('\n').Select(l => Line(l.EndsWith('\r') ? l[..^1] : l));
    }

    /// <summary>
    /// JSON text with the same characters as <c>\uXXXX</c>, which is the same JSON value. Below a space JSON escapes
    /// already.
    /// </summary>
    public static string Json(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        StringBuilder? escaped = null;
        for (var i = 0; i < json.Length;)
        {
            var (codePoint, length) = At(json, i);
            // Outside of strings there are only these three, and they are layout.
            if (codePoint is not ('\n' or '\r' or '\t') && Hides(codePoint))
                foreach (var unit in json.AsSpan(i, length)) (escaped ??= new StringBuilder(json, 0, i, json.Length
                    + 16)).Append(CultureInfo.InvariantCulture, $"\\u{(int)unit:x4}");
            else
                escaped?.Append(json, i, length);
            i += length;
        }
        return escaped?.ToString() ?? json;
    }

    /// <summary>The code point at a place, and its UTF-16 units; half a surrogate pair is itself.</summary>
    internal static (int CodePoint, int Length) At(string text, int index) =>
        char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1])
            ? (char.ConvertToUtf32(text[index], text[index + 1]), 2) : (text[index], 1);
}
