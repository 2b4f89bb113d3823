using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

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
        var status = Status.Of(state, desk.Replay, now);
        if (call.Get<string>("system/env") is { } only)
        {
            Parsing.Scope(only, state);
            bool Shown(string place) => place == only || place.StartsWith(only + "/", StringComparison.Ordinal);
            status = status with
            {
                Systems = [.. status.Systems
                    .Select(s => s with { Environments = s.Environments.RemoveAll(e => !Shown(e.Place)) })
                    .Where(s => s.System == only || !s.Environments.IsEmpty)],
                Logs = status.Logs.RemoveAll(l => !Shown(l.Place)),
            };
        }
        var witnessing = call.Get<string>("--at") is null ? await Witnessing.Of(desk, call) : null;
        var faults = witnessing is null ? [] : StatusFault.Of(status, witnessing, now);
        call.Terminal.Result(new ToldStatus(status, witnessing?.Shown,
            witnessing is null ? null : [.. faults.Select(f => f.Shown)]).ToJson(),
            () => Print(call.Terminal, state, status, witnessing, faults));
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
    public static string Gone(ShownLog log) => string.Join("; ", new[]
    {
        log.Erased > 0 ? $"{log.Erased} erased" : "",
        log.Floor > 0 ? $"may be pruned below {log.Floor}" : "",
        log.Holds.IsEmpty ? "" : $"held by {string.Join(", ", log.Holds.Select(h => $"entry {h}"))}",
    }.Where(s => s.Length > 0));

    /// <summary>An observation in words: of what it was, and whether it agreed.</summary>
    public static string Seen(ShownObservation o)
    {
        var differs = string.Join(", ", o.Differs);
        var said = (o.Event, o.Agrees) switch
        {
            (ObservedEvent.Stopped, true) => "stopped",
            (ObservedEvent.Stopped, false) => $"stopped, not by order ({differs})",
            (var seen, true) => $"{Observation.Events[seen]}, everything agrees with the release",
            var (seen, _) => $"{Observation.Events[seen]}: {differs} DIFFERS from the release",
        };
        return o.Current ? said
            : $"{said}: {o.Name ?? o.Release.ToString()} of entry {o.Deployment}, before this head";
    }

    static void Print(Terminal t, State state, Status status, Witnessing? witnessing, IReadOnlyList<StatusFault> faults)
    {
        t.Line(
            $"ledger {status.Origin}  {state.Size} {(state.Size == 1 ? "entry" : "entries")}  as of "
            + $"{Terminal.Time(status.AsOf)}");
        witnessing?.Print(t);
        t.Table(faults.Where(f => f.Place is null).SelectMany(f => f.Rows()), "");
        if (state.Systems.IsEmpty)
            t.Line("no system is declared yet; an owner does: stele system add NAME --env prod --stale-after 24h");
        foreach (var system in status.Systems)
        {
            t.Line();
            t.Line(
                $"{Terminal.Bold(system.System)}  {system.Risk} "
                + $"risk{(system.Retention is { } kept ? "  keeps " + RetentionVerb.Words(kept) : "")}");
            foreach (var e in system.Environments)
            {
                t.Line("  " + Terminal.Bold(e.Place));
                t.Table(Rows(e, status.Logs.Where(l => l.Place == e.Place), faults.Where(f => f.Place == e.Place)),
                    "    ");
            }
        }
    }

    static IEnumerable<string[]> Rows(ShownEnvironment e, IEnumerable<ShownLog> logs, IEnumerable<StatusFault> faults)
    {
        if (e.Head is { } head)
        {
            foreach (var r in head.Routes)
                yield return ["runs", $"{r.Name} {r.Release}{(r.Weight == 100 ? "" : $"  {r.Weight} %")}"];
            if (head.Routes.IsEmpty) yield return ["runs", "nothing: halted"];
            yield return ["since",
                $"{Terminal.Time(head.Since)}, entry {head.Entry} ({Deployment.Actions[head.Action]})"];
            foreach (var w in head.Waivers) yield return WaiverVerbs.Row(w);
            if (head.Revoked) yield return ["revoked", "something in its closure was revoked"];
        }
        else yield return ["runs", "nothing yet"];
        yield return ["policies", e.Policies.IsEmpty
            ? "none in force: nothing can be deployed; an owner sets one: stele policy set FILE --for SYSTEM"
            : string.Join(", ", e.Policies.Select(d => d.Short))];
        if (e.Observation is { } o) yield return ["node", $"{Seen(o)}, {Terminal.Time(o.Time)}, entry {o.Entry}"];
        foreach (var row in faults.SelectMany(f => f.Rows())) yield return row;
        yield return ["stale after", e.StaleAfter is { } s ? Terminal.Lasting(s) : "never (unlimited)"];
        foreach (var log in logs)
            yield return ["decisions",
                $"{log.Log}: "
                + $"{(log.Anchor is { } a ? $"{a.Size} anchored, entry {a.Entry}" : "nothing anchored yet")}"
                + $"{(Gone(log) is { Length: > 0 } gone ? "; " + gone : "")}"];
    }
}

/// <summary>What <c>stele status</c> answers: the folded state, and what server and node say now.</summary>
/// <param name="Witnessing">Nothing where one asked as of then.</param>
sealed record ToldStatus([Inline] Status Status, ShownWitnessing? Witnessing, ImmutableArray<ToldFault>? Faults)
    : IView;
