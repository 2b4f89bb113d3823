using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class LogVerb
{
    // Made again for each verb: the parser ties a symbol to its command.
    static Symbol[] Listing =>
    [
        new Argument<long?>("entry") { Arity = ArgumentArity.ZeroOrOne },
        new Option<int?>("--last") { HelpName = "N", Description = "only the last N of them" },
        new Option<string>("--kind")
        {
            HelpName = "KIND",
            Description = "only entries of that kind, as in deployment, refusal, observation"
        },
    ];

    public static Verb Verb => new("log", "read the ledger; open, close or give up decision logs", """
        stele log [ENTRY] [--last N] [--kind KIND]

        The ledger, a line an entry; with ENTRY, everything about that one. Decision logs are the nodes' own; owners open them, so
        that what a node anchors is known to be its.
        """, Listing, List)
    {
        Verbs =
        [
            new("list", "the ledger, one line an entry", """
                stele log list [ENTRY] [--last N] [--kind KIND]

                With ENTRY, everything about that one: its statement, its envelope, its leaf. Verdicts and refusals are
                the server's word: with --kind verdict or refusal each is executed again here, and marked unless it
                comes out as the same bytes; otherwise they are marked as not executed. The exit code is 1 if one
                differs, or stands where no server writes it.
                """, Listing, List),
            new("open", "open a node's decision log for an environment (owners)", """
                stele log open SYSTEM/ENV [--node URL]

                Assigns the node to that environment (the role node@SYSTEM/ENV, unless it has it), asks it which log it would write there, and
                states that log's origin and key. Decisions are served only into an open log.
                """, [new Argument<string>("system/env"), new Option<string>("--node") { HelpName = "URL", Description = "the node's gateway; the one this home knows unless given" }], Open) { Needs = "the role owner" },
            new("lost", "declare a decision log lost (owners)", """
                stele log lost ORIGIN

                After this, packs say that its records are lost, as declared; they can't be passed off as never having been. ORIGIN is
                the log's name, as stele status shows it.
                """, [new Argument<string>("origin")], call => End(call, LogAction.Lost)) { Needs = "the role owner" },
            new("close", "close a decision log (owners)", """
                stele log close ORIGIN

                Nothing is anchored of it any more; what was stays provable. ORIGIN is the log's name, as stele status shows it.
                """, [new Argument<string>("origin")], call => End(call, LogAction.Close)) { Needs = "the role owner" },
            new("reads", "who opened which bodies on a node", """
                stele log reads [--last N]

                Each opening of what was asked and answered, with its time and the name of the token: the node records it before it opens
                anything. Asked of the node that this home knows.
                """, [new Option<int?>("--last") { HelpName = "N", Description = "only the last N of them" }], Reads) { Needs = "a token of the node with the right administer" },
            .. LogPruneVerbs.All,
        ],
    };

    static async Task<int> List(Call call)
    {
        var kind = call.Get<string>("--kind") is { } typed ? FieldWords.Format(typed) : null;
        var kinds = StatementKinds.All.Select(k => k.Name);
        if (kind is not null && !kinds.Contains(kind))
            throw call.Wrong($"no entry is of the kind '{kind}'",
                $"one of: {string.Join(" ", kinds.Select(FieldWords.Shown))}");
        if (call.Get<int?>("--last") < 1) throw call.Wrong("--last takes at least 1");
        await using var desk = await Desk.Open(call);
        if (call.Get<long?>("entry") is { } one)
        {
            if (one < 0 || one >= desk.State.Size)
                throw new CliError(
                    $"there is no entry {one}: the ledger has {desk.State.Size}, from 0 to {desk.State.Size - 1}",
                    "stele log list shows them");
            var whole = WholeEntry.Of(desk.Replay.Entries[(int)one]).ToJson();
            call.Terminal.Result(whole, () => call.Terminal.Line(Terminal.Indented(whole)));
            return 0;
        }
        Folded[] lines = [.. desk.Replay.Newest(kind).Take(call.Get<int?>("--last") ?? int.MaxValue).Reverse()];
        // A listing of the whole ledger does not wait until all of it was judged again.
        var again = lines.Where(f => f.Statement is Verdict or Refusal)
            .ToDictionary(f => f.Index, f => kind is null ? Execution.NotExecuted : Executions.Of(desk, f));
        call.Terminal.Result(new ListedEntries(desk.State.Size, [.. lines.Select(f => new ListedEntry(LogLine.Of(f),
            again.TryGetValue(f.Index, out var x) ? x : null))]).ToJson(), () =>
        {
            if (lines.Length == 0)
                call.Terminal.Note(
                    $"none of the {desk.State.Size} entries is of the kind {FieldWords.Shown(kind!)}");
            call.Terminal.Table(lines.Select(f =>
                new[] { f.Index.ToString(CultureInfo.InvariantCulture).PadLeft(5), Terminal.Time(f.Entry.Time),
                FieldWords.Shown(f.Statement.Kind),
                again.TryGetValue(f.Index, out var x) ? $"{StatementKinds.Line(f)}  [{x.Words()}]"
                : StatementKinds.Line(f) }), "");
        });
        return again.Values.Any(x => x.IsLie()) ? CliError.Failed : 0;
    }

    static async Task<int> Open(Call call)
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("system/env"), desk.State);
        using var node = new NodeClient(call.Get<string>("--node") ?? desk.Home.Gateway
            ?? throw new CliError("which node? none is known to this home",
                $"stele log open {place} --node URL, where URL is its gateway's", CliError.Usage), desk.Home.NodeToken);
        // A node is assigned to environments, one by one; the log it would write there is known once it is.
        var (id, key) = await node.Identity(call.Stop);
        var known = desk.State.Member(id);
        if (known is null || !known.Has(RoleName.Node, place.System, place.Environment))
            await desk.Sign(new MemberStatement(id,
                desk.State.Members.TryGetValue(id, out var present) ? present.Entry : null, known?.Keys ?? [key],
                [.. known?.Roles ?? [], new Role(RoleName.Node, place.System, place.Environment)], known?.Name)
            { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now });
        var offer = await node.Offer(place, call.Stop);
        if (desk.State.Logs.TryGetValue(offer.Origin, out var open))
        {
            call.Terminal.Result(Json.Object(("log", offer.Origin), ("entry", open.Entry)),
                () => call.Terminal.Line($"{offer.Origin} is open since entry {open.Entry}"));
            return 0;
        }
        return await desk.Submit(new LogStatement(LogAction.Open, offer.Origin, offer.Key, offer.Node, place.System,
            place.Environment, null)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        },
            $"opened decision log {offer.Origin}");
    }

    static async Task<int> Reads(Call call)
    {
        if (call.Get<int?>("--last") < 1) throw call.Wrong("--last takes at least 1");
        await using var desk = await Desk.Open(call);
        using var node = TraceVerb.NodeOf(desk);
        var reads = await node.Reads(call.Get<int?>("--last"), call.Stop);
        call.Terminal.Result(Json.Object(("reads", Json.Array(reads.Select(r => r.ToJson())))), () =>
        {
            if (reads.Count == 0) call.Terminal.Note("nobody has opened any");
            call.Terminal.Table(reads.Select(r => new[] { Terminal.Time(r.Time), r.Who, r.Decision }), "");
        });
        return 0;
    }

    /// <summary>A decision log by its name, or by its environment where that has one.</summary>
    internal static LogFact Known(string name, State state)
    {
        if (state.Logs.TryGetValue(name, out var log)) return log;
        var there = state.Logs.Values.Where(l => State.Place(l.System, l.Environment) == name).ToArray();
        return there is [var one]
            ? one
            : throw new CliError(there.Length == 0
                ? $"no decision log '{name}'"
                : $"{name} has {there.Length} decision logs: {string.Join(", ", there.Select(l => l.Origin))}",
                "stele status shows the logs");
    }

    static async Task<int> End(Call call, LogAction action)
    {
        await using var desk = await Desk.Open(call);
        var origin = call.Need("origin");
        return await desk.Submit(new LogStatement(action, origin, null, null, null, null, null)
        {
            Ledger = desk.State.Ledger,
            Nonce = Home.NewId(),
            Issued = call.Now
        }, $"{LogStatement.Actions[action]} {origin}");
    }
}

/// <param name="Execution">Of verdicts and refusals: what came of executing it again here.</param>
sealed record ListedEntry([Inline] LogLine Line, Execution? Execution) : IView;

sealed record ListedEntries(long Size, ImmutableArray<ListedEntry> Lines) : IView;
