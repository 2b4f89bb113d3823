using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// The Ed25519 key that signs a log's checkpoints, or a witness's that cosigns the checkpoints of others. Its file, readable by its owner alone, holds one line
/// in the form Go's sumdb/note gives private keys: <c>PRIVATE+KEY+name+id+base64(type ‖ seed)</c>, of type 01 for a log, 04 for a witness. A key is one or the
/// other: a witness's signature does not say whose it is, so its key must do nothing else. Signing is deterministic: the same text, the same note.
/// </summary>
sealed class NoteSigner : IDisposable
{
    const string Prefix = "PRIVATE+KEY+";
    const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    readonly Ed25519Key _key;

    NoteSigner(string name, NoteKeyType type, ReadOnlySpan<byte> seed)
    {
        _key = new Ed25519Key(seed);
        Key = new VerifierKey(name, type, _key.Public);
    }

    /// <summary>The public half.</summary>
    public VerifierKey Key { get; }

    /// <summary>Makes a new key and its file.</summary>
    /// <param name="name">The key's name in notes; a log's is its origin.</param>
    /// <param name="type"><see cref="NoteKeyType.Cosignature"/> for a witness.</param>
    /// <exception cref="IOException">A file of that name is there already.</exception>
    public static NoteSigner Create(string keyFile, string name, NoteKeyType type = NoteKeyType.Ed25519)
    {
        if (File.Exists(keyFile)) throw new IOException($"{keyFile} is there already; a key that signs notes is not overwritten");
        var seed = RandomNumberGenerator.GetBytes(Ed25519Key.SeedSize);
        var signer = new NoteSigner(name, type, seed);
        Files.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(keyFile))!, secret: true);
        Files.Write(keyFile, $"{Prefix}{name}+{signer.Key.Id.ToString("x8", CultureInfo.InvariantCulture)}+{Base64.Encode([(byte)type, .. seed])}\n", secret: true);
        CryptographicOperations.ZeroMemory(seed);
        return signer;
    }

    /// <exception cref="FormatException">Not such a key.</exception>
    /// <exception cref="IOException">Not there, or others than its owner may read it.</exception>
    public static NoteSigner Open(string keyFile)
    {
        if ((File.GetUnixFileMode(keyFile) & Others) != 0) throw new IOException($"{keyFile} may be read by others than its owner; it should have mode 0600");
        return Parse(File.ReadAllText(keyFile).TrimEnd('\n'));
    }

    public static NoteSigner Parse(string text)
    {
        var parts = text.StartsWith(Prefix, StringComparison.Ordinal) ? text[Prefix.Length..].Split('+', 3) : [];
        if (parts.Length != 3 || !Base64.TryDecode(parts[2], out var typed) || typed.Length != 1 + Ed25519Key.SeedSize || (NoteKeyType)typed[0] is not (NoteKeyType.Ed25519 or NoteKeyType.Cosignature))
            throw new FormatException("not an Ed25519 note key (PRIVATE+KEY+name+id+base64)");
        var signer = new NoteSigner(parts[0], (NoteKeyType)typed[0], typed.AsSpan(1));
        if (signer.Key.Id.ToString("x8", CultureInfo.InvariantCulture) == parts[1]) return signer;
        signer.Dispose();
        throw new FormatException("the note key's id is not what its text says");
    }

    /// <summary>The text as a note signed with this key, a log's.</summary>
    public Note Sign(string text) =>
        Key.Type == NoteKeyType.Ed25519 ? new(text, Key.Sign(text, _key.Sign)) : throw new InvalidOperationException("a witness's key signs nothing of its own");

    /// <summary>The line with which this key, a witness's, cosigns a checkpoint. Whoever calls has made sure that it extends all that was cosigned before.</summary>
    /// <param name="time">POSIX seconds.</param>
    /// <exception cref="FormatException">The note's text is no checkpoint.</exception>
    public NoteSignature Cosign(Note note, long time)
    {
        if (!Key.IsCosigner) throw new InvalidOperationException("a log's key cosigns nothing");
        return Key.Sign(Checkpoint.Parse(note.Text).Text, _key.Sign, time);
    }

    /// <summary>An Ed25519 signature of other bytes than a note's, for formats that are told apart from notes by their own first bytes.</summary>
    public byte[] SignBytes(byte[] message) => _key.Sign(message);

    public void Dispose() => _key.Dispose();
}
