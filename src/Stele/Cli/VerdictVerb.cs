using System.CommandLine;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Cli;

static class VerdictVerb
{
    public static Verb Verb => new("verdict", "why a deployment passed or was refused, judged again", """
        stele verdict ENTRY

        ENTRY is a verdict, or the deployment or refusal it explains. Shows every rule's outcome, and re-executes it on this machine from
        the entries before it: the payload must come out as the same bytes, or the exit code is 1.
        """, [new Argument<long>("entry")], Explained);

    static async Task<int> Explained(Call call)
    {
        await using var desk = await Desk.Open(call);
        var asked = call.Get<long>("entry");
        if (asked < 0 || asked >= desk.State.Size) throw new CliError($"there is no entry {asked}: the ledger has {desk.State.Size}, from 0 to {desk.State.Size - 1}", "stele log list --kind verdict");
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
