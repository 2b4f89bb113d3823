using System.CommandLine;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;

namespace Stele.Cli;

static class ReceiptVerb
{
    public static Verb Verb => new("receipt", "the proof of one decision, in one file", """
        stele receipt DECISION [--out FILE] [--early]

        Gathers what proves the decision to anyone, offline: its record, its place in the node's log, the ledger entry that anchors that log,
        the deployment, verdict, approvals, release, origins and policies, each with its proof, and the signed checkpoint. Verify it with
        stele-verify receipt. It waits until the decision is anchored, at most two minutes.
        """,
        [
            new Argument<string>("decision"),
            new Option<string>("--out") { HelpName = "FILE", Description = "where it is written; standard output unless given" },
            new Option<bool>("--early") { Description = "do not wait: take the node's signed word as it is now" },
        ], Run);

    static async Task<int> Run(Call call)
    {
        await using var desk = await Desk.Open(call);
        var id = call.Need("decision");
        if (!Decision.TryParseId(id, out var origin, out var index) || !desk.State.Logs.TryGetValue(origin, out var log))
            throw new CliError($"'{id}' is not a decision of a log that this ledger knows", "take it from the answer's Stele-Decision header", CliError.Usage);
        using var node = TraceVerb.NodeOf(desk);
        var leaf = await TraceVerb.Leaf(node, log, index, call);

        var early = call.Get<bool>("--early");
        (long Entry, Proof.Statements.Anchor Anchor, long Size)? anchor = null;
        var until = call.Clock.GetUtcNow() + TimeSpan.FromMinutes(2);
        while (!early && (anchor = Receipt.AnchorOf(desk.Replay, origin, index, desk.State.Size)) is null)
        {
            if (call.Clock.GetUtcNow() > until) throw new CliError("the decision is not anchored yet", "a node anchors once a minute unless told otherwise; try again, or take --early");
            call.Terminal.Progress("waiting for the node to anchor the decision");
            await Task.Delay(TimeSpan.FromMilliseconds(200), call.Clock, call.Stop);
            await desk.Sync();
        }
        var note = anchor?.Anchor.Checkpoint ?? leaf.Checkpoint;
        var size = anchor?.Size ?? leaf.Size;
        var receipt = Receipt.Build(desk.Replay, desk.Small, desk.Tree, origin, new ProvenTree(note, size, i => node.InclusionProof(log, i, size, call.Stop)), index, leaf.Decision,
            erased: await node.Erased(origin, index, call.Stop) is var (list, shown) && desk.State.Erasures.TryGetValue(list, out var stated) ? new ErasedIn(stated.Entry, shown) : null);
        var bytes = receipt.Encode();
        if (call.Get<string>("--out") is not { } file)
        {
            call.Stage.Output.WriteLine(Encoding.UTF8.GetString(bytes));
            return 0;
        }
        Files.Write(System.IO.Path.GetFullPath(file), bytes);
        call.Terminal.Result(Json.Object(("file", file), ("bytes", bytes.Length), ("digest", Digest.Of(bytes)), ("anchored", anchor is not null), ("anchor", anchor is { } a ? Json.Of(a.Entry) : null)),
            () => call.Terminal.Line($"{file}  {Terminal.Size(bytes.Length)}  {(anchor is { } x ? $"anchored in entry {x.Entry}" : "early: the node's word, not anchored yet")}"));
        return 0;
    }
}
