using System.Security.Cryptography;
using Stele.Disk;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>
/// What a founder takes away: the ledger to pin, a token, and the recovery key, which belongs in the owner's own
/// keeping and is nowhere else.
/// </summary>
sealed record Founded(Trust Trust, string Token, PrivateKey Recovery);

/// <summary>
/// Begins a ledger: the server's keys, genesis signed by its first owner, the log with genesis as entry 0, a token, the
/// trust file. The owner's private key signs here and is stored by its owner.
/// </summary>
static class Founding
{
    /// <summary>A fresh origin: random, so that no two ledgers share one.</summary>
    public static string NewOrigin(string name = "ledger") =>
        $"{name}.stele.example/{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}";

    /// <param name="owner">The first owner's key.</param>
    /// <param name="member">The first owner's member id, 32 lower-case hex digits.</param>
    /// <param name="origin">The ledger's name in checkpoints; unique in the world. See <see cref="NewOrigin"/>.</param>
    /// <exception cref="IOException">Something stands there already.</exception>
    public static async Task<Founded> Found(ServerFolder folder, PrivateKey owner, string member, string origin,
        TimeProvider time)
    {
        Files.CreateDirectory(folder.Data);
        using var alone = Libc.LockDirectory(folder.Data);
        if (folder.IsFounded) throw new IOException($"a server was founded in {folder.Data} already");
        if (Directory.Exists(folder.Path) && Directory.EnumerateFileSystemEntries(folder.Path).Any())
            throw new IOException(
                $"{folder.Path} holds the remains of a founding that did not end; nothing was admitted there: remove "
                + $"it and begin again");

        // blobs may be anything; the API asks for a token, and so does the folder
        Files.CreateDirectory(folder.Path, Readers.Owner);
        FolderFormat.Raise(folder.Path);
        Files.CreateDirectory(folder.Keys, Readers.Owner);
        using var logKey = NoteSigner.Create(folder.LogKey, origin);
        using var serverKey = PrivateKey.Create();
        Files.Write(folder.ServerKey, serverKey.ToPem(), Readers.Owner);
        var recovery = PrivateKey.Create();

        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var genesis = new GenesisStatement(origin, State.CurrentFold, [new Founder(member, [owner.Public])], 1,
            recovery.Public, serverKey.Public, logKey.Key.ToString())
        { Nonce = NewNonce(), Issued = now };
        var entry = new Entry(now, Envelope.Sign(genesis.Encode(), owner));
        if (Fold.Apply(State.Empty, entry, Documents.None) is Outcome.Refused refused)
            throw new FormatException($"genesis does not stand: {refused.Code.Name()}: {refused.Message}");

        using (var log = Log.Open(folder.LedgerStore, origin, logKey, time)) await log.Append(entry.Bytes);
        var token = TokenFile.Renew(folder.Tokens, "founder");

        // The trust file is last: where it stands, everything it rests on stands.
        var trust = new Trust(origin, logKey.Key, entry.LeafHash, [], 0);
        Files.Write(folder.Trust, trust.ToJson().ToString() + "\n");
        return new Founded(trust, token, recovery);
    }

    /// <summary>128 random bits in lower-case hex: a statement's nonce, or a new member's id.</summary>
    public static string NewNonce() => RandomId.New();
}
