using System.Text;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Packs;

namespace Stele.Tests.Worlds;

/// <summary>The parts of a pack, out of which it can be made again.</summary>
sealed record UnpackedWorld(IReadOnlyList<byte[]> Entries, string Checkpoint,
    IReadOnlyDictionary<Digest, byte[]> Documents, IReadOnlyList<PackedLog> Logs, Replay Replay)
{
    public static UnpackedWorld Of(byte[] pack)
    {
        var stream = new MemoryStream(pack);
        var members = Zip.Read(stream).ToDictionary(m => m.Name, m => Zip.Content(stream, m), StringComparer.Ordinal);
        IReadOnlyList<byte[]> Leaves(string folder) =>
            [.. members.Where(m => m.Key.StartsWith(folder + "/entries/", StringComparison.Ordinal))
            .OrderBy(m => m.Key, StringComparer.Ordinal)
            .SelectMany(m => Segment.Read(m.Value).Select(l => m.Value.AsSpan(l.Offset, l.Length).ToArray()))];
        var documents = members.Where(m => m.Key.StartsWith("documents/", StringComparison.Ordinal))
            .ToDictionary(m => Digest.ParseHex(m.Key["documents/".Length..]), m => m.Value);
        var replay = new Replay(new Documents(documents.GetValueOrDefault));
        var entries = Leaves("ledger");
        foreach (var entry in entries)
            if (replay.Add(Entry.Parse(entry)) is Outcome.Refused refused)
                throw new InvalidOperationException($"entry {replay.Entries.Count}: {refused.Message}");
        var logs = members.Keys.Where(n => n.StartsWith("logs/", StringComparison.Ordinal)
            && n.EndsWith("/checkpoint", StringComparison.Ordinal)).Select(n =>
        {
            var (folder, note) = (n[..^"/checkpoint".Length], Encoding.UTF8.GetString(members[n]));
            return new PackedLog(Stele.Proof.Checkpoint.Parse(Note.Parse(note).Text).Origin, Leaves(folder),
                note) { Floor = members.TryGetValue(folder + "/floor", out var floor)
                    ? PackedFloor.Parse(floor)
                    : null };
        });
        return new(entries, Encoding.UTF8.GetString(members["ledger/checkpoint"]), documents, [.. logs], replay);
    }

    public byte[]? Find(Digest digest) => Documents.GetValueOrDefault(digest);

    public byte[] Pack()
    {
        var output = new MemoryStream();
        Stele.Proof.Packs.Pack.Write(output, Entries, Checkpoint, Find, Logs);
        return output.ToArray();
    }
}
