using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>An environment as people type it: <c>system/environment</c>.</summary>
sealed record Place(string System, string Environment)
{
    public static Place Parse(string text) => text.Split('/') is [var s, var e] && Names.IsLabel(s) && Names.IsLabel(e)
        ? new Place(s, e)
        : throw new CliError($"'{text}' is not an environment", "SYSTEM/ENVIRONMENT, as in mortgage/prod",
            CliError.Usage);

    /// <summary>The place, held to be known to the ledger.</summary>
    public static Place Known(string text, State state)
    {
        var place = Parse(text);
        if (!state.Systems.TryGetValue(place.System, out var s)) throw NoSystem(place.System, state);
        if (s.Environment(place.Environment) is null)
            throw new CliError($"'{place.System}' has no environment '{place.Environment}'",
                $"it has: {string.Join(", ", s.Environments.Select(e => $"{place.System}/{e.Name}"))}");
        return place;
    }

    public static CliError NoSystem(string name, State state) =>
        new($"no system '{name}'",
            state.Systems.IsEmpty
                ? $"none is declared yet; an owner does: stele system add {(Names.IsLabel(name) ? name : "NAME")} "
                    + $"--env prod --stale-after 24h"
                : $"these are declared: {string.Join(", ", state.Systems.Keys)}");

    public override string ToString() => State.Place(System, Environment);
}
