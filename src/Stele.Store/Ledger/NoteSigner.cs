using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// A key that signs notes: a log's own checkpoints (type 01), or as a witness those of others (04; 06 where the
/// platform has ML-DSA-44). Its file, readable by its owner alone, holds one line in the form Go's sumdb/note gives
/// private keys: <c>PRIVATE+KEY+name+id+base64(type ‖ seed)</c>; that of a log here
/// has a line before it that names the format of the folder. A key is of one type: an Ed25519 cosignature does not say
/// whose it is, so its key must do nothing else. Ed25519 signing is deterministic: the same text and time, the same
/// note.
/// </summary>
sealed class NoteSigner : IDisposable
{
    const string Prefix = "PRIVATE+KEY+";

    /// <summary>The first line of key files in folders of format 2: builds from before it stop at it, before they write
    /// there.</summary>
    const string FormatLine = "# stele format 2: a build that knows it is needed\n";
    const int SeedSize = 32;
    const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    readonly IDisposable _key;
    readonly Func<byte[], byte[]> _sign;

    NoteSigner(string name, NoteKeyType type, ReadOnlySpan<byte> seed)
    {
        switch (type)
        {
            case NoteKeyType.Ed25519 or NoteKeyType.Cosignature:
                var ed25519 = new Ed25519Key(seed);
                (_key, _sign, Key) = (ed25519, ed25519.Sign, new VerifierKey(name, type, ed25519.Public));
                break;
            case NoteKeyType.SubtreeCosignature:
                var mldsa = new MlDsa44Key(seed);
                (_key, _sign, Key) = (mldsa, mldsa.Sign, new VerifierKey(name, type, mldsa.Public));
                break;
            default: throw new FormatException($"nothing here signs with a key of type {(int)type:x2}");
        }
    }

    /// <summary>The public half.</summary>
    public VerifierKey Key { get; }

    /// <summary>Makes a new key and its file.</summary>
    /// <param name="name">The key's name in notes; a log's is its origin.</param>
    /// <param name="type"><see cref="NoteKeyType.Cosignature"/> for a witness.</param>
    /// <exception cref="IOException">A file of that name is there already.</exception>
    public static NoteSigner Create(string keyFile, string name, NoteKeyType type = NoteKeyType.Ed25519)
    {
        var first = type == NoteKeyType.Ed25519 ? FormatLine : "";
        if (File.Exists(keyFile))
            throw new IOException($"{keyFile} is there already; a key that signs notes is not overwritten");
        var seed = RandomNumberGenerator.GetBytes(SeedSize);
        var signer = new NoteSigner(name, type, seed);
        Files.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(keyFile))!, Readers.Owner);
        var id = signer.Key.Id.ToString("x8", CultureInfo.InvariantCulture);
        Files.Write(keyFile, $"{first}{Prefix}{name}+{id}+{Base64.Encode([(byte)type, .. seed])}\n", Readers.Owner);
        CryptographicOperations.ZeroMemory(seed);
        return signer;
    }

    /// <exception cref="FormatException">Not such a key.</exception>
    /// <exception cref="IOException">Not there, or others than its owner may read it.</exception>
    public static NoteSigner Open(string keyFile)
    {
        if ((File.GetUnixFileMode(keyFile) & Others) != 0)
            throw new IOException($"{keyFile} may be read by others than its owner; it should have mode 0600");
        var text = File.ReadAllText(keyFile);
        return Parse((text.StartsWith(FormatLine, StringComparison.Ordinal) ? text[FormatLine.Length..]
            : text).TrimEnd('\n'));
    }

    /// <summary>Gives the key file of a log the line that names the format, where an earlier build wrote it. The log's
    /// lock is held.</summary>
    public static void Raise(string keyFile)
    {
        var text = File.ReadAllText(keyFile);
        if (!text.StartsWith(FormatLine, StringComparison.Ordinal)) Files.Write(keyFile, FormatLine + text,
            Readers.Owner);
    }

    public static NoteSigner Parse(string text)
    {
        var parts = text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..].Split('+', 3) : [];
        if (parts.Length != 3 || !Base64.TryDecode(parts[2], out var typed) || typed.Length != 1 + SeedSize)
            throw new FormatException("not a key that signs notes (PRIVATE+KEY+name+id+base64)");
        var signer = new NoteSigner(parts[0], (NoteKeyType)typed[0], typed.AsSpan(1));
        if (signer.Key.Id.ToString("x8", CultureInfo.InvariantCulture) == parts[1]) return signer;
        signer.Dispose();
        throw new FormatException("the note key's id is not what its text says");
    }

    /// <summary>The text as a note signed with this key, a log's.</summary>
    public Note Sign(string text) =>
        Key.Type == NoteKeyType.Ed25519
            ? new(text, Key.Sign(text, _sign))
            : throw new InvalidOperationException("a witness's key signs nothing of its own");

    /// <summary>
    /// The line with which this key, a witness's, cosigns a checkpoint. The caller has made sure that it extends all
    /// that was cosigned before.
    /// </summary>
    /// <param name="time">POSIX seconds, more than 0.</param>
    /// <exception cref="FormatException">The note's text is no checkpoint.</exception>
    public NoteSignature Cosign(Note note, long time)
    {
        if (!Key.IsCosigner) throw new InvalidOperationException("a log's key cosigns nothing");
        ArgumentOutOfRangeException.ThrowIfLessThan(time, 1);
        return Key.Sign(Checkpoint.Parse(note.Text).Text, _sign, time);
    }

    /// <summary>
    /// The line with which this key, an ML-DSA-44 witness's, cosigns the root over the leaves [start, end) of a log.
    /// </summary>
    public NoteSignature CosignSubtree(string origin, long start, long end, Digest hash)
    {
        if (Key.Type != NoteKeyType.SubtreeCosignature)
            throw new InvalidOperationException("only an ML-DSA-44 key cosigns subtrees");
        return Cosignature.Join(Key, 0, _sign(Cosignature.SubtreeMessage(Key.Name, 0, origin, start, end, hash)));
    }

    /// <summary>
    /// An Ed25519 signature of other bytes than a note's, for formats that are told apart from notes by their own first
    /// bytes.
    /// </summary>
    public byte[] SignBytes(byte[] message) =>
        Key.Type == NoteKeyType.SubtreeCosignature
            ? throw new InvalidOperationException("not an Ed25519 key")
            : _sign(message);

    public void Dispose() => _key.Dispose();
}
