using System.CommandLine;
using System.CommandLine.Parsing;

namespace Stele.Cli;

/// <summary>What is wrong with a command line, in our own words; the parser's own speak of its types.</summary>
static class UsageError
{
    public static CliError? Of(ParseResult parsed, Verb verb, string path)
    {
        CliError Wrong(string message, string? hint = null) => new(message, hint ?? $"{path} --help", CliError.Usage);

        // The parser takes an unknown flag for an argument where one is still to come.
        foreach (var token in parsed.Tokens.TakeWhile(t => t.Type != TokenType.DoubleDash))
            if (token.Type == TokenType.Argument && token.Value is ['-', '-', _, ..] or ['-', >= 'a' and <= 'z']
                && !IsValueOfOption(parsed, token))
                return Wrong($"{path} has no flag {token.Value.Split('=')[0]}");
        if (parsed.UnmatchedTokens is [var extra, ..])
        {
            if (verb.Verbs.Length == 0 || verb.Shape.OfType<Argument>().Any())
                return Wrong($"'{extra}' is one word too many", verb.Usage);
            var near = verb.Verbs.Select(v => v.Name).Where(n => Distance(n, extra) <= 2)
                .OrderBy(n => Distance(n, extra)).FirstOrDefault();
            return Wrong($"there is no verb '{(path == "stele" ? "" : path["stele ".Length..] + " ")}{extra}'",
                near is null ? null : $"did you mean {path} {near}?");
        }
        if (parsed.Errors is []) return null;

        var missing = parsed.CommandResult.Command.Arguments.Where(a => a.Arity.MinimumNumberOfValues > 0
            && parsed.GetResult(a) is not { Tokens.Count: > 0 }).Select(a => a.Name.ToUpperInvariant()).ToArray();
        if (missing.Length > 0)
            return Wrong($"{string.Join(" and ", missing)} {(missing.Length == 1 ? "is" : "are")} missing", verb.Usage);
        return parsed.Errors[0].SymbolResult switch
        {
            OptionResult { Tokens: [] } option =>
                Wrong($"{option.Option.Name} needs a value: {option.Option.Name} {option.Option.HelpName ?? "VALUE"}"),
            OptionResult { IdentifierTokenCount: > 1 } option => Wrong($"{option.Option.Name} is given twice"),
            OptionResult { Tokens: [var token, ..] } option =>
                Wrong($"{option.Option.Name} takes {Wanted(option.Option.ValueType)}, not '{token.Value}'"),
            ArgumentResult { Parent: OptionResult option, Tokens: [var token, ..] } =>
                Wrong($"{option.Option.Name} takes {Wanted(option.Option.ValueType)}, not '{token.Value}'"),
            ArgumentResult { Tokens: [var token, ..] } argument =>
                Wrong(
                    $"{argument.Argument.Name.ToUpperInvariant()} is {Wanted(argument.Argument.ValueType)}, not "
                    + $"'{token.Value}'", verb.Usage),
            _ => Wrong(parsed.Errors[0].Message.TrimEnd('.')),
        };
    }

    static bool IsValueOfOption(ParseResult parsed, Token token) =>
        parsed.CommandResult.Children.OfType<OptionResult>().Any(o => o.Tokens.Any(t => ReferenceEquals(t, token)));

    static string Wanted(Type type) =>
        (Nullable.GetUnderlyingType(type) ?? type) is var t && (t == typeof(int) || t == typeof(long))
            ? "a whole number" : t == typeof(double) ? "a number" : t == typeof(Uri) ? "an address"
        : t == typeof(bool) ? "true or false" : "something else";

    /// <summary>How many letters have to be added, dropped or changed to make one word the other.</summary>
    static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var (diagonal, left) = (row[0], row[0] = i);
            for (var j = 1; j <= b.Length; j++)
                (diagonal, left) = (row[j],
                    row[j] = Math.Min(Math.Min(row[j], left) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }
}
