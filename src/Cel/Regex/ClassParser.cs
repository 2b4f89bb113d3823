namespace Cel.Regex;

/// <summary>What stands for characters: escapes and bracketed classes.</summary>
internal sealed class ClassParser(string text, Steps steps)
{
    /// <summary>A range takes some of them to be put in its place, and a character that folds.</summary>
    const int PerRange = 4, PerFold = 3;

    /// <summary>No <c>:]</c> stands behind here.</summary>
    bool _noneNamed;

    /// <summary>The code point here, both halves of a surrogate pair at once.</summary>
    public int CodePoint(ref int at)
    {
        var c = text[at++];
        if (!char.IsHighSurrogate(c) || at >= text.Length || !char.IsLowSurrogate(text[at])) return c;
        return char.ConvertToUtf32(c, text[at++]);
    }

    /// <summary><c>\d</c> and its kin or <c>\p</c>; null if something else stands here.</summary>
    public CharSet? TryClass(ref int at, PatternFlags flags)
    {
        if (text[at] != '\\' || at + 1 >= text.Length) return null;
        var letter = text[at + 1];
        if (letter is 'p' or 'P') return Property(ref at, flags);
        if (PerlClasses.Escape(letter) is not { } named) return null;
        at += 2;
        return named.Under(flags);
    }

    CharSet Property(ref int at, PatternFlags flags)
    {
        var start = at;
        var inverted = text[at + 1] == 'P';
        at += 2;
        if (at >= text.Length) throw new PatternException(start, $"a class's name is missing after '{text[start..]}'");
        ReadOnlySpan<char> name;
        if (text[at] == '{')
        {
            var end = text.IndexOf('}', at);
            if (end < 0) throw new PatternException(start, "the class's name is not closed: '}' is missing");
            name = text.AsSpan(at + 1, end - at - 1);
            at = end + 1;
        }
        else
        {
            var from = at;
            CodePoint(ref at);
            name = text.AsSpan(from, at - from);
        }
        if (name.StartsWith("^"))
        {
            inverted = !inverted;
            name = name[1..];
        }
        if (Unicode.Class(name) is not { } set)
            throw new PatternException(start,
                $"'{Shown(name)}' is no class: it is a general category such as L or Lu, a script such as Greek, or Any");
        return new NamedClass(set, inverted).Under(flags);
    }

    static string Shown(ReadOnlySpan<char> name)
    {
        var to = Math.Min(40, name.Length);
        if (to > 0 && char.IsHighSurrogate(name[to - 1])) to--;
        return name[..to].ToString();
    }

    /// <summary><c>[...]</c>: a closing bracket that comes first, and a hyphen that joins nothing, are plain.</summary>
    public CharSet Bracket(ref int at, PatternFlags flags)
    {
        var start = at++;
        var inverted = at < text.Length && text[at] == '^';
        if (inverted) at++;
        // What classes there are, and how many ranges they bring; and what stands for itself.
        CharSet? only = null;
        var classes = new CharSetBuilder();
        var plain = new CharSetBuilder();
        for (var first = true; ; first = false)
        {
            if (at >= text.Length) throw NotClosed(start);
            if (text[at] == ']' && !first) break;
            if (TryNamed(ref at) is { } named) Add(named.Under(flags), at);
            else if (TryClass(ref at, flags) is { } escaped) Add(escaped, at);
            else
            {
                steps.Spend(PerRange, at);
                Range(ref at, start, plain);
            }
        }
        at++;
        CharSet set;
        if (plain.Count == 0 && only is not null && classes.Count == 0) set = only;
        else
        {
            var ranges = plain.ToSet();
            if (flags.HasFlag(PatternFlags.Fold)) ranges = Folded(ranges, at);
            if (only is null) set = ranges;
            else
            {
                Join(only, at);
                Join(ranges, at);
                set = classes.ToSet();
            }
        }
        if (!inverted) return set;
        steps.Spend(set.RangeCount, at);
        return set.Inverted();

        // A class that is alone stays what it is.
        void Add(CharSet more, int at)
        {
            if (only is null) only = more;
            else if (!ReferenceEquals(more, only)) Join(more, at);
        }

        void Join(CharSet more, int at)
        {
            steps.Spend(PerRange * more.RangeCount, at);
            classes.Add(more);
        }
    }

