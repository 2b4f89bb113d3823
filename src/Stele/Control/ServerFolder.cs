using Stele.Disk;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Control;

/// <summary>
/// What a server keeps, below the data folder:
/// <code>
/// DATA/trust.json            what others pin; no secret
/// DATA/server/
///   format                   the folder's version (see FolderFormat)
///   keys/server.pem          ECDSA P-256: signs verdicts and refusals       0600
///   keys/log.key             Ed25519: signs the ledger's checkpoints        0600
///   keys/state.key           32 random bytes: by them the server knows its own snapshots   0600
///   ledger/                  the log: entries, tiles, checkpoints
///   state/                   snapshots of the fold (see Snapshots); derived
///   cosigned                 the newest checkpoint that is published with others' cosignatures
///   blobs/                   every blob: an OCI image layout
///   timestamps/              RFC 3161 time stamps over checkpoints, by the checkpoint's size
///   tokens.json              who may come in (see TokenFile): SHA-256 of each token, its rights  0600
/// </code>
/// No member's key is ever in here.
/// </summary>
sealed record ServerFolder(string Data)
{
    public string Path => System.IO.Path.Combine(Data, "server");
    public string Trust => System.IO.Path.Combine(Data, "trust.json");
    public string Keys => System.IO.Path.Combine(Path, "keys");
    public string ServerKey => System.IO.Path.Combine(Keys, "server.pem");
    public string LogKey => System.IO.Path.Combine(Keys, "log.key");
    public string StateKey => System.IO.Path.Combine(Keys, "state.key");
    public string Ledger => System.IO.Path.Combine(Path, "ledger");
    public string State => System.IO.Path.Combine(Path, "state");

    /// <summary>Where the ledger is stored.</summary>
    public ILedgerStore LedgerStore => new FileStore(Ledger);

    public string Cosigned => System.IO.Path.Combine(Path, "cosigned");
    public string Blobs => System.IO.Path.Combine(Path, "blobs");
    public string Timestamps => System.IO.Path.Combine(Path, "timestamps");
    public string Tokens => System.IO.Path.Combine(Path, "tokens.json");

    /// <summary>Writes what earlier builds left in this build's format, so that they refuse the folder from now on. The
    /// ledger's lock is held.</summary>
    public void Raise()
    {
        TokenFile.Raise(Tokens);
        NoteSigner.Raise(LogKey);
        FolderFormat.Raise(Path);
    }

    /// <summary>Whether a server was founded here. The trust file is the last thing that founding writes.</summary>
    public bool IsFounded => File.Exists(Trust);

    /// <exception cref="IOException">No server was founded here.</exception>
    public Trust ReadTrust() => IsFounded
        ? Proof.Decisions.Trust.Parse(File.ReadAllBytes(Trust))
        : throw new FileNotFoundException($"no server was founded in {Data}", Trust);

    public PrivateKey ReadServerKey() => PrivateKey.FromPem(File.ReadAllText(ServerKey));
}
