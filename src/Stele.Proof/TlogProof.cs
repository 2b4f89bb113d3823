using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>How a proof of logging stands against a leaf and a policy.</summary>
public enum TlogProofTrust
{
    Verified,
    /// <summary>The checkpoint in it is not one that the policy lets pass: see the policy's own answer.</summary>
    BadCheckpoint,
    /// <summary>The leaf is not where the proof says.</summary>
    NotIncluded,
}

/// <summary>
/// C2SP tlog-proof: that a leaf was logged and that witnesses saw it, in one small file (<c>.tlog-proof</c>) that is
/// verified offline.
/// <code>
/// c2sp.org/tlog-proof@v1
/// extra YXBwbGljYXRpb24gZGF0YQ==
/// index 1
/// rzFuy5Go7nrpkhBwKy1HWPMM3eO/YePY54fXRoH5Cm4=
///
/// example.com/log
/// 2
/// 5784L25ZFbP4hhm4ZiI+vx1RxMUyHMzeLp/3AKMlkIY=
///
/// — example.com/log Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
/// </code>
/// The line <c>extra</c> stands there only when there is something in it. What stands behind the empty line is the
/// signed checkpoint, verbatim. Invariant: whatever <see cref="Parse"/> accepts is written again byte for byte by
/// <see cref="ToString"/>.
/// </summary>
public sealed class TlogProof
{
    public const int MaxExtra = 64 * 1024;
    public const int MaxHashes = 63;
    public const int MaxBytes = Note.MaxBytes + MaxExtra / 3 * 4 + MaxHashes * 45 + 100;

    const string Header = "c2sp.org/tlog-proof@v1";
    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <param name="checkpoint">The signed note. It is carried as it is and judged by <see cref="Verify"/>.</param>
    /// <exception cref="FormatException">Values that no proof can carry.</exception>
    public TlogProof(long index, ImmutableArray<Digest> hashes, string checkpoint, ImmutableArray<byte> extra = default)
    {
        if (index < 0) throw new FormatException("a proof's index is not negative");
        if (hashes.Length > MaxHashes)
            throw new FormatException($"{hashes.Length} hashes; an inclusion proof has at most {MaxHashes}");
        if (!extra.IsDefault && extra.Length > MaxExtra)
            throw new FormatException($"extra data of {extra.Length} bytes; at most {MaxExtra} are read");
        if (checkpoint.Length is 0 or > Note.MaxBytes)
            throw new FormatException($"a proof ends in a signed checkpoint of at most {Note.MaxBytes} bytes");
        (Index, Hashes, Checkpoint, Extra) = (index, hashes, checkpoint, extra.IsDefault ? [] : extra);
    }

    /// <summary>The leaf's place in the log, from 0.</summary>
    public long Index { get; }

    /// <summary>The inclusion proof, the leaf's sibling first.</summary>
    public ImmutableArray<Digest> Hashes { get; }

    /// <summary>
    /// The signed note. Nothing of it may be used before <see cref="Verify"/> has said that it is good.
    /// </summary>
    public string Checkpoint { get; }

    /// <summary>Whatever the application put next to the proof. Nothing authenticates it.</summary>
    public ImmutableArray<byte> Extra { get; }

    public override string ToString()
    {
        var text = new StringBuilder(Header).Append('\n');
        if (!Extra.IsEmpty) text.Append("extra ").Append(Base64.Encode(Extra.AsSpan())).Append('\n');
        text.Append("index ").Append(Index.ToString(CultureInfo.InvariantCulture)).Append('\n');
        foreach (var hash in Hashes) text.Append(Base64.Encode(hash.ToArray())).Append('\n');
        return text.Append('\n').Append(Checkpoint).ToString();
    }

    /// <exception cref="FormatException">
    /// Not a proof in its one canonical form. The checkpoint in it is not looked at.
    /// </exception>
    public static TlogProof Parse(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxBytes)
            throw new FormatException($"a proof of {utf8.Length} bytes; at most {MaxBytes} are read");
        string text;
        try
        {
            text = Utf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("a proof is UTF-8", e);
        }
        var rest = text.AsSpan();
        if (!Next(ref rest).SequenceEqual(Header)) throw new FormatException($"a proof starts with the line {Header}");
        var line = Next(ref rest);
        ImmutableArray<byte> extra = [];
        if (line.StartsWith("extra ", StringComparison.Ordinal))
        {
            if (!Base64.TryDecode(line["extra ".Length..], out var bytes) || bytes.Length == 0)
                throw new FormatException("line 2: extra data is base64 of at least one byte");
            extra = [.. bytes];
            line = Next(ref rest);
        }
        if (!line.StartsWith("index ", StringComparison.Ordinal)
            || !Proof.Checkpoint.TryDecimal(line["index ".Length..], out var index))
            throw new FormatException(
                "a proof has a line 'index' with a decimal number below 2^63 without leading zeros");
        var hashes = ImmutableArray.CreateBuilder<Digest>();
        for (line = Next(ref rest); !line.IsEmpty; line = Next(ref rest))
        {
            if (hashes.Count == MaxHashes)
                throw new FormatException($"an inclusion proof has at most {MaxHashes} hashes");
            if (!Base64.TryDecode(line, out var hash) || hash.Length != Digest.Size)
                throw new FormatException("a line of an inclusion proof is base64 of 32 bytes");
            hashes.Add(Digest.From(hash));
        }
        return new TlogProof(index, hashes.ToImmutable(), rest.ToString(), extra);
    }

    static ReadOnlySpan<char> Next(ref ReadOnlySpan<char> rest)
    {
        var end = rest.IndexOf('\n');
        if (end < 0) throw new FormatException("the proof breaks off: an empty line and a checkpoint are missing");
        var line = rest[..end];
        rest = rest[(end + 1)..];
        return line;
    }

    /// <summary>
    /// Whether the leaf with this hash was logged, in a log and before witnesses that the policy accepts.
    /// </summary>
    /// <param name="verdict">What the policy says of the checkpoint.</param>
    /// <param name="log">Which log it must be, where the policy names none.</param>
    public TlogProofTrust Verify(Digest leafHash, WitnessPolicy policy, out PolicyVerdict verdict,
        VerifierKey? log = null)
    {
        verdict = policy.Judge(Checkpoint, log);
        if (verdict.Checkpoint is not { } checkpoint) return TlogProofTrust.BadCheckpoint;
        return Proofs.VerifyInclusion(Index, checkpoint.Size, leafHash, Hashes.AsSpan(), checkpoint.Root)
            ? TlogProofTrust.Verified
            : TlogProofTrust.NotIncluded;
    }
}
