using System.Buffers.Binary;
using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Stele.Proof.Interchange;

/// <summary>
/// Signed certificate timestamps (RFC 6962 §3.2) inside a certificate: a certificate transparency log vouches that it
/// has seen what the authority was about to sign. What it signs is the certificate without this very extension, and the
/// hash of the issuer's key.
/// </summary>
static class CertificateVoucher
{
    /// <summary>Holds that at least one trusted log vouches for the certificate; returns its address.</summary>
    public static string Verify(Certificate certificate, Certificate issuer, TrustedRoot root)
    {
        if (!certificate.Extensions.TryGetValue(Certificate.SignedCertificateTimestamps, out var extension))
            throw new FaultException(Fault.CertificateLog,
                "no certificate transparency log vouches for the certificate");
        byte[] tbs;
        ReadOnlySpan<byte> list;
        try
        {
            list = new AsnReader(extension.Value, AsnEncodingRules.DER).ReadOctetString();
            tbs = Without(certificate);
        }
        catch (AsnContentException e)
        {
            throw new FormatException("a certificate whose transparency timestamps can't be read", e);
        }
        var rest = Vector(ref list);
        if (!list.IsEmpty) throw new FormatException("a certificate with bytes after its transparency timestamps");
        while (!rest.IsEmpty)
        {
            var stamp = Vector(ref rest);
            if (stamp.Length < 43 || stamp[0] != 0) continue;
            var (id, time) = (stamp[1..33].ToArray(), BinaryPrimitives.ReadUInt64BigEndian(stamp[33..]));
            var tail = stamp[41..];
            var extensions = Vector(ref tail);
            if (tail.Length < 4) throw new FormatException("a transparency timestamp that is cut short");
            var hash = tail[0];
            var signature = tail[2..];
            var signed = Vector(ref signature);
            if (hash != 4 || time > Entry.MaxTime) continue;   // SHA-256 is the only hash that RFC 6962 logs use
            byte[] message =
            [
                0, 0, .. Number(time, 8), 0, 1, .. SHA256.HashData(issuer.Spki.Span), .. Number((ulong)tbs.Length, 3),
                .. tbs, .. Number((ulong)extensions.Length, 2), .. extensions,
            ];
            foreach (var log in root.CertificateLogs)
                if (log.KeyId.AsSpan().SequenceEqual(id) && log.Validity?.Holds((long)time) == true
                    && log.Key?.Verify(message, signed, HashAlgorithmName.SHA256) == true) return log.BaseUrl;
        }
        throw new FaultException(Fault.CertificateLog,
            "no certificate transparency log that is trusted vouches for the certificate");
    }

    /// <summary>The part of the certificate that its authority signs, without the timestamps.</summary>
    static byte[] Without(Certificate certificate)
    {
        var tbs = new AsnReader(certificate.Tbs, AsnEncodingRules.DER).ReadSequence();
        var three = new Asn1Tag(TagClass.ContextSpecific, 3);
        var writer = new AsnWriter(AsnEncodingRules.DER);
        using (writer.PushSequence())
            while (tbs.HasData)
                if (!tbs.PeekTag().HasSameClassAndValue(three)) writer.WriteEncodedValue(tbs.ReadEncodedValue().Span);
                else
                    using (writer.PushSequence(three))
                    using (writer.PushSequence())
                        for (var extensions = tbs.ReadSequence(three).ReadSequence(); extensions.HasData;)
                        {
                            var extension = extensions.ReadEncodedValue();
                            if (new AsnReader(extension, AsnEncodingRules.DER).ReadSequence().ReadObjectIdentifier()
                                != Certificate.SignedCertificateTimestamps) writer.WriteEncodedValue(extension.Span);
                        }
        return writer.Encode();
    }

    static ReadOnlySpan<byte> Vector(ref ReadOnlySpan<byte> from)
    {
        if (from.Length < 2 || from.Length < 2 + BinaryPrimitives.ReadUInt16BigEndian(from))
            throw new FormatException("a transparency timestamp that is cut short");
        var vector = from.Slice(2, BinaryPrimitives.ReadUInt16BigEndian(from));
        from = from[(2 + vector.Length)..];
        return vector;
    }

    static byte[] Number(ulong value, int bytes)
    {
        var all = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(all, value);
        return all[^bytes..];
    }
}
