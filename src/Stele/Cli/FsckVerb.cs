using System.CommandLine;
using Stele.Control;
using Stele.Proof;

namespace Stele.Cli;

static class FsckVerb
{
    public static Verb Verb => new("fsck", "check a server's ledger and blobs on disk", """
        stele fsck [--data DIR] [--repair]

        Collects every violation: a damaged journal, entry, tile, bundle or checkpoint, a blob that is not its digest. While the server
        runs, what its newest checkpoint covers is checked.
        """,
        [new Option<bool>("--repair") { Description = "first make what is derived again (tiles, bundles, the checkpoint file), and nothing else; the server must not be running" }], Run)
    { Needs = Verb.Machine };

    static Task<int> Run(Call call)
    {
        var folder = new ServerFolder(call.DataHere);
        if (!folder.IsFounded) throw new CliError($"no server was founded in {folder.Data}", "say where it is: --data DIR");
        var trust = folder.ReadTrust();
        call.Terminal.Progress("reading the ledger");
        var repaired = call.Get<bool>("--repair") ? Ledger.Fsck.Repair(folder.Ledger, trust.Key) : [];
        var violations = Ledger.Fsck.Check(folder.Ledger, trust.Key).ToList();
        var blobs = new Blobs.BlobStore(folder.Blobs);
        var count = 0;
        foreach (var digest in blobs.All())
        {
            call.Stop.ThrowIfCancellationRequested();
            call.Terminal.Progress($"{++count} blobs");
            if (!blobs.Intact(digest)) violations.Add($"blob {digest}: its bytes have another digest");
        }
        call.Terminal.Result(Json.Object(("violations", Json.Array(violations.Select(Json.Of))), ("repaired", Json.Array(repaired.Select(Json.Of))), ("blobs", count)), () =>
        {
            foreach (var done in repaired) call.Terminal.Line("repaired: " + done);
            foreach (var v in violations) call.Terminal.Line(Terminal.Red(v));
            call.Terminal.Line(violations.Count == 0 ? $"the ledger is whole; {(count == 1 ? "1 blob is what its name says" : $"{count} blobs are what their names say")}" : $"{violations.Count} {(violations.Count == 1 ? "violation" : "violations")}");
            if (violations.Count > 0 && !call.Get<bool>("--repair")) call.Terminal.Note("Tiles, bundles and the checkpoint file can be made again: stele fsck --repair, with the server stopped. A blob is mended by uploading it again; a journal only by a copy.");
        });
        return Task.FromResult(violations.Count == 0 ? 0 : CliError.Failed);
    }
}
