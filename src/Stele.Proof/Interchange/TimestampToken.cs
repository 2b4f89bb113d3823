using System.Formats.Asn1;
using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Proof.Interchange;

/// <summary>What a time stamp says once it is verified: when, and by whom.</summary>
public sealed record VerifiedTime(long Time, string Authority);

/// <summary>
/// An RFC 3161 time-stamp token: a CMS SignedData (RFC 5652) over a TSTInfo, in which a time-stamping authority says
/// that it saw a digest at a time. A response of an authority (TimeStampResp) is read too: the token is in it.
/// </summary>
public sealed class TimestampToken
{
    public const int MaxBytes = 64 * 1024;

    const string SignedData = "1.2.840.113549.1.7.2", TstInfo = "1.2.840.113549.1.9.16.1.4",
        ContentType = "1.2.840.113549.1.9.3", MessageDigest = "1.2.840.113549.1.9.4",
        SigningCertificateV2 = "1.2.840.113549.1.9.16.2.47", SigningCertificate = "1.2.840.113549.1.9.16.2.12";

    static readonly Asn1Tag Zero = new(TagClass.ContextSpecific, 0), One = new(TagClass.ContextSpecific, 1);

    readonly byte[] _content;
    readonly List<Certificate> _certificates = [];
    readonly Signer _signer;

    sealed record Signer(ReadOnlyMemory<byte>? Issuer, BigInteger Serial, byte[]? KeyId, string DigestAlgorithm,
        byte[] SignedAttributes, string SignatureAlgorithm, byte[] Signature);

    TimestampToken(ReadOnlyMemory<byte> der)
    {
        // ContentInfo, or a response whose second part is one. CMS is BER: authorities list certificates and attributes
        // in any order.
        var whole = new AsnReader(der, AsnEncodingRules.BER);
        var outer = whole.ReadSequence();
        whole.ThrowIfNotEmpty();
        if (outer.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            var status = outer.ReadSequence();
            if (!status.TryReadInt32(out var code) || code > 1)
                throw new FormatException($"the authority did not grant a time stamp (status {code})");
            outer = outer.ReadSequence();
        }
        Bytes = outer.HasData ? der : throw new FormatException("no time stamp in the answer");
        if (outer.ReadObjectIdentifier() != SignedData) throw new FormatException("a time stamp is CMS signed data");
        var signed = outer.ReadSequence(Zero).ReadSequence();
        signed.ReadInteger();
        signed.ReadSetOf();
        var content = signed.ReadSequence();
        if (content.ReadObjectIdentifier() != TstInfo) throw new FormatException("signed data, but of no time stamp");
        _content = content.ReadSequence(Zero).ReadOctetString();
        if (signed.PeekTag().HasSameClassAndValue(Zero))
            for (var set = signed.ReadSetOf(Zero); set.HasData;)
                _certificates.Add(Certificate.Parse(set.ReadEncodedValue().Span));
        if (signed.PeekTag().HasSameClassAndValue(One)) signed.ReadEncodedValue();
        var signers = signed.ReadSetOf();
        _signer = ReadSigner(signers.ReadSequence());
        signers.ThrowIfNotEmpty();
        signed.ThrowIfNotEmpty();

        var info = new AsnReader(_content, AsnEncodingRules.DER).ReadSequence();
        if (!info.TryReadInt32(out var version) || version != 1)
            throw new FormatException("a time stamp of another version than 1");
        info.ReadObjectIdentifier();
        var imprint = info.ReadSequence();
        ImprintAlgorithm = imprint.ReadSequence().ReadObjectIdentifier();
        Imprint = imprint.ReadOctetString();
        info.ReadInteger();
        Time = info.ReadGeneralizedTime().ToUnixTimeMilliseconds();
        while (info.HasData)
            if (info.PeekTag().HasSameClassAndValue(Asn1Tag.Integer)) Nonce = info.ReadInteger();
            else info.ReadEncodedValue();
    }

    /// <summary>The bytes that were read: a token, or the response around it.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>
    /// When the authority says it saw the digest: milliseconds since 1970. To be believed only as <see cref="Verify"/>
    /// gives it.
    /// </summary>
    public long Time { get; }

    public byte[] Imprint { get; }
    string ImprintAlgorithm { get; }

    /// <summary>The number that the query held, if any.</summary>
    public BigInteger? Nonce { get; }

