using System.Globalization;
using System.Text;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// A decision log as a pack carries it: its leaves from 0 on, walked once, and a checkpoint over exactly those, signed
/// by the log's key.
/// </summary>
public sealed record PackedLog(string Origin, IEnumerable<byte[]> Leaves, string Checkpoint)
{
    /// <summary>Where the leaves begin, when those before were pruned; null = at 0.</summary>
    public PackedFloor? Floor { get; init; }
}

/// <summary>
/// The audit pack: a zip of one layout (<see cref="Zip"/>) with every ledger entry from 0 to its checkpoint, every
/// document the fold reads, every refused envelope that a refusal names, and every decision log that the ledger
/// anchors. Members:
/// <code>
/// documents/&lt;64 hex&gt;            one blob each
/// ledger/checkpoint               the signed note
/// ledger/entries/&lt;9 digits&gt;       leaves in order: u16 big-endian length ‖ bytes each, as in C2SP entry bundles (<see cref="Segment"/>)
/// logs/&lt;64 hex&gt;/checkpoint         the same for each decision log, under the SHA-256 of its origin
/// logs/&lt;64 hex&gt;/entries/&lt;9 digits&gt;
/// logs/&lt;64 hex&gt;/floor              of a pruned log, whose leaves begin there: <see cref="PackedFloor"/>
/// manifest.json                   canonical JSON: the digest of every member, the ledger's and logs' checkpoints
/// </code>
/// Same range, same bytes. Written and read in one pass over the leaves, a segment of at most 4 MiB at a time.
/// </summary>
public static class Pack
{
    public const string Manifest = "manifest.json";
    public const int Version = 1;

    /// <param name="entries">
    /// The ledger's entries, from 0 to the checkpoint's size. Walked twice: the documents they need come first in the
    /// pack.
    /// </param>
    /// <param name="find">Blobs by digest; null when not to be had.</param>
    /// <param name="progress">Told what is being done; from this thread.</param>
    /// <exception cref="FormatException">
    /// The ledger does not fold, or a document or log that must be in the pack is not to be had.
    /// </exception>
    public static void Write(Stream output, IEnumerable<byte[]> entries, string checkpoint, Func<Digest, byte[]?> find,
        IEnumerable<PackedLog> logs, Action<string>? progress = null)
    {
        var packed = logs.OrderBy(l => LogFolder(l.Origin), StringComparer.Ordinal).ToList();
        var (state, documents) = Needed(entries, find, progress);
        foreach (var log in state.Logs.Values)
            if (log is { Anchor.Size: > 0, Status: not LogAction.Lost } && packed.All(p => p.Origin != log.Origin))
                throw new FormatException(
                    $"the decision log '{log.Origin}' is not to be had, and the pack must carry it");
        foreach (var log in packed)
            if (log.Floor is { } floor && floor.Size > (state.Logs.GetValueOrDefault(log.Origin)?.Floor ?? 0))
                throw new FormatException(
                $"the first {floor.Size} leaves of '{log.Origin}' are not to be had, and the ledger admits no such "
                + $"floor: they are missing, not pruned");

        var zip = new Zip.Writer(output);
        var members = new List<(string Name, long Size, Digest Digest)>();
        void Add(string name, ReadOnlySpan<byte> content)
        {
            zip.Add(name, content);
            members.Add((name, content.Length, Digest.Of(content)));
        }
        void AddLog(string folder, IEnumerable<byte[]> leaves, string note, string what, PackedFloor? floor = null)
        {
            Add($"{folder}/checkpoint", Encoding.UTF8.GetBytes(note));
            long written = 0;
            var segments = 0;
            var segment = new Segment();
            foreach (var leaf in leaves)
            {
                if (!segment.Fits(leaf.Length))
                {
                    Add(Segment.Name(folder, segments++), segment.Bytes);
                    segment.Clear();
                    progress?.Invoke(string.Create(CultureInfo.InvariantCulture, $"packing {what}: {written} leaves"));
                }
                segment.Add(leaf);
                written++;
            }
            if (!segment.Bytes.IsEmpty) Add(Segment.Name(folder, segments), segment.Bytes);
            if (floor is not null) Add($"{folder}/floor", floor.Encode());
        }

        foreach (var digest in documents)
            Add($"documents/{digest.Hex}", find(digest)
                ?? throw new FormatException($"the document {digest} is not to be had, and the pack must carry it"));
        AddLog("ledger", entries, checkpoint, "the ledger");
        foreach (var log in packed) AddLog(LogFolder(log.Origin), log.Leaves, log.Checkpoint, log.Origin, log.Floor);
        zip.Add(Manifest, ManifestOf(state, checkpoint, packed.Select(l => (l.Origin, l.Checkpoint)), members));
        zip.Finish();
    }

    /// <summary>
    /// Folds the ledger, and says which documents are needed to fold it again. What was folded is let go of when this
    /// returns.
    /// </summary>
    static (State State, SortedSet<Digest> Documents) Needed(IEnumerable<byte[]> entries, Func<Digest, byte[]?> find,
        Action<string>? progress)
    {
        var needed = new SortedSet<Digest>();
        var replay = new Replay(new Documents(digest =>
        {
            var document = find(digest);
            if (document?.Length <= Artifacts.MaxDocument) needed.Add(digest);
            return document;
        }));
        foreach (var bytes in entries)
        {
            if (replay.Add(Entry.Parse(bytes)) is not Outcome.Accepted)
                throw new FormatException(
                    $"entry {replay.Entries.Count} does not fold: the ledger must be repaired before it is exported");
            if (replay.Entries.Count % 1000 == 0)
                progress?.Invoke(string.Create(CultureInfo.InvariantCulture,
                    $"folding the ledger again: {replay.Entries.Count} entries"));
        }
        // Judging an explained envelope again may read documents that no admitted entry read.
        foreach (var folded in replay.Entries)
            if (Reexecution.Of(folded.Statement) is { } told && !told.Stands(replay))
            {
                needed.Add(told.Envelope);
                told.Judge(replay, find);
            }
        return (replay.State, needed);
    }

    /// <summary>The manifest's bytes; the verifier makes them again and compares.</summary>
    internal static byte[] ManifestOf(State state, string checkpoint,
        IEnumerable<(string Origin, string Checkpoint)> logs,
        IEnumerable<(string Name, long Size, Digest Digest)> members) => Json.Object(
        ("version", Version),
        ("ledger", Json.Object(("origin", state.Origin), ("genesis", state.Ledger), ("checkpoint", checkpoint))),
        ("logs", Json.Array(logs.Select(l => Json.Object(("origin", l.Origin), ("checkpoint", l.Checkpoint))))),
        ("members", Json.Array(
            members.Select(m => Json.Object(("name", m.Name), ("size", m.Size), ("digest", m.Digest)))))).ToBytes();

    public static string LogFolder(string origin) => "logs/" + Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex;
}
