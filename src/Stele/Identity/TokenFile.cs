using System.Collections.Immutable;
using System.Security.Cryptography;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Identity;

/// <summary>Who holds a token, and what it lets them do.</summary>
/// <param name="Name">Unique in its file: a label, or a principal's pseudonym (32 lower-case hex digits).</param>
/// <param name="Digest">SHA-256 of the token.</param>
sealed record TokenHolder(string Name, Digest Digest, Rights Rights)
{
    /// <summary>Of a principal: what rules look at.</summary>
    public ImmutableArray<string> Roles { get; init; } = [];

    /// <summary>
    /// Of a principal: the environments that it may ask, each <c>system/environment</c>, or <c>system</c> for all that
    /// a system has; ascending. Null for one that an earlier build made: it may ask every environment of its node.
    /// </summary>
    public ImmutableArray<string>? Places { get; init; }

    public bool Has(Rights right) => Rights.HasFlag(right);

    public bool MayAsk(string system, string environment) =>
        Has(Rights.Decide) && (Places is not { } places || places.Contains(system)
            || places.Contains($"{system}/{environment}"));

    public Json ToJson() => Json.Object(
        ("digest", Digest), ("for", Places is { } places ? Json.Array(places.Select(Json.Of)) : null), ("name", Name),
        ("rights", Json.Array(Rights.Names().Select(Json.Of))), ("roles", Json.Array(Roles.Select(Json.Of))));

    public static TokenHolder FromJson(Json j) => new(j["name"].AsString, j["digest"].AsDigest,
        j["rights"].AsArray.Aggregate(Rights.None, (all, r) => all | RightNames.Parse(r.AsString)))
    {
        Roles = [.. j["roles"].AsArray.Select(r => r.AsString)],
        Places = j.Find("for") is { } places ? [.. places.AsArray.Select(p => p.AsString)] : null,
    };
}

/// <summary>
/// Who may come in, by token: one file of a server (<c>server/tokens.json</c>), one of a node
/// (<c>node/principals.json</c>).
/// Canonical JSON, mode 0600, SHA-256 of tokens alone:
/// <code>
/// {"checksum":"sha256:…","tokens":[{"digest":"sha256:…","for"?:[place…],"name":…,"rights":[…],"roles":[…]}],"version":2}
/// </code>
/// The checksum is SHA-256 of the same without it. Version 1, which earlier builds wrote, is read, and replaced when
/// a server or a node starts, or at the first change: its server tokens read, upload and submit; its principals ask
/// every environment. A build that knows version 1 alone refuses version 2 by its number, before it writes.
///
/// Invariant: a change holds the lock of the directory from the read to the rename, so no change is
/// lost. An instance reads it again when it has changed: a new token is known at once, one that was taken away is out
/// within a second.
/// </summary>
/// <param name="own">
/// The holder of a token that is in no file and opens the same; null: there is none. It is known even while the file is
/// damaged.
/// </param>
sealed class TokenFile(string path, TimeProvider time, TokenHolder? own = null)
{
    public const int Version = 2;
    const int FirstVersion = 1, MaxFile = 16 << 20;
    static readonly TimeSpan ReadAgain = TimeSpan.FromSeconds(1);

    readonly Lock _gate = new();
    ImmutableArray<(TokenHolder Holder, byte[] Digest)> _known = [];
    (ulong Inode, long Modified) _read;
    long _looked;
    bool _everLooked;

    /// <summary>
    /// The holder of the token that an <c>Authorization</c> header carries; null for strangers. Its digest is compared
    /// with every known one, in a time that does not depend on where they differ.
    /// </summary>
    /// <exception cref="FormatException">The file is damaged: nobody is let in.</exception>
    public TokenHolder? Authenticate(string? authorization)
    {
        if (Token.Of(authorization) is not { } token) return null;
        var given = Token.DigestOf(token).ToArray();
        if (own is not null && CryptographicOperations.FixedTimeEquals(given, own.Digest.ToArray())) return own;
        return Among(Known()) ?? Among(Look());

        TokenHolder? Among(ImmutableArray<(TokenHolder Holder, byte[] Digest)> known)
        {
            TokenHolder? found = null;
            foreach (var (holder, digest) in known) if (CryptographicOperations.FixedTimeEquals(given, digest)) found =
                holder;
            return found;
        }
    }

    /// <summary>Who holds tokens, as of a second ago at most; nobody where the file is damaged.</summary>
    public IEnumerable<TokenHolder> Holders
    {
        get
        {
            try
            {
                return Known().Select(k => k.Item1);
            }
            catch (FormatException)
            {
                return [];
            }
        }
    }

    ImmutableArray<(TokenHolder, byte[])> Known()
    {
        lock (_gate) return _everLooked && time.GetElapsedTime(_looked) < ReadAgain ? _known : Look();
    }

    /// <summary>As the file is now.</summary>
    ImmutableArray<(TokenHolder, byte[])> Look()
    {
        lock (_gate)
        {
            if (Libc.StatOf(path) is not { } stat) (_known, _read) = ([], default);
            else if ((stat.Inode, stat.ModifiedNanoseconds) != _read)
            {
                // Only what was read whole counts as read: a damaged file is said at every look, not once.
                _known = [.. All(path).Select(h => (h, h.Digest.ToArray()))];
                _read = (stat.Inode, stat.ModifiedNanoseconds);
            }
            (_everLooked, _looked) = (true, time.GetTimestamp());
            return _known;
        }
    }

