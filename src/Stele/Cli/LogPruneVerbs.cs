using System.CommandLine;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

/// <summary>Taking a decision log's oldest records out of the node's folder, and putting moved ones back. The node is stopped meanwhile; the server runs, so that holds and floors are known.</summary>
static class LogPruneVerbs
{
    const string Stopped = "a token of the server; to be run where the node's folder is, with the node stopped";

    public static Verb[] All =>
    [
        new("prune", "take records away that the ledger no longer asks for", """
            stele log prune LOG [--floor N]

            Removes leaves below the floor that owners have admitted (stele retention floor, stele retention run), with their keys and
            sealed bodies, by whole bundles of 256. Everything about the rest is proved as before; packs say how many were pruned. What a
            hold covers stays. The node must be stopped: stele up --only server. LOG is the log's name or its environment.
            """, [new Argument<string>("log"), new Option<long?>("--floor") { HelpName = "N", Description = "prune only below N; all that is admitted unless given" }], Prune) { Needs = Stopped },
        new("move", "move old records to cold storage", """
            stele log move LOG --to DIR [--below N]

            Copies the oldest records into a segment file in DIR, durably, reads it again, and only then takes them out of the node's folder.
            Nothing is destroyed, so it takes no floor and no hold forbids it; packs need the file again: stele audit export --from-cold DIR.
            """,
            [
                new Argument<string>("log"), new Option<string>("--to") { HelpName = "DIR", Description = "where the segment is written" },
                new Option<long?>("--below") { HelpName = "N", Description = "only records below N; all that are anchored unless given" },
            ], Move) { Needs = Stopped },
        new("attach", "put moved records back", """
            stele log attach LOG --from DIR

            Each segment is held to the digest that the log has of it, and to the tree that the log goes on from, before anything is changed.
            """, [new Argument<string>("log"), new Option<string>("--from") { HelpName = "DIR", Description = "where the segments are" }], Attach) { Needs = Stopped },
    ];

    static async Task<(LogFact Log, State State)> Known(Call call)
    {
        await using var desk = await Desk.Open(call);
        return (LogVerb.Known(call.Need("log"), desk.State), desk.State);
    }

    static NodeFolder Folder(Call call, LogFact log)
    {
        var folder = new NodeFolder(System.IO.Path.Combine(call.DataHere, "node"));
        return File.Exists(System.IO.Path.Combine(folder.Log(log.Origin), "key")) ? folder : throw new CliError($"{log.Origin} is not in {folder.Path}", "run this on the node's machine, with the folder it runs from: --data DIR");
    }

    static IDisposable Alone(NodeFolder folder)
    {
        try
        {
            return NodePruning.Alone(folder);
        }
        catch (IOException e)
        {
            throw new CliError(e.Message, "stop it first; the server alone may go on: stele up --only server");
        }
    }

    static async Task<int> Prune(Call call)
    {
        var (log, state) = await Known(call);
        var floor = call.Get<long?>("--floor") ?? log.Floor;
        var folder = Folder(call, log);
        using var alone = Alone(folder);
        var before = Pruning.FloorOf(folder.Log(log.Origin))?.Size ?? 0;
        if (NodePruning.Objection(log, state, before, floor) is { } objection) throw new CliError(objection, floor > log.Floor || log.Floor == 0 ? $"an owner admits it first: stele retention floor {log.Origin} {floor}" : "stele hold list; an owner releases it: stele hold release ENTRY");
        call.Terminal.Progress("pruning");
        var begins = NodePruning.Prune(folder, log.Origin, floor);
        call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", begins), ("pruned", begins - before)), () => call.Terminal.Line(begins > before
            ? $"{log.Origin} begins at {begins} now: {begins - before} records pruned" : $"nothing to prune: {log.Origin} begins at {begins}, and only whole bundles of {Tile.Full} go"));
        return 0;
    }

    static async Task<int> Move(Call call)
    {
        var to = System.IO.Path.GetFullPath(call.Need("--to"));
        var (log, _) = await Known(call);
        var folder = Folder(call, log);
        using var alone = Alone(folder);
        var anchored = log.Anchor?.Size ?? 0;
        var below = call.Get<long?>("--below") ?? anchored;
        if (below < 0 || below > anchored) throw new CliError($"{anchored} records of {log.Origin} are anchored; only those are moved", "--below N, at most that");
        var before = Pruning.FloorOf(folder.Log(log.Origin))?.Size ?? 0;
        if (below - below % Tile.Full <= before)
        {
            call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", before), ("moved", 0)), () => call.Terminal.Line($"nothing to move: {log.Origin} begins at {before}, and only whole bundles of {Tile.Full} go"));
            return 0;
        }
        call.Terminal.Progress("copying");
        var begins = Pruning.Move(folder.Log(log.Origin), log.Origin, below, to);
        var file = System.IO.Path.Combine(to, ColdSegment.NameOf(log.Origin, before, begins));
        call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", begins), ("moved", begins - before), ("file", file)), () => call.Terminal.Line($"{log.Origin} begins at {begins} now: {begins - before} records moved to {file}"));
        return 0;
    }

    static async Task<int> Attach(Call call)
    {
        var from = call.Need("--from");
        if (!Directory.Exists(from)) throw call.Wrong($"there is no folder {from}");
        var (log, _) = await Known(call);
        var folder = Folder(call, log);
        using var alone = Alone(folder);
        var before = Pruning.FloorOf(folder.Log(log.Origin))?.Size ?? 0;
        call.Terminal.Progress("reading segments");
        var begins = Pruning.Attach(folder.Log(log.Origin), log.Origin, from);
        call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", begins), ("attached", before - begins)), () => call.Terminal.Line(before > begins ? $"{log.Origin} begins at {begins} again: {before - begins} records put back" : $"{log.Origin} begins at 0: nothing is missing"));
        return 0;
    }
}
