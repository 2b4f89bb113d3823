using System.Globalization;
using Stele.Host;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>Something that is not as the ledger says, for <c>stele status</c>: the node's own word where it answers,
/// else what the ledger has of it.</summary>
/// <param name="Place">The environment; null: the node, or the server.</param>
/// <param name="Code">A name of <see cref="FaultCode"/>, or one of this class.</param>
sealed record StatusFault(string? Place, string Code, string Message, string Hint, IReadOnlyList<string> Differences)
{
    /// <summary>Who it is about, where it is about no environment.</summary>
    public string Whom { get; init; } = "node";

    /// <summary>The node of this home says nothing.</summary>
    public const string Silent = "silent";

    /// <summary>The ledger's last word on the head is that it does not run, or is not the release.</summary>
    public const string Observed = "observed";

    /// <summary>How long a node may take to fold an entry.</summary>
    const long FoldTimeout = 5000;

    const string SilentHint = "start it: stele up; or look at its own output";

    /// <summary>All of a status that is not as the ledger says.</summary>
    public static IReadOnlyList<StatusFault> Of(Json status, Witnessing witnessing, long now)
    {
        var found = new List<StatusFault>();
        var environments = status["systems"].AsArray.SelectMany(s => s["environments"].AsArray).ToArray();
        foreach (var fault in witnessing.Server?.Find("faults")?.AsArray ?? [])
            found.Add(Said(null, fault) with { Whom = "server" });
        foreach (var fault in witnessing.Node?.Find("faults")?.AsArray ?? []) found.Add(Said(null, fault));
        if (witnessing.Silent is { } silent && environments.Any(Runs))
            found.Add(new StatusFault(null, Silent, silent, SilentHint, []));
        foreach (var e in environments)
            if (e.Find("head") is { } head) found.AddRange(OfEnvironment(e, head, Live(witnessing.Node, e), now));
        return found;
    }

    static bool Runs(Json environment) => environment.Find("head") is { } head && !head["routes"].AsArray.IsEmpty;

    /// <summary>What the node says of an environment; null where it is none of its own.</summary>
    static Json? Live(Json? node, Json environment) =>
        node?["environments"].AsArray.FirstOrDefault(l =>
            $"{l["system"].AsString}/{l["environment"].AsString}" == environment["place"].AsString);

    static IEnumerable<StatusFault> OfEnvironment(Json e, Json head, Json? live, long now)
    {
        var (place, entry) = (e["place"].AsString, head["entry"].AsInt);
        if (live is not null)
        {
            if (live["size"].AsInt <= entry)
            {
                if (now - head["time"].AsInt > FoldTimeout)
                    yield return Row(place, FaultCode.Lagging, string.Create(CultureInfo.InvariantCulture,
                        $"the node has folded {live["size"].AsInt} entries, and not entry {entry} yet"));
                yield break;
            }
            foreach (var fault in live.Find("faults")?.AsArray ?? []) yield return Said(place, fault);
            if (live["routes"].AsArray.Any(r => !r["trusted"].AsBool)
                && live.Find("faults") is not { AsArray.IsEmpty: false })
                yield return Row(place, FaultCode.Drifted,
                    "what runs is not trusted: it is being looked at, or replaced");
            yield break;
        }
        if (!Runs(e)) yield break;
        if (e.Find("observation") is { } o && o["current"].AsBool
            && (!o["agrees"].AsBool || o["event"].AsString is "stopped" or "drift"))
            yield return new StatusFault(place, Observed, $"the last that was seen of this head: {StatusVerb.Seen(o)}",
                $"stele log show {o["entry"].AsInt}", []);
        else if (e["silent"].AsBool)
            yield return new StatusFault(
                place, Silent, $"no node has said anything for longer than {e["observationGap"].AsInt / 1000} s",
                SilentHint, []);
    }

    static StatusFault Row(string place, FaultCode fault, string message) =>
        new(place, fault.Row().Name, message, In(place, fault.Row().Hint), []);

    static StatusFault Said(string? place, Json fault) => new(
        place, fault["code"].AsString, fault["message"].AsString, In(place, fault["hint"].AsString),
        [.. fault["differences"].AsArray.Select(d => d.AsString)]);

    static string In(string? place, string hint) =>
        place is null ? hint : hint.Replace("SYSTEM/ENV", place, StringComparison.Ordinal);

    public Json ToJson() => Json.Object(
        ("place", Place is { } p ? Json.Of(p) : null), ("of", Place is null ? Json.Of(Whom) : null),
        ("code", Code), ("message", Message), ("hint", Hint),
        ("differences", Json.Array(Differences.Select(Json.Of))));

    public IEnumerable<string[]> Rows() =>
    [
        [Place is null ? $"{Whom.ToUpperInvariant()} {Code}" : Code.ToUpperInvariant(), Message],
        .. Differences.Where(d => !Message.Contains(d, StringComparison.Ordinal)).Select(d => new[] { "", d }),
        ["next", Hint],
    ];
}
