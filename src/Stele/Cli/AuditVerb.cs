using System.Collections.Immutable;
using System.CommandLine;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class AuditVerb
{
    public static Verb Verb => Verb.Group("audit", "export what an auditor needs", """
        An audit pack holds every entry, every document the fold reads, and every decision log; it verifies offline with stele-verify and the
        trust file, and nothing else.
        """,
        new Verb("export", "write an audit pack", """
            stele audit export --out FILE [--from-cold DIR]

            Next to it goes stele-pack.html, one page that opens from the disk and shows any pack, with nothing sent anywhere.

            Built here, from entries and logs that were verified here; the same ledger and logs give the same bytes. Decision logs are
            asked of their node; where it does not run, they are read from its folder, if that is on this machine. Records that were pruned
            below their floor are left out, as the ledger declares; those that were moved elsewhere must be given back with --from-cold.
            """, [new Option<string>("--from-cold") { HelpName = "DIR", Description = "the folder of segments that stele log move wrote; each is checked before it is used" }, new Option<string>("--out") { HelpName = "FILE", Description = "where it is written, whole or not at all" }], Export) { Needs = "a token of the server, and of the node" });

    static async Task<int> Export(Call call)
    {
        var file = System.IO.Path.GetFullPath(call.Need("--out"));
        if (!Directory.Exists(System.IO.Path.GetDirectoryName(file)))
            throw call.Wrong($"there is no folder {System.IO.Path.GetDirectoryName(file)}");
        if (Directory.Exists(file)) throw call.Wrong($"{file} is a folder, not a file");
        await using var desk = await Desk.Open(call);
        using var node = desk.Home.Gateway is { } url ? new NodeClient(url, desk.Home.NodeToken) : null;
        var logs = new List<PackedLog>();
        var cold = call.Get<string>("--from-cold");
        if (cold is not null && !Directory.Exists(cold)) throw call.Wrong($"there is no folder {cold}");
        using var folders = new Folders();
        foreach (var log in desk.State.Logs.Values)
        {
            call.Terminal.Progress($"reading {log.Origin}");
            if (await Have(call, node, log, folders) is { } packed) logs.Add(Whole(packed, log, cold));
        }
        // Invariant: the ledger is read after the logs, so that no decision names an entry that the pack does not have.
        if (!await desk.SyncCosigned())
            call.Terminal.Note(
                $"Fewer than {desk.Trust.Quorum} of this home's witnesses have cosigned the ledger as it is now: the "
                + $"pack will not verify with this trust file. stele status says what keeps them.");
        // Files and networks block; the terminal's own loop does not.
        var (digest, size) = await Task.Run(() => Control.Export.Write(file, desk.Replay, desk.Checkpoint, desk.Small,
            logs, what => call.Terminal.Progress(what)), call.Stop);
        var page = Control.Export.WritePage(file);
        var missing = await MissingKeys(call, node, folders);
        call.Terminal.Result(new ExportedPack(file, page, size, digest, desk.State.Size, logs.Count,
            [.. missing]).ToJson(), () =>
        {
            foreach (var log in missing) call.Terminal.Line(Terminal.Yellow(
                $"{log}; the pack proves the records, and not that what was asked and answered is kept"));
            call.Terminal.Line($"{file}  {Terminal.Size(size)}  {digest}");
            call.Terminal.Line($"look at it in a browser, without a network: {page}");
            call.Terminal.Line(
                $"verify it anywhere: stele-verify pack {System.IO.Path.GetFileName(file)} --trust trust.json");
        });
        return 0;
    }

    /// <summary>A decision log, from its node or its folder; null where it is not to be had and need not be.</summary>
    internal static async Task<PackedLog?> Have(Call call, NodeClient? node, LogFact log, Folders folders)
    {
        if (await Offered(node, log, call.Stop) is { } packed || (packed = OnDisk(call, log, folders)) is not null)
            return packed;
        return log.Anchor is { Size: > 0 } && log.Status != LogAction.Lost
            ? throw new CliError(
                $"the decision log {log.Origin} is not to be had: no node gives it, and its folder is not on this "
                + $"machine or in use",
                "start its node; or name it: stele login URL --gateway URL --node-token-file FILE; or run this where "
                    + "its folder is: --data DIR; or an owner declares it lost: stele log lost ORIGIN")
            : null;
    }

    /// <summary>The log with what lies in cold storage; held to the floor that the ledger admits.</summary>
    static PackedLog Whole(PackedLog packed, LogFact log, string? cold)
    {
        if (cold is not null) packed = Gateway.NodePruning.WithCold(packed, cold);
        return packed.Floor is not { } floor || floor.Size <= log.Floor ? packed
            : throw new CliError(
                $"the first {floor.Size} records of {log.Origin} are not on its node, and the ledger admits "
                + $"{(log.Floor == 0 ? "no floor" : $"a floor of {log.Floor}")}",
                "give the folder they were moved to: --from-cold DIR");
    }

    /// <summary>The log as its node gives it; null where none answers or it is not that node's.</summary>
    static async Task<PackedLog?> Offered(NodeClient? node, LogFact log, CancellationToken stop)
    {
        try
        {
            return node is null ? null : await node.Log(log, stop);
        }
        catch (NodeClient.SilentException)
        {
            return null;
        }
    }

    /// <summary>The logs of which keys are missing and nothing says why, in words.</summary>
    static async Task<IReadOnlyList<string>> MissingKeys(Call call, NodeClient? node, Folders folders)
    {
        var all = new List<string>(folders.MissingKeys);
        if (node is null) return all;
        try
        {
            all.AddRange((await node.Status(call.Stop)).Environments.SelectMany(e => e.Faults)
                .Where(f => f.Code == FaultCode.KeysMissing.Row().Name).Select(f => f.Message));
        }
        catch (NodeClient.SilentException) { }   // its folder was read
        return all;
    }

    /// <summary>Logs that are read as they are needed, and closed after that.</summary>
    internal sealed class Folders : IDisposable
    {
        readonly List<IDisposable> _open = [];

        /// <summary>What was found to be missing in them.</summary>
        public List<string> MissingKeys { get; } = [];

        public T Keep<T>(T folder) where T : IDisposable
        {
            _open.Add(folder);
            return folder;
        }

        public void Dispose() => _open.ForEach(o => o.Dispose());
    }

    /// <summary>
    /// The log out of its node's folder, if that is here and its node is not running; null otherwise.
    /// </summary>
    static PackedLog? OnDisk(Call call, LogFact log, Folders folders)
    {
        var folder = NodeFolder.In(call.DataHere);
        if (DecisionLog.OpenToRead(folder, log.Origin) is not { } open) return null;
        folders.Keep(open);
        try
        {
            using var recorder = new Recorder(folder, open);
            if (recorder.Unexplained is > 0 and var missing)
                folders.MissingKeys.Add(ReadEndpoints.MissingKeys(missing, log.Origin));
        }
        catch (IOException e)
        {
            folders.MissingKeys.Add($"whether the keys of {log.Origin} are there can't be told: {e.Message}");
        }
        return open.Key.ToString() == log.Key ? Control.Export.Of(open.Log) : null;
    }
}

/// <param name="Page">Shows any pack in a browser.</param>
/// <param name="MissingKeys">The logs of which keys are missing and nothing says why, in words.</param>
sealed record ExportedPack(string File, string Page, long Bytes, Digest Digest, long Entries, int Logs,
    ImmutableArray<string> MissingKeys) : IView;
