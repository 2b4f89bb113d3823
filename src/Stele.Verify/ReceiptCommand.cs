using Stele.Proof.Packs;

namespace Stele.Verify;

static class ReceiptCommand
{
    public static readonly Command Command = new("receipt", "FILE", """
        A receipt holds one decision and its chain of custody, which is told in plain words.
        """,
        [
            Verify.Command.Trust,
            new("--against", "FILE", "A second receipt of the same log: fail if the two prove that its node signed two histories."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var (trust, receipt) = (call.Trust, Call.Read(call.File, Receipt.MaxBytes));
        var report = ReceiptVerifier.Verify(receipt, trust);
        if (call.Value("--against") is { } other && report.Result != VerifyResult.Failed) report = ReceiptVerifier.Against(report, receipt, Call.Read(other, Receipt.MaxBytes));
        return call.Tell(report);
    }
}