    /// <summary>As <see cref="Unicode.Folded(CharSet)"/>, paid for.</summary>
    CharSet Folded(CharSet ranges, int at)
    {
        steps.Spend(PerRange * ranges.RangeCount, at);
        steps.Spend(PerFold * Unicode.Folding(ranges), at);
        return Unicode.Folded(ranges);
    }

    /// <summary>A character, or where case does not matter all that fold as it does.</summary>
    public CharSet Single(int codePoint, int at, PatternFlags flags)
    {
        if (!flags.HasFlag(PatternFlags.Fold)) return CharSet.Of(codePoint);
        steps.Spend(PerRange * 4, at);
        return Unicode.Folded(codePoint);
    }

    static PatternException NotClosed(int start) => new(start, "the class is not closed: ']' is missing");

    void Range(ref int at, int start, CharSetBuilder set)
    {
        var from = at;
        var low = Member(ref at, start);
        var high = low;
        if (at + 1 < text.Length && text[at] == '-' && text[at + 1] != ']')
        {
            at++;
            high = Member(ref at, start);
            if (high < low) throw new PatternException(from, $"the range '{text[from..at]}' ends before it begins");
        }
        set.Add(low, high);
    }

    int Member(ref int at, int start)
    {
        if (at >= text.Length) throw NotClosed(start);
        return text[at] == '\\' ? Escape(ref at) : CodePoint(ref at);
    }

    /// <summary>
    /// <c>[:alpha:]</c> or <c>[:^alpha:]</c>; without the closing half it is no more than its characters.
    /// </summary>
    NamedClass? TryNamed(ref int at)
    {
        if (text[at] != '[' || at + 1 >= text.Length || text[at + 1] != ':') return null;
        var end = _noneNamed ? -1 : text.IndexOf(":]", at + 2, StringComparison.Ordinal);
        _noneNamed = end < 0;
        if (end < 0) return null;
        var name = text.AsSpan(at + 2, end - at - 2);
        var inverted = name.StartsWith("^");
        if (PerlClasses.Posix(inverted ? name[1..] : name) is not { } set)
            throw new PatternException(at, $"'[:{Shown(name)}:]' is no class");
        at = end + 2;
        return new(set, inverted);
    }

    /// <summary>An escape that stands for one character.</summary>
    public int Escape(ref int at)
    {
        var start = at;
        if (++at >= text.Length)
            throw new PatternException(start, "the pattern ends in a backslash; a plain one is '\\\\'");
        var c = text[at++];
        switch (c)
        {
            case 'a': return 7;
            case 'f': return 12;
            case 'n': return 10;
            case 'r': return 13;
            case 't': return 9;
            case 'v': return 11;
            case 'x': return Hex(ref at, start);
            case '0':
            case >= '1' and <= '7' when at < text.Length && text[at] is >= '0' and <= '7':
                var octal = c - '0';
                for (var n = 1; n < 3 && at < text.Length && text[at] is >= '0' and <= '7'; n++)
                    octal = octal * 8 + text[at++] - '0';
                return octal;
            case >= '1' and <= '9':
                throw new PatternException(start,
                    $"back-references such as '\\{c}' are no part of RE2, whose matching takes linear time");
            case 'C':
                throw new PatternException(start, "'\\C', a single byte, has no meaning here: text is code points");
            case 'Z': throw new PatternException(start, "'\\Z' is no part of RE2; '\\z' is the end of the text");
            case 'b': throw new PatternException(start, "'\\b' is no character; a backspace is '\\x08'");
            case < '\x80' when !char.IsAsciiLetterOrDigit(c): return c;
            default:
                throw new PatternException(start,
                    char.IsSurrogate(c) || char.IsControl(c) ? "unknown escape" : $"'\\{c}' is no escape of RE2");
        }
    }

    int Hex(ref int at, int start)
    {
        var braces = at < text.Length && text[at] == '{';
        if (braces) at++;
        var (value, digits) = (0, 0);
        for (; at < text.Length && char.IsAsciiHexDigit(text[at]) && (braces || digits < 2)
            && value <= CharSet.Last; at++, digits++)
            value = value * 16 + (char.IsAsciiDigit(text[at]) ? text[at] - '0' : (text[at] | 0x20) - 'a' + 10);
        if (value > CharSet.Last) throw new PatternException(start, "the largest code point is \\x{10FFFF}");
        if (braces ? digits == 0 || at >= text.Length || text[at++] != '}' : digits < 2)
            throw new PatternException(start, "'\\x' takes two hexadecimal digits, or any number in braces");
        return value;
    }
}
