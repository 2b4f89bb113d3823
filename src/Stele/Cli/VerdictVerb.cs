using System.Collections.Immutable;
using System.CommandLine;
using System.Globalization;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class VerdictVerb
{
    public static Verb Verb => new("verdict", "why an act passed or was refused, and that it did so rightly", """
        stele verdict ENTRY

        ENTRY is a verdict, or the deployment or refusal it explains. Shows every rule's outcome with the values it rested on, and judges it again on
        this machine from the entries before it: the payload must come out as the same bytes, or the exit code is 1.
        """, [new Argument<long>("entry")], Told)
    {
        Verbs =
        [
            new("explain", "the whole of it: each rule's expression with every sub-value", """
                stele verdict explain ENTRY

                ENTRY is a verdict, a refusal, or any act that policies judged. Judges it again on this machine, and shows each rule as a tree: every
                sub-expression with what it came to, or that nothing asked for it; of all() and its kin the elements that decided. Below stands
                what suffices for the outcome.
                """, [new Argument<long>("entry")], Explained),
            new("reproduce", "judge it again from the ledger: byte for byte", """
                stele verdict reproduce ENTRY
                stele verdict reproduce --all

                ENTRY is a verdict, a refusal, or the act that one explains. Derives the input again from the entries before it, executes the policies that were in
                force again, and compares the payload that comes out with the one that the server wrote: exit code 0 for the same bytes, else 1, with the members that differ.
                """,
                [
                    new Argument<long?>("entry") { Arity = ArgumentArity.ZeroOrOne },
                    new Option<bool>("--all") { Description = "every verdict and every refusal in the ledger" },
                ], Reproduced),
            new("list", "the verdicts of the ledger, newest last", """
                stele verdict list [SYSTEM/ENV] [--refused]

                Each with its entry, what it is about, and the rules that failed or were waived. A verdict is the
                server's word: each one that is shown is executed again here, and marked unless it comes out as the same
                bytes. The exit code is 1 if one differs, or stands where no server writes it.
                """,
                [
                    new Argument<string>("system/env") { Arity = ArgumentArity.ZeroOrOne },
                    new Option<bool>("--refused") { Description = "only those that let nothing pass" },
                ], Listed),
        ],
    };

    static Reexecuted Again(Desk desk, long entry)
    {
        try
        {
            return Reexecuted.Of(desk.Replay, desk.Small, entry);
        }
        catch (FormatException e)
        {
            throw new CliError(e.Message, "stele verdict list shows the verdicts");
        }
    }

    static async Task<int> Told(Call call)
    {
        await using var desk = await Desk.Open(call);
        var asked = call.Get<long>("entry");
        var again = Again(desk, asked);
        // The refusal of a deployment comes with a verdict, which says more.
        if (again.Told?.Statement is Refusal r && desk.Replay.Of<Verdict>().FirstOrDefault(f => f.Statement is Verdict v
            && v.Envelope == r.Envelope && v.Size == r.Size) is { } explained) again = Again(desk, explained.Index);
        if (again.Told is not { Statement: Verdict verdict } found)
            throw new CliError($"entry {asked} is not a verdict, and none explains it", again.Explanation is null
                ? "stele verdict list shows the verdicts"
                : $"stele verdict explain {asked} judges it again");
        call.Terminal.Result(
            new ToldVerdict(found.Index, verdict.Passed, verdict.Releases.IsEmpty ? null : verdict.Releases[0],
                verdict.Releases, State.Place(verdict.System, verdict.Environment), verdict.Size, verdict.Rules,
                verdict.Waivers, verdict.Would, verdict.Cut, Digest.Of(found.Entry.Envelope.Payload),
                again.Agrees).ToJson(),
            () =>
            {
                var t = call.Terminal;
                t.Line(Head(desk, again));
                foreach (var rule in verdict.Rules)
                {
                    t.Table([[RuleOutcome.Results[rule.Result].PadRight(6), rule.Rule, rule.Policy.Short,
                        rule.Message ?? (rule.Waiver is { } w ? $"waived by entry {w}" : "")]]);
                    if (!rule.Values.IsEmpty && rule.Result != RuleResult.Passed)
                        t.Line(Terminal.Dim($"          {string.Join("; ", rule.Values)}"));
                }
                if (verdict.Cut > 0)
                    t.Line(Terminal.Dim("  not all of it fits an entry: stele verdict explain shows the rest"));
                foreach (var rule in verdict.Would.Where(x => !x.Allows))
                    t.Line(
                        $"  the candidate {rule.Policy.Short} would have said: "
                        + $"{RuleOutcome.Results[rule.Result]}  {rule.Rule}  {rule.Message}");
                if (again.Misplaced is { } misplaced) t.Line(Terminal.Red($"MISPLACED: {misplaced}"));
                t.Line(again.Agrees
                    ? $"re-executed here: the same {found.Entry.Envelope.Payload.Length} bytes, "
                        + $"{Digest.Of(found.Entry.Envelope.Payload)}"
                    : Terminal.Red("re-executed here: OTHER BYTES")
                        + $"; stele verdict reproduce {found.Index} shows which");
            });
        return again is { Agrees: true, Misplaced: null } ? 0 : CliError.Failed;
    }

    /// <summary>One line: what became of which act, and what tells of it.</summary>
    static PrintedLine Head(Desk desk, Reexecuted again)
    {
        var passed = again.Outcome is Outcome.Accepted;
        var statement = again.Outcome switch
        {
            Outcome.Accepted a => a.Statement,
            Outcome.Refused r => r.Statement,
            _ => null
        };
        var what = statement is Deployment d
            ? (d.Routes.IsEmpty
                ? Deployment.Actions[d.Action]
                : string.Join(", ", d.Routes.Select(r => desk.NameOf(r.Release)))) + $" → {d.System}/{d.Environment}"
            : statement?.Kind ?? "an envelope";
        return $"{(passed ? Terminal.Green("passed") : Terminal.Red("refused"))}  {what}  "
            + $"{Terminal.Dim($"{(again.Told is { } told ? $"{told.Statement.Kind} in entry {told.Index}, " : "")}on the ledger at size {again.Before.Size}")}";
    }

    static async Task<int> Explained(Call call)
    {
        await using var desk = await Desk.Open(call);
        var asked = call.Get<long>("entry");
        var again = Again(desk, asked);
        if (again.Explanation is not { } explanation)
            throw new CliError(again.Outcome is Outcome.Refused { Code: not RefusalCode.PolicyFailed } r
                ? $"no policy judged what entry {asked} is about: it was refused before, {r.Code.Name()}: {r.Message}"
                : $"no policy judged entry {asked}", "stele verdict list shows the verdicts");
        call.Terminal.Result(
            explanation.ToJson().With("entry", again.Told is { } told ? Json.Of(told.Index) : Json.Null)
                .With("reexecuted", again.Told is null ? Json.Null : again.Agrees),
            () =>
            {
                call.Terminal.Line(Head(desk, again));
                foreach (var (tone, line) in ExplanationLines.Of(explanation)) call.Terminal.Line(tone switch
                {
                    Tone.Good => Terminal.Green(line), Tone.Bad => Terminal.Red(line), Tone.Strong =>
                        Terminal.Bold(line), Tone.Faint => Terminal.Dim(line), _ => line,
                });
            });
        return 0;
    }

    static async Task<int> Reproduced(Call call)
    {
        var (one, all) = (call.Get<long?>("entry"), call.Get<bool>("--all"));
        if (one is null != all)
            throw call.Wrong(all ? "--all is about every one; it takes no entry" : "ENTRY is needed, or --all");
        await using var desk = await Desk.Open(call);
        var entries = one is { } n
            ? [n]
            : desk.Replay.Of<Verdict>().Concat(desk.Replay.Of<Refusal>()).Select(f => f.Index).Order().ToArray();
        var again = new List<Reexecuted>();
        foreach (var (i, entry) in entries.Index())
        {
            call.Terminal.Progress($"judging again: {i + 1} of {entries.Length}");
            again.Add(Again(desk, entry));
        }
        if (one is not null && again[0].Told is null)
            throw new CliError($"nothing that the server wrote explains entry {one}", again[0].Explanation is null
                ? "stele verdict list shows the verdicts"
                : $"stele verdict explain {one} judges it again");
        var other = again.Count(a => a is not { Agrees: true, Misplaced: null });
        call.Terminal.Result(
            all ? Json.Object(("count", again.Count), ("same", again.Count - other),
                ("verdicts", Json.Array(again.Select(a => a.ToJson())))) : again[0].ToJson(),
            () =>
            {
                var t = call.Terminal;
                foreach (var a in again.Where(a => one is not null || a is not { Agrees: true, Misplaced: null }))
                {
                    t.Line(Head(desk, a));
                    if (a.Explanation is { } e)
                        t.Table([["input", Digest.Of(e.Judgement.Input.ToBytes()).ToString()],
                            .. e.Judgement.Policies.Select(p => new[] { "policy", p.ToString() })]);
                    t.Table([["engine", $"fold version {a.Before.FoldVersion}"],
                        ["written",
                            $"{Digest.Of(a.Told!.Entry.Envelope.Payload)}  {a.Told.Entry.Envelope.Payload.Length} bytes"], ["again", a.Payload is { } p2 ? $"{Digest.Of(p2)}  {p2.Length} bytes" : "nothing: it had no reason to be written"]]);
                    if (a.Misplaced is { } misplaced) t.Line(Terminal.Red($"  MISPLACED: {misplaced}"));
                    foreach (var at in a.Differences()) t.Line(Terminal.Red($"  differs  {at}"));
                }
                var count = all ? string.Create(
                    CultureInfo.InvariantCulture, $": {(other == 0 ? again.Count : other)} of {again.Count}") : "";
                t.Line(other == 0 ? Terminal.Green("the same bytes") + count
                    : Terminal.Red((all ? "OTHER BYTES, or out of place" : again[0].Agrees
                        ? "the same bytes, out of place" : "OTHER BYTES") + count));
            });
        return other == 0 ? 0 : CliError.Failed;
    }

    static async Task<int> Listed(Call call)
    {
        await using var desk = await Desk.Open(call);
        var place = call.Get<string>("system/env") is { } text ? Place.Known(text, desk.State) : (Place?)null;
        var asked = desk.Replay.Of<Verdict>().Where(f =>
            f.Statement is Verdict v && (place is not { } p || (v.System, v.Environment) == (p.System, p.Environment))
            && (!v.Passed || !call.Get<bool>("--refused"))).ToArray();
        var found = new List<(long Index, long Time, Verdict Verdict, Execution Again)>();
        foreach (var (i, f) in asked.Index())
        {
            call.Terminal.Progress($"judging again: {i + 1} of {asked.Length}");
            found.Add((f.Index, f.Entry.Time, (Verdict)f.Statement, Executions.Of(desk, f)));
        }
        call.Terminal.Result(
            Json.Object(("verdicts", Json.Array(found.Select(f => Json.Object(
                ("entry", f.Index), ("time", f.Time), ("passed", f.Verdict.Passed),
                ("place", State.Place(f.Verdict.System, f.Verdict.Environment)),
                ("releases", Json.Array(f.Verdict.Releases.Select(Json.Of))), ("size", f.Verdict.Size),
                ("failed", Json.Array(f.Verdict.Rules.Where(r => !r.Allows).Select(r => Json.Of(r.Rule)))),
                    ("waivers", Json.Array(f.Verdict.Waivers.Select(w => Json.Of(w)))),
                    ("execution", f.Again.Name())))))),
            () =>
            {
                if (found.Count == 0) call.Terminal.Line(
                    "there is no such verdict: policies judge deployments, and each gets one");
                call.Terminal.Table(found.Select(f => new[]
                {
                    f.Index.ToString(CultureInfo.InvariantCulture).PadLeft(5), Terminal.Time(f.Time),
                    f.Verdict.Passed ? "passed" : "refused",
                    $"{(f.Verdict.Releases.IsEmpty ? Actions.Halt : string.Join(", ", f.Verdict.Releases.Select(r =>
                        desk.State.Releases.TryGetValue(r, out var known) ? known.Name : r.Short)))} → "
                        + $"{f.Verdict.System}/{f.Verdict.Environment}",
                    string.Join(", ", f.Verdict.Rules.Where(r => r.Result != RuleResult.Passed)
                        .Select(r => r.Waiver is null ? r.Rule : $"{r.Rule} (waived)")),
                    f.Again.Words(),
                }), "");
            });
        return found.Any(f => f.Again.IsLie()) ? CliError.Failed : 0;
    }
}

/// <param name="Would">What the candidate policy would have said.</param>
/// <param name="Cut">How much of it did not fit an entry.</param>
/// <param name="Payload">The digest of the verdict's own bytes.</param>
/// <param name="Reexecuted">Whether executing it again here gave the same bytes.</param>
sealed record ToldVerdict(long Entry, bool Passed, Digest? Release, ImmutableArray<Digest> Releases, string Place,
    long Size, ImmutableArray<RuleOutcome> Rules, ImmutableArray<long> Waivers, ImmutableArray<RuleOutcome> Would,
    long Cut, Digest Payload, bool Reexecuted) : IView;
