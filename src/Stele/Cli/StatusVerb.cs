using System.CommandLine;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

static class StatusVerb
{
    public static Verb Verb => new("status", "what runs where, under which policies, now or as of then", """
        stele status [SYSTEM[/ENV]] [--at TIME|ENTRY]

        The folded state: each environment's head, since when, the policies in force, what its node last said, its decision log.
        It is folded here, from entries that were verified here. What the server and the node of this home say now is
        added: the ledger's witnesses, and what keeps the node or an environment from being as the ledger says, with
        the next step. Exit code 0: what is shown is as the ledger says, as far as is known. Exit code 1: the node is
        rejected, lags, can't reach its server or does not answer while something should run; server or node can't
        write what others read of their logs, or the server takes no more statements; an environment does not
        run what its head names, or what ran was not the release; or someone has seen a second history under the
        ledger's key. With --at only the ledger is asked.
        """,
        [
            new Argument<string>("system/env") { Arity = ArgumentArity.ZeroOrOne },
            new Option<string>("--at")
            {
                HelpName = "TIME|ENTRY",
                Description =
                    "answer as of then: a time (2026-01-31T12:00:00Z, UTC unless it says otherwise) or an entry number"
            },
        ], Run);

    static async Task<int> Run(Call call)
    {
        await using var desk = await Desk.Open(call);
        var (state, now) = AsOf(desk, call);
        var status = Status.Of(state, desk.Replay.Entries, now);
        if (call.Get<string>("system/env") is { } only)
        {
            Parsing.Scope(only, state);
            bool Shown(Json place) =>
                place.AsString == only || place.AsString.StartsWith(only + "/", StringComparison.Ordinal);
            status = status
                .With("systems", Json.Array(status["systems"].AsArray
                    .Select(s =>
                        s.With("environments", Json.Array(s["environments"].AsArray.Where(e => Shown(e["place"])))))
                    .Where(s => s["system"].AsString == only || !s["environments"].AsArray.IsEmpty)))
                .With("logs", Json.Array(status["logs"].AsArray.Where(l => Shown(l["place"]))));
        }
        var witnessing = call.Get<string>("--at") is null ? await Witnessing.Of(desk, call) : null;
        IReadOnlyList<StatusFault> faults = [];
        if (witnessing is not null)
        {
            faults = StatusFault.Of(status, witnessing, now);
            status = status.With("witnessing", witnessing.ToJson())
                .With("faults", Json.Array(faults.Select(f => f.ToJson())));
        }
        call.Terminal.Result(status, () => Print(call.Terminal, state, status, witnessing, faults));
        return witnessing is { Forks.Count: > 0 } || faults.Count > 0 ? CliError.Failed : 0;
    }

