using System.Collections.Immutable;
using System.Globalization;
using Stele.Control.Views;
using Stele.Gateway;

namespace Stele.Cli;

/// <summary>
/// How the ledger is watched, for <c>stele status</c>: what server and node say of witnesses and forks. Unlike all else
/// there it is their word, and a fork is what they say against themselves.
/// </summary>
/// <param name="Silent">Why the node of this home said nothing; null where it did, or where the home knows
/// none.</param>
sealed record Witnessing(WitnessedLedger? Server, NodeStatus? Node, string? Silent)
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    public static async Task<Witnessing> Of(Desk desk, Call call)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(call.Stop);
        limit.CancelAfter(Timeout);
        WitnessedLedger? server = null;
        NodeStatus? node = null;
        string? silent = null;
        try
        {
            server = await desk.Server.Get<WitnessedLedger>("witnesses", limit.Token);
        }
        // said elsewhere, or an older server
        catch (Exception e) when (e is ProblemException
            || (e is OperationCanceledException && !call.Stop.IsCancellationRequested)) { }
        if (desk.Home.Gateway is { } gateway)
            try
            {
                using var client = new NodeClient(gateway, desk.Home.NodeToken);
                node = await client.Status(limit.Token);
            }
            catch (Exception e) when (e is CliError or NodeClient.SilentException or FormatException
                || (e is OperationCanceledException && !call.Stop.IsCancellationRequested))
            {
                silent = e is OperationCanceledException ? $"the node at {gateway} did not answer in time" : e.Message;
            }
        return new Witnessing(server, node, silent);
    }

    /// <summary>Everyone who says that there are two histories.</summary>
    public IReadOnlyList<string> Forks =>
    [
        .. (Server?.Witnesses ?? []).Where(w => w.Fork).Select(w => w.Trouble ?? ""),
        .. Node?.Fork is { } fork
            ? [$"FORK: node {Node.Member} does not follow this ledger any more: {fork}"]
            : Array.Empty<string>(),
    ];

    public ShownWitnessing Shown => new(Server?.Published, Server?.Cosigners, Server?.Witnesses,
        Node?.Cosigner is { } key ? new(key, Node.Cosigned, Node.Cosigning) : null, Node?.Erasures, Node?.Everywhere,
        [.. Forks]);

    public void Print(Terminal t)
    {
        foreach (var erasure in Node?.Erasures ?? []) t.Line(Terminal.Yellow(erasure.Says));
        if (Node is { Everywhere: > 0 and var n }) t.Line(Terminal.Yellow(PrincipalVerb.Everywhere(n)));
        foreach (var fork in Forks) t.Line(Terminal.Red(fork));
        if (Server is null) return;
        if (Server.Policy)
            t.Line($"published {(Server.Published is { } p
                ? $"{p} of {Server.Size} entries, with the cosignatures that the witness policy asks for"
                : "nothing yet: the witness policy is not met")}");
        t.Table(Server.Witnesses.Where(w => !w.Fork).Select(w => new[]
        {
            "witness", w.Name, w.Size is { } size
                ? string.Create(CultureInfo.InvariantCulture,
                    $"cosigned {size} entries, {Terminal.Time((w.Time ?? 0) * 1000)}")
                : "has cosigned nothing yet", w.Trouble ?? "",
        }), "");
        if (Node?.Cosigner is { } key)
            t.Line($"node cosigns as {key}{(Node.Cosigning is "ok" ? "" : $"; {Node.Cosigning}")}");
    }
}

/// <summary>A <see cref="Witnessing"/>, as it is shown; of server or node nothing where it said nothing.</summary>
/// <param name="Everywhere">How many principals may ask every environment of the node.</param>
sealed record ShownWitnessing(long? Published, ImmutableArray<string>? Cosigners,
    ImmutableArray<ShownWitness>? Witnesses, ShownCosigning? Node, ImmutableArray<ShownErasure>? Erasures,
    int? Everywhere, ImmutableArray<string> Forks) : IView;

sealed record ShownCosigning(string Key, long Cosigned, string Cosigning) : IView;
