using System.Collections.Immutable;
using System.CommandLine;

namespace Stele.Cli;

/// <summary>
/// <c>--set NAME=VALUE</c>: parameters of a YAML file. A value that is an artifact's name becomes its digest with
/// <c>NAME=@artifact</c>.
/// </summary>
static class Sets
{
    public static Option<string[]> Option => new("--set")
    {
        HelpName = "NAME=VALUE",
        Description = "what ${NAME} in the file is; @ARTIFACT for that artifact's digest"
    };

    public static ImmutableSortedDictionary<string, string> Of(Call call, Desk desk) => Read(call, desk);

    /// <summary>Those that need no server.</summary>
    public static ImmutableSortedDictionary<string, string> Plain(Call call) => Read(call, null);

    static ImmutableSortedDictionary<string, string> Read(Call call, Desk? desk)
    {
        var sets = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var text in call.Get<string[]>("--set") ?? [])
        {
            if (text.Split('=', 2) is not [{ Length: > 0 } name, var value])
                throw new CliError($"'{text}' is not NAME=VALUE", null, CliError.Usage);
            if (!sets.TryAdd(name,
                !value.StartsWith('@') ? value : desk is null
                    ? throw new CliError($"@{value[1..]} is known to a server, and none is asked here",
                        $"leave --set {name} away: a digest is made up", CliError.Usage) : desk.Artifact(value[1..])
                            .ToString())) throw new CliError($"{name} is set twice", null, CliError.Usage);
        }
        return sets.ToImmutable();
    }
}
