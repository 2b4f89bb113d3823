using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Proof.Interchange;

/// <summary>
/// Whether what a log took in is what the bundle holds. Each kind of Rekor entry says so in its own words: the digest
/// of the content, the signature, and who verifies it; all three must agree.
/// </summary>
static class EntryBody
{
    const int MaxBody = 4 << 20;

    /// <summary>What a digest in an entry is of.</summary>
    enum DigestOf { Signed, Payload }

    public static void Check(TransparencyEntry entry, Bundle bundle, ForeignKey key)
    {
        if (entry is { Kind: TransparencyEntry.SteleKind, KindVersion: TransparencyEntry.SteleVersion })
        {
            CheckOwn(entry, bundle, key);
            return;
        }
        var body = CanonicalJson.Parse(entry.Body.AsSpan(), MaxBody);
        if (body["kind"].AsString != entry.Kind || body["apiVersion"].AsString != entry.KindVersion)
            throw Differs("it is of another kind than the bundle says");
        var spec = body["spec"];
        switch (entry.Kind, entry.KindVersion)
        {
            case ("hashedrekord", "0.0.1"):
                var hash = spec["data"]["hash"];
                Content(bundle, hash["algorithm"].AsString, Hex(hash["value"]), DigestOf.Signed);
                Signature(bundle, Base64.Decode(spec["signature"]["content"].AsString));
                Verifier(bundle, key, PemOf(spec["signature"]["publicKey"]["content"]));
                break;
            case ("hashedrekord", "0.0.2"):
                var record = spec["hashedRekordV002"];
                Content(bundle, record["data"]["algorithm"].AsString, ProtoJson.Bytes(record["data"]["digest"]),
                    DigestOf.Signed);
                Signature(bundle, ProtoJson.Bytes(record["signature"]["content"]));
                Verifier(bundle, key, record["signature"]["verifier"]);
                break;
            case ("dsse", "0.0.1"):
                Content(bundle, spec["payloadHash"]["algorithm"].AsString, Hex(spec["payloadHash"]["value"]),
                    DigestOf.Payload);
                var signed = One(spec["signatures"]);
                Signature(bundle, Base64.Decode(signed["signature"].AsString));
                Verifier(bundle, key, PemOf(signed["verifier"]));
                break;
            case ("dsse", "0.0.2"):
                var dsse = spec["dsseV002"];
                Content(bundle, dsse["payloadHash"]["algorithm"].AsString,
                    ProtoJson.Bytes(dsse["payloadHash"]["digest"]), DigestOf.Payload);
                var one = One(dsse["signatures"]);
                Signature(bundle, ProtoJson.Bytes(one["content"]));
                Verifier(bundle, key, one["verifier"]);
                break;
            case ("intoto", "0.0.2"):
                var content = spec["content"];
                Content(bundle, content["payloadHash"]["algorithm"].AsString, Hex(content["payloadHash"]["value"]),
                    DigestOf.Payload);
                var sig = One(content["envelope"]["signatures"]);
                // The log holds the base64 of the base64.
                if (!Base64.TryDecode(Encoding.UTF8.GetString(Base64.Decode(sig["sig"].AsString)), out var signature))
                    throw Differs("it holds another signature");
                Signature(bundle, signature);
                Verifier(bundle, key, PemOf(sig["publicKey"]));
                break;
            default:
                throw new FaultException(Fault.Unsupported,
                    $"a log entry of the kind {entry.Kind} {entry.KindVersion}");
        }
    }

    /// <summary>Our own ledger's entry holds the envelope itself, with this signature among its own.</summary>
    static void CheckOwn(TransparencyEntry entry, Bundle bundle, ForeignKey key)
    {
        var envelope = Entry.Parse(entry.Body.AsSpan()).Envelope;
        if (bundle.Envelope is not { } dsse || dsse.PayloadType != Envelope.PayloadType
            || !envelope.Payload.SequenceEqual(dsse.Payload.AsSpan())) throw Differs("it holds another statement");
        if (!envelope.Signatures.Any(s => s.KeyId == key.Id && s.Bytes.AsSpan().SequenceEqual(bundle.Signature)))
            throw Differs("it holds another signature");
    }

    /// <summary>
    /// A DSSE entry names the payload's digest; a hashed one that of what was signed, which is the pre-authentication
    /// encoding where it is an envelope.
    /// </summary>
    static void Content(Bundle bundle, string algorithm, byte[] digest, DigestOf of)
    {
        var hash = Bundle.HashNamed(algorithm);
        if (bundle.Envelope is { } e)
        {
            if (!digest.AsSpan().SequenceEqual(CryptographicOperations.HashData(hash,
                of == DigestOf.Payload ? e.Payload.AsSpan() : e.PreAuth))) throw Differs("it is about another content");
        }
        else if (of == DigestOf.Payload || hash != bundle.Message!.Algorithm || !digest.AsSpan()
            .SequenceEqual(bundle.Message.Digest.AsSpan())) throw Differs("it is about another artifact");
    }

    static void Signature(Bundle bundle, byte[] signature)
    {
        if (!bundle.Signature.SequenceEqual(signature)) throw Differs("it holds another signature");
    }

    static void Verifier(Bundle bundle, ForeignKey key, string pem)
    {
        if (Pem.All(pem, "CERTIFICATE") is [var der]) SameCertificate(bundle, der);
        else if (Pem.All(pem, "PUBLIC KEY") is [var spki]) SameKey(bundle, key, spki);
        else throw Differs("it does not say who signed");
    }

    static void Verifier(Bundle bundle, ForeignKey key, Json verifier)
    {
        if (verifier.Given("x509Certificate") is { } certificate)
            SameCertificate(bundle, ProtoJson.Bytes(certificate["rawBytes"]));
        else SameKey(bundle, key, ProtoJson.Bytes(verifier["publicKey"]["rawBytes"]));
    }

    static void SameCertificate(Bundle bundle, byte[] der)
    {
        if (bundle.Certificates.IsEmpty || !bundle.Certificates[0].Der.Span.SequenceEqual(der))
            throw Differs("it names another certificate");
    }

    static void SameKey(Bundle bundle, ForeignKey key, byte[] spki)
    {
        if (!bundle.Certificates.IsEmpty || !key.Spki.SequenceEqual(spki)) throw Differs("it names another key");
    }

    static Json One(Json list) => list.AsArray is [var only] ? only : throw Differs("it has not exactly one signature");
    static string PemOf(Json base64) => Encoding.UTF8.GetString(Base64.Decode(base64.AsString));

    static byte[] Hex(Json hex)
    {
        var text = hex.AsString;
        return text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit)
            ? Convert.FromHexString(text)
            : throw new FormatException("a digest that is not hex");
    }

    static FaultException Differs(string how) => new(Fault.LogEntry, $"the log's entry is not this bundle's: {how}");
}
