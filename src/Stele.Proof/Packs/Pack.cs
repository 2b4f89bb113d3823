using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>A decision log as a pack carries it: its leaves from 0 on and a checkpoint over exactly those, signed by the log's key.</summary>
public sealed record PackedLog(string Origin, IReadOnlyList<byte[]> Leaves, string Checkpoint);

/// <summary>
/// The audit pack: a zip of one layout (<see cref="Zip"/>) with every ledger entry from 0 to its checkpoint, every document the fold reads, every refused envelope that a refusal names,
/// and every decision log that the ledger knows. Members:
/// <code>
/// documents/&lt;64 hex&gt;            one blob each
/// ledger/checkpoint               the signed note
/// ledger/entries/&lt;9 digits&gt;       256 entries each: u16 big-endian length ‖ bytes, as C2SP entry bundles
/// logs/&lt;64 hex&gt;/checkpoint         the same for each decision log, under the SHA-256 of its origin
/// logs/&lt;64 hex&gt;/entries/&lt;9 digits&gt;
/// manifest.json                   canonical JSON: the digest of every member, the ledger's and logs' checkpoints
/// </code>
/// Same range, same bytes.
/// </summary>
public static class Pack
{
    public const string Manifest = "manifest.json";
    public const int Version = 0;

    /// <param name="entries">The ledger's entries, from 0 to the checkpoint's size.</param>
    /// <param name="find">Blobs by digest; null when not to be had.</param>
    /// <exception cref="FormatException">The ledger does not fold, or a document or log that must be in the pack is not to be had.</exception>
    public static void Write(Stream output, IEnumerable<byte[]> entries, string checkpoint, Func<Digest, byte[]?> find, IEnumerable<PackedLog> logs)
    {
        var replay = new Replay(new Documents(find));
        var refused = new SortedSet<Digest>();
        var all = new List<byte[]>();
        foreach (var bytes in entries)
        {
            if (replay.Add(Entry.Parse(bytes)) is not Outcome.Accepted accepted) throw new FormatException($"entry {all.Count} does not fold: the ledger must be repaired before it is exported");
            all.Add(bytes);
            if (accepted.Statement is Refusal r) refused.Add(r.Envelope);
            if (accepted.Statement is Verdict { Passed: false } v) refused.Add(v.Envelope);
        }
        var documents = new SortedSet<Digest>(replay.Documents.Read);
        documents.UnionWith(refused);
        // Judging a refused envelope again may read documents that no admitted entry read.
        foreach (var folded in replay.Entries)
            if (folded.Statement is Refusal r && find(r.Envelope) is { } envelope)
            {
                var judge = new Documents(find);
                Fold.Apply(replay.At(r.Size), new Entry(r.Time, Envelope.Parse(envelope)), judge);
                documents.UnionWith(judge.Read);
            }

        var zip = new Zip.Writer(output);
        var members = new List<Json>();
        void Add(string name, byte[] content)
        {
            zip.Add(name, content);
            members.Add(Json.Object(("name", name), ("size", content.Length), ("digest", Digest.Of(content))));
        }
        void AddLog(string folder, IReadOnlyList<byte[]> leaves, string note)
        {
            Add($"{folder}/checkpoint", global::System.Text.Encoding.UTF8.GetBytes(note));
            for (var i = 0; i * Tile.Full < leaves.Count; i++)
                Add($"{folder}/entries/{Number(i)}", Tile.EncodeBundle(leaves.Skip(i * Tile.Full).Take(Tile.Full).ToArray()));
        }

        foreach (var digest in documents) Add($"documents/{digest.Hex}", find(digest) ?? throw new FormatException($"the document {digest} is not to be had, and the pack must carry it"));
        AddLog("ledger", all, checkpoint);
        var described = new List<Json>();
        foreach (var log in logs.OrderBy(l => LogFolder(l.Origin), StringComparer.Ordinal))
        {
            AddLog(LogFolder(log.Origin), log.Leaves, log.Checkpoint);
            described.Add(Json.Object(("origin", log.Origin), ("checkpoint", log.Checkpoint)));
        }
        zip.Add(Manifest, Json.Object(
            ("version", Version),
            ("ledger", Json.Object(("origin", replay.State.Origin), ("genesis", replay.State.Ledger), ("checkpoint", checkpoint))),
            ("logs", Json.Array(described)),
            ("members", Json.Array(members))).ToBytes());
        zip.Finish();
    }

    public static string LogFolder(string origin) => "logs/" + Digest.Of(global::System.Text.Encoding.UTF8.GetBytes(origin)).Hex;

    internal static string Number(int i) => i.ToString("D9", CultureInfo.InvariantCulture);
}
