using Stele.Proof.Decisions;
using System.Collections.Immutable;
using System.CommandLine;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Cli;

/// <summary>
/// What a policy would have changed, had it been in force: past deployments judged again here, decisions at the node
/// that recorded them.
/// </summary>
static class PolicyReplayVerb
{
    /// <summary>It is done, and decision logs of the scope could not be looked at.</summary>
    const int Partly = 4;

    /// <summary>So many flips are shown to people; with --json all are listed.</summary>
    const int Shown = 20;

    public static Verb Verb => new("replay", "what a policy would have changed, had it been in force", """
        stele policy replay FILE|DIGEST --since TIME [--until TIME] [--for SYSTEM[/ENV]] [--set NAME=VALUE]...

        Judges every past verdict and every recorded decision of that time again, with the policy in the place of the one that stood for the
        scope then; all else is as it was. Lists what would have come out otherwise, with the rule that makes the difference and what it says.
        Nothing is sent but to the node, and nothing changes. To have a policy watched from now on: stele policy set FILE --observe.

        Deployments are judged again here, from the entries before them; approvals count as they did, and waivers of the old policy do not.
        Decisions are judged again by the node that recorded them, where their bodies are; where it does not run, in its folder, if that is on
        this machine. A request whose keys were erased is judged by what its record tells; where a rule would have had to read more, the decision is
        undecidable, and counted under that rule.

        Exit codes: 0 done; 4 done, and decision logs of the scope could not be looked at; 1 failed.
        """,
        [
            new Argument<string>("file|digest"),
            new Option<string>("--since") { HelpName = "TIME", Description = "RFC 3339, as in 2026-01-31T12:00:00Z" },
            new Option<string>("--until") { HelpName = "TIME", Description = "the other end; now unless given" },
            new Option<string>("--for")
            {
                HelpName = "SCOPE",
                Description =
                    "whose policy it is to stand in the place of: a system, or one environment of it; the policy's "
                    + "own scope unless given, else the whole ledger"
            },
            Sets.Option,
        ], Run) { Needs = "a token of the server, and of the node" };

    static async Task<int> Run(Call call)
    {
        var (since, until) = (Parsing.Time(call.Need("--since"), "--since"), call.Get<string>("--until") is { } u
            ? Parsing.Time(u, "--until") : call.Now);
        if (since > until) throw call.Wrong("--since lies after --until");
        await using var desk = await Desk.Open(call);
        var policy = await PolicyVerb.Read(call, desk, call.Need("file|digest"));
        var (system, environment) = Parsing.Scope(call.Get<string>("--for") ?? policy.Document.Scope?.ToString(),
            desk.State);
        var scope = State.Scopes(system, environment)[^1];

        var replay = new PolicyReplay(desk.Replay, scope, policy);
        call.Terminal.Progress("judging past deployments");
        var acts = replay.Acts(since, until, desk.Small);
        var logs = await Decisions(call, desk, new ReplayRequest(policy, scope, since, until, desk.State.Size));
        var decisions = new Flips();
        foreach (var log in logs) decisions.Add(log.Flips);
        var unseen = desk.State.Logs.Values.Where(l => replay.Covers(l.System, l.Environment)
            && logs.All(x => x.Log != l.Origin) && l.Anchor is { Size: > 0 }).Select(l => l.Origin).ToArray();
        call.Terminal.Result(
            Json.Object(("policy", policy.Digest), ("scope", scope), ("since", since), ("until", until),
                ("verdicts", acts.ToJson()), ("decisions", decisions.ToJson()),
                ("logs",
                    Json.Array(
                        logs.Select(l =>
                            Json.Object(("log", l.Log), ("judged", l.Flips.All), ("erased", l.Erased), ("missing",
                                l.Missing), ("damaged", l.Damaged))))), ("unseen", Json.Array(unseen.Select(Json.Of)))),
            () => Tell(call.Terminal, policy, scope, acts, decisions, logs, unseen));
        return unseen.Length > 0 ? Partly : 0;
    }

