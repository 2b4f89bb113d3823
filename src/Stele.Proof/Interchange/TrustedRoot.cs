using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof.Interchange;

/// <summary>When something is trusted: milliseconds since 1970; both ends belong to it.</summary>
public readonly record struct Validity(long From, long? To)
{
    public bool Holds(long time) => From <= time && !(time > To);
}

/// <summary>A log that is trusted: a transparency log or a certificate transparency log.</summary>
/// <param name="Key">
/// Null where it is of a kind that is not verified here: what such a log signs counts for nothing.
/// </param>
/// <param name="KeyId">What names it in entries and checkpoints.</param>
public sealed record TrustedLog(string BaseUrl, ForeignKey? Key, ImmutableArray<byte> KeyId,
    ImmutableArray<byte> CheckpointKeyId, Validity? Validity)
{
    /// <summary>
    /// Whether that is the name in the log's notes: its address without scheme, with or without its path.
    /// </summary>
    internal bool IsNamed(string name)
    {
        var scheme = BaseUrl.IndexOf("://", StringComparison.Ordinal);
        var address = (scheme < 0 ? BaseUrl : BaseUrl[(scheme + 3)..]).TrimEnd('/');
        return name == address || name == address.Split('/')[0];
    }
}

/// <summary>
/// An authority that is trusted to give out certificates, or to stamp times: its certificates, roots last.
/// </summary>
public sealed record TrustedAuthority(string Uri, ImmutableArray<Certificate> Certificates, Validity? Validity);

/// <summary>
/// Sigstore's trusted root: the certificate authorities, transparency logs, certificate transparency logs and
/// time-stamping authorities that count, each with the time in which it does.
/// <c>application/vnd.dev.sigstore.trustedroot+json;version=0.1</c>, or <c>…trustedroot.v0.2+json</c>.
/// </summary>
public sealed class TrustedRoot
{
    public const int MaxBytes = 1 << 20;
    const string MediaType = "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        MediaTypeV2 = "application/vnd.dev.sigstore.trustedroot.v0.2+json";

    public ImmutableArray<TrustedLog> Logs { get; private init; } = [];
    public ImmutableArray<TrustedLog> CertificateLogs { get; private init; } = [];
    public ImmutableArray<TrustedAuthority> CertificateAuthorities { get; private init; } = [];
    public ImmutableArray<TrustedAuthority> TimestampAuthorities { get; private init; } = [];

    /// <exception cref="FormatException">Not a trusted root.</exception>
    public static TrustedRoot Parse(ReadOnlySpan<byte> utf8)
    {
        var json = CanonicalJson.Parse(utf8, MaxBytes);
        if (json["mediaType"].AsString is not (MediaType or MediaTypeV2) and var other)
            throw new FormatException($"'{other}' is not the media type of a trusted root");
        return new TrustedRoot
        {
            Logs = Each(json, "tlogs", Log),
            CertificateLogs = Each(json, "ctlogs", Log),
            CertificateAuthorities = Each(json, "certificateAuthorities", Authority),
            TimestampAuthorities = Each(json, "timestampAuthorities", Authority),
        };
    }

    /// <summary>
    /// The trusted root of one ledger: with it, a reader of Sigstore's formats can hold a bundle's log entry to the
    /// ledger's own key.
    /// </summary>
    public static Json OfLedger(VerifierKey log, long from)
    {
        var id = Base64.Encode(LogId(log));
        return Json.Object(
            ("mediaType", MediaType),
            ("tlogs", Json.Array(Json.Object(
                ("baseUrl", "https://" + log.Name),
                ("hashAlgorithm", "SHA2_256"),
                ("publicKey", Json.Object(("rawBytes", Base64.Encode(ForeignKey.Of(log).Spki)),
                    ("keyDetails", "PKIX_ED25519"), ("validFor", Json.Object(("start", Rfc3339.Seconds(from)))))),
                ("logId", Json.Object(("keyId", id))),
                ("checkpointKeyId", Json.Object(("keyId", id)))))),
            ("certificateAuthorities", Json.EmptyArray), ("ctlogs", Json.EmptyArray),
            ("timestampAuthorities", Json.EmptyArray));
    }