    /// <exception cref="FormatException">Not a time-stamp token or response.</exception>
    public static TimestampToken Parse(ReadOnlySpan<byte> der)
    {
        if (der.Length > MaxBytes)
            throw new FormatException($"a time stamp of {der.Length} bytes; at most {MaxBytes} are read");
        try
        {
            return new TimestampToken(der.ToArray());
        }
        catch (AsnContentException e)
        {
            throw new FormatException("not an RFC 3161 time stamp", e);
        }
    }

    /// <summary>Whether it is about these bytes.</summary>
    public bool Covers(ReadOnlySpan<byte> data) =>
        HashNamed(ImprintAlgorithm) is { } hash
        && Imprint.AsSpan().SequenceEqual(CryptographicOperations.HashData(hash, data));

    /// <summary>
    /// Judges it against authorities that are trusted: it covers the data, is signed by a certificate that is made for
    /// time stamps alone, and that leads to one of the roots at the very time it states.
    /// </summary>
    /// <param name="certificates">
    /// The trusted authority's certificates: roots are those that issued themselves, or the last one where none did.
    /// </param>
    public static Verification Verify(ReadOnlySpan<byte> token, ReadOnlySpan<byte> data,
        IReadOnlyList<Certificate> certificates, out VerifiedTime? time)
    {
        VerifiedTime? verified = null;
        var (t, d) = (token.ToArray(), data.ToArray());
        var verification = Verification.Of(j =>
        {
            verified = Parse(t).Verify(d, certificates);
            j.Note($"time stamp by '{verified.Authority}': it existed at {Rfc3339.Seconds(verified.Time)}.");
        });
        time = verification.Accepted ? verified : null;
        return verification;
    }

    internal VerifiedTime Verify(ReadOnlySpan<byte> data, IReadOnlyList<Certificate> authority)
    {
        if (!Covers(data)) throw new FaultException(Fault.Timestamp, "the time stamp is about something else");
        try
        {
            var attributes = Attributes();
            if (Single(attributes, ContentType).ReadObjectIdentifier() != TstInfo)
                throw new FaultException(Fault.Timestamp, "the time stamp's signature is over another kind of content");
            if (HashNamed(_signer.DigestAlgorithm) is not { } hash)
                throw new FaultException(Fault.Unsupported, $"a time stamp with the digest {_signer.DigestAlgorithm}");
            if (!Single(attributes, MessageDigest).ReadOctetString().AsSpan()
                .SequenceEqual(CryptographicOperations.HashData(hash, _content)))
                throw new FaultException(Fault.Timestamp, "the time stamp's content was changed");

            var roots = authority.Where(c => c.IsSelfIssued).ToList();
            if (roots.Count == 0 && authority.Count > 0) roots.Add(authority[^1]);
            var signer = authority.Concat(_certificates).FirstOrDefault(Names) ?? throw new FaultException(
                Fault.Timestamp, "the certificate that signed the time stamp is neither in it nor given");
            Bound(attributes, signer);
            if (!(signer.Purposes() is [Certificate.TimeStamping]
                && signer.Extensions[Certificate.ExtendedKeyUsage].Critical))
                throw new FaultException(Fault.Timestamp, $"'{signer.Name}' is not for time stamps alone");
            if (!signer.Allows(0) && !signer.Allows(1))
                throw new FaultException(Fault.Timestamp, $"'{signer.Name}' is not for signing");
            CertificatePath.Find(signer, [.. authority, .. _certificates], roots, Time, Fault.Timestamp);

            // The attributes are signed as a SET OF, though they stand in the token under a tag of their own.
            var hashed = Certificate.HashOf(_signer.SignatureAlgorithm) ?? hash;
            if (!signer.Key.Verify((byte[])[0x31, .. _signer.SignedAttributes.AsSpan(1)], _signer.Signature, hashed))
                throw new FaultException(Fault.Timestamp, $"the time stamp's signature is not by '{signer.Name}'");
            return new VerifiedTime(Time, signer.Name);
        }
        catch (AsnContentException e)
        {
            throw new FormatException($"a malformed time stamp: {e.Message}", e);
        }
    }

    bool Names(Certificate c) => _signer.Issuer is { } issuer
        ? c.Serial == _signer.Serial && c.Issuer.Span.SequenceEqual(issuer.Span)
        : c.Extensions.TryGetValue(Certificate.SubjectKeyId, out var id)
            && new AsnReader(id.Value, AsnEncodingRules.DER).ReadOctetString().AsSpan().SequenceEqual(_signer.KeyId);

