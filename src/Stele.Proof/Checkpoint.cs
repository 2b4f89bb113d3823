using System.Diagnostics.CodeAnalysis;
using System.Collections.Immutable;
using System.Globalization;

namespace Stele.Proof;

/// <summary>How a signed checkpoint stands against the one key it must be signed with.</summary>
public enum CheckpointTrust
{
    Verified,
    /// <summary>Not a note, or its text is not a checkpoint.</summary>
    Malformed,
    /// <summary>No signature by the log's key.</summary>
    NoKnownKey,
    /// <summary>A line names the log's key and does not verify.</summary>
    BadSignature,
    /// <summary>Signed by the key, but for another log.</summary>
    WrongOrigin,
}

/// <summary>
/// A C2SP tlog-checkpoint, the text of a note: origin, size in decimal, base64 of the root, then extension lines (which
/// we never write).
/// <code>
/// example.com/log
/// 3
/// Wqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=
/// </code>
/// Invariant: <c>Parse(x).Text = x</c>.
/// </summary>
public sealed class Checkpoint
{
    public const int MaxExtensions = 16;

    /// <exception cref="FormatException">Values that no checkpoint can carry.</exception>
    public Checkpoint(string origin, long size, Digest root, params ReadOnlySpan<string> extensions)
    {
        if (!IsLine(origin)) throw new FormatException("a checkpoint's origin is one non-empty line");
        if (size < 0) throw new FormatException("a checkpoint's size is not negative");
        if (size == 0 && root != Merkle.EmptyRoot)
            throw new FormatException("a checkpoint of size 0 has the root of the empty tree");
        if (extensions.Length > MaxExtensions)
            throw new FormatException($"a checkpoint with more than {MaxExtensions} extension lines");
        foreach (var line in extensions) if (!IsLine(line))
            throw new FormatException("a checkpoint's extension lines are not empty");
        (Origin, Size, Root, Extensions) = (origin, size, root, [.. extensions]);
    }

    public string Origin { get; }
    public long Size { get; }
    public Digest Root { get; }
    public ImmutableArray<string> Extensions { get; }

    public string Text =>
        $"{Origin}\n{Size.ToString(CultureInfo.InvariantCulture)}\n{Base64.Encode(Root.ToArray())}\n{string.Concat(Extensions.Select(e => e + "\n"))}";

    /// <summary>Reads the text of a note (not the signed note: see <see cref="Open"/>).</summary>
    /// <exception cref="FormatException">Not a checkpoint in its canonical form.</exception>
    public static Checkpoint Parse(string text)
    {
        if (!text.EndsWith('\n')) throw new FormatException("a checkpoint ends in a newline");
        var lines = text[..^1].Split('\n', 4 + MaxExtensions);
        if (lines.Length < 3) throw new FormatException("a checkpoint has an origin, a size and a root");
        if (!TryDecimal(lines[1], out var size))
            throw new FormatException("a checkpoint's size is a decimal number without leading zeros, below 2^63");
        if (!Base64.TryDecode(lines[2], out var root) || root.Length != Digest.Size)
            throw new FormatException("a checkpoint's root is base64 of 32 bytes");
        return new Checkpoint(lines[0], size, Digest.From(root), lines.AsSpan(3));
    }

    /// <summary>As <see cref="Open"/>, with the failure in words.</summary>
    public static bool TryOpen(string signedNote, VerifierKey logKey, [NotNullWhen(true)] out Checkpoint? checkpoint,
        [NotNullWhen(false)] out string? error)
    {
        var trust = Open(signedNote, logKey, out checkpoint);
        error = trust switch
        {
            CheckpointTrust.Verified => null,
            CheckpointTrust.BadSignature => "the log's signature is not good",
            CheckpointTrust.NoKnownKey => "it carries no signature by the log's key",
            CheckpointTrust.WrongOrigin => "it is of another log",
            _ => "it is not a signed checkpoint",
        };
        return checkpoint is not null && error is null;
    }

    /// <summary>
    /// Reads a signed note as a checkpoint of the log whose key this is; the log's origin is its key's name.
    /// </summary>
    /// <param name="checkpoint">Set only when the result is <see cref="CheckpointTrust.Verified"/>.</param>
    public static CheckpointTrust Open(string signedNote, VerifierKey logKey, out Checkpoint? checkpoint)
    {
        checkpoint = null;
        try
        {
            var note = Note.Parse(signedNote);
            var trust = note.Verify([logKey], out _);
            if (trust != NoteTrust.Verified)
                return trust == NoteTrust.BadSignature ? CheckpointTrust.BadSignature : CheckpointTrust.NoKnownKey;
            var read = Parse(note.Text);
            if (read.Origin != logKey.Name) return CheckpointTrust.WrongOrigin;
            // An ML-DSA-44 signature does not cover extension lines; what nobody signed is not passed on.
            checkpoint = logKey.Type == NoteKeyType.SubtreeCosignature
                ? new Checkpoint(read.Origin, read.Size, read.Root)
                : read;
            return CheckpointTrust.Verified;
        }
        catch (FormatException)
        {
            return CheckpointTrust.Malformed;
        }
    }

    /// <summary>Decimal ASCII without sign or leading zeros, as C2SP writes every number.</summary>
    internal static bool TryDecimal(ReadOnlySpan<char> text, out long value)
    {
        value = 0;
        return text.Length is > 0 and <= 19 && (text[0] != '0' || text.Length == 1)
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }

    static bool IsLine(string line) => line.Length > 0 && !line.Contains('\n', StringComparison.Ordinal);
}
