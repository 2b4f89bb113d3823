using System.CommandLine;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

/// <summary>
/// Taking a decision log's oldest records out of the node's folder, and putting moved ones back. The node is stopped
/// meanwhile; the server runs, so that holds and floors are known.
/// </summary>
static class LogPruneVerbs
{
    const string Stopped = "a token of the server; to be run where the node's folder is, with the node stopped";

    public static Verb[] All =>
    [
        new("prune", "take records away that the ledger no longer asks for", """
            stele log prune LOG [--floor N]

            Removes leaves below the floor that owners have admitted (stele retention floor, stele retention run), with their keys and
            sealed bodies, by whole files of the log's journal (stele up --segment; 64 MiB unless told otherwise). Everything about the rest is
            proved as before; packs say how many were pruned. What a hold covers stays. The node must be stopped: stele up --only server.
            LOG is the log's name or its environment.
            """, [new Argument<string>("log"), new Option<long?>("--floor") { HelpName = "N", Description = "prune only below N; all that is admitted unless given" }], Prune) { Needs = Stopped },
        new("move", "move old records to cold storage", """
            stele log move LOG --to DIR [--below N]

            Copies the oldest files of the log's journal to DIR, durably, reads them again, and only then takes them out of the node's folder.
            Nothing is destroyed, so it takes no floor and no hold forbids it; packs need them again: stele audit export --from-cold DIR.
            """,
            [
                new Argument<string>("log"), new Option<string>("--to")
                {
                    HelpName = "DIR",
                    Description = "where the files are written"
                },
                new Option<long?>("--below")
                {
                    HelpName = "N",
                    Description = "only records below N; all that are anchored unless given"
                },
            ], Move) { Needs = Stopped },
        new("attach", "put moved records back", """
            stele log attach LOG --from DIR

            Each file is held to the digest that the log has of it, and to the tree that the log goes on from, before anything is changed.
            """, [new Argument<string>("log"), new Option<string>("--from") { HelpName = "DIR", Description = "where the files are" }], Attach) { Needs = Stopped },
    ];

    static async Task<(LogFact Log, State State)> Known(Call call)
    {
        await using var desk = await Desk.Open(call);
        return (LogVerb.Known(call.Need("log"), desk.State), desk.State);
    }

    static NodeFolder Folder(Call call, LogFact log)
    {
        var folder = NodeFolder.In(call.DataHere);
        return File.Exists(System.IO.Path.Combine(folder.Log(log.Origin), "key"))
            ? folder
            : throw new CliError($"{log.Origin} is not in {folder.Path}",
                "run this on the node's machine, with the folder it runs from: --data DIR");
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
        var before = Pruning.FloorOf(folder.LogStore(log.Origin)).Begins;
        if (NodePruning.Objection(log, state, before, floor) is { } objection)
            throw new CliError(objection,
                floor > log.Floor || log.Floor == 0
                    ? $"an owner admits it first: stele retention floor {log.Origin} {floor}"
                    : "stele hold list; an owner releases it: stele hold release ENTRY");
        call.Terminal.Progress("pruning");
        var pruned = NodePruning.Prune(folder, log.Origin, floor);
        var begins = pruned.Begins;
        call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", begins), ("pruned", begins - before),
            ("next", pruned.Next)), () => call.Terminal.Line(begins > before
            ? $"{log.Origin} begins at {begins} now: {begins - before} records "
                + $"pruned{(begins < floor ? "; " + Whole(pruned) : "")}"
            : $"nothing to prune: {log.Origin} begins at {begins}; {Whole(pruned)}"));
        return 0;
    }

    /// <summary>Why no more went.</summary>
    static string Whole(Pruned pruned) => pruned.Next is { } next
        ? $"only whole files go, and the next ends at {next}"
        : "only whole files go, with whole bundles of 256, and none more is full";

    static async Task<int> Move(Call call)
    {
        var to = System.IO.Path.GetFullPath(call.Need("--to"));
        var (log, _) = await Known(call);
        var folder = Folder(call, log);
        using var alone = Alone(folder);
        var anchored = log.Anchor?.Size ?? 0;
        var below = call.Get<long?>("--below") ?? anchored;
        if (below < 0 || below > anchored)
            throw new CliError($"{anchored} records of {log.Origin} are anchored; only those are moved",
                "--below N, at most that");
        var before = Pruning.FloorOf(folder.LogStore(log.Origin)).Begins;
        call.Terminal.Progress("copying");
        var moved = Pruning.Move(folder.LogStore(log.Origin), below, NodeFolder.ColdStore(to, log.Origin));
        call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", moved.Begins),
            ("moved", moved.Begins - before), ("folder", to), ("next", moved.Next)),
            () => call.Terminal.Line(moved.Begins > before
            ? $"{log.Origin} begins at {moved.Begins} now: {moved.Begins - before} records moved to "
                + $"{to}{(moved.Begins < below ? "; " + Whole(moved) : "")}"
            : $"nothing to move: {log.Origin} begins at {moved.Begins}; {Whole(moved)}"));
        return 0;
    }

    static async Task<int> Attach(Call call)
    {
        var from = call.Need("--from");
        if (!Directory.Exists(from)) throw call.Wrong($"there is no folder {from}");
        var (log, _) = await Known(call);
        var folder = Folder(call, log);
        using var alone = Alone(folder);
        var before = Pruning.FloorOf(folder.LogStore(log.Origin)).Begins;
        call.Terminal.Progress("reading files");
        var begins = Pruning.Attach(folder.LogStore(log.Origin), NodeFolder.ColdStore(from, log.Origin));
        call.Terminal.Result(Json.Object(("log", log.Origin), ("begins", begins), ("attached", before - begins)),
            () =>
                call.Terminal.Line(before > begins
                    ? $"{log.Origin} begins at {begins} again: {before - begins} records put back"
                    : $"{log.Origin} begins at 0: nothing is missing"));
        return 0;
    }
}
