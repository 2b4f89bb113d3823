using System.Collections.Concurrent;
using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Proof;

/// <summary>
/// An ECDSA P-256 public key that signs statements. Its id is the SHA-256 of its SubjectPublicKeyInfo DER (RFC 5480),
/// which is what Sigstore uses as a key hint. Only the one 91-byte uncompressed encoding is accepted, so a key has one
/// id.
/// </summary>
public sealed class PublicKey : IEquatable<PublicKey>
{
    const int Length = 91;

    static ReadOnlySpan<byte> SpkiPrefix =>
    [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
        0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];

    readonly byte[] _spki;

    // Importing a key costs more than verifying with it, so imports are kept for the next to verify: one as a rule,
    // more where many verify at once. A thread that takes one has it alone.
    const int MostSpares = 8;
    ECDsa? _spare;
    ConcurrentStack<ECDsa>? _more;

    PublicKey(byte[] spki, ECDsa imported)
    {
        (_spki, _spare) = (spki, imported);
        Id = Digest.Of(spki);
    }

    public Digest Id { get; }

    /// <summary>SubjectPublicKeyInfo DER.</summary>
    public ReadOnlySpan<byte> Spki => _spki;

    /// <exception cref="FormatException">
    /// Not a P-256 key in its one canonical encoding, or a point off the curve.
    /// </exception>
    public static PublicKey FromSpki(ReadOnlySpan<byte> spki)
    {
        if (spki.Length != Length || !spki.StartsWith(SpkiPrefix))
            throw new FormatException("not an ECDSA P-256 public key (SubjectPublicKeyInfo, uncompressed point)");
        try
        {
            return new PublicKey(spki.ToArray(), Import(spki));
        }
        catch (CryptographicException e)
        {
            throw new FormatException("the public key is not a point on P-256", e);
        }
    }

    /// <summary>From base64 of the DER, as statements carry it.</summary>
    public static PublicKey Parse(string text) => FromSpki(Base64.Decode(text));

    public override string ToString() => Base64.Encode(_spki);

    /// <summary>
    /// Whether <paramref name="signature"/> is a minimal-DER, low-s ECDSA-SHA-256 signature of
    /// <paramref name="message"/>. Any other encoding of a valid signature is refused.
    /// </summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        Span<byte> rs = stackalloc byte[64];
        if (!EcdsaSignature.TryDecode(signature, rs)) return false;
        var key = Interlocked.Exchange(ref _spare, null)
            ?? (_more?.TryPop(out var another) is true ? another : Import(_spki));
        try
        {
            return key.VerifyData(message, rs, HashAlgorithmName.SHA256,
                DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        finally
        {
            if (Interlocked.CompareExchange(ref _spare, key, null) is not null)
            {
                var more = LazyInitializer.EnsureInitialized(ref _more);
                if (more.Count < MostSpares) more.Push(key);
                else key.Dispose();
            }
        }
    }

    static ECDsa Import(ReadOnlySpan<byte> spki) => ECDsa.Create(new ECParameters
    {
        Curve = ECCurve.NamedCurves.nistP256,
        Q = new ECPoint { X = spki[^64..^32].ToArray(), Y = spki[^32..].ToArray() },
    });

    public bool Equals(PublicKey? other) => other is not null && Id == other.Id;
    public override bool Equals(object? obj) => Equals(obj as PublicKey);
    public override int GetHashCode() => Id.GetHashCode();
}

/// <summary>
/// A member's own signing key. It never leaves its owner's machine; this type neither reads nor writes files.
/// </summary>
public sealed class PrivateKey : IDisposable
{
    readonly ECDsa _key;

    PrivateKey(ECDsa key)
    {
        _key = key;
        Public = PublicKey.FromSpki(key.ExportSubjectPublicKeyInfo());
    }

    public PublicKey Public { get; }

#pragma warning disable RS0030 // The one random act here: a member makes a key. No judge does.
    public static PrivateKey Create() => new(ECDsa.Create(ECCurve.NamedCurves.nistP256));
#pragma warning restore RS0030

    /// <exception cref="FormatException">Not a PEM private key on P-256.</exception>
    public static PrivateKey FromPem(string pem)
    {
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return new PrivateKey(key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or FormatException)
        {
            key.Dispose();
            throw new FormatException("not a PEM private key on P-256", e);
        }
    }

    /// <summary>PKCS #8 PEM. A secret.</summary>
    public string ToPem() => _key.ExportPkcs8PrivateKeyPem();

    /// <summary>Minimal DER, low-s, whatever the library below gives.</summary>
    public byte[] Sign(ReadOnlySpan<byte> message) =>
        EcdsaSignature.Encode(_key.SignData(message, HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation));

    public void Dispose() => _key.Dispose();
}

/// <summary>
/// The one accepted encoding of an ECDSA P-256 signature: DER SEQUENCE of two minimal INTEGERs, 1 ≤ r &lt; n, 1 ≤ s ≤
/// n/2.
/// </summary>
public static class EcdsaSignature
{
    static readonly BigInteger Order =
        BigInteger.Parse("0FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
            System.Globalization.NumberStyles.HexNumber, System.Globalization.CultureInfo.InvariantCulture);
    static readonly BigInteger HalfOrder = Order >> 1;

    /// <param name="der">The signature as it stands in the envelope.</param>
    /// <param name="rs">64 bytes: receives r ‖ s, big-endian.</param>
    public static bool TryDecode(ReadOnlySpan<byte> der, Span<byte> rs)
    {
        if (der.Length is < 8 or > 72 || der[0] != 0x30 || der[1] != der.Length - 2) return false;
        var rest = der[2..];
        return Integer(ref rest, rs[..32]) && Integer(ref rest, rs[32..64]) && rest.IsEmpty
            && InRange(rs[..32], Order - 1) && InRange(rs[32..64], HalfOrder);
    }

    /// <summary>From r ‖ s to minimal DER; a high s is replaced by n − s, which is the same signature.</summary>
    public static byte[] Encode(ReadOnlySpan<byte> rs)
    {
        var r = new BigInteger(rs[..32], isUnsigned: true, isBigEndian: true);
        var s = new BigInteger(rs[32..], isUnsigned: true, isBigEndian: true);
        if (s > HalfOrder) s = Order - s;
        // signed two's complement = DER's minimal INTEGER
        byte[] a = r.ToByteArray(isBigEndian: true), b = s.ToByteArray(isBigEndian: true);
        return [0x30, (byte)(4 + a.Length + b.Length), 0x02, (byte)a.Length, .. a, 0x02, (byte)b.Length, .. b];
    }

    /// <summary>Takes one positive, minimal DER INTEGER that fits off the front, to a number of fixed length.</summary>
    internal static bool Integer(ref ReadOnlySpan<byte> rest, Span<byte> to)
    {
        if (rest.Length < 3 || rest[0] != 0x02) return false;
        int length = rest[1];
        if (length == 0 || length > to.Length + 1 || rest.Length < 2 + length) return false;
        var value = rest.Slice(2, length);
        if ((value[0] & 0x80) != 0) return false;                                            // negative
        if (value[0] == 0 && (length == 1 || (value[1] & 0x80) == 0)) return false;          // zero, or not minimal
        if (value[0] == 0) value = value[1..];
        if (value.Length > to.Length) return false;
        to.Clear();
        value.CopyTo(to[(to.Length - value.Length)..]);
        rest = rest[(2 + length)..];
        return true;
    }

    static bool InRange(ReadOnlySpan<byte> value, BigInteger max) =>
        new BigInteger(value, isUnsigned: true, isBigEndian: true) <= max;
}
