using System.Text;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Verify;

static class TimestampCommand
{
    public static readonly Command Command = new("timestamp", "FILE", """
        An RFC 3161 time stamp is an authority's signed word that it saw a checkpoint, or any file, at a time. Its certificate must lead to
        one that you trust, at that very time.
        """,
        [
            new("--authority", "FILE",
                "The authority's certificates (PEM): those that issued themselves are trusted, or the last one if "
                + "none did."),
            new("--checkpoint", "FILE",
                "The checkpoint that was stamped. What counts is its text; signatures may have been added since."),
            new("--data", "FILE", "Any other file that was stamped."),
            Verify.Command.Json,
        ], Run);

    static int Run(Call call)
    {
        var authority = Judged.CertificatesOf(call, "--authority")
            ?? throw new MisuseException("a time stamp is held to an authority's certificate", Command.Synopsis);
        var data = call.Parsed("--checkpoint", Note.MaxBytes, TextOf, "a checkpoint",
            "the signed note that a log publishes")
            ?? (call.Value("--data") is { } file
                ? Call.Read(file, 64 << 20)
                : throw new MisuseException("say what was stamped: --checkpoint FILE or --data FILE",
                    Command.Synopsis));
        return call.Tell(TimestampToken.Verify(Call.Read(call.File, TimestampToken.MaxBytes), data, authority, out _));
    }

    /// <summary>A checkpoint with its signatures, or the bare text.</summary>
    static byte[] TextOf(byte[] bytes)
    {
        var text = bytes.AsSpan().IndexOf("\n\n"u8) < 0 ? Encoding.UTF8.GetString(bytes) : Note.Parse(bytes).Text;
        return Encoding.UTF8.GetBytes(Checkpoint.Parse(text).Text);
    }
}
