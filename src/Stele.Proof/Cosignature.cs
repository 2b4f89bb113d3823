using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>How the signature lines that a witness answered with stand against its key.</summary>
public enum CosignatureTrust
{
    /// <summary>There is a line by the key, and every line by it is good.</summary>
    Verified,
    /// <summary>Not signature lines.</summary>
    Malformed,
    /// <summary>No line names the key.</summary>
    NoKnownKey,
    /// <summary>A line names the key and does not verify.</summary>
    BadSignature,
}

/// <summary>
/// A cosignature of a checkpoint that has been verified (C2SP tlog-cosignature): the witness says that, as of this time, the checkpoint is consistent with all it has seen of that log.
/// On the note it is a signature line whose bytes are a time, eight bytes big-endian, and an Ed25519 signature (key type 0x04) of
/// <code>
/// cosignature/v1
/// time 1679315147
/// example.com/behind-the-sofa
/// 20852163
/// CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
/// </code>
/// </summary>
/// <param name="Time">POSIX seconds.</param>
/// <param name="Line">The line as it stands on the note.</param>
public sealed record Cosignature(VerifierKey Key, long Time, NoteSignature Line)
{
    internal const int TimeSize = 8;

    /// <summary>What an Ed25519 cosigner signs. The signer's name is not in it, so a key pair serves one cosigner alone.</summary>
    public static byte[] Message(string checkpoint, long time) =>
        Encoding.UTF8.GetBytes($"cosignature/v1\ntime {time.ToString(CultureInfo.InvariantCulture)}\n{checkpoint}");

    /// <summary>Reads a witness's answer, one or more signature lines, as cosignatures of a checkpoint. Lines by other keys are passed over; lines by the same key must all be good.</summary>
    /// <param name="checkpoint">The text of the note that was sent, not the signed note.</param>
    /// <param name="cosignature">The first good one, when the result is <see cref="CosignatureTrust.Verified"/>.</param>
    public static CosignatureTrust Read(ReadOnlySpan<char> answer, string checkpoint, VerifierKey witness, out Cosignature? cosignature)
    {
        cosignature = null;
        ImmutableArray<NoteSignature> lines;
        try
        {
            lines = NoteSignature.ParseLines(answer);
        }
        catch (FormatException)
        {
            return CosignatureTrust.Malformed;
        }
        Cosignature? first = null;
        foreach (var line in lines)
        {
            if (!witness.IsNamedBy(line)) continue;
            if (Verify(line, checkpoint, witness) is not { } good) return CosignatureTrust.BadSignature;
            first ??= good;
        }
        cosignature = first;
        return first is null ? CosignatureTrust.NoKnownKey : CosignatureTrust.Verified;
    }

    /// <summary>The line as this witness's cosignature of the checkpoint; null when it is not.</summary>
    public static Cosignature? Verify(NoteSignature line, string checkpoint, VerifierKey witness) =>
        witness.IsCosigner && IsCheckpoint(checkpoint) && witness.Verify(checkpoint, line, out var time) ? new(witness, time, line) : null;

    static bool IsCheckpoint(string text)
    {
        try
        {
            Checkpoint.Parse(text);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>Takes the time off the front of a cosigner's signature bytes.</summary>
    internal static bool TrySplit(ReadOnlySpan<byte> bytes, out long time, out ReadOnlySpan<byte> signature)
    {
        time = 0;
        signature = default;
        if (bytes.Length < TimeSize) return false;
        time = BinaryPrimitives.ReadInt64BigEndian(bytes);
        signature = bytes[TimeSize..];
        return time >= 0;
    }
}
