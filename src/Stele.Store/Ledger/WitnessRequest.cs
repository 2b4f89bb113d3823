using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// What a log asks of a witness, C2SP tlog-witness <c>add-checkpoint</c>:
/// <code>
/// old [size]
/// [base64 hash]      0 to 63 lines: the consistency proof
///                    (an empty line)
/// [checkpoint note]
/// </code>
/// Invariant: <c>Parse(x).ToString() = x</c>.
/// </summary>
/// <param name="Old">The size that the log believes the witness has seen last.</param>
sealed record WitnessRequest(long Old, ImmutableArray<Digest> Proof, Note Note)
{
    public const int MaxProof = 63;

    /// <summary>More than this is refused unread: a note, and the lines before it.</summary>
    public const int MaxBytes = Stele.Proof.Note.MaxBytes + 32 + MaxProof * 45;

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="FormatException">Not such a request.</exception>
    public static WitnessRequest Parse(ReadOnlySpan<byte> utf8)
    {
        var (lines, note) = Split(utf8, 1 + MaxProof);
        if (!lines[0].StartsWith("old ", StringComparison.Ordinal) || !Decimal(lines[0][4..], out var old))
            throw new FormatException("a request begins with 'old ' and a size");
        return new WitnessRequest(old, [.. lines.Skip(1).Select(Hash)], NoteOf(note));
    }

    /// <summary>
    /// The lines before the first empty one, and what follows it: neither these lines nor an origin are empty.
    /// </summary>
    internal static (string[] Lines, string Note) Split(ReadOnlySpan<byte> utf8, int maxLines)
    {
        if (utf8.Length > MaxBytes) throw new FormatException($"a request has at most {MaxBytes} bytes");
        string text;
        try
        {
            text = Utf8.GetString(utf8);
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("a request is UTF-8", e);
        }
        var gap = text.IndexOf("\n\n", StringComparison.Ordinal);
        if (gap < 0) throw new FormatException("a request has an empty line before the checkpoint");
        var lines = text[..gap].Split('\n');
        if (lines.Length > maxLines) throw new FormatException($"a consistency proof has at most {MaxProof} lines");
        return (lines, text[(gap + 2)..]);
    }

    static Note NoteOf(string note)
    {
        try
        {
            return Stele.Proof.Note.Parse(note);
        }
        catch (FormatException e) when (note.LastIndexOf("\n\n", StringComparison.Ordinal) is > 0 and var end
            && note.EndsWith('\n')
            && note[(end + 2)..^1].Split('\n').All(l => l.StartsWith("\u2014 ", StringComparison.Ordinal)))
        {
            throw new SignatureLineException(Checkpoint.Parse(note[..(end + 1)]).Origin, e.Message);
        }
    }

    internal static Digest Hash(string line) =>
        Base64.TryDecode(line, out var bytes) && bytes.Length == Digest.Size
            ? Digest.From(bytes)
            : throw new FormatException("a line of the consistency proof is not base64 of 32 bytes");

    internal static bool Decimal(string text, out long value) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value)
        && value.ToString(CultureInfo.InvariantCulture) == text;

    public override string ToString() =>
        $"old {Old.ToString(CultureInfo.InvariantCulture)}\n{string.Concat(Proof.Select(h => Base64.Encode(h.ToArray()) + "\n"))}\n{Note}";
}

/// <summary>The request holds a checkpoint of this origin, and a signature line that can't be read.</summary>
sealed class SignatureLineException(string origin, string message) : FormatException(message)
{
    public string Origin => origin;
}
