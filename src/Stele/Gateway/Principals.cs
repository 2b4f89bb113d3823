using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>Someone who may ask: a random pseudonym, and roles that rules look at.</summary>
sealed record Principal(string Id, ImmutableArray<string> Roles)
{
    public Json ToJson() => Json.Object(("id", Id), ("roles", Json.Array(Roles.Select(Json.Of))));
}

/// <summary>
/// Who may ask this gateway, by token. The file holds the SHA-256 of each token alone, and nothing that says who a principal is:
/// <c>{"principals":[{"id":32 hex digits,"roles":[…],"token":"sha256:…"}],"version":1}</c>, mode 0600. It is read again when it has changed.
/// </summary>
sealed class Principals(string path, TimeProvider time)
{
    const int Version = 1, MaxFile = 16 << 20;
    const string Prefix = "stele_";
    static readonly TimeSpan ReadAgain = TimeSpan.FromSeconds(1);

    readonly object _gate = new();
    ImmutableArray<(Principal Principal, byte[] Token)> _known = [];
    (ulong Inode, long Modified) _read;
    long _looked;
    bool _everLooked;

    /// <summary>The principal whose token the header carries. The given token is compared with every known one, in a time that does not depend on where they differ.</summary>
    public Principal? Authenticate(string? authorization)
    {
        const string scheme = "Bearer ";
        if (authorization is null || authorization.Length > 256 || !authorization.StartsWith(scheme, StringComparison.OrdinalIgnoreCase)) return null;
        var given = DigestOf(authorization[scheme.Length..].Trim());
        // One that was made a moment ago is known at once; one that was taken away is out within a second.
        return Among(Known(atOnce: false)) ?? Among(Known(atOnce: true));

        Principal? Among(ImmutableArray<(Principal Principal, byte[] Token)> known)
        {
            Principal? found = null;
            foreach (var (principal, token) in known) if (CryptographicOperations.FixedTimeEquals(given, token)) found = principal;
            return found;
        }
    }

    ImmutableArray<(Principal, byte[])> Known(bool atOnce)
    {
        lock (_gate)
        {
            if (!atOnce && _everLooked && time.GetElapsedTime(_looked) < ReadAgain) return _known;
            (_everLooked, _looked) = (true, time.GetTimestamp());
            if (Libc.StatOf(path) is not { } stat)
            {
                _read = default;
                return _known = [];
            }
            if ((stat.Inode, stat.ModifiedNanoseconds) == _read) return _known;
            _known = Read(path);
            _read = (stat.Inode, stat.ModifiedNanoseconds);
            return _known;
        }
    }

    static ImmutableArray<(Principal, byte[])> Read(string path)
    {
        if (!File.Exists(path)) return [];
        var json = CanonicalJson.ParseCanonical(File.ReadAllBytes(path), MaxFile);
        if (json["version"].AsInt != Version) throw new FormatException($"{path}: version {json["version"].AsInt} is not known here");
        return [.. json["principals"].AsArray.Select(p => (new Principal(Names.Member(p["id"]), [.. p["roles"].AsArray.Select(r => Names.Label(r))]), p["token"].AsDigest.ToArray()))];
    }

    /// <summary>Adds a principal, durably, and returns its pseudonym and its token, which is kept nowhere.</summary>
    public static (string Id, string Token) Add(string path, params IEnumerable<string> roles)
    {
        foreach (var role in roles) if (!Names.IsLabel(role)) throw new FormatException($"'{role}' is not a role's name");
        using var alone = Libc.LockDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var token = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        var principal = new Principal(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16)), [.. roles]);
        Write(path, Read(path).Append((principal, DigestOf(token))));
        return (principal.Id, token);
    }

    /// <summary>Every principal, without their tokens.</summary>
    public static ImmutableArray<Principal> All(string path) => [.. Read(path).Select(k => k.Item1)];

    /// <summary>Takes a principal away, durably. Whether there was one of that id.</summary>
    public static bool Remove(string path, string id)
    {
        using var alone = Libc.LockDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var all = Read(path);
        var left = all.RemoveAll(k => k.Item1.Id == id);
        if (left.Length == all.Length) return false;
        Write(path, left);
        return true;
    }

    static void Write(string path, IEnumerable<(Principal Principal, byte[] Token)> all) => Files.Write(path, Json.Object(("version", Version), ("principals", Json.Array(
        all.Select(p => p.Principal.ToJson().With("token", Json.Of(Digest.From(p.Token))))))).ToBytes(), secret: true);

    static byte[] DigestOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
