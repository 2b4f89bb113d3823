using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Stele.Proof.Interchange;

/// <summary>The kinds of public key that other systems sign with and that are verified here.</summary>
public enum ForeignKeyKind { P256, P384, P521, Rsa, Ed25519 }

/// <summary>
/// A public key of someone else: ECDSA on the NIST curves, RSA, or Ed25519, from its SubjectPublicKeyInfo. Unlike
/// <see cref="PublicKey"/> it judges signatures as others write them (any valid DER, either s), for it never decides
/// what enters a ledger.
/// </summary>
public sealed class ForeignKey
{
    const string EcPublicKey = "1.2.840.10045.2.1", RsaEncryption = "1.2.840.113549.1.1.1", Ed25519Oid = "1.3.101.112";
    public const int MaxBytes = 4096;

    readonly byte[] _spki;
    readonly byte[] _ed25519 = [];

    ForeignKey(byte[] spki, ForeignKeyKind kind, byte[] ed25519)
    {
        (_spki, Kind, _ed25519) = (spki, kind, ed25519);
        Id = Digest.Of(spki);
    }

    public ForeignKeyKind Kind { get; }

    /// <summary>SHA-256 of the SubjectPublicKeyInfo; in base64 it is what Sigstore gives as a hint.</summary>
    public Digest Id { get; }

    public ReadOnlySpan<byte> Spki => _spki;

    /// <exception cref="FormatException">Not a key of a kind that is verified here.</exception>
    public static ForeignKey FromSpki(ReadOnlySpan<byte> spki)
    {
        if (spki.Length > MaxBytes) throw new FormatException("a public key of more than 4 KiB");
        var bytes = spki.ToArray();
        try
        {
            var whole = new AsnReader(bytes, AsnEncodingRules.DER);
            var sequence = whole.ReadSequence();
            whole.ThrowIfNotEmpty();
            var algorithm = sequence.ReadSequence();
            var key = sequence.ReadBitString(out _);
            sequence.ThrowIfNotEmpty();
            switch (algorithm.ReadObjectIdentifier())
            {
                case Ed25519Oid when Stele.Proof.Ed25519.IsPublicKey(key):
                    return new(bytes, ForeignKeyKind.Ed25519, key);
                case RsaEncryption:
                    using (var rsa = RSA.Create())
                    {
                        rsa.ImportSubjectPublicKeyInfo(bytes, out _);
                        if (rsa.KeySize is < 2048 or > 8192)
                            throw new FormatException($"an RSA key of {rsa.KeySize} bits; 2048 to 8192 are taken");
                    }
                    return new(bytes, ForeignKeyKind.Rsa, []);
                case EcPublicKey:
                    var kind = algorithm.ReadObjectIdentifier() switch
                    {
                        "1.2.840.10045.3.1.7" => ForeignKeyKind.P256,
                        "1.3.132.0.34" => ForeignKeyKind.P384,
                        "1.3.132.0.35" => ForeignKeyKind.P521,
                        var curve => throw new FormatException(
                            $"an ECDSA key on the curve {curve}; P-256, P-384 and P-521 are taken"),
                    };
                    using (var ecdsa = ECDsa.Create()) ecdsa.ImportSubjectPublicKeyInfo(bytes, out _);
                    return new(bytes, kind, []);
                default:
                    throw new FormatException(
                        "a public key of a kind that is not verified here (ECDSA, RSA and Ed25519 are)");
            }
        }
        catch (Exception e) when (e is AsnContentException or CryptographicException)
        {
            throw new FormatException("not a public key (SubjectPublicKeyInfo)", e);
        }
    }

