using System.CommandLine;
using Stele.Control;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Cli;

static class FsckVerb
{
    /// <summary>Something was wrong, and all of it was made again.</summary>
    const int AllRepaired = 3;

    public static Verb Verb => new("fsck", "check all that a server and a node keep on disk", """
        stele fsck [--data DIR] [--repair]

        Reads everything below the data folder and says all that is wrong with it, however much that is. Of the server: keys, trust file,
        tokens, the ledger (journal, entries, tiles, bundles, checkpoint), every entry folded again by the rules, every blob. Of the node: its
        identity, its replica, its blobs, each decision log with the keys and sealed bodies next to it, the outbox. It changes nothing.
        While server or node run, what their newest checkpoints cover is checked.

        With --repair it first makes again what is derived from the rest: tiles, bundles, checkpoint files, the listing of the blobs. It
        says what it did, and never touches a journal, a key or a blob: a blob is repaired by uploading it again, a journal by a copy.

        Ends with 0: nothing is wrong. 1: something is. 3: something was, and --repair has repaired all of it.
        """,
        [new Option<bool>("--repair") { Description =
            "first make what is derived again, and nothing else; neither server nor node may be running" }], Run)
    { Needs = Verb.Machine };

    static Task<int> Run(Call call)
    {
        var (server, node) = (new ServerFolder(call.DataHere), NodeFolder.In(call.DataHere));
        var (ofServer, ofNode) = (Directory.Exists(server.Path), Directory.Exists(node.Path));
        if (!server.IsFounded && (ofServer || !ofNode))
            throw new CliError($"no server was founded in {server.Data}", "say where it is: --data DIR");
        var trust = server.IsFounded ? server.ReadTrust()
            : Home.Open(call.HomePath).Trust ?? throw new CliError(
                "which ledger does the node follow? none is pinned here", "say whose home it is: --home DIR");
        var found = new Findings(server.Data);
        if (call.Get<bool>("--repair"))
        {
            call.Terminal.Progress("making again what is derived");
            if (ofServer) ServerFsck.Repair(server, trust, found);
            if (ofNode) NodeFsck.Repair(node, trust, found);
        }
        call.Terminal.Progress("reading everything");
        if (server.IsFounded) ServerFsck.Check(server, trust, found, call.Stop);
        if (ofNode) NodeFsck.Check(node, trust, found, call.Stop);

        var violations = found.Violations;
        call.Terminal.Result(Json.Object(
            ("violations", Json.Array(
                violations.Select(v => Json.Object(("path", v.Path), ("problem", v.Problem),
                    ("derived", v.Damage == Damage.Derived))))),
            ("repaired", Json.Array(found.Repaired.Select(Json.Of))),
            ("remarks", Json.Array(found.Remarks.Select(Json.Of))),
            ("entries", found.Entries), ("logs", found.Logs), ("decisions", found.Decisions), ("blobs", found.Blobs)),
            () =>
        {
            foreach (var done in found.Repaired) call.Terminal.Line("repaired: " + done);
            foreach (var v in violations) call.Terminal.Line(Terminal.Red(v.ToString()));
            foreach (var remark in found.Remarks) call.Terminal.Line(Terminal.Dim("note: " + remark));
            var read =
                $"{Count(found.Entries, "entry", "entries")} in {Count(found.Logs, "log", "logs")}, "
                + $"{Count(found.Blobs, "blob", "blobs")}";
            call.Terminal.Line(violations.Count == 0
                ? $"all is whole: {read}"
                : $"{Count(violations.Count, "violation", "violations")}; read {read}");
            if (violations.Any(v => v.Damage == Damage.Derived))
                call.Terminal.Note(
                    "What is derived can be made again, with server and node stopped: stele fsck --repair.");
            if (violations.Any(v => v.Damage != Damage.Derived))
                call.Terminal.Note(
                    "A blob is repaired by uploading it again; a journal, a key or a table only by a copy.");
        });
        return Task.FromResult(violations.Count > 0 ? CliError.Failed : found.Repaired.Count > 0 ? AllRepaired : 0);
    }

    static string Count(long n, string one, string many) =>
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{n} {(n == 1 ? one : many)}");
}
