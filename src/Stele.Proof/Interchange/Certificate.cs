using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Proof.Interchange;

/// <summary>
/// An X.509 v3 certificate (RFC 5280), read strictly as DER. It is judged by <see cref="CertificatePath"/> alone: no
/// store of the operating system, no network and no clock has a say, so that every machine comes to the same end.
/// </summary>
public sealed class Certificate
{
    public const int MaxBytes = 64 * 1024;

    internal const string BasicConstraints = "2.5.29.19", KeyUsage = "2.5.29.15", ExtendedKeyUsage = "2.5.29.37",
        SubjectAlternativeName = "2.5.29.17",
        SubjectKeyId = "2.5.29.14", CodeSigning = "1.3.6.1.5.5.7.3.3", TimeStamping = "1.3.6.1.5.5.7.3.8",
        SignedCertificateTimestamps = "1.3.6.1.4.1.11129.2.4.2";

    readonly byte[] _der;

    Certificate(byte[] der)
    {
        _der = der;
        var outer = new AsnReader(der, AsnEncodingRules.DER);
        var certificate = outer.ReadSequence();
        outer.ThrowIfNotEmpty();
        Tbs = certificate.PeekEncodedValue();
        var tbs = certificate.ReadSequence();
        (SignatureAlgorithm, _) = Algorithm(certificate.ReadSequence());
        Signature = certificate.ReadBitString(out _);
        certificate.ThrowIfNotEmpty();

        var version = tbs.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0));
        if (version.ReadInteger() != 2) throw new FormatException("a certificate that is not X.509 v3");
        Serial = tbs.ReadInteger();
        if (Algorithm(tbs.ReadSequence()).Oid != SignatureAlgorithm)
            throw new FormatException("a certificate that names two signature algorithms");
        Issuer = tbs.ReadEncodedValue();
        var validity = tbs.ReadSequence();
        (NotBefore, NotAfter) = (Time(validity), Time(validity));
        Subject = tbs.ReadEncodedValue();
        Spki = tbs.ReadEncodedValue();
        while (tbs.HasData && tbs.PeekTag() is { TagClass: TagClass.ContextSpecific, TagValue: 1 or 2 })
            tbs.ReadEncodedValue();
        if (!tbs.HasData) return;
        var extensions = tbs.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 3)).ReadSequence();
        tbs.ThrowIfNotEmpty();
        while (extensions.HasData)
        {
            var extension = extensions.ReadSequence();
            var oid = extension.ReadObjectIdentifier();
            var critical = extension.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && extension.ReadBoolean();
            if (!Extensions.TryAdd(oid, (critical, extension.ReadOctetString())))
                throw new FormatException($"a certificate with the extension {oid} twice");
        }
        if (Extensions.TryGetValue(BasicConstraints, out var constraints))
        {
            var b = new AsnReader(constraints.Value, AsnEncodingRules.DER).ReadSequence();
            IsAuthority = b.HasData && b.PeekTag().HasSameClassAndValue(Asn1Tag.Boolean) && b.ReadBoolean();
            if (b.HasData && b.TryReadInt32(out var length)) PathLength = length;
        }
    }

    public ReadOnlyMemory<byte> Der => _der;
    public ReadOnlyMemory<byte> Tbs { get; }
    public BigInteger Serial { get; }
    public ReadOnlyMemory<byte> Issuer { get; }
    public ReadOnlyMemory<byte> Subject { get; }

    /// <summary>Milliseconds since 1970; both ends belong to it.</summary>
    public long NotBefore { get; }
    public long NotAfter { get; }

    public ReadOnlyMemory<byte> Spki { get; }
    public bool IsAuthority { get; }

    /// <summary>How many authorities may stand between this one and the end certificate; null: any number.</summary>
    public int? PathLength { get; }

    string SignatureAlgorithm { get; }
    byte[] Signature { get; }
    internal Dictionary<string, (bool Critical, byte[] Value)> Extensions { get; } = new(StringComparer.Ordinal);

    /// <exception cref="FormatException">Not a certificate.</exception>
    public static Certificate Parse(ReadOnlySpan<byte> der)
    {
        if (der.Length > MaxBytes) throw new FormatException("a certificate of more than 64 KiB");
        try
        {
            return new Certificate(der.ToArray());
        }
        catch (AsnContentException e)
        {
            throw new FormatException("not an X.509 certificate", e);
        }
    }

    /// <summary>The certificates of a PEM file, in its order.</summary>
    public static List<Certificate> FromPem(string pem)
    {
        var all = Pem.All(pem, "CERTIFICATE").Select(der => Parse(der)).ToList();
        return all.Count > 0
            ? all
            : throw new FormatException("no PEM certificate (-----BEGIN CERTIFICATE-----) in it");
    }

    public ForeignKey Key => ForeignKey.FromSpki(Spki.Span);

    public bool Same(Certificate other) => _der.AsSpan().SequenceEqual(other._der);
    public bool IsSelfIssued => Issuer.Span.SequenceEqual(Subject.Span);
    public bool IsValidAt(long time) => NotBefore <= time && time <= NotAfter;

    /// <summary>Whether the key has signed this certificate.</summary>
    public bool IsSignedBy(ForeignKey key)
    {
        if (SignatureAlgorithm == "1.3.101.112")
            return key.Kind == ForeignKeyKind.Ed25519 && key.Verify(Tbs.Span, Signature);
        return (HashOf(SignatureAlgorithm), key.Kind) switch
        {
            (_, ForeignKeyKind.Ed25519) or (null, _) => false,
            ({ } hash, _) =>
                SignatureAlgorithm.StartsWith("1.2.840.113549.", StringComparison.Ordinal)
                    == (key.Kind == ForeignKeyKind.Rsa) && key.Verify(Tbs.Span, Signature, hash),
        };
    }

    /// <summary>The hash that a signature algorithm names; SHA-1 and older are no signatures any more.</summary>
    internal static HashAlgorithmName? HashOf(string signatureAlgorithm) => signatureAlgorithm switch
    {
        "1.2.840.10045.4.3.2" or "1.2.840.113549.1.1.11" => HashAlgorithmName.SHA256,
        "1.2.840.10045.4.3.3" or "1.2.840.113549.1.1.12" => HashAlgorithmName.SHA384,
        "1.2.840.10045.4.3.4" or "1.2.840.113549.1.1.13" => HashAlgorithmName.SHA512,
        _ => null,
    };

    /// <summary>
    /// Whether the key may be used so: a bit of RFC 5280 §4.2.1.3, 0 being digitalSignature. A certificate that does
    /// not say may.
    /// </summary>
    internal bool Allows(int usage)
    {
        if (!Extensions.TryGetValue(KeyUsage, out var e)) return true;
        var bits = new AsnReader(e.Value, AsnEncodingRules.DER).ReadBitString(out _);
        return usage / 8 < bits.Length && (bits[usage / 8] & (0x80 >> (usage % 8))) != 0;
    }

    internal List<string> Purposes()
    {
        var purposes = new List<string>();
        if (!Extensions.TryGetValue(ExtendedKeyUsage, out var e)) return purposes;
        for (var sequence = new AsnReader(e.Value, AsnEncodingRules.DER).ReadSequence(); sequence.HasData;)
            purposes.Add(sequence.ReadObjectIdentifier());
        return purposes;
    }

    /// <summary>Who the certificate was given to: mail addresses, DNS names, URIs, and Sigstore's user names.</summary>
    public IReadOnlyList<string> Identities()
    {
        var names = new List<string>();
        if (!Extensions.TryGetValue(SubjectAlternativeName, out var e)) return names;
        try
        {
            for (var sequence = new AsnReader(e.Value, AsnEncodingRules.DER).ReadSequence(); sequence.HasData;)
            {
                var tag = sequence.PeekTag();
                if (tag.TagValue is 1 or 2 or 6)
                    names.Add(sequence.ReadCharacterString(UniversalTagNumber.IA5String, tag));
                else if (tag.TagValue == 0)
                {
                    var other = sequence.ReadSequence(tag);
                    if (other.ReadObjectIdentifier() == "1.3.6.1.4.1.57264.1.7")
                        names.Add(other.ReadSequence(new Asn1Tag(TagClass.ContextSpecific, 0))
                            .ReadCharacterString(UniversalTagNumber.UTF8String));
                }
                else sequence.ReadEncodedValue();
            }
        }
        catch (AsnContentException x)
        {
            throw new FormatException("a certificate whose subject names can't be read", x);
        }
        return names;
    }

    /// <summary>
    /// Who vouched for that identity when Sigstore's authority gave the certificate out: the issuer of the token; null
    /// where it does not say.
    /// </summary>
    public string? TokenIssuer()
    {
        if (Extensions.TryGetValue("1.3.6.1.4.1.57264.1.8", out var v2))
            return new AsnReader(v2.Value, AsnEncodingRules.DER).ReadCharacterString(UniversalTagNumber.UTF8String);
        return Extensions.TryGetValue("1.3.6.1.4.1.57264.1.1", out var v1) ? Encoding.UTF8.GetString(v1.Value) : null;
    }

    /// <summary>The name that people gave it, for reports: the common name, else its serial number.</summary>
    public string Name
    {
        get
        {
            for (var rdns = new AsnReader(Subject, AsnEncodingRules.DER).ReadSequence(); rdns.HasData;)
                for (var set = rdns.ReadSetOf(); set.HasData;)
                {
                    var pair = set.ReadSequence();
                    if (pair.ReadObjectIdentifier() != "2.5.4.3") continue;
                    var tag = pair.PeekTag();
                    if (tag.TagValue is (int)UniversalTagNumber.UTF8String or (int)UniversalTagNumber.PrintableString)
                        return pair.ReadCharacterString((UniversalTagNumber)tag.TagValue);
                }
            return $"certificate {Serial.ToString("x", System.Globalization.CultureInfo.InvariantCulture)}";
        }
    }

    internal static (string Oid, bool HasParameters) Algorithm(AsnReader sequence) =>
        (sequence.ReadObjectIdentifier(), sequence.HasData);

    static long Time(AsnReader from) =>
        (from.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime)
            ? from.ReadUtcTime()
            : from.ReadGeneralizedTime()).ToUnixTimeMilliseconds();
}
