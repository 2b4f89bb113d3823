using Cel.Check;
using Cel.Plan;
using Cel.Regex;
using Cel.Values;

namespace Cel.Library;

/// <summary>
/// <c>matches(text, pattern)</c>, also as a method: does an RE2 pattern match anywhere in the text? A pattern that is a
/// literal is compiled with the program; others are compiled when they come, and the last ones kept.
/// </summary>
internal static class MatchFunctions
{
    public static void Declare(FunctionTable t)
    {
        foreach (var form in new[] { CallForm.Function, CallForm.Method }) t.Add("matches", Overload(form));
    }

    static Overload Overload(CallForm form) => new()
    {
        Form = form,
        Parameters = [CelType.String, CelType.String],
        Result = CelType.Bool,
        Metered = Match,
        Prepare = (constant, left) => Prepare(form, constant, left),
    };

    static (Overload? Ready, int At, string? Refusal) Prepare(CallForm form, string constant, Allowance left)
    {
        var steps = new Steps(PatternLimits.Steps);
        var isEnough =
            left.Take(PatternLimits.Start + PatternLimits.Character * Math.Min(constant.Length, PatternLimits.Length));
        Pattern? pattern = null;
        var error = isEnough ? Pattern.TryParse(constant, steps, out pattern) : null;
        if (!isEnough || !left.Take(steps.Spent))
            return (null, 0,
                $"compiling the literal patterns of all expressions together takes more than "
                + $"{PatternLimits.AllSteps} steps, and this one is too many: '{Shown(constant)}'");
        return pattern is null ? (null, error!.At, Refusal(error)) : (Prepared(form, pattern), 0, null);
    }

    static string Shown(string pattern)
    {
        const int most = 60;
        return pattern.Length <= most
            ? pattern
            : string.Concat(pattern.AsSpan(0, char.IsHighSurrogate(pattern[most - 1]) ? most - 1 : most), "…");
    }

    static Overload Prepared(CallForm form, Pattern pattern) => new()
    {
        Form = form,
        Parameters = [CelType.String, CelType.String],
        Result = CelType.Bool,
        Binary = (in CelValue text, in CelValue _) => CelValue.Bool(pattern.IsMatch(text.RawString)),
        BinaryCost = (in CelValue text, in CelValue _) => Costs.Match(text.RawString, pattern),
    };

    // What compiling takes is paid each time, so that the cost doesn't tell what was kept.
    static CelValue Match(in CelValue text, in CelValue pattern, ref long left)
    {
        left -= Costs.Compiling(pattern.RawString);
        if (left < 0) return default;
        var most = left > PatternLimits.Steps / 10 ? PatternLimits.Steps : left * 10;
        var steps = new Steps(most);
        var error = RecentPatterns.TryGet(pattern.RawString, steps, out var compiled);
        if (steps.IsOver && most < PatternLimits.Steps) left = -1;
        else left -= Costs.Traversal(Math.Min(steps.Spent, most));
        if (left < 0) return default;
        if (compiled is null)
            return CelValue.Error(CelErrorKind.InvalidArgument,
                $"{Refusal(error!)} (at {error!.At + 1} of the pattern)");
        left -= Costs.Match(text.RawString, compiled);
        return left < 0 ? default : CelValue.Bool(compiled.IsMatch(text.RawString));
    }

    static string Refusal(PatternError error) => "the pattern is no regular expression: " + error.Reason;
}
