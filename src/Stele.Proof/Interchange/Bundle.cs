using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Stele.Proof.Interchange;

/// <summary>A DSSE envelope as others write it: any payload type, optional key ids, either base64 alphabet.</summary>
public sealed record ForeignEnvelope(string PayloadType, ImmutableArray<byte> Payload,
    ImmutableArray<(string KeyId, ImmutableArray<byte> Signature)> Signatures)
{
    public byte[] PreAuth => Envelope.PreAuth(PayloadType, Payload.AsSpan());

    /// <exception cref="FormatException">Not a DSSE envelope.</exception>
    public static ForeignEnvelope FromJson(Json json)
    {
        var signatures = json["signatures"].AsArray.Select(s =>
            (s.Given("keyid")?.AsString ?? "", ProtoJson.Bytes(s["sig"]).ToImmutableArray())).ToImmutableArray();
        return new(json["payloadType"].AsString, [.. ProtoJson.Bytes(json["payload"])], signatures);
    }
}

/// <summary>A signature over an artifact itself, and the digest it claims to be about.</summary>
public sealed record MessageSignature(HashAlgorithmName Algorithm, ImmutableArray<byte> Digest,
    ImmutableArray<byte> Signature);

/// <summary>The digests of one artifact, in the hashes that exchange formats name.</summary>
public sealed record ArtifactDigests(byte[] Sha256, byte[] Sha384, byte[] Sha512)
{
    /// <summary>Reads it once, whatever its size.</summary>
    public static ArtifactDigests Of(Stream artifact)
    {
        using var a = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var b = IncrementalHash.CreateHash(HashAlgorithmName.SHA384);
        using var c = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
        var buffer = new byte[128 * 1024];
        for (int n; (n = artifact.Read(buffer)) > 0;)
            foreach (var hash in new[] { a, b, c }) hash.AppendData(buffer.AsSpan(0, n));
        return new(a.GetHashAndReset(), b.GetHashAndReset(), c.GetHashAndReset());
    }

    /// <summary>Those of an artifact of which no more than its SHA-256 is known.</summary>
    public static ArtifactDigests OfSha256(Digest digest) => new(digest.ToArray(), [], []);

    public byte[] In(HashAlgorithmName hash)
    {
        var digest = hash == HashAlgorithmName.SHA384 ? Sha384 : hash == HashAlgorithmName.SHA512 ? Sha512 : Sha256;
        return digest.Length > 0 ? digest : throw new FaultException(Fault.Artifact,
            $"the artifact's {hash.Name} is needed, and only its SHA-256 is known");
    }
}

/// <summary>
/// A Sigstore bundle (protobuf-specs, sigstore_bundle.proto; versions 0.1 to 0.3): one signature, over a DSSE envelope
/// or an artifact, with all that it takes to verify it offline.
/// <code>
/// {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
///  "verificationMaterial":{"publicKey":{"hint":…} | "certificate":{"rawBytes":…} | "x509CertificateChain":{…},
///    "tlogEntries":[…], "timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":…}]}},
///  "dsseEnvelope":{…} | "messageSignature":{…}}
/// </code>
/// </summary>
public sealed class Bundle
{
    public const int MaxBytes = 16 << 20;
    public const string MediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
    const int MaxEntries = 32;

    /// <summary>1, 2 or 3: the minor version.</summary>
    public int Version { get; private init; }

    /// <summary>
    /// The hint at the key, where the bundle was signed with one that its reader has; null where it holds certificates.
    /// </summary>
    public string? KeyHint { get; private init; }

    /// <summary>The signer's certificate first; empty where it was signed with a key.</summary>
    public ImmutableArray<Certificate> Certificates { get; private init; } = [];

    /// <summary>
    /// Whether the certificates came as a chain, which version 0.3 has no more but model signatures do.
    /// </summary>
    public bool HasChain { get; private init; }

    public ImmutableArray<TransparencyEntry> Entries { get; private init; } = [];
    public ImmutableArray<ImmutableArray<byte>> Timestamps { get; private init; } = [];
    public ForeignEnvelope? Envelope { get; private init; }
    public MessageSignature? Message { get; private init; }

    /// <summary>The signature that time stamps are about.</summary>
    public ReadOnlySpan<byte> Signature => Envelope is { } e
        ? e.Signatures[0].Signature.AsSpan()
        : Message!.Signature.AsSpan();