    static (State State, long Now) AsOf(Desk desk, Call call)
    {
        if (call.Get<string>("--at") is not { } at) return (desk.State, call.Now);
        if (long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var entry))
        {
            if (entry >= desk.State.Size)
                throw new CliError(
                    $"there is no entry {entry}: the ledger has {desk.State.Size}, from 0 to {desk.State.Size - 1}",
                    "--at takes an entry number, or a time");
            var then = desk.Replay.At(entry + 1);
            return (then, then.Time);
        }
        if (!Rfc3339.TryParse(at, out var time)) throw new CliError($"'{at}' is neither a time (RFC 3339) nor an entry",
            $"as in --at {Rfc3339.Example}, or --at 17", CliError.Usage);
        var asOf = desk.Replay.AsOf(time);
        if (asOf.Size == 0) throw new CliError($"the ledger did not exist yet at {Terminal.Time(time)}",
            $"it begins at {Terminal.Time(desk.Replay.Entries[0].Entry.Time)}");
        return (asOf, time);
    }

    /// <summary>What is not there any more of a log, and what must stay, as the ledger declares it.</summary>
    public static string Gone(Json log) => string.Join("; ", new[]
    {
        log["erased"].AsInt > 0 ? $"{log["erased"].AsInt} erased" : "",
        log["floor"].AsInt > 0 ? $"may be pruned below {log["floor"].AsInt}" : "",
        log["holds"].AsArray is { IsEmpty: false } holds
            ? $"held by {string.Join(", ", holds.Select(h => $"entry {h.AsInt}"))}"
            : "",
    }.Where(s => s.Length > 0));

    /// <summary>An observation in words: of what it was, and whether it agreed.</summary>
    public static string Seen(Json o)
    {
        var differs = string.Join(", ", o["differs"].AsArray.Select(d => d.AsString));
        var said = (o["event"].AsString, o["agrees"].AsBool) switch
        {
            ("stopped", true) => "stopped",
            ("stopped", false) => $"stopped, not by order ({differs})",
            (var seen, true) => $"{seen}, everything agrees with the release",
            var (seen, _) => $"{seen}: {differs} DIFFERS from the release",
        };
        var name = o.Find("name")?.AsString ?? o["release"].AsString;
        return o["current"].AsBool ? said : $"{said}: {name} of entry {o["deployment"].AsInt}, before this head";
    }

    static void Print(Terminal t, State state, Json status, Witnessing? witnessing, IReadOnlyList<StatusFault> faults)
    {
        t.Line(
            $"ledger {status["origin"].AsString}  {state.Size} {(state.Size == 1 ? "entry" : "entries")}  as of "
            + $"{Terminal.Time(status["asOf"].AsInt)}");
        witnessing?.Print(t);
        t.Table(faults.Where(f => f.Place is null).SelectMany(f => f.Rows()), "");
        if (state.Systems.IsEmpty)
            t.Line("no system is declared yet; an owner does: stele system add NAME --env prod --stale-after 24h");
        foreach (var system in status["systems"].AsArray)
        {
            var environments = system["environments"].AsArray;
            t.Line();
            t.Line(
                $"{Terminal.Bold(system["system"].AsString)}  {system["risk"].AsString} "
                + $"risk{(state.Systems[system["system"].AsString].Retention is { } kept ? "  keeps " + RetentionVerb.Words(kept) : "")}");
            foreach (var e in environments)
            {
                t.Line("  " + Terminal.Bold(e["place"].AsString));
                var rows = new List<string[]>();
                if (e.Find("head") is { } head)
                {
                    foreach (var r in head["routes"].AsArray)
                        rows.Add(["runs",
                            $"{r.Find("name")?.AsString} "
                            + $"{r["release"].AsString}{(r["weight"].AsInt == 100 ? "" : $"  {r["weight"].AsInt} %")}"]);
                    if (head["routes"].AsArray.IsEmpty) rows.Add(["runs", "nothing: halted"]);
                    rows.Add(["since",
                        $"{Terminal.Time(head["since"].AsInt)}, entry {head["entry"].AsInt} ({head["action"].AsString})"]);
                    foreach (var w in head["waivers"].AsArray) rows.Add(WaiverVerbs.Row(w));
                    if (head["revoked"].AsBool) rows.Add(["revoked", "something in its closure was revoked"]);
                }
                else rows.Add(["runs", "nothing yet"]);
                rows.Add(["policies",
                    e["policies"].AsArray is { IsEmpty: false } p
                        ? string.Join(", ", p.Select(d => d.AsDigest.Short))
                        : "none in force: nothing can be deployed; an owner sets one: stele policy set FILE --for "
                            + "SYSTEM"]);
                if (e.Find("observation") is { } o)
                    rows.Add(["node", $"{Seen(o)}, {Terminal.Time(o["time"].AsInt)}, entry {o["entry"].AsInt}"]);
                foreach (var fault in faults.Where(f => f.Place == e["place"].AsString)) rows.AddRange(fault.Rows());
                rows.Add(["stale after",
                    e.Find("staleAfter") is { } s ? Terminal.Lasting(s.AsInt) : "never (unlimited)"]);
                foreach (var log in status["logs"].AsArray.Where(l => l["place"].AsString == e["place"].AsString))
                    rows.Add(["decisions",
                        $"{log["log"].AsString}: "
                        + $"{(log.Find("anchor") is { } a ? $"{a["size"].AsInt} anchored, entry {a["entry"].AsInt}" : "nothing anchored yet")}{(Gone(log) is { Length: > 0 } gone ? "; " + gone : "")}"]);
                t.Table(rows, "    ");
            }
        }
    }
}
