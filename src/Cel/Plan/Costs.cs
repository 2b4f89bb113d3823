using Cel.Regex;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// What evaluation costs, in the units of cel-go's model: 1 a name, selection or call, more where the work grows with
/// the values. Constants, conditionals, <c>&amp;&amp;</c>, <c>||</c> and parentheses are free. Where that model leaves
/// out work that grows, as of <c>size</c>, list concatenation and comparing nested values, it is charged by the same
/// rule, so that a limit bounds time and memory. Part of the language version: a change makes programs fail that
/// passed.
/// </summary>
internal static class Costs
{
    public const long Name = 1, Select = 1, Call = 1, List = 10, Map = 30;

    // What cel-go's macros are written out to: each round looks at the condition and takes a step, and at the end there
    // is the result. Bodies and conditions cost besides.

    /// <summary>A round of <c>all</c>; <c>exists</c> also negates; a round of the others goes on always.</summary>
    public const long RoundOfAll = 3, RoundOfExists = 4, Round = 1;

    /// <summary>
    /// What a round of <c>exists_one</c> adds when it counts, and of <c>map</c> and its kin when it keeps an element in
    /// a list or map.
    /// </summary>
    public const long Counting = 1, KeepingInList = 11, KeepingInMap = 2;

    /// <summary>The result of a comprehension; <c>exists_one</c> compares it besides.</summary>
    public const long Result = 1, ResultOfOne = 2;

    /// <summary>A tenth a unit looked at, rounded up, at least 1.</summary>
    public static long Traversal(long units) => units <= 10 ? 1 : (units + 9) / 10;

    /// <summary>The units that so much pays for, and no more than can be counted.</summary>
    public static long Units(long cost) => Math.Clamp(cost, 0, long.MaxValue / 16) * 10 + 1;

    /// <summary>What a key costs beyond the lookup it is part of: nothing unless it is a long string.</summary>
    public static long Hashing(in CelValue key) => key.Kind == CelKind.String ? key.RawString.Length / 10 : 0;

    /// <summary>
    /// A tenth a character of the text and one more, times a quarter a character of the pattern; or of its size with
    /// counted repetitions written out, where that is more.
    /// </summary>
    public static long Match(string text, Pattern pattern) =>
        Traversal(1 + text.Length) * Math.Max(1, (Math.Max(pattern.Text.Length, pattern.Size) + 3) / 4);

    /// <summary>
    /// What comes to that where a pattern is compiled while evaluating: so much for any, its characters, and then a
    /// tenth of the steps that it takes.
    /// </summary>
    public static long Compiling(string pattern) => 50 + pattern.Length;

    /// <summary>The units of a value: characters, bytes, elements.</summary>
    public static long Size(in CelValue v) => v.Kind switch
    {
        CelKind.String => v.RawString.Length,
        CelKind.Bytes => v.RawBytes.Length,
        CelKind.List => v.ListItems.Length,
        CelKind.Map => v.RawMap.Count,
        _ => 1,
    };
}
