using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Stele.Proof.Interchange;

/// <summary>One file of a model, or one range of it, and its digest.</summary>
/// <param name="Name">The path from the model's root, with '/'; <c>path:start:end</c> for a range.</param>
public sealed record ModelResource(string Name, string Algorithm, string Digest);

/// <summary>
/// What an OpenSSF model signature says (OMS v1.0): an in-toto statement over the list of a model's files. Its one
/// subject is the SHA-256 of their raw digests in the order of the list; names are protected by the signature alone.
/// <code>
/// {"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"model","digest":{"sha256":ROOT}}],
///  "predicateType":"https://model_signing/signature/v1.0",
///  "predicate":{"serialization":{"method":"files","hash_type":"sha256","allow_symlinks":false,"ignore_paths":[…]},
///               "resources":[{"name":"weights.bin","algorithm":"sha256","digest":HEX},…]}}
/// </code>
/// </summary>
public sealed class ModelStatement
{
    public const string PredicateType = "https://model_signing/signature/v1.0",
        PayloadType = "application/vnd.in-toto+json";
    const string Deprecated = "https://model_signing/Digests/v0.1";
    public const int MaxBytes = 64 << 20, MaxResources = 1_000_000;

    /// <summary>What lies at the top of a checked-out model and is no part of it.</summary>
    public static readonly ImmutableArray<string> NeverSigned = [".git", ".gitattributes", ".github", ".gitignore"];

    /// <summary>A model that is one file has this for its name.</summary>
    public const string OneFile = ".";

    ModelStatement(string name, long shardSize, ImmutableArray<string> ignored,
        ImmutableArray<ModelResource> resources) =>
        (Name, ShardSize, Ignored, Resources) = (name, shardSize, ignored, resources);

    /// <summary>For people; nothing is matched by it.</summary>
    public string Name { get; }
    public bool Shards => ShardSize > 0;

    /// <summary>In bytes; 0 where digests are of whole files.</summary>
    public long ShardSize { get; }

    /// <summary>Whether links to files were followed when it was signed.</summary>
    public bool Symlinks { get; private init; }

    /// <summary>Paths that were left out, each with all that is below it.</summary>
    public ImmutableArray<string> Ignored { get; }
    public ImmutableArray<ModelResource> Resources { get; }

