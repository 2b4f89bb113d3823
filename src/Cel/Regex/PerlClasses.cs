namespace Cel.Regex;

/// <summary>A class as it is written: what its name stands for, or everything else.</summary>
internal readonly record struct NamedClass(CharSet Set, bool Inverted)
{
    public CharSet Under(PatternFlags flags)
    {
        // What the folded class leaves out is the opposite of what it takes in.
        var set = flags.HasFlag(PatternFlags.Fold) ? Set.Folded() : Set;
        return Inverted ? set.Inverted() : set;
    }
}

/// <summary>
/// The classes that are ASCII by definition: <c>\d \s \w</c> and those in brackets, as <c>[[:alpha:]]</c>.
/// </summary>
internal static class PerlClasses
{
    public static readonly CharSet Word = CharSet.Ranges("09AZ__az");

    /// <summary>Of <c>d</c>, <c>s</c> and <c>w</c>, inverted if upper case. Null for any other letter.</summary>
    public static NamedClass? Escape(char letter) => letter switch
    {
        'd' or 'D' => new(Digit, letter == 'D'),
        's' or 'S' => new(Blank, letter == 'S'),
        'w' or 'W' => new(Word, letter == 'W'),
        _ => null,
    };

    static readonly CharSet Digit = CharSet.Ranges("09");

    // Unlike [[:space:]] without the vertical tab.
    static readonly CharSet Blank = CharSet.Ranges("\t\n\f\r  ");

    /// <summary>By the name between the colons.</summary>
    public static CharSet? Posix(ReadOnlySpan<char> name)
    {
        foreach (var (known, set) in Named)
            if (name.SequenceEqual(known)) return set;
        return null;
    }

    static readonly (string Name, CharSet Set)[] Named =
    [
        ("alnum", CharSet.Ranges("09AZaz")),
        ("alpha", CharSet.Ranges("AZaz")),
        ("ascii", CharSet.Ranges("\0\x7f")),
        ("blank", CharSet.Ranges("\t\t  ")),
        ("cntrl", CharSet.Ranges("\0\x1f\x7f\x7f")),
        ("digit", Digit),
        ("graph", CharSet.Ranges("!~")),
        ("lower", CharSet.Ranges("az")),
        ("print", CharSet.Ranges(" ~")),
        ("punct", CharSet.Ranges("!/:@[`{~")),
        ("space", CharSet.Ranges("\t\r  ")),
        ("upper", CharSet.Ranges("AZ")),
        ("word", Word),
        ("xdigit", CharSet.Ranges("09AFaf")),
    ];
}
