using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class ReconcileVerb
{
    /// <summary>Done, and something does not add up.</summary>
    const int Differs = 4, Attempts = 5;

    public static Verb Verb => new("reconcile", "show that no decision is missing between two times (owners)", """
        stele reconcile --from TIME --to TIME [--environment PLACE] [--upstream N | --upstream-file FILE] [--dry-run]

        Holds what the gateway counted, which each node signs with its anchors, against the log's size at both times, its leaves, and the release's
        own count if you have one. Whatever does not add up is named: how many, and among which leaves. The result is a statement in the ledger;
        the fold holds it to the anchors, and stele-verify reckons it again from a pack.

        It speaks of the time up to the last anchor at most, and says so. Exit codes: 0 nothing is missing; 4 it is done, and something does not
        add up; 1 failed or refused.
        """,
        [
            new Option<string>("--from") { HelpName = "TIME", Description = "RFC 3339, as in 2026-01-31T12:00:00Z" },
            new Option<string>("--to")
            {
                HelpName = "TIME",
                Description = "the other end; not before --from, and past"
            },
            new Option<string>("--environment")
            {
                HelpName = "PLACE",
                Description = "SYSTEM/ENV or SYSTEM; the whole ledger unless given"
            },
            new Option<long?>("--upstream")
            {
                HelpName = "N",
                Description =
                    "how many requests the release itself has answered in that time, without health checks; for one "
                    + "decision log"
            },
            new Option<string>("--upstream-file")
            {
                HelpName = "FILE",
                Description = "the same, as the release's own access log: one line a request"
            },
            new Option<bool>("--dry-run") { Description = "reckon and show, and state nothing" },
        ], Run) { Needs = "the role owner or service; none with --dry-run" };

    static async Task<int> Run(Call call)
    {
        var (from, to) = (Parsing.Time(call.Need("--from"), "--from"), Parsing.Time(call.Need("--to"), "--to"));
        if (from > to) throw call.Wrong("--from lies after --to");
        if (to > call.Now) throw call.Wrong($"{Terminal.Time(to)} is still to come");
        var upstream = Upstream(call);
        await using var desk = await Desk.Open(call);
        var (system, environment) = Parsing.Scope(call.Get<string>("--environment"), desk.State);
        if (!call.Get<bool>("--dry-run") && !(desk.State.Members.TryGetValue(desk.Member, out var me)
            && (me.Has(RoleName.Owner, system, environment) || me.Has(RoleName.Service, system, environment))))
            throw new CliError(
                $"you hold neither the role {new Role(RoleName.Owner, system, environment)} nor "
                + $"{new Role(RoleName.Service, system, environment)}",
                $"an owner gives it: stele member add --member {desk.Member} --keep --role "
                + $"{new Role(RoleName.Service, system, environment)}; or only look: --dry-run");
        using var node = desk.Home.Gateway is { } url ? new NodeClient(url, desk.Home.NodeToken) : null;
        for (var attempt = 1; ; attempt++)
        {
            var statement = await Reckon(call, desk, node, system, environment, from, to, upstream);
            if (statement.Logs.IsEmpty)
                throw new CliError("no decision log is in that scope",
                    "stele status shows which there are; an owner opens one: stele log open SYSTEM/ENV");
            long? entry = null;
            try
            {
                if (!call.Get<bool>("--dry-run")) (entry, _) = await desk.Sign(statement);
            }
            // An anchor came in between: the figures are taken again.
            catch (CliError refused) when (refused.Problem?.Code == RefusalCode.Inconsistent.Name()
                && attempt < Attempts)
            {
                await desk.Sync();
                continue;
            }
            var differences = statement.Logs.Sum(l => l.Differences.Length);
            call.Terminal.Result(
                Json.Object(("entry", entry is { } e ? Json.Of(e) : null), ("from", from), ("to", to),
                    ("differences", differences), ("logs", Json.Array(statement.Logs.Select(l => l.ToJson())))),
                () => Print(call.Terminal, statement, entry));
            return differences == 0 ? 0 : Differs;
        }
    }

    static async Task<Reconcile> Reckon(Call call, Desk desk, NodeClient? node, string? system, string? environment,
        long from, long to, long? upstream)
    {
        var state = desk.State;
        var logs = Reconciliation.Scope(state, system, environment).ToList();
        if (upstream is not null && logs.Count != 1)
            throw new CliError($"an upstream's count is for one decision log, and the scope has {logs.Count}",
                "narrow it: --environment SYSTEM/ENV", CliError.Usage);
        using var folders = new AuditVerb.Folders();
        var rows = ImmutableArray.CreateBuilder<ReconciledLog>();
        foreach (var log in logs)
        {
            call.Terminal.Progress($"reading {log.Origin}");
            var window = Reconciliation.Window(log, from, to);
            LeafCount? leaves = null;
            if (log.Status != LogAction.Lost)
            {
                var packed = window.Past > window.First ? await AuditVerb.Have(call, node, log, folders) : null;
                var reckoning = new LeafReckoning(desk.Replay, log, window);
                // All of it, to the end: only then is it known to be what the checkpoint says.
                var index = await Task.Run(() =>
                {
                    var read = packed?.Floor?.Size ?? 0;
                    foreach (var leaf in packed?.Leaves ?? []) reckoning.Add(read++, leaf);
                    return read;
                }, call.Stop);
                leaves = reckoning.Count
                    ?? throw new CliError(
                        $"{log.Origin}: {window.Past} leaves are anchored, and only those from "
                        + $"{packed?.Floor?.Size ?? 0} to {index} are to be had",
                        "what was pruned is reckoned no more: take a later --from; what was lost an owner declares "
                        + "so: stele log lost ORIGIN");
            }
            rows.Add(new ReconciledLog(log.Origin, window, leaves, upstream,
                Reconciliation.Differences(window, leaves, upstream)));
        }
        return new Reconcile(system, environment, from, to, rows.ToImmutable())
        {
            Ledger = state.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        };
    }

    static long? Upstream(Call call)
    {
        var given = call.Get<long?>("--upstream");
        if (given < 0) throw call.Wrong("--upstream takes a count");
        if (call.Get<string>("--upstream-file") is null) return given;
        if (given is not null) throw call.Wrong("--upstream and --upstream-file exclude each other");
        return File.ReadLines(call.NeedFile("--upstream-file")).LongCount(l => l.Length > 0);
    }

    static void Print(Terminal t, Reconcile r, long? entry)
    {
        t.Line(
            $"reconciled {Terminal.Time(r.From)} to {Terminal.Time(r.To)}, "
            + $"{(r.System is null ? "everything" : r.Environment is null ? r.System : $"{r.System}/{r.Environment}")}  {Terminal.Dim(entry is { } e ? $"entry {e}" : "not stated")}");
        foreach (var l in r.Logs)
        {
            var w = l.Window;
            t.Line("  " + Terminal.Bold(l.Log));
            var rows = new List<string[]>
            {
                new[] { "anchors",
                    w.Until is { } until
                        ? $"{(w.Begin is { } b ? $"entry {b}" : "the log's beginning")} to entry {w.End}, which "
                            + $"speaks for the time until "
                            + $"{Terminal.Time(until)}{(until < r.To ? ": what came later is not anchored yet" : "")}"
                        : "none: nothing was anchored" },
                new[] { "log",
                    $"{w.Past - w.First} leaves without a gap ({w.First} to {w.Past}): {w.Wholes} whole, {w.Opens} "
                    + $"open, {w.Closes} close; at most {w.Unanchored} unanchored at a time" },
            };
            if (l.Leaves is { } c)
                rows.Add(["decisions",
                    $"{c.Allowed} let through, {c.Denied} denied, {c.Errors} that the release failed; {c.Stale} "
                    + $"served stale, {c.Unobserved} unobserved"]);
            if (w.After is { } a) rows.Add(["gateway", Counters(w.Before?.From == a.From ? w.Before : null, a)]);
            if (l.Upstream is { } u) rows.Add(["upstream", $"{u} by its own count"]);
            t.Table(rows, "    ");
            if (l.Differences.IsEmpty) t.Line("    " + Terminal.Green("nothing is missing"));
            foreach (var d in l.Differences) t.Line("    " + Terminal.Red($"{d.Name}: {Reconciliation.Say(d)}"));
        }
    }

    static string Counters(GatewayCount? before, GatewayCount after)
    {
        long Of(Func<GatewayCount, long> count) => count(after) - (before is null ? 0 : count(before));
        return $"{Of(g => g.Admitted)} admitted, {Of(g => g.Recorded)} recorded, {Of(g => g.Answered)} answered; "
            + $"{Of(g => g.Failed)} could not be recorded, {Of(g => g.Refused)} refused before a decision";
    }
}
