using Stele.Disk;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Host;

/// <summary>
/// What a node keeps, all below one folder:
/// <code>
/// format            the folder's version (see FolderFormat)
/// run               a file where builds before format 2 had a directory: they stop at it, before they write
/// member.pem        the node's own member key: signs anchors and observations   0600
/// member            its member id, 32 hex digits
/// token             opens all pages under /-/; only where an earlier build made the folder   0600
/// principals.json   who may ask for decisions, and read or erase here (see TokenFile): SHA-256 of each token   0600
/// reads             who opened which bodies: a journal                          0600
/// replica/          its own copy of the ledger; and next to that memory, cosigner.key, which cosigns what the memory holds    0600
/// state/            snapshots of its fold (see Snapshots); derived
/// state.key         32 random bytes: by them the node knows its own snapshots   0600
/// blobs/            its own store of blobs: an OCI image layout
/// logs/[hex]/       one decision log an environment: key, journal, tiles; accounted.json: how far keys are
///                   accounted for
/// bodies/[hex]      what was asked and answered, sealed, one journal a log      0600
/// keytable/[hex]    the keys of the bodies and the salts of the commitments     0600
/// tally/[hex]       what the gateway has counted of a log, mapped into memory
/// erasures/…        what was erased: lists and salts of their statements; reasons in files of their own, which may be deleted   0600
/// outbox            statements that the server has not got yet
/// </code>
/// [hex] is the SHA-256 of the log's origin. keytable is the one thing that erasure rewrites; back it up apart from
/// bodies, or not at all.
/// </summary>
sealed record NodeFolder(string Path)
{
    /// <summary>The node's folder in a data folder.</summary>
    public static NodeFolder In(string data) => new(System.IO.Path.Combine(data, "node"));

    string At(string name) => System.IO.Path.Combine(Path, name);

    public string MemberKey => At("member.pem");
    public string MemberId => At("member");
    public string Token => At("token");
    public string Principals => At("principals.json");
    public string Replica => At("replica");
    public string State => At("state");
    public string StateKey => At("state.key");

    /// <summary>
    /// Invariant: this key lives and dies with the memory that it stands for. Without the one, the other would cosign a
    /// second history.
    /// </summary>
    public string CosignerKey => System.IO.Path.Combine(Replica, "cosigner.key");
    public string Blobs => At("blobs");
    /// <summary>Trees of running releases, in folders of earlier builds; removed at start.</summary>
    public string OldReleases => At("releases");
    /// <summary>
    /// Builds before format 2 had a directory of sockets here, and made it first of all where it was not. A file in its
    /// place is what keeps them out.
    /// </summary>
    public string OldRun => At("run");
    public string Reads => At("reads");
    public string Outbox => At("outbox");
    public string Logs => At("logs");
    public string Erasures => At("erasures");

    public string Log(string origin) => System.IO.Path.Combine(Logs, NameOf(origin));

    /// <summary>Where one decision log is stored.</summary>
    public ILedgerStore LogStore(string origin) => LogStoreIn(Log(origin));

    /// <summary>The same, by the log's own folder.</summary>
    public static ILedgerStore LogStoreIn(string folder) => new FileStore(folder);

    /// <summary>Where what was moved out of a decision log is stored, in a folder of the operator's.</summary>
    public static ILedgerStore ColdStore(string folder, string origin) => FileStore.Cold(folder, origin);

    public string Bodies(string origin) => System.IO.Path.Combine(At("bodies"), NameOf(origin));
    public string Accounted(string origin) => System.IO.Path.Combine(Log(origin), "accounted.json");
    public string Counters(string origin) => System.IO.Path.Combine(At("tally"), NameOf(origin));
    public string KeyTable(string origin) => System.IO.Path.Combine(At("keytable"), NameOf(origin));

    const string OldRunText = "This node's folder has format 2 or newer: a build of stele that knows it is needed.\n";

    /// <summary>A log's folder name, as packs use it too.</summary>
    public static string NameOf(string origin) => Digest.Of(System.Text.Encoding.UTF8.GetBytes(origin)).Hex;

    /// <summary>
    /// Reads who this node is, making the folder, its member key and its id at the first start. The same key may be
    /// given instead of made:
    /// put it in place beforehand.
    /// </summary>
    /// <exception cref="FormatException">The id or a token is not one, or the list of tokens is damaged: nothing was
    /// written.</exception>
    public NodeIdentity Open()
    {
        FolderFormat.Demand(Path);
        var token = OwnToken();
        TokenFile.All(Principals);
        Files.CreateDirectory(Path, Readers.Owner);
        // Earlier builds make node/token and more where it is missing; they get as far as this file.
        foreach (var directory in (string[])[Logs, At("bodies"), At("keytable"), At("tally"),
            Erasures]) Files.CreateDirectory(directory, Readers.Owner);
        if (Directory.Exists(OldRun)) Files.Discard(OldRun);
        if (!File.Exists(OldRun)) Files.Write(OldRun, OldRunText);
        TokenFile.Raise(Principals);
        FolderFormat.Raise(Path);
        Files.Sweep(Logs);
        Files.Sweep(Erasures);
        if (!File.Exists(MemberKey))
        {
            using var made = PrivateKey.Create();
            Files.Write(MemberKey, made.ToPem(), Readers.Owner);
        }
        if (!File.Exists(MemberId))
            Files.Write(MemberId, RandomId.New() + "\n");
        var id = File.ReadAllText(MemberId).Trim();
        if (!Names.IsMember(id))
            throw new FormatException($"{MemberId} does not hold a member id (32 lower-case hex digits)");
        return new NodeIdentity(id, PrivateKey.FromPem(File.ReadAllText(MemberKey)), token);
    }

    string? OwnToken()
    {
        if (!File.Exists(Token)) return null;
        return Identity.Token.InFile(Token)
            ?? throw new FormatException($"{Token} does not hold a token: put back a copy, or remove it and make "
                + $"tokens by name: stele token add NAME --node --right logs");
    }
}

/// <summary>
/// The member a node is. Owners add it to the ledger with the role <c>node</c> for the environments it runs.
/// </summary>
/// <param name="Token">The token that earlier builds made for a node: it has every right. Null where the folder has
/// none.</param>
sealed record NodeIdentity(string Member, PrivateKey Key, string? Token) : IDisposable
{
    public void Dispose() => Key.Dispose();
}
