using System.Text;
using Cel.Check;
using Cel.Plan;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// The strings extension, but for <c>format</c> (<see cref="Formatting"/>). Positions count code points; the work is
/// done on UTF-16 and converted at the edges.
/// </summary>
internal static class StringExtension
{
    public static void Declare(FunctionTable t)
    {
        CelType s = CelType.String, i = CelType.Int, list = CelType.List(s);

        t.Method("charAt", s, i, s, (in CelValue x, in CelValue n) => CharAt(x.RawString, n.RawInt), First);
        t.Method("substring", s, i, s, (in CelValue x, in CelValue from) =>
            Slice(x.RawString, from.RawInt, Texts.Length(x.RawString)), First);
        t.Method("substring", [s, i, i], s, x => Slice(x[0].RawString, x[1].RawInt, x[2].RawInt),
            x => First(in x[0], in x[1]));

        t.Method("indexOf", s, s, i, (in CelValue x, in CelValue y) => IndexOf(x.RawString, y.RawString, 0), Product);
        t.Method("indexOf", [s, s, i], i, x => IndexOf(x[0].RawString, x[1].RawString, x[2].RawInt),
            x => Product(in x[0], in x[1]));
        t.Method("lastIndexOf", s, s, i, (in CelValue x, in CelValue y) =>
            LastIndexOf(x.RawString, y.RawString, Texts.Length(x.RawString)), Product);
        t.Method("lastIndexOf", [s, s, i], i, x => LastIndexOf(x[0].RawString, x[1].RawString, x[2].RawInt),
            x => Product(in x[0], in x[1]));

        t.Method("lowerAscii", s, s, (in CelValue x) => CelValue.ValidString(Map(x.RawString, Lower)),
            Traverse);
        t.Method("upperAscii", s, s, (in CelValue x) => CelValue.ValidString(Map(x.RawString, Upper)),
            Traverse);
        t.Method("trim", s, s, (in CelValue x) => CelValue.ValidString(Trim(x.RawString)), Traverse);
        t.Method("reverse", s, s, (in CelValue x) => CelValue.ValidString(Reverse(x.RawString)), Traverse);
        t.Global("strings.quote", s, s, (in CelValue x) => Quote(x.RawString), Traverse);

        t.Method("replace", [s, s, s], s, x => Replace(x[0].RawString, x[1].RawString, x[2].RawString, -1),
            x => ReplaceCost(x));
        t.Method("replace", [s, s, s, i], s, x => Replace(x[0].RawString, x[1].RawString, x[2].RawString, x[3].RawInt),
            x => ReplaceCost(x));
        t.Method("split", s, s, list, (in CelValue x, in CelValue y) => Split(x.RawString, y.RawString, -1), SplitCost);
        t.Method("split", [s, s, i], list, x => Split(x[0].RawString, x[1].RawString, x[2].RawInt),
            x => SplitCost(in x[0], in x[1]));
        t.Method("join", list, s, (in CelValue x) => Join(x.ListItems, ""),
            (in CelValue x) => Costs.Traversal(Extent.Of(in x).Weight));
        t.Method("join", list, s, s, (in CelValue x, in CelValue y) => Join(x.ListItems, y.RawString),
            (in CelValue x, in CelValue y) =>
                Costs.Traversal(Extent.Of(in x).Weight + x.ListItems.Length * Costs.Size(in y)));
    }

    static long Traverse(in CelValue x) => Costs.Traversal(Costs.Size(in x));

    static long First(in CelValue x, in CelValue _) => Costs.Traversal(Costs.Size(in x));

    static long Product(in CelValue x, in CelValue y) =>
        Costs.Traversal(Costs.Size(in x)) * Costs.Traversal(Costs.Size(in y));

    // A part is at least a list element, however short.
    static long SplitCost(in CelValue x, in CelValue y) => Costs.Size(in x) + Product(in x, in y);

    // The replacement may stand in for every character.
    static long ReplaceCost(ReadOnlySpan<CelValue> x) =>
        Product(in x[0], in x[1])
        + Math.Min(Costs.Traversal(Costs.Size(in x[0]) * Costs.Size(in x[2])), ValueLimits.Text / 10);

    static CelValue OutOfRange(long index) =>
        CelValue.Error(CelErrorKind.IndexOutOfRange, $"index {index} is outside the string");

    /// <summary>The UTF-16 offset of a code point position, or -1 beyond the end.</summary>
    static int Offset(string s, long position)
    {
        if (position < 0) return -1;
        var at = 0;
        for (; position > 0; position--)
        {
            if (at >= s.Length) return -1;
            at += char.IsHighSurrogate(s[at]) ? 2 : 1;
        }
        return at;
    }

    /// <summary>The code point at a position; nothing at the end.</summary>
    static CelValue CharAt(string s, long position)
    {
        var at = Offset(s, position);
        if (at < 0) return OutOfRange(position);
        return CelValue.ValidString(at == s.Length ? "" : s.Substring(at, char.IsHighSurrogate(s[at]) ? 2 : 1));
    }

    static CelValue Slice(string s, long from, long to)
    {
        var start = Offset(s, from);
        if (start < 0) return OutOfRange(from);
        if (to < from)
            return CelValue.Error(CelErrorKind.InvalidArgument, $"the range ends at {to}, before its start {from}");
        var end = Offset(s, to);
        return end < 0 ? OutOfRange(to) : CelValue.ValidString(s[start..end]);
    }