    /// <summary>
    /// How a log is named in Sigstore's formats: the whole SHA-256 whose first four bytes are the key id of its notes.
    /// </summary>
    public static byte[] LogId(VerifierKey log) =>
        Digest.Of([.. Encoding.UTF8.GetBytes(log.Name), (byte)'\n', (byte)log.Type, .. log.PublicKey]).ToArray();

    static ImmutableArray<T> Each<T>(Json json, string name, Func<Json, T> read) =>
        json.Given(name) is { } all ? [.. all.AsArray.Select(read)] : [];

    static TrustedLog Log(Json json)
    {
        var key = json["publicKey"];
        return new(json.Given("baseUrl")?.AsString ?? "", KeyOf(key), Id(json, "logId"), Id(json, "checkpointKeyId"),
            ValidFor(key));
    }

    static ImmutableArray<byte> Id(Json json, string name) =>
        json.Given(name)?.Given("keyId") is { } id ? [.. ProtoJson.Bytes(id)] : [];

    static ForeignKey? KeyOf(Json key)
    {
        var bytes = ProtoJson.Bytes(key["rawBytes"]);
        try
        {
            return key.Given("keyDetails")?.AsString.StartsWith("PKCS1_RSA", StringComparison.Ordinal) == true
                && !IsSpki(bytes) ? ForeignKey.FromRsaPublicKey(bytes) : ForeignKey.FromSpki(bytes);
        }
        catch (FormatException)
        {
            return null;
        }
    }

    static bool IsSpki(byte[] bytes)
    {
        try
        {
            ForeignKey.FromSpki(bytes);
            return true;
        }
        catch (FormatException)
        {
            return false;
        }
    }

    static TrustedAuthority Authority(Json json) =>
        new(json.Given("uri")?.AsString ?? "",
            [.. json["certChain"]["certificates"].AsArray
                .Select(c => Certificate.Parse(ProtoJson.Bytes(c["rawBytes"])))], ValidFor(json));

    /// <summary>Null where no start is given: nothing is trusted since ever.</summary>
    static Validity? ValidFor(Json json) =>
        json.Given("validFor") is { } range && range.Given("start") is { } start
            ? new Validity(Time(start), range.Given("end") is { } end ? Time(end) : null)
            : null;

    static long Time(Json json) =>
        DateTimeOffset.TryParse(json.AsString, CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var time)
        ? time.ToUnixTimeMilliseconds() : throw new FormatException($"'{json.AsString}' is not a time (RFC 3339)");
}

/// <summary>Values as the JSON form of protocol buffers writes them.</summary>
static class ProtoJson
{
    /// <summary>
    /// Base64 in the standard or the URL-safe alphabet, padded or not, with the line breaks that some tools leave in;
    /// but no stray bits, and nothing else.
    /// </summary>
    public static byte[] Bytes(Json json) => Bytes(json.AsString);

    public static byte[] Bytes(string text)
    {
        var standard = text.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal)
            .Replace('-', '+').Replace('_', '/');
        standard += new string('=', (4 - standard.Length % 4) % 4);
        return Base64.TryDecode(standard, out var bytes) ? bytes : throw new FormatException("not base64");
    }

    /// <summary>A 64-bit integer: a string, or a number that a double can hold. Absent is zero.</summary>
    public static long Int64(Json? json) => json switch
    {
        null => 0,
        { Kind: JsonKind.Null } => 0,
        { Kind: JsonKind.Int } => json.AsInt,
        _ => long.TryParse(json.AsString, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var n)
            ? n
            : throw new FormatException($"'{json.AsString}' is not a whole number"),
    };

    /// <summary>The member if it is there and not null.</summary>
    public static Json? Given(this Json json, string name) =>
        json.Find(name) is { Kind: not JsonKind.Null } value ? value : null;
}
