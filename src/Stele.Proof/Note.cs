using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Text;

namespace Stele.Proof;

/// <summary>
/// One signature line of a note: <c>— name base64(key id ‖ signature)</c>. What the bytes mean is the key's matter.
/// </summary>
public sealed record NoteSignature(string Name, uint Id, ImmutableArray<byte> Bytes)
{
    public override string ToString()
    {
        Span<byte> id = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(id, Id);
        return $"\u2014 {Name} {Base64.Encode([.. id, .. Bytes])}\n";
    }

    /// <summary>
    /// Reads one or more whole lines, as they end a note and as a witness answers. Invariant: written again they give
    /// the same text.
    /// </summary>
    /// <exception cref="FormatException">Anything else, or more lines than a note may have.</exception>
    public static ImmutableArray<NoteSignature> ParseLines(ReadOnlySpan<char> lines)
    {
        if (lines.IsEmpty || lines[^1] != '\n') throw new FormatException("signature lines end in a newline");
        var signatures = ImmutableArray.CreateBuilder<NoteSignature>();
        foreach (var range in lines[..^1].Split('\n'))
        {
            if (signatures.Count == Note.MaxSignatures)
                throw new FormatException($"a note has at most {Note.MaxSignatures} signatures");
            signatures.Add(Parse(lines[..^1][range]));
        }
        return signatures.ToImmutable();
    }

    static NoteSignature Parse(ReadOnlySpan<char> line)
    {
        if (!line.StartsWith("\u2014 ", StringComparison.Ordinal))
            throw new FormatException("a signature line starts with an em dash and a space");
        line = line[2..];
        var space = line.IndexOf(' ');
        if (space < 0) throw new FormatException("a signature line reads: em dash, name, base64");
        var name = line[..space].ToString();
        if (!VerifierKey.IsName(name)) throw new FormatException("a signature line's key name is malformed");
        if (!Base64.TryDecode(line[(space + 1)..], out var bytes) || bytes.Length < 5)
            throw new FormatException("a signature is base64 of a key id and at least one byte");
        return new(name, BinaryPrimitives.ReadUInt32BigEndian(bytes), [.. bytes.AsSpan(4)]);
    }
}

/// <summary>A signature that a known key has verified; the time is a cosignature's, in POSIX seconds, else 0.</summary>
public sealed record VerifiedSignature(VerifierKey Key, long Time)
{
    /// <summary>
    /// The same in milliseconds, as entries count time, and no later than an entry may be: a witness may sign any
    /// number.
    /// </summary>
    public long Milliseconds => Math.Min(Time, Entry.MaxTime / 1000) * 1000;
}

/// <summary>How a note stands against a set of known keys.</summary>
public enum NoteTrust
{
    /// <summary>At least one known key signed it and no signature by a known key is wrong.</summary>
    Verified,
    /// <summary>No signature names a known key. Nothing in the text may be used.</summary>
    NoKnownKey,
    /// <summary>A signature that names a known key does not verify: the whole note is refused.</summary>
    BadSignature,
}

/// <summary>
/// A C2SP signed note: text ending in a newline, an empty line, then signature lines. The text's last newline is signed
/// with it.
/// <code>
/// This is an example message.
///
/// — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
/// </code>
/// Invariant: whatever <see cref="Parse(ReadOnlySpan{byte})"/> accepts is written again byte for byte by
/// <see cref="ToString"/>.
/// </summary>
public sealed class Note
{
    /// <summary>
    /// Larger notes are refused unread. The standard asks for room for at least 16 signatures, post-quantum ones
    /// included.
    /// </summary>
    public const int MaxBytes = 256 * 1024;
    public const int MaxSignatures = 100;

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="FormatException">
    /// A text that no note can carry, or more lines or bytes than a note may have.
    /// </exception>
    public Note(string text, params ReadOnlySpan<NoteSignature> signatures)
    {
        if (!text.EndsWith('\n')) throw new FormatException("a note's text ends in a newline");
        foreach (var c in text) if (c < ' ' && c != '\n')
            throw new FormatException("a note holds no control character but newline");
        if (signatures.Length > MaxSignatures)
            throw new FormatException($"{signatures.Length} signatures; a note has at most {MaxSignatures}");
        (Text, Signatures) = (text, [.. signatures]);
    }

    /// <summary>
    /// What is signed. Not to be used, or even shown, before <see cref="Verify"/> says
    /// <see cref="NoteTrust.Verified"/>.
    /// </summary>
    public string Text { get; }

    public ImmutableArray<NoteSignature> Signatures { get; }

    public Note With(NoteSignature signature) => new(Text, [.. Signatures, signature]);

    public override string ToString() => Text + "\n" + string.Concat(Signatures);

    /// <exception cref="FormatException">Not a well-formed note.</exception>
    public static Note Parse(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxBytes)
            throw new FormatException($"a note of {utf8.Length} bytes; at most {MaxBytes} are read");
        try
        {
            return Split(Utf8.GetString(utf8));
        }
        catch (DecoderFallbackException e)
        {
            throw new FormatException("a note is UTF-8", e);
        }
    }

    /// <exception cref="FormatException">Not a well-formed note.</exception>
    public static Note Parse(string note)
    {
        if (note.Length > MaxBytes)
            throw new FormatException($"a note of {note.Length} characters; at most {MaxBytes} bytes are read");
        try
        {
            return Parse(Utf8.GetBytes(note));
        }
        catch (EncoderFallbackException e)
        {
            throw new FormatException("a note is valid Unicode", e);
        }
    }

    static Note Split(string note)
    {
        // The text may hold empty lines; the last one divides.
        var gap = note.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (gap < 0) throw new FormatException("a note has an empty line between text and signatures");
        return new Note(note[..(gap + 1)], NoteSignature.ParseLines(note.AsSpan(gap + 2)).AsSpan());
    }

    /// <summary>
    /// Checks every signature that names a known key (both name and id); one failure refuses the note. Lines of unknown
    /// keys are passed over. A key that signed twice counts once, with its first line.
    /// </summary>
    public NoteTrust Verify(IReadOnlyList<VerifierKey> known, out ImmutableArray<VerifiedSignature> verified)
    {
        var found = ImmutableArray.CreateBuilder<VerifiedSignature>();
        verified = [];
        foreach (var line in Signatures)
            foreach (var key in known)
            {
                if (!key.IsNamedBy(line)) continue;
                if (!key.Verify(Text, line, out var time)) return NoteTrust.BadSignature;
                if (!found.Any(f => f.Key.Equals(key))) found.Add(new(key, time));
            }
        verified = found.ToImmutable();
        return verified.IsEmpty ? NoteTrust.NoKnownKey : NoteTrust.Verified;
    }

    /// <summary>
    /// The same, for witnesses. A line without a time says no more than "consistent with what I have seen", of whatever
    /// size: it is no word on how far the log is, and does not count.
    /// </summary>
    public NoteTrust VerifyCosigned(IReadOnlyList<VerifierKey> witnesses,
        out ImmutableArray<VerifiedSignature> cosigned)
    {
        var trust = Verify(witnesses, out cosigned);
        cosigned = [.. cosigned.Where(c => c.Time > 0)];
        return trust == NoteTrust.Verified && cosigned.IsEmpty ? NoteTrust.NoKnownKey : trust;
    }
}