    /// <summary>Every holder, in the order in which they were added; none where there is no file.</summary>
    /// <exception cref="FormatException">Damaged, or of a version that this build does not know.</exception>
    public static ImmutableArray<TokenHolder> All(string path)
    {
        if (!File.Exists(path)) return [];
        try
        {
            return Parse(File.ReadAllBytes(path));
        }
        catch (FormatException e)
        {
            throw new FormatException($"{path}: {e.Message}", e);
        }
    }

    static ImmutableArray<TokenHolder> Parse(byte[] utf8)
    {
        var json = CanonicalJson.ParseCanonical(utf8, MaxFile);
        switch (json["version"].AsInt)
        {
            case FirstVersion when json.Find("principals") is { } principals:
                return [.. principals.AsArray.Select(p => new TokenHolder(Proof.Statements.Names.Member(p["id"]),
                    p["token"].AsDigest, Rights.Decide)
                    { Roles = [.. p["roles"].AsArray.Select(r => Proof.Statements.Names.Label(r))] })];
            case FirstVersion:
                return [.. json["tokens"].AsArray.Select(t =>
                    new TokenHolder(t["name"].AsString, t["digest"].AsDigest, RightNames.OfServer))];
            case Version:
                ImmutableArray<TokenHolder> all = [.. json["tokens"].AsArray.Select(TokenHolder.FromJson)];
                if (!Encode(all).AsSpan().SequenceEqual(utf8)) throw new FormatException("its checksum is not that "
                    + "of what it holds: it was damaged, or changed by hand; put back a copy");
                return all;
            case var version:
                throw new FormatException($"version {version} is not known here: a newer build wrote it; use that one");
        }
    }

    static byte[] Encode(IEnumerable<TokenHolder> all)
    {
        var body = Json.Object(("tokens", Json.Array(all.Select(h => h.ToJson()))), ("version", Version));
        return body.With("checksum", Digest.Of(body.ToBytes())).ToBytes();
    }

    /// <summary>Makes a token, durably; null where another of that name is there. The token is returned, and kept
    /// nowhere.</summary>
    /// <param name="holder">Whose; its digest is replaced.</param>
    public static string? Add(string path, TokenHolder holder) =>
        Put(path, holder, all => all.Any(h => h.Name == holder.Name) ? null : all);

    /// <summary>Makes a token, durably, in the place of the one of that name. The token is returned, and kept
    /// nowhere.</summary>
    public static string Renew(string path, TokenHolder holder) =>
        Put(path, holder, all => all.RemoveAll(h => h.Name == holder.Name))!;

    static string? Put(string path, TokenHolder holder, Func<ImmutableArray<TokenHolder>,
        ImmutableArray<TokenHolder>?> alongside)
    {
        using var alone = Alone(path);
        if (alongside(All(path)) is not { } others) return null;
        var token = Token.New();
        Write(path, others.Add(holder with { Digest = Token.DigestOf(token) }));
        return token;
    }

    /// <summary>A server's token.</summary>
    public static string Renew(string path, string name) =>
        Renew(path, new TokenHolder(name, default, RightNames.OfServer));

    /// <summary>Makes a principal, durably: a random pseudonym and its token, which is kept nowhere.</summary>
    /// <param name="places">The environments it may ask; see <see cref="TokenHolder.Places"/>.</param>
    public static (string Id, string Token) AddPrincipal(string path, IEnumerable<string> roles,
        IEnumerable<string> places)
    {
        var id = RandomId.New();
        var holder = new TokenHolder(id, default, Rights.Decide)
        {
            Roles = [.. roles], Places = [.. places.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)],
        };
        foreach (var role in holder.Roles) if (!Proof.Statements.Names.IsLabel(role))
            throw new FormatException($"'{role}' is not a role's name");
        if (holder.Places.Value.IsEmpty) throw new FormatException("a principal is made for at least one environment");
        return (id, Add(path, holder) ?? throw new IOException($"{path} has a principal {id} already"));
    }

    /// <summary>Writes a file of an earlier version again in this one's, so that earlier builds refuse it; its tokens
    /// open what they opened.</summary>
    public static void Raise(string path)
    {
        if (!File.Exists(path)) return;
        using var alone = Alone(path);
        var bytes = File.ReadAllBytes(path);
        if (CanonicalJson.ParseCanonical(bytes, MaxFile)["version"].AsInt < Version) Write(path, All(path));
    }

    /// <summary>Takes a token away, durably. Whether there was one of that name.</summary>
    public static bool Remove(string path, string name)
    {
        using var alone = Alone(path);
        var all = All(path);
        var left = all.RemoveAll(h => h.Name == name);
        if (left.Length == all.Length) return false;
        Write(path, left);
        return true;
    }

    static Microsoft.Win32.SafeHandles.SafeFileHandle Alone(string path) =>
        Libc.LockDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);

    static void Write(string path, IEnumerable<TokenHolder> all) => Files.Write(path, Encode(all), Readers.Owner);
}
