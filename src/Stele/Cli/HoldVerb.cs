using System.CommandLine;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class HoldVerb
{
    public static Verb Verb => Verb.Group("hold", "legal holds: what may be neither erased nor pruned", """
        While a hold stands, nothing that it covers is erased, by request or because its time is over, and no log is pruned past it.
        A hold covers a system, one of its environments, or a range of one decision log.
        """,
        new("place", "place a hold (owners)", """
            stele hold place SYSTEM[/ENV] [--log LOG [--from N] [--to N]] [--reason TEXT]

            From this entry on. What a node had destroyed before it could know of the hold is destroyed, and shown as such.
            """,
            [
                new Argument<string>("system/env"),
                new Option<string>("--log")
                {
                    HelpName = "LOG",
                    Description =
                        "only the decisions of this log, as stele status names it; the environment must be named then"
                },
                new Option<long?>("--from")
                {
                    HelpName = "N",
                    Description = "the first decision of the log that is held; the first of all unless given"
                },
                new Option<long?>("--to")
                {
                    HelpName = "N",
                    Description = "the last decision of the log that is held; all that come too unless given"
                },
                new Option<string>("--reason")
                {
                    HelpName = "TEXT",
                    Description = "why; kept in your home, the ledger commits to it"
                },
            ], Place) { Needs = "the role owner" },
        new("release", "release a hold (owners)", """
            stele hold release ENTRY [--reason TEXT]

            ENTRY is the one that placed it, as stele hold list shows it.
            """, [new Argument<long>("entry"), new Option<string>("--reason") { HelpName = "TEXT", Description = "why; kept in your home, the ledger commits to it" }], Release) { Needs = "the role owner" },
        new("list", "the holds that stand", """
            stele hold list

            Each with what it covers, the entry that placed it, and the reason where this home has it.
            """, [], List));

    static async Task<int> Place(Call call)
    {
        await using var desk = await Desk.Open(call);
        var (system, environment) = Parsing.Scope(call.Need("system/env"), desk.State);
        var (log, from, to) = (call.Get<string>("--log"), call.Get<long?>("--from"), call.Get<long?>("--to"));
        if (log is null && (from is not null || to is not null))
            throw call.Wrong("--from and --to are about one log", "--log LOG, as stele status names it");
        if (log is not null && environment is null)
            throw call.Wrong("a log belongs to an environment", $"stele hold place {system}/ENV --log {log}");
        if (from < 0 || to < (from ?? 0)) throw call.Wrong("--from and --to are numbers of decisions, in order");
        long? end = to is { } last ? last + 1 : null;
        if (desk.State.Holds.Values.FirstOrDefault(h =>
            (h.System, h.Environment, h.Log, h.From, h.To) == (system!, environment, log, from ?? 0, end)) is { } same)
        {
            call.Terminal.Result(Json.Object(("entry", same.Entry), ("done", "nothing: it is so already")),
                () => call.Terminal.Line($"{same} is held already, since entry {same.Entry}"));
            return 0;
        }
        return await desk.Submit(new Hold(HoldAction.Place, system, environment, log, from, end, null,
            Reasons.Keep(desk.Home, call.Get<string>("--reason")))
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        },
            $"hold placed on {new HoldFact(0, 0, system!, environment, log, from ?? 0, end, null)}");
    }

    static async Task<int> Release(Call call)
    {
        await using var desk = await Desk.Open(call);
        var entry = call.Get<long>("entry");
        if (!desk.State.Holds.TryGetValue(entry, out var hold))
        {
            // A retry: the hold of that entry was released before.
            if (entry >= 0 && entry < desk.State.Size
                && desk.Replay.Entries[(int)entry].Statement is Hold { Action: HoldAction.Place })
            {
                call.Terminal.Result(Json.Object(("released", entry), ("done", "nothing: it is so already")),
                    () => call.Terminal.Line($"the hold of entry {entry} was released before"));
                return 0;
            }
            throw new CliError($"entry {entry} placed no hold", "stele hold list shows those that stand");
        }
        return await desk.Submit(new Hold(HoldAction.Release, null, null, null, null, null, entry,
            Reasons.Keep(desk.Home, call.Get<string>("--reason")))
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"hold on {hold} released");
    }

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        var holds = desk.State.Holds.Values.ToArray();
        call.Terminal.Result(
            Json.Object(
                ("holds",
                    Json.Array(holds.Select(h => ShownHold.Of(h).ToJson().With("text",
                        Reasons.Find(desk.Home, h.Reason) is { } text ? Json.Of(text) : Json.Null))))),
            () =>
            {
                if (holds.Length == 0) call.Terminal.Line("no hold stands");
                call.Terminal.Table(holds.Select(h => new[] { $"entry {h.Entry}", Terminal.Time(h.Time), h.ToString(),
                    Reasons.Find(desk.Home, h.Reason) ?? "" }), "");
            });
        return 0;
    }
}
