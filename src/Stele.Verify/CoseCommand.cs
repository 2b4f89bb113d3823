using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Verify;

static class CoseCommand
{
    public static readonly Command Command = new("cose", "FILE", """
        A COSE receipt (RFC 9942) is a log's signed word, in a form that other transparency services speak: that an entry stands
        in its tree (--entry), or that its tree extends one that you have seen (--checkpoint).
        """,
        [
            Judged.Key,
            new("--entry", "FILE", "The entry's bytes, as they stand in the log; stele export entry writes them."),
            new("--checkpoint", "FILE",
                "A checkpoint that you have seen: the receipt proves that the tree has only grown since."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var key = Judged.KeyOf(call) ?? throw new MisuseException("a receipt is held to a key", Command.Synopsis);
        var receipt = Call.Read(call.File, CoseReceipt.MaxBytes);
        if (call.Value("--entry") is { } entry)
            return call.Tell(CoseReceipt.VerifyInclusion(receipt, Call.Read(entry, Entry.MaxBytes), key, out _));
        var seen = call.Parsed("--checkpoint", Note.MaxBytes, b => Checkpoint.Parse(Note.Parse(b).Text), "a checkpoint",
            "the signed note that a log publishes") ?? throw new MisuseException(
                "say what the receipt is about: --entry FILE or --checkpoint FILE", Command.Synopsis);
        return call.Tell(CoseReceipt.VerifyConsistency(receipt, seen.Size, seen.Root, key, out _));
    }
}