    static async Task<ImmutableArray<ReplayedLog>> Decisions(Call call, Desk desk, ReplayRequest request)
    {
        call.Terminal.Progress("judging recorded decisions");
        if (desk.Home.Gateway is { } url)
            try
            {
                using var node = new NodeClient(url, desk.Home.NodeToken);
                return await node.Replay(request, call.Clock, call.Stop);
            }
            catch (NodeClient.SilentException) { }   // then its folder, if it is here
        var folder = NodeFolder.In(call.DataHere);
        if (!Directory.Exists(folder.Path)) return [];
        using var alone = NodePruning.Alone(folder);
        using var reads = new BodyReads(folder.Reads);
        await reads.Add(BodyRead.OfReplay(call.Now, Access.LocalName, request));
        using var replays = new DecisionReplays(origin => Erasures.Open(folder, origin));
        return await replays.Run(request, () => desk.Replay, call.Stop);
    }

    static void Tell(Terminal t, Policy policy, string scope, Flips acts, Flips decisions,
        ImmutableArray<ReplayedLog> logs, string[] unseen)
    {
        t.Line(
            $"policy {policy.Name} {policy.Digest.Short}, as if it had been in force for "
            + $"{(scope == "*" ? "the whole ledger" : scope)}");
        Sum("past deployments", acts);
        Sum("recorded decisions", decisions);
        var gone = logs.Sum(l => l.Erased + l.Missing + l.Damaged);
        if (gone > 0)
            t.Line(
                Terminal.Dim(
                    $"  of {gone} requests not all is held any more ({logs.Sum(l => l.Erased)} "
                    + $"erased{Also(logs.Sum(l => l.Missing), "missing")}{Also(logs.Sum(l => l.Damaged), "damaged")}): judged by what their records tell"));
        foreach (var log in unseen)
            t.Line(Terminal.Yellow($"  not looked at: {log}: no node gives it, and its folder is not on this machine"));

        static string Also(long n, string what) => n > 0 ? $", {n} {what}" : "";

        void Sum(string what, Flips flips)
        {
            t.Line(
                $"{what}: {flips.All} judged again, {flips[Flip.Same]} the "
                + $"same{Part(flips[Flip.Refused], "would be refused", Terminal.Red)}{Part(flips[Flip.Allowed], "would be let through", Terminal.Yellow)}{Part(flips[Flip.Altered], "otherwise", Terminal.Dim)}{Part(flips[Flip.Undecidable], "undecidable", Terminal.Dim)}");
            t.Table(
                flips.Rules
                    .Select(r =>
                        new[] { r.Rule.Length == 0 ? "(no rule)" : r.Rule,
                            string.Concat(Part(r.Refused, "refused", s => s), Part(r.Allowed, "let through", s => s),
                                Part(r.Altered, "otherwise", s => s), Part(r.Undecidable, "undecidable", s => s))
                                .TrimStart(',', ' ') }));
            foreach (var f in flips.Listed.Where(f => f.Flip != Flip.Undecidable).Take(Shown))
                t.Line(
                    $"  {Terminal.Time(f.Time)}  {f.Of}  {Would.Outcomes[f.Was]} → "
                    + $"{(f.Now is { } now ? Would.Outcomes[now] : "")}  {f.Rule ?? f.WasRule}"
                    + $"{(f.Message is null ? "" : ": " + f.Message)}");
            if (flips.Listed.Count(f => f.Flip != Flip.Undecidable) + flips.More - Shown is > 0 and var more)
                t.Line(Terminal.Dim($"  and {more} more: --json lists them"));
        }

        static PrintedLine Part(long n, string what, Func<PrintedLine, PrintedLine> colour) => n > 0
            ? $", {colour($"{n} {what}")}" : "";
    }
}