    /// <summary>
    /// The signed attribute that names the signer's certificate by its digest (RFC 5035); RFC 3161 demands one, so that
    /// no other certificate of the same key can take its place.
    /// </summary>
    static void Bound(Dictionary<string, ReadOnlyMemory<byte>> attributes, Certificate signer)
    {
        byte[] named, digest;
        if (attributes.ContainsKey(SigningCertificateV2))
        {
            var id = Single(attributes, SigningCertificateV2).ReadSequence().ReadSequence().ReadSequence();
            var hash = HashAlgorithmName.SHA256;
            if (id.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
                hash = HashNamed(id.ReadSequence().ReadObjectIdentifier()) ?? throw new FaultException(
                    Fault.Unsupported, "a time stamp that names its certificate by an unknown digest");
            (named, digest) = (id.ReadOctetString(), CryptographicOperations.HashData(hash, signer.Der.Span));
        }
        else if (attributes.ContainsKey(SigningCertificate))
        {
            named = Single(attributes, SigningCertificate).ReadSequence().ReadSequence().ReadSequence()
                .ReadOctetString();
#pragma warning disable CA5350 // RFC 2634 fixes SHA-1 here; it only names a certificate that is verified by other means.
            digest = SHA1.HashData(signer.Der.Span);
#pragma warning restore CA5350
        }
        else throw new FaultException(Fault.Timestamp, "the time stamp does not name the certificate that signed it");
        if (!named.AsSpan().SequenceEqual(digest))
            throw new FaultException(Fault.Timestamp,
                "the time stamp names another certificate than the one that signed it");
    }

    Dictionary<string, ReadOnlyMemory<byte>> Attributes()
    {
        var all = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        for (var set = new AsnReader(_signer.SignedAttributes, AsnEncodingRules.BER).ReadSetOf(Zero); set.HasData;)
        {
            var attribute = set.ReadSequence();
            if (!all.TryAdd(attribute.ReadObjectIdentifier(), attribute.ReadEncodedValue()))
                throw new FormatException("a time stamp with an attribute twice");
        }
        return all;
    }

    static AsnReader Single(Dictionary<string, ReadOnlyMemory<byte>> attributes, string oid) =>
        attributes.TryGetValue(oid, out var value)
        ? new AsnReader(value, AsnEncodingRules.DER).ReadSetOf()
        : throw new FaultException(Fault.Timestamp, $"the time stamp lacks the signed attribute {oid}");

    static Signer ReadSigner(AsnReader info)
    {
        info.ReadInteger();
        ReadOnlyMemory<byte>? issuer = null;
        BigInteger serial = default;
        byte[]? keyId = null;
        if (info.PeekTag().HasSameClassAndValue(Asn1Tag.Sequence))
        {
            var id = info.ReadSequence();
            (issuer, serial) = (id.ReadEncodedValue(), id.ReadInteger());
        }
        else keyId = info.ReadOctetString(Zero);
        var digest = info.ReadSequence().ReadObjectIdentifier();
        if (!info.PeekTag().HasSameClassAndValue(Zero))
            throw new FormatException("a time stamp without signed attributes");
        var attributes = info.ReadEncodedValue().ToArray();
        var algorithm = info.ReadSequence().ReadObjectIdentifier();
        return new(issuer, serial, keyId, digest, attributes, algorithm, info.ReadOctetString());
    }

    static HashAlgorithmName? HashNamed(string oid) => oid switch
    {
        "2.16.840.1.101.3.4.2.1" => HashAlgorithmName.SHA256,
        "2.16.840.1.101.3.4.2.2" => HashAlgorithmName.SHA384,
        "2.16.840.1.101.3.4.2.3" => HashAlgorithmName.SHA512,
        _ => null,
    };

    /// <summary>
    /// The query that asks an authority to stamp these bytes (RFC 3161 §2.4.1): SHA-256, its certificate asked for, and
    /// a number that the answer must repeat.
    /// </summary>
    public static byte[] Query(ReadOnlySpan<byte> data, ReadOnlySpan<byte> nonce)
    {
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
        {
            writer.WriteInteger(1);
            using (writer.PushSequence())
            {
                using (writer.PushSequence())
                {
                    writer.WriteObjectIdentifier("2.16.840.1.101.3.4.2.1");
                    writer.WriteNull();
                }
                writer.WriteOctetString(SHA256.HashData(data));
            }
            writer.WriteInteger(NumberOf(nonce));
            writer.WriteBoolean(true);
        }
        return writer.Encode();
    }

    /// <summary>The number that a query's nonce is.</summary>
    public static BigInteger NumberOf(ReadOnlySpan<byte> nonce) => new(nonce, isUnsigned: true, isBigEndian: true);
}
