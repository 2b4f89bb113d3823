using System.Globalization;
using System.Text;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>A decision log as a pack carries it: its leaves from 0 on and a checkpoint over exactly those, signed by the log's key.</summary>
public sealed record PackedLog(string Origin, IReadOnlyList<byte[]> Leaves, string Checkpoint)
{
    /// <summary>Where the leaves begin, when those before were pruned; null = at 0.</summary>
    public PackedFloor? Floor { get; init; }
}

/// <summary>
/// The audit pack: a zip of one layout (<see cref="Zip"/>) with every ledger entry from 0 to its checkpoint, every document the fold reads, every refused envelope that a refusal names,
/// and every decision log that the ledger anchors. Members:
/// <code>
/// documents/&lt;64 hex&gt;            one blob each
/// ledger/checkpoint               the signed note
/// ledger/entries/&lt;9 digits&gt;       256 entries each: u16 big-endian length ‖ bytes, as C2SP entry bundles
/// logs/&lt;64 hex&gt;/checkpoint         the same for each decision log, under the SHA-256 of its origin
/// logs/&lt;64 hex&gt;/entries/&lt;9 digits&gt;  of a pruned log from its floor on, numbered as if the rest were there
/// logs/&lt;64 hex&gt;/floor              of a pruned log alone: <see cref="PackedFloor"/>
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
        foreach (var bytes in entries)
            if (replay.Add(Entry.Parse(bytes)) is not Outcome.Accepted) throw new FormatException($"entry {replay.Entries.Count} does not fold: the ledger must be repaired before it is exported");
        // Judging an explained envelope again may read documents that no admitted entry read.
        var envelopes = new SortedSet<Digest>();
        foreach (var folded in replay.Entries)
            if (Reexecution.Of(folded.Statement) is { } told && !told.Stands(replay))
            {
                envelopes.Add(told.Envelope);
                told.Judge(replay, find);
            }
        var packed = logs.OrderBy(l => LogFolder(l.Origin), StringComparer.Ordinal).ToList();
        foreach (var log in replay.State.Logs.Values)
            if (log is { Anchor.Size: > 0, Status: not LogStatement.Lost } && packed.All(p => p.Origin != log.Origin)) throw new FormatException($"the decision log '{log.Origin}' is not to be had, and the pack must carry it");
        foreach (var log in packed)
            if (log.Floor is { } floor && floor.Size > (replay.State.Logs.GetValueOrDefault(log.Origin)?.Floor ?? 0)) throw new FormatException(
                $"the first {floor.Size} leaves of '{log.Origin}' are not to be had, and the ledger admits no such floor: they are missing, not pruned");

        var zip = new Zip.Writer(output);
        var members = new List<(string Name, long Size, Digest Digest)>();
        void Add(string name, byte[] content)
        {
            zip.Add(name, content);
            members.Add((name, content.Length, Digest.Of(content)));
        }
        void AddLog(string folder, IReadOnlyList<byte[]> leaves, string note, PackedFloor? floor = null)
        {
            Add($"{folder}/checkpoint", Encoding.UTF8.GetBytes(note));
            var first = (int)((floor?.Size ?? 0) / Tile.Full);
            for (var i = 0; i * Tile.Full < leaves.Count; i++) Add($"{folder}/entries/{Number(first + i)}", Tile.EncodeBundle(leaves.Skip(i * Tile.Full).Take(Tile.Full).ToArray()));
            if (floor is not null) Add($"{folder}/floor", floor.Encode());
        }

        foreach (var digest in replay.Documents.Read.Union(envelopes).Order()) Add($"documents/{digest.Hex}", find(digest) ?? throw new FormatException($"the document {digest} is not to be had, and the pack must carry it"));
        AddLog("ledger", [.. replay.Entries.Select(e => e.Entry.Bytes)], checkpoint);
        foreach (var log in packed) AddLog(LogFolder(log.Origin), log.Leaves, log.Checkpoint, log.Floor);
        zip.Add(Manifest, ManifestOf(replay.State, checkpoint, packed.Select(l => (l.Origin, l.Checkpoint)), members));
        zip.Finish();
    }

    /// <summary>The manifest's bytes; the verifier makes them again and compares.</summary>
    internal static byte[] ManifestOf(State state, string checkpoint, IEnumerable<(string Origin, string Checkpoint)> logs, IEnumerable<(string Name, long Size, Digest Digest)> members) => Json.Object(
        ("version", Version),
        ("ledger", Json.Object(("origin", state.Origin), ("genesis", state.Ledger), ("checkpoint", checkpoint))),
        ("logs", Json.Array(logs.Select(l => Json.Object(("origin", l.Origin), ("checkpoint", l.Checkpoint))))),
        ("members", Json.Array(members.Select(m => Json.Object(("name", m.Name), ("size", m.Size), ("digest", m.Digest)))))).ToBytes();

    public static string LogFolder(string origin) => "logs/" + Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex;

    internal static string Number(int i) => i.ToString("D9", CultureInfo.InvariantCulture);
}
