using System.CommandLine;
using Stele.Control;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;

namespace Stele.Cli;

/// <summary>Verbs for those who check: audit export, verify, fsck.</summary>
static class AuditVerbs
{
    public static Verb Verify => new("verify", "verify a pack or a receipt offline", """
        stele verify pack FILE [--trust FILE] [--min-size N]
        stele verify receipt FILE [--trust FILE]

        The same judge as stele-verify. Without --trust the ledger that this home pins is the measure; with neither, the best there is to
        say is "consistent, unauthenticated" (exit 3). Exit codes: 0 complete, 1 failed, 3 unauthenticated, 4 declared gaps.
        """, [new Argument<string>("what"), new Argument<string>("file"), new Option<string>("--trust") { HelpName = "FILE" }, new Option<long>("--min-size")], async call =>
    {
        var file = call.Need("file");
        if (!File.Exists(file)) throw new CliError($"there is no file {file}", null, CliError.Usage);
        var trust = call.Get<string>("--trust") is { } given ? Trust.Parse(await File.ReadAllBytesAsync(given, call.Stop)) : Home.Open(call.HomePath).Trust;
        VerifyReport report;
        switch (call.Need("what"))
        {
            case "pack":
                await using (var pack = File.OpenRead(file)) report = Verifier.Verify(pack, trust, call.Get<long>("--min-size"));
                break;
            case "receipt":
                report = ReceiptVerifier.Verify(await File.ReadAllBytesAsync(file, call.Stop), trust);
                break;
            default:
                throw new CliError($"'{call.Need("what")}' can't be verified", "pack or receipt", CliError.Usage);
        }
        call.Terminal.Result(report.ToJson(), () =>
        {
            foreach (var finding in report.Findings) call.Terminal.Line(Terminal.Red(finding.ToString()));
            foreach (var note in report.Notes) call.Terminal.Line(note);
            call.Terminal.Line(report.Result == VerifyResult.Complete ? Terminal.Green("verified") : report.Result.ToString());
        });
        return (int)report.Result;
    });

    public static Verb Fsck => new("fsck", "check a server's ledger and blobs on disk", """
        stele fsck [--data DIR] [--repair]

        Collects every violation: a damaged journal, entry, tile, bundle or checkpoint, a blob that is not its digest. --repair rebuilds what is
        derived (tiles, bundles, the checkpoint file) and nothing else. The server must not be running.
        """, [new Option<bool>("--repair")], async call =>
    {
        var folder = new ServerFolder(call.Data);
        var trust = folder.ReadTrust();
        var violations = new List<string>();
        if (call.Get<bool>("--repair")) violations.AddRange(Ledger.Fsck.Repair(folder.Ledger, trust.Key).Select(v => "repaired: " + v));
        violations.AddRange(Ledger.Fsck.Check(folder.Ledger, trust.Key));
        var blobs = new Blobs.BlobStore(folder.Blobs);
        var checkedBlobs = 0;
        foreach (var digest in blobs.All())
        {
            call.Terminal.Progress($"{++checkedBlobs} blobs");
            if (!blobs.Intact(digest)) violations.Add($"blob {digest}: its bytes have another digest");
        }
        call.Terminal.Result(Json.Object(("violations", Json.Array(violations.Select(Json.Of))), ("blobs", checkedBlobs)), () =>
        {
            foreach (var v in violations) call.Terminal.Line(Terminal.Red(v));
            call.Terminal.Line(violations.Count == 0 ? $"the ledger is whole; {checkedBlobs} blobs are what their names say" : $"{violations.Count} violations");
        });
        return violations.All(v => v.StartsWith("repaired", StringComparison.Ordinal)) ? 0 : CliError.Failed;
    });

    public static Verb Audit => Verb.Group("audit", "export what an auditor needs", """
        An audit pack holds every entry, every document the fold reads, and every decision log; it verifies offline with stele-verify and the
        trust file, and nothing else.
        """,
        new Verb("export", "write an audit pack", """
            stele audit export --out FILE

            Built here, from entries and logs that were verified here; the same ledger and logs give the same bytes.
            """, [new Option<string>("--out") { HelpName = "FILE" }], Export));

    static async Task<int> Export(Call call)
    {
        await using var desk = await Desk.Open(call);
        var file = System.IO.Path.GetFullPath(call.Need("--out"));
        using var node = desk.Home.Gateway is { } url ? new NodeClient(url, desk.Home.NodeToken) : null;
        var logs = new List<PackedLog>();
        foreach (var log in desk.State.Logs.Values)
        {
            call.Terminal.Progress($"reading {log.Origin}");
            if (node is not null && await node.Log(log, call.Stop) is { } packed) logs.Add(packed);
            else if (log.Anchor is { Size: > 0 } && log.Status != Proof.Statements.LogStatement.Lost)
                throw new CliError($"the decision log {log.Origin} is not to be had", "start its node, name it (stele login … --gateway URL --node-token TOKEN), or have it declared lost: stele log lost");
        }
        // Invariant: the ledger is read after the logs, so that no decision names an entry that the pack does not have.
        await desk.Sync();
        var (digest, size) = Control.Export.Write(file, desk.Replay, desk.Checkpoint, desk.Small, logs, call.Terminal.Progress);
        call.Terminal.Result(Json.Object(("file", file), ("bytes", size), ("digest", digest), ("entries", desk.State.Size), ("logs", logs.Count)), () =>
        {
            call.Terminal.Line($"{file}  {Terminal.Size(size)}  {digest}");
            call.Terminal.Line($"verify it anywhere: stele-verify pack {System.IO.Path.GetFileName(file)} --trust trust.json");
        });
        return 0;
    }
}
