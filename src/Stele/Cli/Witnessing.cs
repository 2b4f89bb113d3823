using System.Globalization;
using Stele.Control;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>
/// How the ledger is watched, for <c>stele status</c>: what server and node say of witnesses and forks. Unlike all else
/// there it is their word, and a fork is what they say against themselves.
/// </summary>
/// <param name="Silent">Why the node of this home said nothing; null where it did, or where the home knows
/// none.</param>
sealed record Witnessing(Json? Server, Json? Node, string? Silent)
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    public static async Task<Witnessing> Of(Desk desk, Call call)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(call.Stop);
        limit.CancelAfter(Timeout);
        Json? server = null, node = null;
        string? silent = null;
        try
        {
            server = await desk.Server.Get("witnesses", limit.Token);
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
        .. (Server?.Find("witnesses")?.AsArray ?? []).Where(w => w["fork"].AsBool).Select(w => w["trouble"].AsString),
        .. Node?.Find("fork") is { } fork
            ? [$"FORK: node {Node["member"].AsString} does not follow this ledger any more: {fork.AsString}"]
            : Array.Empty<string>(),
    ];

    public Json ToJson() => Json.Object(
        ("published", Server?.Find("published")), ("cosigners", Server?.Find("cosigners")),
        ("witnesses", Server?.Find("witnesses")),
        ("node", Node?.Find("cosigner") is { } key ? Json.Object(("key", key), ("cosigned", Node["cosigned"]),
            ("cosigning", Node["cosigning"])) : null),
        ("erasures", Node?.Find("erasures")), ("everywhere", Node?.Find("everywhere")),
            ("forks", Json.Array(Forks.Select(Json.Of))));

    public void Print(Terminal t)
    {
        foreach (var erasure in Node?.Find("erasures")?.AsArray
            ?? []) t.Line(Terminal.Yellow(erasure["says"].AsString));
        if (Node?.Find("everywhere") is { AsInt: > 0 and var n }) t.Line(Terminal.Yellow(PrincipalVerb.Everywhere(n)));
        foreach (var fork in Forks) t.Line(Terminal.Red(fork));
        if (Server is null) return;
        var witnesses = Server["witnesses"].AsArray;
        if (Server["policy"].AsBool)
            t.Line(
                $"published {(Server.Find("published") is { } p ? $"{p.AsInt} of {Server["size"].AsInt} entries, with the cosignatures that the witness policy asks for" : "nothing yet: the witness policy is not met")}");
        t.Table(witnesses.Where(w => !w["fork"].AsBool)
            .Select(w =>
                new[] { "witness", w["name"].AsString,
                    w.Find("size") is { } size
                        ? string.Create(CultureInfo.InvariantCulture,
                            $"cosigned {size.AsInt} entries, {Terminal.Time(w["time"].AsInt * 1000)}")
                        : "has cosigned nothing yet", w.Find("trouble")?.AsString ?? "" }), "");
        if (Node?.Find("cosigner") is { } key)
            t.Line(
                $"node cosigns as {key.AsString}{(Node["cosigning"].AsString is "ok" ? "" : $"; {Node["cosigning"].AsString}")}");
    }
}
