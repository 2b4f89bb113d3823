using System.CommandLine;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

/// <summary>Verbs that only look: diff, log, verdict.</summary>
static class LookVerbs
{
    public static Verb DiffVerb => new("diff", "what changed between two releases", """
        stele diff FROM TO [--all]

        Component by component and figure by figure: what was added, removed or changed, how well each is known, how they run, and what
        was measured of them by the same check. What is not listed is the same, byte for byte. --all lists that too.
        """, [new Argument<string>("from"), new Argument<string>("to"), new Option<bool>("--all")], async call =>
    {
        await using var desk = await Desk.Open(call);
        var (from, to) = (desk.Release(call.Need("from")), desk.Release(call.Need("to")));
        var diff = Diff.Of(desk.State, desk.Small, from, to);
        var all = call.Get<bool>("--all");
        call.Terminal.Result(diff, () =>
        {
            var t = call.Terminal;
            t.Line($"{from.Name} {from.Digest.Short} → {to.Name} {to.Digest.Short}");
            var components = diff["components"].AsArray;
            t.Table(components.Where(c => all || c["change"].AsString != "same").Select(c => new[]
            {
                c["change"].AsString, c["role"].AsString, c["name"].AsString, $"{Short(c.Find("from"))} → {Short(c.Find("to"))}", c.Find("toStrength")?.AsString ?? "",
            }));
            t.Line($"  {components.Count(c => c["change"].AsString == "same")} of {components.Length} components are the same bytes");
            if (diff["policy"]["change"].AsString != "same") t.Line($"  policy {diff["policy"]["change"].AsString}");
            foreach (var change in diff["run"].Find("changes")?.AsArray ?? []) t.Line($"  run.{change["member"].AsString}: {change["from"]} → {change["to"]}");
            foreach (var check in diff["checks"].AsArray)
            {
                t.Line($"  check {check["check"].AsDigest.Short}");
                t.Table(check["figures"].AsArray.Where(f => all || (f["change"].AsString != "same" && f["name"].AsString.StartsWith("metrics.", StringComparison.Ordinal))).Select(f => new[] { f["name"].AsString, Figure(f.Find("from")), "→", Figure(f.Find("to")) }), "    ");
            }
        });
        return 0;
    });

    static string Short(Json? digest) => digest?.AsDigest.Short ?? "(none)";
    static string Figure(Json? j) => j is null ? "–" : j.Kind is JsonKind.Double or JsonKind.Int ? Desk.Number(j) : j.ToString();

    public static Verb LogVerb => Verb.Group("log", "read the ledger; open, close or give up decision logs", """
        stele log list shows the ledger as lines. Decision logs are the nodes' own; owners open them, so that what a node anchors is known to
        be its.
        """,
        new("list", "the ledger, one line an entry", """
            stele log list [ENTRY] [--last N] [--kind KIND]

            With ENTRY, everything about that one: its statement, its envelope, its leaf.
            """, [new Argument<long?>("entry") { Arity = ArgumentArity.ZeroOrOne }, new Option<int?>("--last"), new Option<string>("--kind")], List),
        new("open", "open a node's decision log for an environment (owners)", """
            stele log open SYSTEM/ENV [--node URL]

            Asks the node which log it would write for that environment, and states its origin and key. Decisions are served only into an
            open log.
            """, [new Argument<string>("place"), new Option<string>("--node") { HelpName = "URL" }], Open),
        new("lost", "declare a decision log lost (owners)", """
            stele log lost ORIGIN

            After this, packs say that its records are lost, as declared; they can't be passed off as never having been.
            """, [new Argument<string>("origin")], call => End(call, LogStatement.Lost)),
        new("close", "close a decision log (owners)", """
            stele log close ORIGIN
            """, [new Argument<string>("origin")], call => End(call, LogStatement.Close)));

    static async Task<int> List(Call call)
    {
        await using var desk = await Desk.Open(call);
        if (call.Get<long?>("entry") is { } one)
        {
            if (one < 0 || one >= desk.State.Size) throw new CliError($"the ledger has {desk.State.Size} entries");
            var whole = LogLines.Whole(desk.Replay.Entries[(int)one]);
            call.Terminal.Result(whole, () => call.Terminal.Line(Terminal.Indented(whole)));
            return 0;
        }
        var kind = call.Get<string>("--kind");
        var lines = desk.Replay.Entries.Where(f => kind is null || f.Statement.Kind == kind).ToArray();
        if (call.Get<int?>("--last") is { } n) lines = lines[^Math.Min(n, lines.Length)..];
        call.Terminal.Result(Json.Object(("size", desk.State.Size), ("lines", Json.Array(lines.Select(LogLines.One)))),
            () => call.Terminal.Table(lines.Select(f => new[] { f.Index.ToString(CultureInfo.InvariantCulture).PadLeft(5), Terminal.Time(f.Entry.Time), f.Statement.Kind, LogLines.Line(f) }), ""));
        return 0;
    }

