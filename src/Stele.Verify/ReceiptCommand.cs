using Stele.Proof.Packs;

namespace Stele.Verify;

static class ReceiptCommand
{
    public static readonly Command Command = new("receipt", "FILE", """
        A receipt holds one decision and its chain of custody, which is told in plain words. An early one is its node's
        signed word alone, and has an exit code of its own; two that contradict each other: stele-verify fraud.
        """, [Verify.Command.Trust, Verify.Command.MinSize, Verify.Command.NotOlderThan, Verify.Command.Json], Run);

    static int Run(Call call) =>
        call.Tell(ReceiptVerifier.Verify(Call.Read(call.File, Receipt.MaxBytes), call.Trust,
            call.Number("--min-size") ?? 0, call.Time("--not-older-than")));
}
