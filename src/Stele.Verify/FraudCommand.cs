using Stele.Proof.Packs;

namespace Stele.Verify;

static class FraudCommand
{
    public static readonly Command Command = new("fraud", "RECEIPT", """
        Asks whether a receipt, early or full, proves together with another receipt of the same log, or with an audit pack,
        that the log's key signed two histories. Each side is held to the trust file first; a forged one proves nothing.
        It exits with 6 if fraud is proven, 0 if the other side confirms the receipt's record, 4 if the two do not speak
        of the same leaves, 1 if one side is not genuine.
        """,
        [
            Verify.Command.Trust,
            new("--receipt", "FILE", "Another receipt of the same log."),
            new("--pack", "FILE",
                "An audit pack of the ledger; made after the record was anchored, it always decides."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        if ((call.Value("--receipt") is null) == (call.Value("--pack") is null))
            throw new MisuseException("hold the receipt against one thing: --receipt FILE or --pack FILE",
                "stele-verify fraud --help");
        var trust = call.Trust ?? throw new MisuseException("fraud accuses somebody: only the trust file says whom",
            "stele-verify fraud RECEIPT --pack FILE --trust FILE");
        var receipt = Call.Read(call.File, Receipt.MaxBytes);
        if (call.Value("--receipt") is { } other)
            return Tell(call, Fraud.Judge(receipt, Call.Read(other, Receipt.MaxBytes), trust));
        using var pack = File.OpenRead(call.Value("--pack")!);
        return Tell(call, Fraud.Judge(receipt, pack, trust));
    }

    static int Tell(Call call, FraudReport report)
    {
        if (call.Json) Console.WriteLine(report.ToJson());
        else
        {
            Console.WriteLine(report.Verdict switch
            {
                FraudVerdict.Proven => "FRAUD PROVEN: the log's key signed two histories",
                FraudVerdict.Consistent => "consistent: no fraud; one history explains both",
                FraudVerdict.Undecided => "undecided: nothing contradicts, and nothing confirms",
                _ => "NOTHING PROVEN: one side is not genuine",
            });
            foreach (var c in report.Contradictions) Console.WriteLine($"  {c.Name}: {c.Message}");
            foreach (var f in report.Findings) Console.WriteLine($"  {f}");
            foreach (var note in report.Notes) Console.WriteLine($"  {note}");
        }
        return (int)report.Verdict;
    }
}
