using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Ledger;

/// <summary>
/// A stretch of a log's entries in a file of its own, to be kept elsewhere:
/// <code>
/// {"edge":[[hex…]…],"from":n,"log":origin,"to":n,"version":0} LF        canonical JSON; the tree's right edge before the first of them
/// u16 big-endian length ‖ bytes, an entry each
/// </code>
/// named <c>[64 hex of the SHA-256 of the origin].[from]-[to].segment</c>. Its digest is in the floor of the log it came from, and its tree must lead to that floor's.
/// </summary>
sealed record ColdSegment(string Path, string Log, long From, long To, ImmutableArray<ImmutableArray<Digest>> Edge)
{
    const int Version = 0, MaxHeader = 1 << 20;

    public static string NameOf(string origin, long from, long to) =>
        string.Create(CultureInfo.InvariantCulture, $"{Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex}.{from:D12}-{to:D12}.segment");

    /// <summary>Writes a segment, durably, and reads it again. Nothing may be cut from a log before this returns.</summary>
    /// <param name="entries">Hands out every entry of the range, in order.</param>
    public static (ColdSegment Segment, Digest Digest) Write(string folder, string origin, long from, long to, ImmutableArray<ImmutableArray<Digest>> edge, Action<Action<byte[]>> entries)
    {
        Files.CreateDirectory(folder);
        var path = System.IO.Path.Combine(folder, NameOf(origin, from, to));
        var (digest, _) = Files.WriteStream(path, output =>
        {
            output.Write(Json.Object(("version", Version), ("log", origin), ("from", from), ("to", to), ("edge", LogFloor.ToJson(edge))).ToBytes());
            output.Write("\n"u8);
            var length = new byte[2];
            entries(entry =>
            {
                BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)entry.Length);
                output.Write(length);
                output.Write(entry);
            });
        });
        var segment = Open(path);
        if (segment.DigestNow() != digest) throw new IOException($"{path} does not hold what was written to it");
        return (segment, digest);
    }

    /// <exception cref="IOException">It is not a segment.</exception>
    public static ColdSegment Open(string path)
    {
        using var file = File.OpenRead(path);
        var header = new MemoryStream();
        for (int b; (b = file.ReadByte()) != '\n'; header.WriteByte((byte)b))
            if (b < 0 || header.Length == MaxHeader) throw new IOException($"{path} is not a segment of a log: it has no header");
        try
        {
            var j = CanonicalJson.ParseCanonical(header.ToArray(), MaxHeader);
            if (j["version"].AsInt != Version) throw new FormatException($"version {j["version"].AsInt} is not known here");
            var edge = LogFloor.EdgeOf(j["edge"]);
            var segment = new ColdSegment(path, j["log"].AsString, LogFloor.Sized(Names.Entry(j["from"]), edge), Names.Entry(j["to"]), edge);
            return segment.To > segment.From && segment.To % Tile.Full == 0 ? segment : throw new FormatException("its range is not of whole bundles");
        }
        catch (FormatException e)
        {
            throw new IOException($"{path} is not a segment of a log: {e.Message}");
        }
    }

    /// <summary>The SHA-256 of the file as it is.</summary>
    public Digest DigestNow()
    {
        using var file = File.OpenRead(Path);
        return Digest.From(SHA256.HashData(file));
    }

    /// <exception cref="IOException">It is cut short, or holds more than it says.</exception>
    public IEnumerable<byte[]> Entries()
    {
        using var file = new BufferedStream(File.OpenRead(Path), 1 << 20);
        for (int b; (b = file.ReadByte()) != '\n';) if (b < 0) throw new IOException($"{Path} is cut short");
        var length = new byte[2];
        for (var i = From; i < To; i++)
        {
            if (file.ReadAtLeast(length, 2, throwOnEndOfStream: false) < 2) throw new IOException($"{Path} ends before entry {i}");
            var entry = new byte[BinaryPrimitives.ReadUInt16BigEndian(length)];
            if (file.ReadAtLeast(entry, entry.Length, throwOnEndOfStream: false) < entry.Length) throw new IOException($"{Path} ends in entry {i}");
            yield return entry;
        }
        if (file.ReadByte() >= 0) throw new IOException($"{Path} holds more than its {To - From} entries");
    }

    /// <summary>The tree after its last entry.</summary>
    public Tree Tree()
    {
        var tree = new Tree((_, _) => { });
        tree.Restore(From, Edge);
        foreach (var entry in Entries()) tree.Add(entry);
        return tree;
    }

    /// <summary>The segments of a log in a folder that lead without a gap to a tree; the first one first. Each was read whole: its entries are those that the tree is over.</summary>
    /// <param name="peaks">The perfect subtrees of the tree that they must lead to.</param>
    /// <exception cref="IOException">A segment that should lead there does not: it was changed, or is of another log.</exception>
    public static IReadOnlyList<ColdSegment> Leading(string folder, string origin, long to, IReadOnlyList<Digest> peaks)
    {
        var found = new List<ColdSegment>();
        while (to > 0 && Directory.EnumerateFiles(folder, string.Create(CultureInfo.InvariantCulture, $"{Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex}.*-{to:D12}.segment")).Order(StringComparer.Ordinal).FirstOrDefault() is { } path)
        {
            var segment = Open(path);
            if (segment.Log != origin || segment.To != to || !segment.Tree().Frontier.Peaks.SequenceEqual(peaks)) throw new IOException($"{path} is not what was moved out of {origin}: its entries do not lead to the tree of {to} entries that the log goes on from");
            found.Insert(0, segment);
            var before = new Tree((_, _) => { });
            before.Restore(segment.From, segment.Edge);
            (to, peaks) = (segment.From, before.Frontier.Peaks);
        }
        return found;
    }
}