    static async Task<int> Open(Call call)
    {
        await using var desk = await Desk.Open(call);
        var place = Place.Known(call.Need("place"), desk.State);
        using var node = new NodeClient(call.Get<string>("--node") ?? desk.Home.Gateway ?? throw new CliError("which node?", "--node URL", CliError.Usage), desk.Home.NodeToken);
        var offer = await node.Offer(place, call.Stop);
        if (desk.State.Logs.TryGetValue(offer.Origin, out var open))
        {
            call.Terminal.Result(Json.Object(("log", offer.Origin), ("entry", open.Entry)), () => call.Terminal.Line($"{offer.Origin} is open since entry {open.Entry}"));
            return 0;
        }
        return await desk.Submit(new LogStatement(LogStatement.Open, offer.Origin, offer.Key, offer.Node, place.System, place.Environment, null) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now },
            $"opened decision log {offer.Origin}");
    }

    static async Task<int> End(Call call, string action)
    {
        await using var desk = await Desk.Open(call);
        var origin = call.Need("origin");
        return await desk.Submit(new LogStatement(action, origin, null, null, null, null, null) { Ledger = desk.State.Ledger, Nonce = Home.NewId(), Issued = call.Now }, $"{action} {origin}");
    }

    public static Verb VerdictVerb => new("verdict", "why a deployment passed or was refused, judged again", """
        stele verdict ENTRY

        ENTRY is a verdict, or the deployment or refusal it explains. Shows every rule's outcome, and re-executes it on this machine from
        the entries before it: the payload must come out as the same bytes, or the exit code is 1.
        """, [new Argument<long>("entry")], Explained);

    static async Task<int> Explained(Call call)
    {
        await using var desk = await Desk.Open(call);
        var asked = call.Get<long>("entry");
        if (asked < 0 || asked >= desk.State.Size) throw new CliError($"the ledger has {desk.State.Size} entries", "stele log list --kind verdict");
        var at = desk.Replay.Entries[(int)asked];
        var found = at.Statement switch
        {
            Verdict => at,
            Deployment => desk.Replay.Entries.FirstOrDefault(f => f.Statement is Verdict v && v.Size == asked && v.Passed),
            Refusal r => desk.Replay.Entries.FirstOrDefault(f => f.Statement is Verdict v && v.Envelope == r.Envelope && v.Size == r.Size),
            _ => null,
        };
        if (found?.Statement is not Verdict verdict) throw new CliError($"entry {asked} is not a verdict, and none explains it", "stele log list --kind verdict");
        var before = desk.Replay.At(verdict.Size);
        var entry = verdict.Passed ? desk.Replay.Entries[(int)verdict.Size].Entry
            : new Entry(verdict.Time, Envelope.Parse(desk.Small(verdict.Envelope) ?? throw new CliError($"the refused envelope {verdict.Envelope} is not to be had")));
        var again = Explain.Verdict(before, entry, Fold.Apply(before, entry, new Documents(desk.Small)))?.Encode();
        var same = again is not null && again.AsSpan().SequenceEqual(found.Entry.Envelope.Payload);
        call.Terminal.Result(
            Json.Object(("entry", found.Index), ("passed", verdict.Passed), ("release", verdict.Release), ("place", State.Place(verdict.System, verdict.Environment)), ("size", verdict.Size),
                ("rules", Json.Array(verdict.Rules.Select(r => r.ToJson()))), ("payload", Digest.Of(found.Entry.Envelope.Payload)), ("reexecuted", same)),
            () =>
            {
                var t = call.Terminal;
                t.Line($"{(verdict.Passed ? Terminal.Green("passed") : Terminal.Red("refused"))}  {desk.NameOf(verdict.Release)} → {verdict.System}/{verdict.Environment}  {Terminal.Dim($"verdict in entry {found.Index}, on the ledger at size {verdict.Size}")}");
                t.Table(verdict.Rules.Select(r => new[] { r.Result, r.Rule, r.Policy.Short, r.Message ?? "" }));
                t.Line(same ? $"re-executed here: the same {found.Entry.Envelope.Payload.Length} bytes, {Digest.Of(found.Entry.Envelope.Payload)}" : Terminal.Red("re-executed here: OTHER BYTES"));
            });
        return same ? 0 : CliError.Failed;
    }
}
