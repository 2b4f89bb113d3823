using System.Diagnostics.CodeAnalysis;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>The signature algorithms of C2SP signed-note that are read here; the numbers are the standard's.</summary>
public enum NoteKeyType
{
    /// <summary>Ed25519 over the note's text: how a log signs its checkpoints.</summary>
    Ed25519 = 0x01,
    /// <summary>Ed25519 with a time, over C2SP tlog-cosignature/v1: how a witness signs another's checkpoint.</summary>
    Cosignature = 0x04,
}

/// <summary>
/// A public key that verifies notes (C2SP signed-note): <c>name "+" 8 lower-hex key id "+" base64(type ‖ key)</c>.
/// The id is the first four bytes of SHA-256(name ‖ 0A ‖ type ‖ key) and is recomputed, never believed.
/// </summary>
public sealed class VerifierKey : IEquatable<VerifierKey>
{
    const int MaxName = 255;

    readonly byte[] _key;

    /// <exception cref="FormatException">A name or key that no note could carry.</exception>
    public VerifierKey(string name, NoteKeyType type, ReadOnlySpan<byte> publicKey)
    {
        if (!IsName(name)) throw new FormatException("a key name is 1 to 255 bytes without white space, control characters or '+'");
        if (type is not (NoteKeyType.Ed25519 or NoteKeyType.Cosignature)) throw new FormatException($"key type 0x{(int)type:x2} is not one that is verified here (0x01, 0x04)");
        if (!Stele.Proof.Ed25519.IsPublicKey(publicKey)) throw new FormatException("not an Ed25519 public key");
        (Name, Type, _key) = (name, type, publicKey.ToArray());
        Id = IdOf(name, [(byte)type, .. publicKey]);
    }

    public string Name { get; }
    public NoteKeyType Type { get; }
    public uint Id { get; }
    public ReadOnlySpan<byte> PublicKey => _key;

    /// <summary>Whether the key cosigns others' checkpoints, with a time.</summary>
    public bool IsCosigner => Type == NoteKeyType.Cosignature;

    /// <summary>Invariant: <c>Parse(x).ToString() = x</c>.</summary>
    /// <exception cref="FormatException">Anything but a canonical verifier key of a known type whose id is right.</exception>
    public static VerifierKey Parse(string text)
    {
        // The base64 may hold a '+'; the name and the id may not.
        var parts = text.Split('+', 3);
        if (parts.Length != 3) throw new FormatException("a verifier key reads name+id+base64");
        if (!Base64.TryDecode(parts[2], out var typed) || typed.Length == 0) throw new FormatException("the verifier key's last part is not base64");
        var key = new VerifierKey(parts[0], (NoteKeyType)typed[0], typed.AsSpan(1));
        if (parts[1] != IdText(key.Id)) throw new FormatException($"the verifier key's id is {IdText(key.Id)}, not what its text says");
        return key;
    }

    public override string ToString() => $"{Name}+{IdText(Id)}+{Base64.Encode([(byte)Type, .. _key])}";

    /// <summary>The bytes an Ed25519 key signs for a note's text, at a time for a cosignature.</summary>
    public byte[] Message(string text, long time = 0) => Type == NoteKeyType.Ed25519
        ? Encoding.UTF8.GetBytes(text)
        : Cosignature.Message(text, time);

    /// <summary>Makes the signature line of a note with a function that signs bytes with this key's private half.</summary>
    /// <param name="time">POSIX seconds, for a cosignature.</param>
    public NoteSignature Sign(string text, Func<byte[], byte[]> ed25519, long time = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(time);
        var signature = ed25519(Message(text, time));
        if (Type == NoteKeyType.Ed25519) return new(Name, Id, [.. signature]);
        Span<byte> stamp = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(stamp, time);
        return new(Name, Id, [.. stamp, .. signature]);
    }

    /// <summary>Whether the line is this key's valid signature of the text; its POSIX time when it is a cosignature, else 0.</summary>
    public bool Verify(string text, NoteSignature line, out long time)
    {
        time = 0;
        var bytes = line.Bytes.AsSpan();
        if (!IsNamedBy(line)) return false;
        if (IsCosigner && !Cosignature.TrySplit(bytes, out time, out bytes)) return false;
        return Stele.Proof.Ed25519.Verify(_key, Message(text, time), bytes);
    }

    /// <summary>Whether the line says that it is by this key: both the name and the id are its own. Any other line is somebody else's.</summary>
    public bool IsNamedBy(NoteSignature line) => line.Name == Name && line.Id == Id;

    internal static bool IsName(string name)
    {
        if (name.Length is 0 or > MaxName || Encoding.UTF8.GetByteCount(name) > MaxName) return false;
        foreach (var c in name) if (c is '+' or < ' ' || char.IsWhiteSpace(c)) return false;
        return true;
    }

    static uint IdOf(string name, ReadOnlySpan<byte> typed)
    {
        Span<byte> hash = stackalloc byte[Digest.Size];
        Digest.Of([.. Encoding.UTF8.GetBytes(name), (byte)'\n', .. typed]).CopyTo(hash);
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

    public bool Equals(VerifierKey? other) => other is not null && Type == other.Type && Name == other.Name && _key.AsSpan().SequenceEqual(other._key);
    public override bool Equals(object? obj) => Equals(obj as VerifierKey);
    public override int GetHashCode() => (int)Id;
}
