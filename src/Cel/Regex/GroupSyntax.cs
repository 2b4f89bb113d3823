namespace Cel.Regex;

[Flags]
internal enum PatternFlags : byte
{
    None = 0,

    /// <summary><c>i</c>: what simple case folding makes equal is equal.</summary>
    Fold = 1,

    /// <summary><c>m</c>: ^ and $ also match at the newlines inside the text.</summary>
    Lines = 2,

    /// <summary><c>s</c>: . also matches a newline.</summary>
    DotAll = 4,

    /// <summary><c>U</c>: x* is x*? and the other way round, which changes nothing here.</summary>
    Swap = 8,
}

/// <summary>A pattern that is none; never leaves this room.</summary>
internal sealed class PatternException(int at, string reason) : Exception(reason)
{
    public int At { get; } = at;
    public string Reason { get; } = reason;
}

/// <summary>What may follow <c>(?</c>.</summary>
internal static class GroupSyntax
{
    /// <summary>Reads <c>(?P&lt;name&gt;</c> or <c>(?&lt;name&gt;</c>.</summary>
    public static bool TryName(string text, ref int at, HashSet<string> names)
    {
        var rest = text.AsSpan(at);
        var skip = rest.StartsWith("(?P<") ? 4 : rest.StartsWith("(?<") ? 3 : 0;
        if (skip == 0 || rest.StartsWith("(?<=") || rest.StartsWith("(?<!")) return false;
        var end = text.IndexOf('>', at);
        var name = end < 0 ? "" : text[(at + skip)..end];
        if (name.Length == 0 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_'))
            throw new PatternException(at, "a group's name is of ASCII letters, digits and '_', and ends with '>'");
        if (!names.Add(name)) throw new PatternException(at, $"two groups are named '{name}'");
        at = end + 1;
        return true;
    }

    /// <summary>Reads <c>(?flags:</c>, or <c>(?flags)</c>, which begins no group: then it is false.</summary>
    public static bool Flags(string text, ref int at, ref PatternFlags flags)
    {
        var (start, on, seen, result) = (at, true, false, flags);
        for (at += 2; at < text.Length; at++)
        {
            PatternFlags flag;
            switch (text[at])
            {
                case 'i': flag = PatternFlags.Fold; break;
                case 'm': flag = PatternFlags.Lines; break;
                case 's': flag = PatternFlags.DotAll; break;
                case 'U': flag = PatternFlags.Swap; break;
                case '-' when on:
                    (on, seen) = (false, false);
                    continue;
                case ':' or ')' when on || seen:
                    flags = result;
                    return text[at++] == ':';
                default: throw Refused(text, start);
            }
            seen = true;
            result = on ? result | flag : result & ~flag;
        }
        throw Refused(text, start);
    }

    static PatternException Refused(string text, int at)
    {
        var rest = text.AsSpan(at);
        if (rest.StartsWith("(?=") || rest.StartsWith("(?!"))
            return new(at, $"look-ahead '{rest[..3]}' is no part of RE2, whose matching takes linear time");
        if (rest.StartsWith("(?<=") || rest.StartsWith("(?<!"))
            return new(at, $"look-behind '{rest[..4]}' is no part of RE2, whose matching takes linear time");
        if (rest.StartsWith("(?P="))
            return new(at, "back-references '(?P=' are no part of RE2, whose matching takes linear time");
        if (rest.StartsWith("(?>")) return new(at, "atomic groups '(?>' are no part of RE2; '(?:' is a plain group");
        if (rest.StartsWith("(?#")) return new(at, "comments '(?#' are no part of RE2");
        return new(at,
            "after '(?' stands ':', a name as in '(?<name>', or flags out of i, m, s and U as in '(?i)' or '(?i-s:'");
    }
}