    static CelValue IndexOf(string s, string part, long from)
    {
        var start = Offset(s, from);
        if (start < 0) return OutOfRange(from);
        var found = s.IndexOf(part, start, StringComparison.Ordinal);
        return CelValue.Int(found < 0 ? -1 : from + CodePoints(s.AsSpan(start, found - start)));
    }

    /// <summary>The last one that starts at or before a position.</summary>
    static CelValue LastIndexOf(string s, string part, long from)
    {
        var start = Offset(s, from);
        if (start < 0) return OutOfRange(from);
        for (var at = Math.Min(start, s.Length - part.Length); at >= 0; at--)
            if (s.AsSpan(at).StartsWith(part, StringComparison.Ordinal))
                return CelValue.Int(CodePoints(s.AsSpan(0, at)));
        return CelValue.Int(-1);
    }

    static int CodePoints(ReadOnlySpan<char> s)
    {
        var n = 0;
        foreach (var c in s)
            if (!char.IsLowSurrogate(c)) n++;
        return n;
    }

    static string Map(string s, Func<char, char> map) => string.Create(s.Length, (s, map), static (span, a) =>
    {
        for (var i = 0; i < span.Length; i++) span[i] = a.map(a.s[i]);
    });

    static char Lower(char c) => char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;

    static char Upper(char c) => char.IsAsciiLetterLower(c) ? (char)(c & ~0x20) : c;

    /// <summary>Unicode's White_Space property, written out so that it can't change with a runtime.</summary>
    static bool IsSpace(char c) =>
        c is (>= '\t' and <= '\r') or ' ' or '\u0085' or '\u00a0' or '\u1680' or (>= '\u2000' and <= '\u200a')
            or '\u2028' or '\u2029' or '\u202f' or '\u205f' or '\u3000';

    static string Trim(string s)
    {
        var (from, to) = (0, s.Length);
        while (from < to && IsSpace(s[from])) from++;
        while (to > from && IsSpace(s[to - 1])) to--;
        return s[from..to];
    }

    static string Reverse(string s)
    {
        var chars = s.ToCharArray();
        Array.Reverse(chars);
        for (var i = 0; i + 1 < chars.Length; i++)
            if (char.IsLowSurrogate(chars[i])) (chars[i], chars[i + 1]) = (chars[++i], chars[i - 1]);
        return new string(chars);
    }

    static CelValue Quote(string s)
    {
        var b = new StringBuilder(s.Length + 2).Append('"');
        foreach (var c in s)
        {
            var escape = c switch
            {
                '\a' => 'a',
                '\b' => 'b',
                '\f' => 'f',
                '\n' => 'n',
                '\r' => 'r',
                '\t' => 't',
                '\v' => 'v',
                '\\' => '\\',
                '"' => '"',
                _ => '\0'
            };
            if (escape == '\0') b.Append(c);
            else b.Append('\\').Append(escape);
        }
        return b.Length >= ValueLimits.Text
            ? Arithmetic.TooLong("string")
            : CelValue.ValidString(b.Append('"').ToString());
    }

    /// <summary>
    /// Up to <paramref name="limit"/> times, all if negative; an empty part is found before every code point and at the
    /// end.
    /// </summary>
    static CelValue Replace(string s, string part, string with, long limit)
    {
        var b = new StringBuilder(s.Length);
        var at = 0;
        while (limit != 0)
        {
            var found = s.IndexOf(part, at, StringComparison.Ordinal);
            if (found < 0) break;
            b.Append(s, at, found - at).Append(with);
            at = found + part.Length;
            if (part.Length == 0)
            {
                if (at == s.Length) break;
                var step = char.IsHighSurrogate(s[at]) ? 2 : 1;
                b.Append(s, at, step);
                at += step;
            }
            if (b.Length > ValueLimits.Text) return Arithmetic.TooLong("string");
            if (limit > 0) limit--;
        }
        b.Append(s, at, s.Length - at);
        return b.Length > ValueLimits.Text ? Arithmetic.TooLong("string") : CelValue.ValidString(b.ToString());
    }

    /// <summary>
    /// Into at most <paramref name="limit"/> parts, all if negative; an empty separator splits into code points.
    /// </summary>
    static CelValue Split(string s, string separator, long limit)
    {
        var parts = new List<CelValue>();
        if (limit == 0) return CelValue.OwnList([]);
        var at = 0;
        while (limit < 0 || parts.Count < limit - 1)
        {
            if (parts.Count >= ValueLimits.Elements) return Arithmetic.TooLong("list");
            int end, next;
            if (separator.Length == 0)
            {
                if (at >= s.Length) return CelValue.OwnList([.. parts]);
                end = next = at + (char.IsHighSurrogate(s[at]) ? 2 : 1);
            }
            else
            {
                end = s.IndexOf(separator, at, StringComparison.Ordinal);
                if (end < 0) break;
                next = end + separator.Length;
            }
            parts.Add(CelValue.ValidString(s[at..end]));
            at = next;
        }
        if (separator.Length > 0 || at < s.Length) parts.Add(CelValue.ValidString(s[at..]));
        return CelValue.OwnList([.. parts]);
    }

    static CelValue Join(CelValue[] items, string separator)
    {
        var b = new StringBuilder();
        for (var i = 0; i < items.Length; i++)
        {
            if (items[i].Kind != CelKind.String)
                return CelValue.Error(CelErrorKind.NoSuchOverload,
                    $"join() takes a list of strings, and this has {items[i].TypeOf()}");
            if (i > 0) b.Append(separator);
            b.Append(items[i].RawString);
            if (b.Length > ValueLimits.Text) return Arithmetic.TooLong("string");
        }
        return CelValue.ValidString(b.ToString());
    }
}
