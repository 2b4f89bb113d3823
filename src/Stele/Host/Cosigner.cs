using Stele.Control;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Host;

/// <summary>
/// A node as a witness of the ledger that it follows: it cosigns every checkpoint that its own replica has verified and
/// found to extend all before it, with a key of its own that does nothing else (not the member's, not a log's), and
/// hands that to the server. A reader whose trust file names the key counts it.
/// Invariant: only what is durable in the replica is cosigned; and the key lies in the replica's folder, so that none
/// is without the other.
/// </summary>
sealed class Cosigner : IDisposable
{
    readonly NoteSigner _signer;
    readonly TimeProvider _time;
    string _text = "";
    long _at;

    Cosigner(NoteSigner signer, TimeProvider time) => (_signer, _time) = (signer, time);

    /// <summary>
    /// Opens the key, making it at the first start. Its name: <c>[ledger's origin]/node/[member]</c>.
    /// </summary>
    public static Cosigner Open(NodeFolder folder, Trust trust, NodeIdentity identity, TimeProvider time)
    {
        var signer = File.Exists(folder.CosignerKey)
            ? NoteSigner.Open(folder.CosignerKey)
            : NoteSigner.Create(folder.CosignerKey, $"{trust.Origin}/node/{identity.Member}", NoteKeyType.Cosignature);
        if (signer.Key.IsCosigner) return new Cosigner(signer, time);
        signer.Dispose();
        throw new FormatException($"{folder.CosignerKey} is not a cosigner's key");
    }

    public VerifierKey Key => _signer.Key;

    /// <summary>How many entries it cosigned last, for the server to take; 0: none yet.</summary>
    public long Size { get; private set; }

    /// <summary>Why the last cosignature did not get to the server; null: it did.</summary>
    public string? LastError { get; private set; }

    /// <summary>
    /// Cosigns what the link has verified, if that is new or was cosigned a while ago. One caller at a time, and only
    /// after a sync that went well.
    /// </summary>
    public async Task Cosign(ServerLink link, NodeIdentity identity, TimeSpan again, CancellationToken stop)
    {
        if (link.CheckpointNote is not { Length: > 0 } text || link.Replay.State is not { Size: > 0 } state) return;
        var note = Note.Parse(text);
        var now = _time.GetUtcNow().ToUnixTimeSeconds();
        if (note.Text == _text && now - _at < (long)again.TotalSeconds) return;
        try
        {
            // The log's own signature and ours: others' lines are the server's matter.
            var own = new Note(note.Text,
                note.Signatures.Where(s => s.Name == state.Origin).Take(1).Append(_signer.Cosign(note, now)).ToArray());
            await link.Cosign(CosignatureOffer.Make(state.Ledger, identity.Member, identity.Key, _signer.Key,
                own.ToString()), stop);
            (_text, _at, Size, LastError) = (note.Text, now, Checkpoint.Parse(note.Text).Size, null);
        }
        catch (LinkException e)
        {
            LastError = e.Message;   // the next sync tries again
        }
    }

    public void Dispose() => _signer.Dispose();
}
