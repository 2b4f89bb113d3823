using System.Collections.Immutable;
using System.Text;
using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Ledger;

/// <summary>
/// One of a log's journal segments that lies in cold storage: the records [from, to), the SHA-256 of its file, and of
/// its basis where it is not the first.
/// </summary>
sealed record MovedSegment(long From, long To, Digest Digest, Digest? Basis)
{
    public Json ToJson() =>
        Json.Object(("from", From), ("to", To), ("digest", Digest), ("basis", Basis is { } b ? Json.Of(b.Hex) : null));

    public static MovedSegment FromJson(Json j) =>
        new(Names.Entry(j["from"]), Names.Entry(j["to"]), j["digest"].AsDigest,
            j.Find("basis") is { } b ? Proof.Digest.ParseHex(b.AsString) : null);
}

/// <summary>
/// What was moved out of a log's folder: <c>cold.json</c> next to its journal, canonical JSON
/// <c>{"moved":[{"basis"?,"digest","from","to"}…]}</c>, the oldest first. The segments lie in a folder that the
/// operator keeps, as files of a journal named <c>[64 hex of the SHA-256 of the origin].journal</c>, byte for byte as
/// they were.
/// </summary>
sealed record ColdList(ImmutableArray<MovedSegment> Moved)
{
    const int MaxBytes = 16 << 20;

    static string At(string folder) => Path.Combine(folder, "cold.json");

    /// <summary>The journal that a log's moved segments make in a folder.</summary>
    public static string Journal(string cold, string origin) =>
        Path.Combine(cold, Digest.Of(Encoding.UTF8.GetBytes(origin)).Hex + ".journal");

    /// <summary>
    /// What of a log lies elsewhere; what stands in its folder as well, since a crash, is not counted.
    /// </summary>
    /// <param name="first">The first record in the folder.</param>
    /// <exception cref="IOException">The list is damaged.</exception>
    public static ColdList Read(string folder, long first)
    {
        if (!File.Exists(At(folder))) return new([]);
        try
        {
            var list = CanonicalJson.ParseRecord(File.ReadAllBytes(At(folder)), MaxBytes,
                j => new ColdList([.. j["moved"].AsArray.Select(MovedSegment.FromJson)]), l => l.Encode(),
                _ => "a list of what was moved, and nothing else");
            return new([.. list.Moved.Where(m => m.From < first)]);
        }
        catch (FormatException e)
        {
            throw new IOException($"{At(folder)} does not say what was moved: {e.Message}");
        }
    }

    public byte[] Encode() => Json.Object(("moved", Json.Array(Moved.Select(m => m.ToJson())))).ToBytes();

    public void Write(string folder)
    {
        if (Moved.IsEmpty && !File.Exists(At(folder))) return;
        Files.Write(At(folder), Encode());
    }
}
