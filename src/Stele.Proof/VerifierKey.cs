using System.Diagnostics.CodeAnalysis;
using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Proof;

/// <summary>The signature algorithms of C2SP signed-note that are read here; the numbers are the standard's.</summary>
public enum NoteKeyType
{
    /// <summary>Ed25519 over the note's text: how a log signs its checkpoints.</summary>
    Ed25519 = 0x01,
    /// <summary>
    /// ECDSA with SHA-256 over the note's text: how some logs of others sign, Rekor's first one among them. Never this
    /// ledger's own.
    /// </summary>
    Ecdsa = 0x02,
    /// <summary>Ed25519 with a time, over C2SP tlog-cosignature/v1: how a witness signs another's checkpoint.</summary>
    Cosignature = 0x04,
    /// <summary>
    /// ML-DSA-44 with a time, over a tree or a subtree and the cosigner's name: the same, safe from quantum computers.
    /// </summary>
    SubtreeCosignature = 0x06,
}

/// <summary>
/// A public key that verifies notes (C2SP signed-note): <c>name "+" 8 lower-hex key id "+" base64(type ‖ key)</c>.
/// The id is the first four bytes of SHA-256(name ‖ 0A ‖ type ‖ key), of SHA-256(key) for ECDSA, and is recomputed,
/// never believed.
/// </summary>
public sealed class VerifierKey : IEquatable<VerifierKey>
{
    const int MaxName = 255;
    const int MaxText = 4096;   // an ML-DSA-44 key takes 1,752

    readonly byte[] _key;
    readonly EcdsaKey? _ecdsa;

    /// <exception cref="FormatException">A name or key that no note could carry.</exception>
    public VerifierKey(string name, NoteKeyType type, ReadOnlySpan<byte> publicKey)
    {
        if (!IsName(name))
            throw new FormatException("a key name is 1 to 255 bytes without white space, control characters or '+'");
        switch (type)
        {
            case NoteKeyType.Ed25519 or NoteKeyType.Cosignature:
                if (!Stele.Proof.Ed25519.IsPublicKey(publicKey)) throw new FormatException("not an Ed25519 public key");
                break;
            case NoteKeyType.SubtreeCosignature:
                if (publicKey.Length != MlDsa44.PublicKeySize)
                    throw new FormatException($"an ML-DSA-44 public key has {MlDsa44.PublicKeySize} bytes");
                break;
            case NoteKeyType.Ecdsa:
                _ecdsa = EcdsaKey.FromSpki(publicKey);
                break;
            default:
                throw new FormatException(
                    $"key type 0x{(int)type:x2} is not one that is verified here (0x01, 0x02, 0x04, 0x06)");
        }
        (Name, Type, _key) = (name, type, publicKey.ToArray());
        Id = type == NoteKeyType.Ecdsa
            ? IdOf(publicKey)
            : IdOf([.. Encoding.UTF8.GetBytes(name), (byte)'\n', (byte)type, .. publicKey]);
    }

    public string Name { get; }
    public NoteKeyType Type { get; }
    public uint Id { get; }
    public ReadOnlySpan<byte> PublicKey => _key;

    /// <summary>Whether the key cosigns checkpoints, with a time.</summary>
    public bool IsCosigner => Type is NoteKeyType.Cosignature or NoteKeyType.SubtreeCosignature;

    /// <summary>Invariant: <c>Parse(x).ToString() = x</c>.</summary>
    /// <exception cref="FormatException">
    /// Anything but a canonical verifier key of a known type whose id is right.
    /// </exception>
    public static VerifierKey Parse(string text)
    {
        if (text.Length > MaxText)
            throw new FormatException($"a verifier key of {text.Length} characters; at most {MaxText} are read");
        // The base64 may hold a '+'; the name and the id may not.
        var parts = text.Split('+', 3);
        if (parts.Length != 3) throw new FormatException("a verifier key reads name+id+base64");
        if (!Base64.TryDecode(parts[2], out var typed) || typed.Length == 0)
            throw new FormatException("the verifier key's last part is not base64");
        var key = new VerifierKey(parts[0], (NoteKeyType)typed[0], typed.AsSpan(1));
        if (parts[1] != IdText(key.Id))
            throw new FormatException($"the verifier key's id is {IdText(key.Id)}, not what its text says");
        return key;
    }