    /// <summary>SHA-256 over the digests' bytes.</summary>
    public Digest Root
    {
        get
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var r in Resources) hash.AppendData(Convert.FromHexString(r.Digest));
            return Digest.From(hash.GetHashAndReset());
        }
    }

    /// <summary>The statement over whole files, sorted as the specification wants: by code point.</summary>
    public static ModelStatement OfFiles(string name, IEnumerable<ModelResource> files, IEnumerable<string> ignored) =>
        new(name, 0, [.. ignored.Order(ByCodePoint)], [.. files.OrderBy(f => f.Name, ByCodePoint)]);

    /// <exception cref="FormatException">
    /// Not such a statement, or one whose subject is not the digest of its list.
    /// </exception>
    internal static ModelStatement Parse(ReadOnlySpan<byte> payload)
    {
        var json = CanonicalJson.Parse(payload, MaxBytes);
        if (json["_type"].AsString != "https://in-toto.io/Statement/v1")
            throw new FormatException("not an in-toto statement of version 1");
        switch (json["predicateType"].AsString)
        {
            case PredicateType: break;
            case Deprecated:
                throw new FaultException(Fault.Unsupported,
                    "a model signature of the deprecated version 0.1, whose signatures were not over what DSSE says");
            case var other:
                throw new FaultException(Fault.Unsupported,
                    $"a statement of the type '{other}', not a model signature");
        }
        var serialization = json["predicate"]["serialization"];
        var shards = serialization["method"].AsString switch
        {
            "files" => false,
            "shards" => true,
            var method => throw new FormatException($"the method '{method}' is neither files nor shards")
        };
        if (serialization["hash_type"].AsString is not "sha256" and var hash)
            throw new FaultException(Fault.Unsupported, $"digests of the kind {hash}; sha256 is what is computed here");
        var size = shards ? serialization["shard_size"].AsInt : 0;
        if (shards && size < 1) throw new FormatException("shards of no size");
        var list = json["predicate"]["resources"].AsArray;
        if (list.Length > MaxResources)
            throw new FormatException($"{list.Length} resources; at most {MaxResources} are read");
        var resources = list.Select(r =>
            new ModelResource(r["name"].AsString, r["algorithm"].AsString, r["digest"].AsString)).ToImmutableArray();
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var r in resources)
        {
            if (!names.Add(r.Name)) throw new FormatException($"the resource '{r.Name}' is listed twice");
            if (r.Algorithm != "sha256" && !(shards && r.Algorithm == $"sha256-sharded-{N(size)}"))
                throw new FaultException(Fault.Unsupported,
                    $"a digest of the kind {r.Algorithm}; sha256 is what is computed here");
            Stele.Proof.Digest.ParseHex(r.Digest);
            if (!IsPath(shards ? Range(r.Name).Path : r.Name))
                throw new FormatException($"'{r.Name}' is not a path inside a model");
        }
        var subjects = json["subject"].AsArray;
        if (subjects.Length != 1)
            throw new FormatException($"a model signature has one subject, not {subjects.Length}");
        var statement = new ModelStatement(subjects[0].Given("name")?.AsString ?? "", size,
            [.. (serialization.Given("ignore_paths")?.AsArray ?? []).Select(p => p.AsString)], resources)
        {
            Symlinks = serialization.Given("allow_symlinks")?.AsBool ?? false,
        };
        if (subjects[0]["digest"]["sha256"].AsString != statement.Root.Hex)
            throw new FormatException("the subject is not the digest of the list of files");
        return statement;
    }

    public byte[] ToBytes() => Json.Object(
        ("_type", "https://in-toto.io/Statement/v1"),
        ("subject", Json.Array(Json.Object(("name", Name), ("digest", Json.Object(("sha256", Root.Hex)))))),
        ("predicateType", PredicateType),
        ("predicate", Json.Object(
            ("serialization", Json.Object(
                ("method", Shards ? "shards" : "files"), ("hash_type", "sha256"), ("allow_symlinks", Symlinks),
                ("shard_size", Shards ? Json.Of(ShardSize) : null),
                ("ignore_paths", Ignored.IsEmpty ? null : Json.Array(Ignored.Select(Json.Of))))),
            ("resources",
                Json.Array(Resources.Select(r =>
                    Json.Object(("name", r.Name), ("algorithm", r.Algorithm), ("digest", r.Digest)))))))).ToBytes();

    /// <summary>
    /// Signs it with a member's key: a bundle that verifiers of model signatures take. The hint is theirs: the SHA-256,
    /// in hex, of the key's PEM text with its last newline.
    /// </summary>
    public Json Sign(PrivateKey key)
    {
        var payload = ToBytes();
        var hint = Stele.Proof.Digest.Of(Encoding.UTF8.GetBytes(PemOf(key.Public))).Hex;
        return Bundle.Of(Json.Object(("publicKey", Json.Object(("hint", hint)))), PayloadType, payload, "",
            key.Sign(Envelope.PreAuth(PayloadType, payload)), null, []);
    }

    /// <summary>
    /// Signs it with a key that has a certificate, whose chain goes with it; the root stays out, since its reader has
    /// it.
    /// </summary>
    /// <exception cref="FormatException">The first certificate is not of this key.</exception>
    public Json Sign(PrivateKey key, IReadOnlyList<Certificate> chain)
    {
        if (!chain[0].Spki.Span.SequenceEqual(key.Public.Spki))
            throw new FormatException($"the certificate '{chain[0].Name}' is not of the key that signs");
        var payload = ToBytes();
        var certificates = chain.Take(1).Concat(chain.Skip(1).Where(c => !c.IsSelfIssued))
            .Select(c => Json.Object(("rawBytes", Base64.Encode(c.Der.Span))));
        return Bundle.Of(Json.Object(("x509CertificateChain", Json.Object(("certificates", Json.Array(certificates))))),
            PayloadType, payload, "", key.Sign(Envelope.PreAuth(PayloadType, payload)), null, []);
    }

    static string PemOf(PublicKey key) =>
        System.Security.Cryptography.PemEncoding.WriteString("PUBLIC KEY", key.Spki) + "\n";

    /// <summary>A range's name, read from the right: a path may hold a colon.</summary>
    internal static (string Path, long Start, long End) Range(string name)
    {
        var end = name.LastIndexOf(':');
        var start = end > 0 ? name.LastIndexOf(':', end - 1) : -1;
        return start > 0 && Checkpoint.TryDecimal(name.AsSpan(start + 1, end - start - 1), out var from)
            && Checkpoint.TryDecimal(name.AsSpan(end + 1), out var to) && from < to
            ? (name[..start], from, to)
            : throw new FormatException($"'{name}' is not a range of a file (path:start:end)");
    }

    /// <summary>Relative, with '/', and without parts that lead out.</summary>
    internal static bool IsPath(string path) =>
        path == OneFile || path.Length is > 0 and <= 4096 && path[0] != '/'
            && !path.Contains('\0', StringComparison.Ordinal) && path.Split('/').All(p => p is not ("" or "." or ".."));

    /// <summary>By Unicode code point, which is the order of the UTF-8 bytes and not that of UTF-16.</summary>
    internal static readonly Comparer<string> ByCodePoint = Comparer<string>.Create((a, b) =>
        Encoding.UTF8.GetBytes(a).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(b)));

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
}
