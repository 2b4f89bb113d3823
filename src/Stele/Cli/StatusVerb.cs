using System.CommandLine;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

static class StatusVerb
{
    public static Verb Verb => new("status", "what runs where, under which policies, now or as of then", """
        stele status [SYSTEM/ENV] [--at TIME|ENTRY]

        The folded state: each environment's head, since when, the policies in force, what its node last said, its decision log. With --at
        it answers as of then: a time (2026-01-31T12:00:00Z) or an entry number; the fold is replayed to that point. Nothing is
        asked of the server but the entries.
        """, [new Argument<string>("place") { Arity = ArgumentArity.ZeroOrOne }, new Option<string>("--at") { HelpName = "TIME|ENTRY" }], Run);

    static async Task<int> Run(Call call)
    {
        await using var desk = await Desk.Open(call);
        var (state, now) = AsOf(desk, call);
        var status = Status.Of(state, now);
        var only = call.Get<string>("place");
        if (only is not null) Place.Known(only, state);
        call.Terminal.Result(status, () => Print(call.Terminal, state, status, only));
        return 0;
    }

    static (State State, long Now) AsOf(Desk desk, Call call)
    {
        if (call.Get<string>("--at") is not { } at) return (desk.State, call.Now);
        if (long.TryParse(at, NumberStyles.None, CultureInfo.InvariantCulture, out var entry))
        {
            if (entry >= desk.State.Size) throw new CliError($"the ledger has {desk.State.Size} entries", "--at takes an entry number, or a time");
            var then = desk.Replay.At(entry + 1);
            return (then, then.Time);
        }
        if (!DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) throw new CliError($"'{at}' is neither a time nor an entry", "as in --at 2026-01-31T12:00:00Z, or --at 17", CliError.Usage);
        return (desk.Replay.AsOf(time.ToUnixTimeMilliseconds()), time.ToUnixTimeMilliseconds());
    }

    static void Print(Terminal t, State state, Json status, string? only)
    {
        t.Line($"ledger {status["origin"].AsString}  {state.Size} entries  as of {Terminal.Time(status["asOf"].AsInt)}");
        if (state.Systems.IsEmpty) t.Line("no system is declared yet");
        foreach (var system in status["systems"].AsArray)
        {
            var environments = system["environments"].AsArray.Where(e => only is null || e["place"].AsString == only).ToArray();
            if (environments.Length == 0) continue;
            t.Line();
            t.Line($"{Terminal.Bold(system["system"].AsString)}  {system["risk"].AsString} risk");
            foreach (var e in environments)
            {
                t.Line("  " + Terminal.Bold(e["place"].AsString));
                var rows = new List<string[]>();
                if (e.Find("head") is { } head)
                {
                    foreach (var r in head["routes"].AsArray) rows.Add(["runs", $"{r.Find("name")?.AsString} {r["release"].AsString}{(r["weight"].AsInt == 100 ? "" : $"  {r["weight"].AsInt} %")}"]);
                    if (head["routes"].AsArray.IsEmpty) rows.Add(["runs", "nothing: halted"]);
                    rows.Add(["since", $"{Terminal.Time(head["since"].AsInt)}, entry {head["entry"].AsInt} ({head["action"].AsString})"]);
                    if (head["lapsed"].AsBool) rows.Add(["lapsed", "it stands on a waiver that has expired"]);
                    if (head["revoked"].AsBool) rows.Add(["revoked", "something in its closure was revoked"]);
                }
                else rows.Add(["runs", "nothing yet"]);
                rows.Add(["policies", e["policies"].AsArray is { IsEmpty: false } p ? string.Join(", ", p.Select(d => d.AsDigest.Short)) : "none in force: nothing can be deployed"]);
                if (e.Find("observation") is { } o) rows.Add(["node", $"{o["event"].AsString}, {(o["agrees"].AsBool ? "everything agrees with the release" : "something DIFFERS from the release")}, {Terminal.Time(o["time"].AsInt)}, entry {o["entry"].AsInt}"]);
                rows.Add(["stale after", e.Find("staleAfter") is { } s ? $"{s.AsInt / 1000} s" : "never (unlimited)"]);
                foreach (var log in status["logs"].AsArray.Where(l => l["place"].AsString == e["place"].AsString))
                    rows.Add(["decisions", $"{log["log"].AsString}: {(log.Find("anchor") is { } a ? $"{a["size"].AsInt} anchored, entry {a["entry"].AsInt}" : "nothing anchored yet")}"]);
                t.Table(rows, "    ");
            }
        }
    }
}
