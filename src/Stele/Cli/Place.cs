using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>An environment as people type it: <c>system/environment</c>.</summary>
sealed record Place(string System, string Environment)
{
    public static Place Parse(string text) => text.Split('/') is [var s, var e] && Names.IsLabel(s) && Names.IsLabel(e)
        ? new Place(s, e)
        : throw new CliError($"'{text}' is not an environment", "SYSTEM/ENVIRONMENT, as in mortgage/prod", CliError.Usage);

    /// <summary>The place, held to be known to the ledger.</summary>
    public static Place Known(string text, State state)
    {
        var place = Parse(text);
        if (!state.Systems.TryGetValue(place.System, out var s)) throw new CliError($"no system '{place.System}'", state.Systems.IsEmpty ? "declare one: stele system add NAME --env ENV" : $"known: {string.Join(", ", state.Systems.Keys)}");
        if (s.Environment(place.Environment) is null) throw new CliError($"'{place.System}' has no environment '{place.Environment}'", $"known: {string.Join(", ", s.Environments.Select(e => e.Name))}");
        return place;
    }

    public override string ToString() => State.Place(System, Environment);
}
