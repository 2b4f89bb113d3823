using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Stele.Gateway;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class RetentionVerb
{
    const long Day = 86_400_000;

    public static Verb Verb =>
        Verb.Group("retention", "how long records are kept, and destroying what is past its time", """
        A system names two retention classes: how long what was asked and answered can be opened (bodies: their keys and salts), and how long the
        records themselves are kept (leaves). Nothing is destroyed by itself: stele retention run does it, and states it.
        """,
        new("set", "say how long a system's records are kept (owners)", """
            stele retention set SYSTEM [--bodies DAYS] [--leaves DAYS]

            States both classes from this entry on; a class that is not given is kept forever. Bodies can't outlive their leaves.
            """,
            [
                new Argument<string>("system"),
                new Option<double?>("--bodies")
                {
                    HelpName = "DAYS",
                    Description = "how long bodies can be opened, from their decision on; forever unless given"
                },
                new Option<double?>("--leaves")
                {
                    HelpName = "DAYS",
                    Description = "how long records are kept; forever unless given"
                },
            ], Set) { Needs = "the role owner" },
        new("run", "destroy what is past its time (owners)", """
            stele retention run [SYSTEM] [--draft NEW]

            On the node: erases the keys and salts of every decision older than its system keeps bodies, and states it; raises the floor of
            each log as far as leaves may go. What a hold covers stays. Leaves are then taken away by stele log prune, with the node
            stopped. May be repeated, and broken off, at any time. Where more owners must sign, --draft writes what is to be done to a file:
            stele erase --sign.
            """, [new Argument<string>("system") { Arity = ArgumentArity.ZeroOrOne }, EraseVerb.Draft], Run) { Needs = EraseVerb.Needs },
        new("floor", "admit that a log is pruned below a floor (owners)", """
            stele retention floor LOG N

            States that leaves below N need not be kept: what is then missing there is pruned, not lost. All of them must have been anchored
            for as long as the system keeps its records (stele retention set SYSTEM --leaves DAYS), no hold may cover any of it, and a floor
            never sinks. LOG is the log's name, as stele status shows it.
            """, [new Argument<string>("log"), new Argument<long>("n")], Floor) { Needs = "the role owner" },
        new("show", "what is kept how long, and what is gone", """
            stele retention show

            Each system's classes, and of each of its logs how many records were erased, the floor that is admitted, and the holds.
            """, [], Show));

    static async Task<int> Set(Call call)
    {
        var name = Parsing.Label(call.Need("system"), "a system");
        long? Days(string flag) => call.Get<double?>(flag) is not { } days ? null : days is > 0 and <= 36_600
            ? (long)(days * Day) : throw call.Wrong($"{flag} takes days: more than 0, at most a hundred years");
        var (bodies, leaves) = (Days("--bodies"), Days("--leaves"));
        if (bodies > leaves)
            throw call.Wrong("bodies can't be kept longer than their leaves",
                "a body is opened by its record; give --leaves at least as many days");
        var terms = bodies is null && leaves is null ? null : new RetentionTerms(bodies, leaves);
        await using var desk = await Desk.Open(call);
        if (!desk.State.Systems.TryGetValue(name, out var s)) throw Place.NoSystem(name, desk.State);
        if (s.Retention == terms)
        {
            call.Terminal.Result(Json.Object(("entry", s.Entry), ("done", "nothing: it is so already")),
                () => call.Terminal.Line($"{name} keeps them just so already, since entry {s.Entry}"));
            return 0;
        }
        return await desk.Submit(new SystemStatement(name, s.Entry, s.Owner, s.Risk, s.Environments)
        {
            Retention = terms,
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"{name} keeps {Words(terms)}");
    }

    public static string Words(RetentionTerms? terms) => $"bodies {For(terms?.Bodies)}, records {For(terms?.Leaves)}";

    static string For(long? ms) => ms is not { } time ? "forever"
        : time >= Day ? string.Create(CultureInfo.InvariantCulture, $"{(double)time / Day:0.##} days")
        : string.Create(CultureInfo.InvariantCulture, $"{time / 1000.0:0.###} s");

    static async Task<int> Run(Call call)
    {
        await using var desk = await Desk.Open(call);
        desk.Hold(RoleName.Owner);
        var only = call.Get<string>("system");
        if (only is not null && !desk.State.Systems.ContainsKey(only)) throw Place.NoSystem(only, desk.State);
        var systems = desk.State.Systems.Values.Where(s => s.Retention is not null && (only is null || s.Name == only))
            .ToList();
        var done = new List<(string System, Erased Erased, List<(string Log, long Floor, long Entry)> Floors)>();
        using var orders = new ErasureOrders(call, desk);
        foreach (var system in systems)
        {
            var erased = await orders.Erase(new ErasureRequest([], null, system.Name, null, desk.State.Size));
            var floors = new List<(string, long, long)>();
            foreach (var (log, floor) in erased.Plan.Floors.Where(f => f.Floor > desk.State.Logs[f.Log].Floor))
                if (orders.Sign(new Retention(log, floor) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued =
                    call.Now }) is { } signed)
                    floors.Add((log, floor, (await desk.HandIn(signed)).Entry));
            done.Add((system.Name, erased, floors));
        }
        orders.Write();
        call.Terminal.Result(Json.Object(("draft", orders.File is { } file ? file : Json.Null),
            ("systems", Json.Array(done.Select(d => d.Erased.ToJson().With("system", d.System)
            .With("floors",
                Json.Array(d.Floors
                    .Select(f => Json.Object(("log", f.Log), ("floor", f.Floor), ("entry", f.Entry))))))))), () =>
        {
            var t = call.Terminal;
            if (done.Count == 0)
                t.Line(only is null
                    ? "no system has retention classes: stele retention set SYSTEM --bodies DAYS"
                    : $"{only} keeps everything forever: stele retention set {only} --bodies DAYS");
            foreach (var (system, erased, floors) in done)
            {
                t.Line($"{Terminal.Bold(system)}  keeps {Words(desk.State.Systems[system].Retention)}");
                EraseVerb.Tell(t, erased);
                foreach (var (log, floor, entry) in floors) t.Line(
                    $"floor of {log} raised to {floor} in entry {entry}: with the node stopped, stele log prune {log}");
                if (erased is { Destroyed: 0, Plan.Finished: 0, Entries: [], Waiting: 0 } && erased.Plan.Planned.IsEmpty
                    && floors.Count == 0) t.Line("nothing is past its time");
            }
            orders.Tell();
        });
        return 0;
    }

    static async Task<int> Floor(Call call)
    {
        await using var desk = await Desk.Open(call);
        var log = LogVerb.Known(call.Need("log"), desk.State);
        var floor = call.Get<long>("n");
        if (log.Floor >= floor)
        {
            call.Terminal.Result(Json.Object(("log", log.Origin), ("floor", log.Floor),
                ("done", "nothing: it is so already")),
                () => call.Terminal.Line($"the floor of {log.Origin} is at {log.Floor} already"));
            return 0;
        }
        return await desk.Submit(new Retention(log.Origin, floor)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"{log.Origin} may be pruned below {floor}");
    }

    static async Task<int> Show(Call call)
    {
        await using var desk = await Desk.Open(call);
        var state = desk.State;
        var logs = Status.Of(state, desk.Replay, call.Now).Logs;
        call.Terminal.Result(Json.Object(
            ("systems",
                Json.Array(
                    state.Systems.Values
                        .Select(s => Json.Object(("system", s.Name), ("retention",
                            s.Retention?.ToJson() ?? Json.Null))))), ("logs", Json.Array(logs.Select(l => Json.Object(
                ("log", l.Log), ("place", l.Place), ("erased", l.Erased), ("floor", l.Floor),
                ("holds", Json.Array(l.Holds.Select(h => Json.Of(h))))))))), () =>
        {
            var t = call.Terminal;
            if (state.Systems.IsEmpty)
                t.Line("no system is declared yet; an owner does: stele system add NAME --env prod --stale-after 24h");
            foreach (var system in state.Systems.Values)
            {
                t.Line($"{Terminal.Bold(system.Name)}  keeps {Words(system.Retention)}");
                t.Table(logs.Where(l => state.Logs[l.Log].System == system.Name)
                    .Select(l => new[] { l.Log, StatusVerb.Gone(l) }));
            }
        });
        return 0;
    }
}
