using System.CommandLine;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;

namespace Stele.Cli;

static class ReceiptVerb
{
    static readonly TimeSpan Timeout = TimeSpan.FromMinutes(2);

    public static Verb Verb => new("receipt", "the proof of one decision, in one file", """
        stele receipt DECISION [--out FILE] [--wait | --early] [--version 1|2] [--brief]

        Gathers what proves the decision to anyone, offline: its record, its place in the node's log, the ledger entry
        that anchors that log, the deployment, verdict, approvals, release, origins and policies, each with its proof,
        and the signed checkpoint. It also carries what the rules rested on, and the part of a state that the node
        signed which proves it, so that stele-verify receipt runs the deployment's rules again from this file alone.

        A decision that the ledger does not anchor yet has an early receipt: the node's signed word, which proves fraud
        if the log ever says otherwise (stele-verify fraud). The caller who asked the gateway can fetch the same from
        the node with their own token: GET /-/v1/receipts/DECISION.
        """,
        [
            new Argument<string>("decision"),
            new Option<string>("--out")
            {
                HelpName = "FILE",
                Description = "where it is written; standard output unless given"
            },
            new Option<bool>("--wait") { Description =
                "wait until the decision is anchored, at most two minutes, so that the receipt is a full one" },
            new Option<string>("--version") { HelpName = "N", Description = "the layout: 2 unless given; 1 for " +
                "readers that know no other, which leaves the rules to the server's word" }.AcceptOnlyFromAmong(
                "1", "2"),
            new Option<bool>("--brief") { Description = "leave out reports that have metrics by group: a smaller " +
                "file, in which rules that see them are not run again" },
            new Option<bool>("--early") { Description =
                "take the node's signed word as it is now, even if the decision is anchored" },
        ], Run);

    static async Task<int> Run(Call call)
    {
        var (early, wait) = (call.Get<bool>("--early"), call.Get<bool>("--wait"));
        if (early && wait) throw call.Wrong("--early and --wait exclude each other");
        var form = new ReceiptForm(call.Get<string>("--version") == "1" ? ReceiptLayout.One
            : ReceiptLayout.Two, call.Get<bool>("--brief"));
        if (form is { Layout: ReceiptLayout.One, Brief: true }) throw call.Wrong(
            "--brief is for version 2: version 1 carries no reports");
        await using var desk = await Desk.Open(call);
        var id = call.Need("decision");
        if (!Decision.TryParseId(id, out var origin, out var index)
            || !desk.State.Logs.TryGetValue(origin, out var log))
            throw new CliError($"'{id}' is not a decision of a log that this ledger knows",
                "take it from the answer's Stele-Decision header", CliError.Usage);
        using var node = TraceVerb.NodeOf(desk);
        var leaf = await TraceVerb.Leaf(node, log, index, call);

        var anchor = early ? null : Receipt.AnchorOf(desk.Replay, origin, index, desk.State.Size);
        var until = call.Clock.GetUtcNow() + Timeout;
        while (wait && anchor is null)
        {
            if (call.Clock.GetUtcNow() > until)
                throw new CliError("the decision is not anchored yet",
                    "a node anchors once a minute unless told otherwise: stele status shows what keeps it; without "
                    + "--wait you get the early receipt");
            call.Terminal.Progress("waiting for the node to anchor the decision");
            await Task.Delay(TimeSpan.FromMilliseconds(200), call.Clock, call.Stop);
            await desk.Sync();
            anchor = Receipt.AnchorOf(desk.Replay, origin, index, desk.State.Size);
        }
        var note = anchor?.Anchor.Checkpoint ?? leaf.Checkpoint;
        var size = anchor?.Size ?? leaf.Size;
        var receipt = Receipt.Build(desk.Replay, desk.Small, desk.Tree, origin,
            new ProvenTree(note, size, i => node.InclusionProof(log, i, size, call.Stop)), index, leaf.Decision,
            erased: await node.Erased(origin, index, call.Stop) is var (list, shown)
                && desk.State.Erasures.TryGetValue(list, out var stated) ? new ErasedIn(stated.Entry, shown)
                : null, form: form);
        var bytes = receipt.Encode();
        var anchored = receipt.AnchoredBy;
        if (anchored is null && !early)
            call.Terminal.Note(
                "early: the ledger does not anchor this decision yet; --wait waits for the full receipt");
        if (TraceVerb.Missing(leaf.Keys) is { } why) call.Terminal.Note(why);
        if (call.Get<string>("--out") is not { } file)
        {
            call.Terminal.Document(Encoding.UTF8.GetString(bytes) + "\n");
            return 0;
        }
        Files.Write(System.IO.Path.GetFullPath(file), bytes, Readers.Owner);
        call.Terminal.Result(Json.Object(("file", file), ("bytes", bytes.Length), ("digest", Digest.Of(bytes)),
            ("anchored", anchored is not null), ("anchor", anchored is { } a ? Json.Of(a) : null), ("keys", leaf.Keys)),
            () =>
                call.Terminal.Line(
                    $"{file}  {Terminal.Size(bytes.Length)}  "
                    + $"{(anchored is { } x ? $"anchored in entry {x}" : "early: the node's word, not anchored yet")}"));
        return 0;
    }
}
