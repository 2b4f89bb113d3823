using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Control;

/// <summary>
/// Who may read a server and upload blobs to it: whoever has one of these tokens. A token is 32 random bytes in base64url behind <c>stele_</c>; the file holds
/// their SHA-256 alone: <c>{"tokens":[{"digest":…,"name":…}],"version":1}</c>, mode 0600. It is read again when it has changed.
/// Statements need no token to be believed: their signatures say who acts.
/// </summary>
sealed class Tokens(string path, TimeProvider time)
{
    const int Version = 1, MaxFile = 1 << 20;
    const string Prefix = "stele_";
    static readonly TimeSpan ReadAgain = TimeSpan.FromSeconds(1);

    readonly Lock _gate = new();
    ImmutableArray<byte[]> _known = [];
    (ulong Inode, long Modified) _read;
    long _looked;
    bool _everLooked;

    /// <summary>Whether the header carries a known token. Digests are compared, in a time that does not depend on where they differ, against every known one.</summary>
    /// <exception cref="FormatException">The file is damaged: nobody is let in.</exception>
    public bool Allow(string? authorization)
    {
        const string scheme = "Bearer ";
        if (authorization is null || authorization.Length > 256 || !authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return false;
        var given = DigestOf(authorization[scheme.Length..].Trim()).ToArray();
        // One that was made a moment ago is known at once; one that was taken away is out within a second.
        return IsAmong(Known(atOnce: false)) || IsAmong(Known(atOnce: true));

        bool IsAmong(ImmutableArray<byte[]> known)
        {
            var found = false;
            foreach (var digest in known) found |= CryptographicOperations.FixedTimeEquals(given, digest);
            return found;
        }
    }

    ImmutableArray<byte[]> Known(bool atOnce)
    {
        lock (_gate)
        {
            if (!atOnce && _everLooked && time.GetElapsedTime(_looked) < ReadAgain) return _known;
            var stat = Libc.StatOf(path);
            if (stat is null) (_known, _read) = ([], default);
            else if ((stat.Value.Inode, stat.Value.ModifiedNanoseconds) != _read)
            {
                _known = [.. All(path).Select(t => t.Digest.ToArray())];
                _read = (stat.Value.Inode, stat.Value.ModifiedNanoseconds);
            }
            (_everLooked, _looked) = (true, time.GetTimestamp());
            return _known;
        }
    }

    /// <summary>Every token's name and digest.</summary>
    public static ImmutableArray<(string Name, Digest Digest)> All(string path)
    {
        if (!File.Exists(path)) return [];
        var json = CanonicalJson.ParseCanonical(File.ReadAllBytes(path), MaxFile);
        if (json["version"].AsInt != Version) throw new FormatException($"{path}: version {json["version"].AsInt} is not known here");
        return [.. json["tokens"].AsArray.Select(t => (t["name"].AsString, t["digest"].AsDigest))];
    }

    /// <summary>Makes a token and adds its digest to the file, durably, in place of one of the same name. The token itself is returned and kept nowhere.</summary>
    public static string Add(string path, string name)
    {
        var token = Prefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        Write(path, All(path).Where(k => k.Name != name).Append((name, DigestOf(token))));
        return token;
    }

    /// <summary>Takes a token away, durably. Whether there was one of that name.</summary>
    public static bool Remove(string path, string name)
    {
        var all = All(path);
        var left = all.RemoveAll(k => k.Name == name);
        if (left.Length == all.Length) return false;
        Write(path, left);
        return true;
    }

    static void Write(string path, IEnumerable<(string Name, Digest Digest)> tokens) => Files.Write(path, Json.Object(
        ("version", Version), ("tokens", Json.Array(tokens.Select(k => Json.Object(("name", k.Name), ("digest", k.Digest)))))).ToBytes(), secret: true);

    static Digest DigestOf(string token) => Digest.Of(Encoding.UTF8.GetBytes(token));
}
