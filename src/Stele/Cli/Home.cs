using System.Security.Cryptography;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Cli;

/// <summary>
/// A member's own configuration: who they are, which server they talk to, which ledger they pin, and their keys.
/// Nothing of it is ever in a server's data folder.
/// </summary>
sealed class Home
{
    readonly string _path;
    Json _config;

    Home(string path, Json config) => (_path, _config) = (path, config);

    public string Folder => _path;
    public string Cache => Path.Combine(_path, "cache");
    /// <summary>By what this home knows its own snapshots of a fold. Out of the cache, which others may write for it.
    /// </summary>
    public string StateKey => Path.Combine(_path, "keys", "state.key");
    string ConfigFile => Path.Combine(_path, "config.json");
    string TrustFile => Path.Combine(_path, "trust.json");
    string KeyFile(string name) => Path.Combine(_path, "keys", name + ".pem");

    public static Home Open(string path)
    {
        var file = Path.Combine(path, "config.json");
        if (!File.Exists(file)) return new Home(path, Json.EmptyObject);
        try
        {
            var config = CanonicalJson.Parse(File.ReadAllBytes(file), 64 * 1024);
            foreach (var (name, value) in config.AsObject) if (value.Kind != JsonKind.String)
                throw new FormatException($"{name} is not a string");
            return new Home(path, config);
        }
        catch (FormatException e)
        {
            throw new CliError($"{file} is damaged: {e.Message}",
                "fix it, or remove it and connect again: stele login URL --token-file FILE --trust FILE");
        }
    }

    /// <summary>The member's id; made at random the first time a key is made.</summary>
    public string? Member => _config.Find("member")?.AsString;
    public string? Server => _config.Find("server")?.AsString;
    public string? Token => _config.Find("token")?.AsString;
    public string? Gateway => _config.Find("gateway")?.AsString;
    public string? NodeToken => _config.Find("nodeToken")?.AsString;

    /// <summary>The data folder that `stele up` runs from with this home, on this machine.</summary>
    public string? Data => _config.Find("data")?.AsString;

    /// <summary>The name of the key that signs.</summary>
    public string KeyName => _config.Find("key")?.AsString ?? "default";

    /// <summary>Makes the folder for copies of ledgers, or closes it to others.</summary>
    public void PrivateCache()
    {
        Private(_path);
        Private(Cache);
        Private(Path.Combine(_path, "keys"));
    }

    /// <summary>Sets members of the configuration. What other commands in this home have set meanwhile stays.</summary>
    public void Set(params ReadOnlySpan<(string Name, string Value)> values)
    {
        Private(_path);
        using var alone = Libc.LockDirectory(_path);
        _config = Open(_path)._config;
        foreach (var (name, value) in values) _config = _config.With(name, value);
        Files.Write(ConfigFile, Terminal.Indented(_config) + "\n", Readers.Owner);   // holds a token
    }

    /// <summary>Makes a folder of the home, or closes one that is there to everybody but its owner.</summary>
    static void Private(string folder)
    {
        Files.CreateDirectory(folder, Readers.Owner);
        Files.Close(folder);
    }

    public Trust? Trust => File.Exists(TrustFile) ? Parsing.Trust(TrustFile) : null;

    /// <exception cref="CliError">This home pins another ledger.</exception>
    public void MayPin(Trust trust)
    {
        if (Trust is { } pinned && pinned.Genesis != trust.Genesis)
            throw new CliError(
                $"this home pins the ledger {pinned.Origin} ({pinned.Genesis.Short}), not {trust.Origin} "
                + $"({trust.Genesis.Short})",
                $"use another home (--home DIR), or remove {TrustFile} if you mean to change");
    }

    public void Pin(Trust trust)
    {
        MayPin(trust);
        Private(_path);
        Files.Write(TrustFile, Terminal.Indented(trust.ToJson()) + "\n", Readers.Owner);
    }

    public IEnumerable<string> Keys =>
        Directory.Exists(Path.Combine(_path, "keys")) ? Directory.EnumerateFiles(Path.Combine(_path, "keys"), "*.pem")
            .Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal) : [];

    public PrivateKey Key(string? name = null)
    {
        var file = KeyFile(name ?? KeyName);
        if (!File.Exists(file))
            throw new CliError($"there is no key '{name ?? KeyName}' in {_path}", "make one: stele key new");
        if ((File.GetUnixFileMode(file) & ~Files.Secret) != 0)
            throw new CliError($"others may read the key {file}", $"chmod 600 {file}");
        try
        {
            return PrivateKey.FromPem(File.ReadAllText(file));
        }
        catch (Exception e) when (e is ArgumentException or FormatException or CryptographicException)
        {
            throw new CliError($"{file} holds no key of ours: {e.Message}",
                "put back your copy of it; without one: stele key new NAME, and an owner registers it");
        }
    }

    /// <summary>A fresh key, and a member id if there is none yet. Never replaces a key.</summary>
    public PrivateKey NewKey(string name)
    {
        if (!Proof.Statements.Names.IsLabel(name))
            throw new CliError($"'{name}' is not a key's name", "use a-z, 0-9, '.', '_' and '-'", CliError.Usage);
        if (File.Exists(KeyFile(name)))
            throw new CliError($"the key '{name}' is there already", "choose another name: stele key new NAME");
        var key = PrivateKey.Create();
        Store(name, key);
        if (Member is null) Set(("member", NewId()), ("key", name));
        return key;
    }

    public void Store(string name, PrivateKey key)
    {
        Private(_path);
        Private(Path.Combine(_path, "keys"));
        Files.Write(KeyFile(name), key.ToPem(), Readers.Owner);
    }

    public static string NewId() => Identity.RandomId.New();
}
