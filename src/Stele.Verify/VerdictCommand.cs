using System.Globalization;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Verify;

static class VerdictCommand
{
    public static readonly Command Command = new("verdict", "FILE ENTRY", """
        One act that an audit pack's ledger tells of, judged again from the pack alone: ENTRY is a verdict, a refusal, or
        what policies judged. Every rule is shown with each sub-value, and the payload that comes out is compared
        with the one that the server wrote, byte for byte. The whole pack is judged as well.
        """, [Verify.Command.Trust, Verify.Command.Json], Run);

    static int Run(Call call)
    {
        if (!long.TryParse(call.Second, NumberStyles.None, CultureInfo.InvariantCulture, out var entry))
            throw new MisuseException($"ENTRY is a number of the ledger, not '{call.Second}'", Command.Synopsis);
        using var pack = File.OpenRead(call.File);
        var report = Verifier.Verify(pack, call.Trust, entry, out var again, out var error);
        if (again is null && report.Findings.Count == 0)
            throw new MisuseException(error!, "stele-verify pack FILE judges all that it has");
        // What was written and can't be made again is a finding of the pack; what nothing explains only has no bytes to
        // compare.
        var exit = again is { Told: not null } and ({ Agrees: false } or { Misplaced: not null })
            ? (int)VerifyResult.Failed : (int)report.Result;
        if (call.Json)
        {
            Console.WriteLine(Json.Object(("exit", exit), ("pack", report.ToJson()), ("reproduced", again?.ToJson()),
                ("explained", again?.Explanation?.ToJson())));
            return exit;
        }
        if (again is not null)
        {
            Console.WriteLine(
                $"{(again.Outcome is Outcome.Accepted ? "passed" : "refused")}  "
                + $"{(again.Outcome is Outcome.Refused r ? $"{r.Code.Name()}: {r.Message}" : ((Outcome.Accepted)again.Outcome).Statement.Kind)}");
            if (again.Explanation is { } explanation)
                foreach (var (_, line) in ExplanationLines.Of(explanation)) Console.WriteLine(line);
            Console.WriteLine();
            Console.WriteLine(again.Told is not { } told ? "nothing that the server wrote explains it" : again.Agrees
                ? string.Create(CultureInfo.InvariantCulture,
                    $"executed again: the same {told.Entry.Envelope.Payload.Length} bytes as the "
                    + $"{told.Statement.Kind} in entry {told.Index}, {Digest.Of(told.Entry.Envelope.Payload)}")
                : $"executed again: OTHER BYTES than the {told.Statement.Kind} in entry {told.Index}; these differ: "
                    + $"{string.Join(" ", again.Differences())}");
            if (again.Misplaced is { } misplaced) Console.WriteLine($"MISPLACED: {misplaced}");
        }
        else Console.WriteLine(error);
        var more = report.Findings.Count > 0 ? "; stele-verify pack shows them" : "";
        Console.WriteLine($"the pack: {report.Sentence}{more}");
        return exit;
    }
}
