using Cel.Check;
using Cel.Plan;
using Cel.Regex;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// <c>matches(text, pattern)</c>, also as a method: does an RE2 pattern match anywhere in the text? A pattern that is a literal is
/// compiled with the program; others are compiled when they come, and the last ones kept.
/// </summary>
internal static class MatchFunctions
{
    public static void Declare(FunctionTable t)
    {
        foreach (var isMethod in new[] { false, true }) t.Add("matches", Overload(isMethod));
    }

    static Overload Overload(bool isMethod) => new()
    {
        IsMethod = isMethod,
        Parameters = [CelType.String, CelType.String],
        Result = CelType.Bool,
        Binary = Match,
        BinaryCost = Cost,
        Prepare = constant =>
        {
            var error = Pattern.TryParse(constant, out var pattern);
            return pattern is null ? (null, error!.At, Refusal(error)) : (Prepared(isMethod, pattern), 0, null);
        },
    };

    static Overload Prepared(bool isMethod, Pattern pattern) => new()
    {
        IsMethod = isMethod,
        Parameters = [CelType.String, CelType.String],
        Result = CelType.Bool,
        Binary = (in CelValue text, in CelValue _) => CelValue.Bool(pattern.IsMatch(text.RawString)),
        BinaryCost = (in CelValue text, in CelValue _) => Costs.Match(text.RawString, pattern),
    };

    static CelValue Match(in CelValue text, in CelValue pattern)
    {
        var error = RecentPatterns.TryGet(pattern.RawString, out var compiled);
        return compiled is null
            ? CelValue.Error(CelErrorKind.InvalidArgument, $"{Refusal(error!)} (at {error!.At + 1} of the pattern)")
            : CelValue.Bool(compiled.IsMatch(text.RawString));
    }

    // What compiling took is paid each time, so that the cost doesn't tell what was kept.
    static long Cost(in CelValue text, in CelValue pattern)
    {
        RecentPatterns.TryGet(pattern.RawString, out var compiled);
        return Costs.Compiling(pattern.RawString, compiled) + (compiled is null ? 0 : Costs.Match(text.RawString, compiled));
    }

    static string Refusal(PatternError error) => "the pattern is no regular expression: " + error.Reason;
}