    public override string ToString() => $"{Name}+{IdText(Id)}+{Base64.Encode([(byte)Type, .. _key])}";

    /// <summary>The bytes that the key signs for a note's text, at a time for a cosignature.</summary>
    /// <exception cref="FormatException">An ML-DSA-44 key signs trees alone, and the text is no checkpoint.</exception>
    public byte[] Message(string text, long time = 0) => Type switch
    {
        NoteKeyType.Cosignature => Cosignature.Message(text, time),
        NoteKeyType.SubtreeCosignature => Cosignature.TreeMessage(Name, Checkpoint.Parse(text), time),
        _ => Encoding.UTF8.GetBytes(text),
    };

    /// <summary>
    /// Makes the signature line of a note with a function that signs bytes with this key's private half.
    /// </summary>
    /// <param name="time">POSIX seconds, for a cosignature.</param>
    public NoteSignature Sign(string text, Func<byte[], byte[]> sign, long time = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(time);
        var signature = sign(Message(text, time));
        return IsCosigner ? Cosignature.Join(this, time, signature) : new(Name, Id, [.. signature]);
    }

    /// <summary>
    /// Whether the line is this key's valid signature of the text; its POSIX time when it is a cosignature, else 0.
    /// </summary>
    public bool Verify(string text, NoteSignature line, out long time)
    {
        time = 0;
        var bytes = line.Bytes.AsSpan();
        if (!IsNamedBy(line)) return false;
        if (IsCosigner && !Cosignature.TrySplit(bytes, out time, out bytes)) return false;
        try
        {
            return Verify(Message(text, time), bytes);
        }
        catch (FormatException)
        {
            return false;
        }
    }

    /// <summary>Whether these are the bytes of a signature, without name, id and time, of a message.</summary>
    internal bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) => Type switch
    {
        NoteKeyType.Ecdsa => _ecdsa!.Verify(message, signature, HashAlgorithmName.SHA256),
        NoteKeyType.SubtreeCosignature => MlDsa44.Verify(_key, message, signature),
        _ => Stele.Proof.Ed25519.Verify(_key, message, signature),
    };

    /// <summary>
    /// Whether the line says that it is by this key: both the name and the id are its own. Any other line is somebody
    /// else's.
    /// </summary>
    public bool IsNamedBy(NoteSignature line) => line.Name == Name && line.Id == Id;

    internal static bool IsName(string name)
    {
        if (name.Length is 0 or > MaxName || Encoding.UTF8.GetByteCount(name) > MaxName) return false;
        foreach (var c in name) if (c is '+' or < ' ' || IsSpace(c)) return false;
        return true;
    }

    /// <summary>
    /// Unicode's White_Space, all of it, so that no runtime's tables decide what a ledger's fold accepts.
    /// </summary>
    static bool IsSpace(char c) =>
        c is (>= '\t' and <= '\r') or ' ' or '\u0085' or '\u00a0' or '\u1680' or (>= '\u2000' and <= '\u200a')
            or '\u2028' or '\u2029' or '\u202f' or '\u205f' or '\u3000';

    static uint IdOf(ReadOnlySpan<byte> data)
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        Digest.Of(data).CopyTo(hash);
        return BinaryPrimitives.ReadUInt32BigEndian(hash);
    }

    static string IdText(uint id) => id.ToString("x8", CultureInfo.InvariantCulture);

    /// <summary>Whether the key material is the same, whatever the name.</summary>
    public bool SameKey(VerifierKey other) => _key.AsSpan().SequenceEqual(other._key);

    public static bool TryParse(string text, [NotNullWhen(true)] out VerifierKey? key)
    {
        try
        {
            key = Parse(text);
            return true;
        }
        catch (FormatException)
        {
            key = null;
            return false;
        }
    }

    public bool Equals(VerifierKey? other) =>
        other is not null && Type == other.Type && Name == other.Name && _key.AsSpan().SequenceEqual(other._key);
    public override bool Equals(object? obj) => Equals(obj as VerifierKey);
    public override int GetHashCode() => (int)Id;
}
