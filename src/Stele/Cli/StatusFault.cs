using System.Collections.Immutable;
using System.Globalization;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof.Statements;

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
    public static IReadOnlyList<StatusFault> Of(Status status, Witnessing witnessing, long now)
    {
        var found = new List<StatusFault>();
        foreach (var fault in witnessing.Server?.Faults ?? []) found.Add(Said(null, fault) with { Whom = "server" });
        foreach (var fault in witnessing.Node?.Faults ?? []) found.Add(Said(null, fault));
        if (witnessing.Silent is { } silent && status.Systems.Any(s => s.Environments.Any(e => e.Runs)))
            found.Add(new StatusFault(null, Silent, silent, SilentHint, []));
        foreach (var system in status.Systems)
            foreach (var e in system.Environments)
                if (e.Head is { } head)
                    found.AddRange(OfEnvironment(e, head, witnessing.Node?.Of(system.System, e.Environment), now));
        return found;
    }

    /// <param name="live">What the node says of it; null where it is none of its own.</param>
    static IEnumerable<StatusFault> OfEnvironment(ShownEnvironment e, ShownHead head, HostedStatus? live, long now)
    {
        var (place, entry) = (e.Place, head.Entry);
        if (live is not null)
        {
            if (live.Size <= entry)
            {
                if (now - head.Time > FoldTimeout)
                    yield return Row(place, FaultCode.Lagging, string.Create(CultureInfo.InvariantCulture,
                        $"the node has folded {live.Size} entries, and not entry {entry} yet"));
                yield break;
            }
            foreach (var fault in live.Faults) yield return Said(place, fault);
            if (live.Faults.IsEmpty && live.Routes.Any(r => !r.Trusted))
                yield return Row(place, FaultCode.Drifted,
                    "what runs is not trusted: it is being looked at, or replaced");
            yield break;
        }
        if (!e.Runs) yield break;
        if (e.Observation is { Current: true } o
            && (!o.Agrees || o.Event is ObservedEvent.Stopped or ObservedEvent.Drift))
            yield return new StatusFault(place, Observed, $"the last that was seen of this head: {StatusVerb.Seen(o)}",
                $"stele log show {o.Entry}", []);
        else if (e.Silent)
            yield return new StatusFault(
                place, Silent, $"no node has said anything for longer than {e.ObservationGap / 1000} s", SilentHint,
                []);
    }

    static StatusFault Row(string place, FaultCode fault, string message) =>
        new(place, fault.Row().Name, message, In(place, fault.Row().Hint), []);

    static StatusFault Said(string? place, ShownFault fault) =>
        new(place, fault.Code, fault.Message, In(place, fault.Hint), fault.Differences);

    static string In(string? place, string hint) =>
        place is null ? hint : hint.Replace("SYSTEM/ENV", place, StringComparison.Ordinal);

    public ToldFault Shown =>
        new(Place, Place is null ? Whom : null, Code, Message, Hint, [.. Differences]);

    public IEnumerable<string[]> Rows() =>
    [
        [Place is null ? $"{Whom.ToUpperInvariant()} {Code}" : Code.ToUpperInvariant(), Message],
        .. Differences.Where(d => !Message.Contains(d, StringComparison.Ordinal)).Select(d => new[] { "", d }),
        ["next", Hint],
    ];
}

/// <param name="Place">The environment that it is about; else <paramref name="Of"/>: <c>node</c> or
/// <c>server</c>.</param>
sealed record ToldFault(string? Place, string? Of, string Code, string Message, string Hint,
    ImmutableArray<string> Differences) : IView;
