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
/// A cosignature of a checkpoint that has been verified (C2SP tlog-cosignature): the witness says that, as of this
/// time, the checkpoint is consistent with all it has seen of that log. On the note it is a signature line whose bytes
/// are a time, eight bytes big-endian, and a signature. With Ed25519 (key type 0x04) that is of
/// <code>
/// cosignature/v1
/// time 1679315147
/// example.com/behind-the-sofa
/// 20852163
/// CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
/// </code>
/// and with ML-DSA-44 (0x06) of <c>"subtree/v1" 0A 00 ‖ cosigner ‖ time ‖ origin ‖ start ‖ end ‖ root</c>, names behind
/// a byte that gives their length, numbers in eight bytes big-endian: it names its signer, can be of a part of the
/// tree, and does not cover a checkpoint's extension lines.
/// </summary>
/// <param name="Time">
/// POSIX seconds; 0 from a cosigner that does not say that the tree is the largest it has seen.
/// </param>
/// <param name="Line">The line as it stands on the note.</param>
public sealed record Cosignature(VerifierKey Key, long Time, NoteSignature Line)
{
    const int TimeSize = 8;

    /// <summary>
    /// What an Ed25519 cosigner signs. The signer's name is not in it, so a key pair serves one cosigner alone.
    /// </summary>
    internal static byte[] Message(string checkpoint, long time) =>
        Encoding.UTF8.GetBytes($"cosignature/v1\ntime {time.ToString(CultureInfo.InvariantCulture)}\n{checkpoint}");

    /// <summary>What an ML-DSA-44 cosigner signs for a whole tree.</summary>
    internal static byte[] TreeMessage(string cosigner, Checkpoint checkpoint, long time) =>
        SubtreeMessage(cosigner, time, checkpoint.Origin, 0, checkpoint.Size, checkpoint.Root);

    /// <summary>What an ML-DSA-44 cosigner signs: the root over the leaves [start, end) of a log.</summary>
    /// <exception cref="FormatException">
    /// A name that has no byte or more than 255, or a time for a part of a tree.
    /// </exception>
    public static byte[] SubtreeMessage(string cosigner, long time, string origin, long start, long end, Digest hash)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(time);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfLessThan(end, start);
        if (start != 0 && time != 0) throw new FormatException("a cosignature of a part of a tree has no time");
        return [.. "subtree/v1\n\0"u8, .. Named(cosigner), .. Number(time), .. Named(origin), .. Number(start),
            .. Number(end), .. hash.ToArray()];

        static byte[] Named(string name)
        {
            var bytes = Encoding.UTF8.GetBytes(name);
            return bytes.Length is > 0 and <= 255
                ? [(byte)bytes.Length, .. bytes]
                : throw new FormatException("names in a cosignature have 1 to 255 bytes");
        }
    }

    /// <summary>
    /// Whether the line is this cosigner's of the root over the leaves [start, end) of a log, as a witness answers
    /// <c>sign-subtree</c>.
    /// </summary>
    public static bool VerifySubtree(NoteSignature line, string origin, long start, long end, Digest hash,
        VerifierKey cosigner)
    {
        if (cosigner.Type != NoteKeyType.SubtreeCosignature || !cosigner.IsNamedBy(line)
            || !TrySplit(line.Bytes.AsSpan(), out var time, out var signature)) return false;
        if (start < 0 || end < start || time != 0) return false;
        try
        {
            return cosigner.Verify(SubtreeMessage(cosigner.Name, 0, origin, start, end, hash), signature);
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>
    /// Reads a witness's answer, one or more signature lines, as cosignatures of a checkpoint. Lines by other keys are
    /// passed over; lines by the same key must all be good.
    /// </summary>
    /// <param name="checkpoint">The text of the note that was sent, not the signed note.</param>
    /// <param name="cosignature">
    /// The first good one, when the result is <see cref="CosignatureTrust.Verified"/>.
    /// </param>
    public static CosignatureTrust Read(ReadOnlySpan<char> answer, string checkpoint, VerifierKey witness,
        out Cosignature? cosignature)
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
            if (Verify(line, checkpoint, witness) is not { Time: > 0 } good) return CosignatureTrust.BadSignature;
            first ??= good;
        }
        cosignature = first;
        return first is null ? CosignatureTrust.NoKnownKey : CosignatureTrust.Verified;
    }

    /// <summary>The line as this witness's cosignature of the checkpoint; null when it is not.</summary>
    public static Cosignature? Verify(NoteSignature line, string checkpoint, VerifierKey witness) =>
        witness.IsCosigner && IsCheckpoint(checkpoint) && witness.Verify(checkpoint, line, out var time)
            ? new(witness, time, line)
            : null;

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

    /// <summary>The signature line of a cosigner.</summary>
    internal static NoteSignature Join(VerifierKey cosigner, long time, ReadOnlySpan<byte> signature) =>
        new(cosigner.Name, cosigner.Id, [.. Number(time), .. signature]);

    static byte[] Number(long n)
    {
        var bytes = new byte[TimeSize];
        BinaryPrimitives.WriteInt64BigEndian(bytes, n);
        return bytes;
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
