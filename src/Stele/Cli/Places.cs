namespace Stele.Cli;

/// <summary>
/// Where things are on this machine. One folder holds all of a server and node; a member's keys are elsewhere, in the
/// member's own home.
/// </summary>
/// <remarks>
/// <code>
/// DATA                       --data, STELE_DATA, or $XDG_DATA_HOME/stele
///   trust.json               what clients, nodes and auditors pin; public
///   server/                  keys/ ledger/ blobs/ (an OCI image layout) tokens.json
///   node/                    key, replica/ of the ledger, blobs/ of its own, decision logs, sealed bodies, key table, outbox
/// HOME                       --home, STELE_HOME, or $XDG_CONFIG_HOME/stele
///   config.json              server, token, gateway, which member this is
///   keys/NAME.pem            private keys, 0600; one is the member's
///   trust.json               the ledger this member pins
///   cache/                   a verified replica of the ledger, and blobs; may be deleted
/// </code>
/// </remarks>
static class Places
{
    public static string Data(string? given) =>
        Full(given) ?? Full(Environment.GetEnvironmentVariable("STELE_DATA")) ?? Xdg("XDG_DATA_HOME", ".local/share");

    public static string Home(string? given) =>
        Full(given) ?? Full(Environment.GetEnvironmentVariable("STELE_HOME")) ?? Xdg("XDG_CONFIG_HOME", ".config");

    static string? Full(string? path) => string.IsNullOrEmpty(path) ? null : Path.GetFullPath(path);

    static string Xdg(string variable, string fallback)
    {
        var root = Environment.GetEnvironmentVariable(variable);
        return Path.Combine(string.IsNullOrEmpty(root)
            ? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), fallback)
            : root, "stele");
    }
}
