using Stele.Proof.Packs;

namespace Stele.Verify;

static class PackCommand
{
    public static readonly Command Command = new("pack", "FILE", """
        An audit pack holds the whole ledger: every entry is folded again, every verdict and refusal is executed
        again, every decision log is held to what the ledger anchors.
        """,
        [
            Verify.Command.Trust,
            Verify.Command.MinSize, Verify.Command.NotOlderThan,
            new("--receipt", "FILE", "A receipt that you hold: fail if the pack's decision log contradicts it."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var (trust, minSize, notOlder) = (call.Trust, call.Number("--min-size") ?? 0, call.Time("--not-older-than"));
        var held = call.Parsed("--receipt", Receipt.MaxBytes, b => Receipt.Parse(b), "a receipt",
            "stele receipt makes one");
        using var pack = File.OpenRead(call.File);
        return call.Tell(Verifier.Verify(pack, trust, minSize, notOlder, held));
    }
}
