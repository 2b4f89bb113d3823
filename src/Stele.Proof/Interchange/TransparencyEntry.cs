using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Stele.Proof.Interchange;

/// <summary>The proof that an entry's body stands in a log, and the log's signed word on its tree.</summary>
public sealed record EntryProof(long Index, long Size, Digest Root, ImmutableArray<Digest> Hashes, string Checkpoint);

/// <summary>What shows that a log has an entry: its promise to take it in, or the proof that it stands there.</summary>
enum Inclusion { Promised, Proven }

/// <summary>
/// A transparency log's entry in a bundle (sigstore_rekor.proto, TransparencyLogEntry): the exact leaf bytes, the log
/// that has it, and the log's promise or proof.
/// </summary>
public sealed record TransparencyEntry(
    long Index, ImmutableArray<byte> LogId, string Kind, string KindVersion, long IntegratedTime,
    ImmutableArray<byte>? Promise, EntryProof? Proof, ImmutableArray<byte> Body)
{
    /// <summary>The kind of our own ledger's entries: the body is the entry as it stands in the ledger.</summary>
    public const string SteleKind = "stele", SteleVersion = "1";

    /// <exception cref="FormatException">Not an entry.</exception>
    public static TransparencyEntry FromJson(Json json)
    {
        var index = ProtoJson.Int64(json.Given("logIndex"));
        var time = ProtoJson.Int64(json.Given("integratedTime"));
        if (index < 0) throw new FormatException("a log entry with a negative index");
        if (time is < 0 or > Entry.MaxTime / 1000)
            throw new FormatException("a log entry whose time is not between 1970 and 9999");
        EntryProof? proof = null;
        if (json.Given("inclusionProof") is { } p)
            proof = new(ProtoJson.Int64(p.Given("logIndex")), ProtoJson.Int64(p["treeSize"]),
                Digest.From(ProtoJson.Bytes(p["rootHash"])),
                [.. (p.Given("hashes")?.AsArray ?? []).Select(h => Digest.From(ProtoJson.Bytes(h)))],
                p.Given("checkpoint")?.Given("envelope")?.AsString ?? "");
        return new(index, [.. ProtoJson.Bytes(json["logId"]["keyId"])], json["kindVersion"]["kind"].AsString,
            json["kindVersion"]["version"].AsString, time,
            json.Given("inclusionPromise")?.Given("signedEntryTimestamp") is { } set ? [.. ProtoJson.Bytes(set)] : null,
            proof, [.. ProtoJson.Bytes(json["canonicalizedBody"])]);
    }

    /// <summary>An entry of a Stele ledger with its proof, for a bundle.</summary>
    public static Json OfLedger(VerifierKey log, Entry entry, long index, string checkpoint, long size, Digest root,
        IEnumerable<Digest> proof)
    {
        var number = index.ToString(CultureInfo.InvariantCulture);
        return Json.Object(
            ("logIndex", number),
            ("logId", Json.Object(("keyId", Base64.Encode(TrustedRoot.LogId(log))))),
            ("kindVersion", Json.Object(("kind", SteleKind), ("version", SteleVersion))),
            ("inclusionProof", Json.Object(
                ("logIndex", number), ("rootHash", Base64.Encode(root.ToArray())),
                ("treeSize", size.ToString(CultureInfo.InvariantCulture)),
                ("hashes", Json.Array(proof.Select(h => Json.Of(Base64.Encode(h.ToArray()))))),
                ("checkpoint", Json.Object(("envelope", checkpoint))))),
            ("canonicalizedBody", Base64.Encode(entry.Bytes)));
    }

    /// <summary>Whether body, proof and checkpoint agree with each other; says nothing of whose log it is.</summary>
    internal void VerifyProof(out Checkpoint checkpoint, out Note note)
    {
        var proof = Proof ?? throw new FaultException(Fault.Log, "the log entry has no inclusion proof");
        try
        {
            note = Note.Parse(proof.Checkpoint);
            checkpoint = Checkpoint.Parse(note.Text);
        }
        catch (FormatException e)
        {
            throw new FaultException(Fault.Log, $"the log's checkpoint can't be read: {e.Message}");
        }
        if (checkpoint.Size != proof.Size || checkpoint.Root != proof.Root)
            throw new FaultException(Fault.Log, "the log's checkpoint is of another tree than the proof");
        if (!Proofs.VerifyInclusion(proof.Index, proof.Size, Merkle.Leaf(Body.AsSpan()), proof.Hashes.AsSpan(),
            proof.Root))
            throw new FaultException(Fault.Log, "the entry's proof does not lead to the log's root");
    }

    /// <summary>
    /// Holds the entry to a trusted log: its promise and its proof, whichever are there, and at least one.
    /// </summary>
    /// <param name="needed">Whether a promise suffices.</param>
    /// <returns>
    /// When the log says it took the entry in, in milliseconds; null where it did not sign for a time.
    /// </returns>
    internal long? Verify(TrustedRoot root, Inclusion needed)
    {
        var log = root.Logs.FirstOrDefault(l => l.KeyId.AsSpan().SequenceEqual(LogId.AsSpan()))
            ?? throw new FaultException(Fault.Log, "the entry is of a log that is not trusted");
        if (log.Validity is not { } validity)
            throw new FaultException(Fault.Log,
                $"the trusted root does not say since when the log {log.BaseUrl} is trusted");
        if (log.Key is not { } key)
            throw new FaultException(Fault.Unsupported,
                $"the log {log.BaseUrl} has a key of a kind that is not verified here");
        long? time = null;
        if (Promise is { } promise)
        {
            var said = Json.Object(("body", Base64.Encode(Body.AsSpan())), ("integratedTime", IntegratedTime),
                ("logID", Convert.ToHexStringLower(LogId.AsSpan())), ("logIndex", Index));
            if (!key.Verify(said.ToBytes(), promise.AsSpan()))
                throw new FaultException(Fault.Log, "the log's promise to take the entry in is not signed by it");
            if (IntegratedTime > 0) time = IntegratedTime * 1000;
            if (time is { } t && !validity.Holds(t)) throw new FaultException(Fault.Log,
                $"the log {log.BaseUrl} was not trusted at {Rfc3339.Seconds(t)}");
        }
        if (Proof is not null)
        {
            VerifyProof(out var checkpoint, out var note);
            if (!Signs(log, key, note))
                throw new FaultException(Fault.Log,
                    $"the log {log.BaseUrl} has not signed the checkpoint of '{checkpoint.Origin}'");
        }
        if (Proof is null && (needed == Inclusion.Proven || Promise is null))
            throw new FaultException(Fault.Log, "the log entry has no inclusion proof");
        return time;
    }

    /// <summary>
    /// Whether one line of the note is the log's own: it bears the log's name and key id, and verifies. Lines of others
    /// are passed over. A signed note's own rule, that one bad line by a known key refuses the whole, is kept for that
    /// key.
    /// </summary>
    static bool Signs(TrustedLog log, ForeignKey key, Note note)
    {
        var id = (log.CheckpointKeyId.IsDefaultOrEmpty ? log.KeyId : log.CheckpointKeyId).AsSpan();
        var (good, text) = (false, Encoding.UTF8.GetBytes(note.Text));
        Span<byte> hint = stackalloc byte[4];
        foreach (var line in note.Signatures)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(hint, line.Id);
            if (id.Length < 4 || !hint.SequenceEqual(id[..4]) || !log.IsNamed(line.Name)) continue;
            if (!key.Verify(text, line.Bytes.AsSpan())) return false;
            good = true;
        }
        return good;
    }
}
