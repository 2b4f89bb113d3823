using Cel.Regex;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// What evaluation costs, in the units of cel-go's model: 1 a name, selection or call, more where the work grows with the values.
/// Constants, conditionals and parentheses are free. Part of the language version: a change makes programs fail that passed.
/// </summary>
internal static class Costs
{
    public const long Name = 1, Select = 1, Call = 1, Logic = 1, List = 10, Map = 30;

    /// <summary>A round of a comprehension, besides what its body costs: condition, accumulator and step.</summary>
    public const long Round = 3;

    /// <summary>A tenth a unit looked at, rounded up, at least 1.</summary>
    public static long Traversal(long units) => units <= 10 ? 1 : (units + 9) / 10;

    /// <summary>What a key costs beyond the lookup it is part of: nothing unless it is a long string.</summary>
    public static long Hashing(in CelValue key) => key.Kind == CelKind.String ? key.RawString.Length / 10 : 0;

    /// <summary>
    /// A tenth a character of the text and one more, times a quarter a character of the pattern; or a quarter an instruction of its code
    /// where counted repetitions make that more.
    /// </summary>
    public static long Match(string text, Pattern pattern) => Traversal(1 + text.Length) * Math.Max(1, (Math.Max(pattern.Text.Length, pattern.Size) + 3) / 4);

    /// <summary>What comes to that where a pattern is compiled while evaluating: its characters, and a tenth of what was made of them.</summary>
    public static long Compiling(string pattern, Pattern? compiled) => Math.Max(1, pattern.Length) + (compiled is null ? 0 : Traversal(compiled.Work));

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