    /// <summary>An RSA key in the bare form of PKCS #1, which older trusted roots hold.</summary>
    public static ForeignKey FromRsaPublicKey(ReadOnlySpan<byte> pkcs1)
    {
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportRSAPublicKey(pkcs1, out _);
            return FromSpki(rsa.ExportSubjectPublicKeyInfo());
        }
        catch (CryptographicException e)
        {
            throw new FormatException("not an RSA public key (PKCS #1)", e);
        }
    }

    /// <summary>From a PEM file that holds one public key.</summary>
    public static ForeignKey FromPem(string pem) =>
        Pem.All(pem, "PUBLIC KEY") is [var der]
            ? FromSpki(der)
            : throw new FormatException("not a PEM public key (-----BEGIN PUBLIC KEY-----)");

    public static ForeignKey Of(PublicKey key) => FromSpki(key.Spki);

    /// <summary>The hash that goes with the key by custom: that of the curve's size.</summary>
    public HashAlgorithmName Hash => Kind switch
    {
        ForeignKeyKind.P384 => HashAlgorithmName.SHA384,
        ForeignKeyKind.P521 => HashAlgorithmName.SHA512,
        _ => HashAlgorithmName.SHA256
    };

    /// <summary>In words, for reports.</summary>
    public override string ToString() =>
        $"{Kind switch { ForeignKeyKind.P256 => "ECDSA P-256", ForeignKeyKind.P384 => "ECDSA P-384", ForeignKeyKind.P521 => "ECDSA P-521", ForeignKeyKind.Rsa => "RSA", _ => "Ed25519" }} key {Id}";

    /// <summary>Whether it is a signature of the message, with the hash that goes with the key.</summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) => Verify(message, signature, Hash);

    /// <summary>
    /// Whether it is a signature of the message, with a named hash: DER for ECDSA, PKCS #1 v1.5 for RSA; Ed25519 takes
    /// no hash.
    /// </summary>
    public bool Verify(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature, HashAlgorithmName hash) =>
        Kind == ForeignKeyKind.Ed25519
            ? Stele.Proof.Ed25519.Verify(_ed25519, message, signature)
            : VerifyHash(CryptographicOperations.HashData(hash, message), signature, hash);

    /// <summary>
    /// Whether it is a signature of a message with this hash. An Ed25519 signature has no hash to be judged by.
    /// </summary>
    public bool VerifyHash(ReadOnlySpan<byte> digest, ReadOnlySpan<byte> signature, HashAlgorithmName hash)
    {
        if (signature.Length > 2048) return false;
        try
        {
            if (Kind == ForeignKeyKind.Ed25519) return false;
            if (Kind == ForeignKeyKind.Rsa)
            {
                using var rsa = RSA.Create();
                rsa.ImportSubjectPublicKeyInfo(_spki, out _);
                return rsa.VerifyHash(digest, signature, hash, RSASignaturePadding.Pkcs1);
            }
            using var ecdsa = ECDsa.Create();
            ecdsa.ImportSubjectPublicKeyInfo(_spki, out _);
            return ecdsa.VerifyHash(digest, signature, DSASignatureFormat.Rfc3279DerSequence);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Whether it is an ECDSA P-256 signature of the message as r ‖ s, which is how COSE writes it.</summary>
    public bool VerifyFixed(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        if (Kind != ForeignKeyKind.P256 || signature.Length != 64) return false;
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(_spki, out _);
        return ecdsa.VerifyData(message, signature, HashAlgorithmName.SHA256,
            DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }

    /// <summary>An Ed25519 key as notes have it.</summary>
    // RFC 8410
    public static ForeignKey Of(VerifierKey key) =>
        FromSpki((byte[])[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00, .. key.PublicKey]);

    public bool Same(ForeignKey other) => Id == other.Id;
}

/// <summary>PEM (RFC 7468) as files hold it: any text around the blocks is passed over.</summary>
static class Pem
{
    public static List<byte[]> All(string text, string label)
    {
        var found = new List<byte[]>();
        for (var rest = text.AsSpan(); System.Security.Cryptography.PemEncoding.TryFind(rest,
            out var fields); rest = rest[fields.Location.End..])
            if (rest[fields.Label].SequenceEqual(label))
                found.Add(Convert.FromBase64String(rest[fields.Base64Data].ToString()));
        return found;
    }
}
