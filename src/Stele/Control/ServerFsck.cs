using Stele.Blobs;
using Stele.Disk;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;

namespace Stele.Control;

/// <summary>
/// Inspects a server's folder: keys, tokens, trust file, the ledger down to its last tile, each entry folded again by
/// the rules with its signatures, every blob. Reads alone, unless told to repair.
/// </summary>
static class ServerFsck
{
    public static void Check(ServerFolder folder, Trust trust, Findings found, CancellationToken stop)
    {
        found.Read(FolderFormat.FileOf(folder.Path), () => $"{FolderFormat.Of(folder.Path)}");
        if (found.Read(folder.LogKey, () => NoteSigner.Open(folder.LogKey)) is { } signer)
            using (signer)
                if (signer.Key.ToString() != trust.Key.ToString())
                    found.Wrong(folder.LogKey, "not the key that the trust file pins");
        var serverKey = found.Read(folder.ServerKey, folder.ReadServerKey);
        found.Read(folder.Tokens, () => (object)TokenFile.All(folder.Tokens));

        var fold = new FoldedAgain(Documents(folder));
        found.Log(folder.LedgerStore, trust.Key, (index, bytes) =>
        {
            stop.ThrowIfCancellationRequested();
            if (fold.Stops(bytes))
                found.WrongRecord(folder.LedgerStore, $"entry {index} does not fold: {fold.Halted}");
        });
        if (File.Exists(folder.Cosigned)
            && Checkpoint.Open(File.ReadAllText(folder.Cosigned), trust.Key, out var cosigned) is var signed)
        {
            if (signed != CheckpointTrust.Verified)
                found.Wrong(folder.Cosigned, "not a checkpoint of this log under its key");
            else if (fold.Halted is null && cosigned!.Size > fold.Replay.State.Size)
                found.Wrong(folder.Cosigned,
                    $"covers {cosigned.Size} entries and the ledger gives {fold.Replay.State.Size}");
        }
        if (fold.Replay.State.Size > 0)
        {
            if (fold.Replay.State.Ledger != trust.Genesis)
                found.Wrong(folder.Trust, "pins another genesis than the ledger has");
            if (serverKey is not null && !fold.Replay.State.ServerKey!.Equals(serverKey.Public))
                found.Wrong(folder.ServerKey, "not the key that genesis names");
        }
        fold.Check(Kept(folder), trust, found);
        serverKey?.Dispose();
        found.Wrong(folder.Blobs, BlobStore.Check(folder.Blobs, () => Interlocked.Increment(ref found.Blobs), stop));
    }

    static KeptFold Kept(ServerFolder folder) => new(folder.State, folder.StateKey, FoldFrom.Snapshot);

    /// <summary>Makes what is derived again.</summary>
    /// <exception cref="IOException">The server runs.</exception>
    public static void Repair(ServerFolder folder, Trust trust, Findings found)
    {
        NoteSigner? signer = null;
        try
        {
            signer = NoteSigner.Open(folder.LogKey);
        }
        catch (Exception e) when (e is FormatException or IOException) { } // said when it is checked
        using (signer) found.Repair(folder.LedgerStore, trust.Key, signer);
        var checkedNow = new Findings(folder.Path);
        Check(folder, trust, checkedNow, default);
        FoldedAgain.Repair(Kept(folder), checkedNow, found);
        foreach (var done in BlobStore.Repair(folder.Blobs))
            found.Did(Path.Combine(folder.Blobs, done[..done.IndexOf(':')]), done[(done.IndexOf(':') + 2)..]);
    }

    /// <summary>The documents that the fold reads; a store is not made by looking for them.</summary>
    static Func<Digest, byte[]?> Documents(ServerFolder folder) =>
        Directory.Exists(Path.Combine(folder.Blobs, "blobs", "sha256"))
            ? SmallDocuments.In(Path.Combine(folder.Blobs, "blobs", "sha256"))
            : _ => null;
}
