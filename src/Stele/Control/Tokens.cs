using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Control;

/// <summary>
/// Who may read a server and upload blobs to it: whoever has one of these tokens. A token is 32 random bytes in base64url behind <c>stele_</c>; the file holds
/// their SHA-256 alone: <c>{"tokens":[{"digest":…,"name":…}],"version":0}</c>. Statements need no token to be believed: their signatures say who acts.
/// </summary>
sealed class Tokens
{
    const int Version = 0, MaxFile = 1 << 20;
    const string Prefix = "stele_";

    readonly ImmutableArray<(string Name, Digest Digest)> _known;

    Tokens(ImmutableArray<(string, Digest)> known) => _known = known;

    public static Tokens Read(string path)
    {
        if (!File.Exists(path)) return new([]);
        var json = CanonicalJson.ParseCanonical(File.ReadAllBytes(path), MaxFile);
        if (json["version"].AsInt != Version) throw new FormatException($"{path}: version {json["version"].AsInt} is not known here");
        return new([.. json["tokens"].AsArray.Select(t => (t["name"].AsString, t["digest"].AsDigest))]);
    }

    /// <summary>Makes a token and adds its digest to the file, durably. The token itself is returned and kept nowhere.</summary>
    public static string Add(string path, string name)
    {
        var token = Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        var all = Read(path)._known.Where(k => k.Name != name).Append((Name: name, Digest: DigestOf(token)));
        Files.Write(path, Json.Object(
            ("version", Version), ("tokens", Json.Array(all.Select(k => Json.Object(("name", k.Name), ("digest", k.Digest)))))).ToBytes(), secret: true);
        return token;
    }

    /// <summary>Whether the header carries a known token. Digests are compared, in a time that does not depend on where they differ, against every known one.</summary>
    public bool Allow(string? authorization)
    {
        const string scheme = "Bearer ";
        if (authorization is null || authorization.Length > 256 || !authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return false;
        var given = DigestOf(authorization[scheme.Length..].Trim()).ToArray();
        var found = false;
        foreach (var (_, digest) in _known) found |= CryptographicOperations.FixedTimeEquals(given, digest.ToArray());
        return found;
    }

    static Digest DigestOf(string token) => Digest.Of(Encoding.UTF8.GetBytes(token));
}