    /// <exception cref="FormatException">Not a bundle of these versions.</exception>
    public static Bundle Parse(ReadOnlySpan<byte> utf8)
    {
        var json = CanonicalJson.Parse(utf8, MaxBytes);
        var material = json["verificationMaterial"];
        var (key, certificate, chain) = (material.Given("publicKey"), material.Given("certificate"),
            material.Given("x509CertificateChain"));
        if (new[] { key, certificate, chain }.Count(m => m is not null) != 1)
            throw new FormatException("want exactly one of publicKey, certificate and x509CertificateChain");
        ImmutableArray<Certificate> certificates = chain is not null ? [.. chain["certificates"].AsArray.Select(Read)]
            : certificate is not null ? [Read(certificate)] : [];
        if (key is null && certificates.IsEmpty) throw new FormatException("the certificate chain is empty");
        var entries = material.Given("tlogEntries")?.AsArray ?? [];
        if (entries.Length > MaxEntries)
            throw new FormatException($"{entries.Length} log entries; at most {MaxEntries} are read");
        var stamps = material.Given("timestampVerificationData")?.Given("rfc3161Timestamps")?.AsArray ?? [];
        if (stamps.Length > MaxEntries)
            throw new FormatException($"{stamps.Length} time stamps; at most {MaxEntries} are read");
        var (envelope, message) = (json.Given("dsseEnvelope"), json.Given("messageSignature"));
        if (envelope is null == message is null)
            throw new FormatException("want exactly one of dsseEnvelope and messageSignature");
        var dsse = envelope is null ? null : ForeignEnvelope.FromJson(envelope);
        if (dsse is { Signatures.Length: not 1 })
            throw new FormatException($"a bundle's envelope has one signature, not {dsse.Signatures.Length}");
        return new Bundle
        {
            Version = VersionOf(json["mediaType"].AsString),
            KeyHint = key is null ? null : key.Given("hint")?.AsString ?? "",
            Certificates = certificates,
            HasChain = chain is not null,
            Entries = [.. entries.Select(TransparencyEntry.FromJson)],
            Timestamps = [.. stamps.Select(s => ProtoJson.Bytes(s["signedTimestamp"]).ToImmutableArray())],
            Envelope = dsse,
            Message = message is null ? null : ReadMessage(message),
        };

        static Certificate Read(Json c) => Certificate.Parse(ProtoJson.Bytes(c["rawBytes"]));
    }

    static MessageSignature ReadMessage(Json json)
    {
        var digest = json.Given("messageDigest");
        return new(HashNamed(digest?.Given("algorithm")?.AsString ?? "SHA2_256"),
            digest is null ? [] : [.. ProtoJson.Bytes(digest["digest"])], [.. ProtoJson.Bytes(json["signature"])]);
    }

    internal static HashAlgorithmName HashNamed(string name) => name switch
    {
        "SHA2_256" or "sha256" => HashAlgorithmName.SHA256,
        "SHA2_384" or "sha384" => HashAlgorithmName.SHA384,
        "SHA2_512" or "sha512" => HashAlgorithmName.SHA512,
        _ => throw new FormatException($"the digest '{name}' is not one that is computed here"),
    };

    static int VersionOf(string mediaType) => mediaType switch
    {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => 1,
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => 2,
        "application/vnd.dev.sigstore.bundle+json;version=0.3" or MediaType => 3,
        _ => throw new FormatException($"'{mediaType}' is not a bundle of version 0.1, 0.2 or 0.3"),
    };

    /// <summary>
    /// One signature of a statement as a bundle that any Sigstore client takes, given the signer's public key. A bundle
    /// has one signature: of an envelope with several, one is chosen, and it is as good alone, since each is over the
    /// payload.
    /// </summary>
    /// <param name="entry">
    /// The ledger's proof of the entry, for readers that know our kind of entry; others refuse what they do not know,
    /// so it is left out for them.
    /// </param>
    /// <param name="timestamps">Time stamps over the signature.</param>
    public static Json OfStatement(Envelope envelope, Signature signature, Json? entry = null,
        params ReadOnlySpan<byte[]> timestamps)
    {
        var keyId = Base64.Encode(signature.KeyId.ToArray());
        var stamps = new List<Json>();
        foreach (var t in timestamps) stamps.Add(Json.Object(("signedTimestamp", Base64.Encode(t))));
        return Of(Json.Object(("publicKey", Json.Object(("hint", keyId)))), Stele.Proof.Envelope.PayloadType,
            envelope.Payload, keyId, signature.Bytes.AsSpan(), entry, stamps);
    }

    /// <summary>A bundle over a DSSE envelope with one signature.</summary>
    /// <param name="material">The verification material without log entries and time stamps.</param>
    internal static Json Of(Json material, string payloadType, ReadOnlySpan<byte> payload, string keyId,
        ReadOnlySpan<byte> signature, Json? entry, IReadOnlyList<Json> stamps) => Json.Object(
        ("mediaType", MediaType),
        ("verificationMaterial", material
            .With("tlogEntries", entry is null ? Json.EmptyArray : Json.Array(entry))
            .With("timestampVerificationData", Json.Object(("rfc3161Timestamps", Json.Array(stamps))))),
        ("dsseEnvelope", Json.Object(
            ("payload", Base64.Encode(payload)),
            ("payloadType", payloadType),
            ("signatures", Json.Array(Json.Object(("keyid", keyId), ("sig", Base64.Encode(signature))))))));
}
