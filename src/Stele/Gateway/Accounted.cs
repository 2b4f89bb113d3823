using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Gateway;

/// <summary>
/// How far a node accounts for the keys and bodies of a decision log, in a file next to the log's journal: canonical
/// JSON <c>{"from","to","version":1}</c>.
/// Before anything is recorded, each opening notes in the key table which decisions from <see cref="To"/> on a crash
/// left incomplete, and then writes the log's size there; so does each orderly end. What is missing before it no crash
/// since has taken.
/// Invariant: it does not depend on how other files end, which are written again when records are pruned or erased; and
/// no copy of the key table that is put back takes it back. Who deletes this file does: where it is not there and a
/// table is, all that is missing is taken for an earlier build's.
/// </summary>
/// <param name="From">The first decision that is accounted for. It is 0, unless an earlier build, which noted nothing,
/// recorded some: what is missing of those may have been lost in a crash.</param>
/// <param name="To">Every decision before it was looked at.</param>
sealed record Accounted(long From, long To)
{
    const int Version = 1, MaxBytes = 256;

    /// <summary>How many decisions can be on their way to the disk at once: one a connection, and a crash loses no
    /// more.</summary>
    public const int MostUnderWay = 4096;

    /// <summary>What holds before the first accounting: an earlier build recorded what is there.</summary>
    /// <param name="keyTable">The key table's file. It is made before the first decision, and no crash takes a file
    /// away: where it is not there, all decisions are accounted for.</param>
    public static Accounted None(string keyTable, long size) => new(File.Exists(keyTable) ? size : 0, size);

    /// <summary>Null where there is none.</summary>
    /// <exception cref="IOException">It is damaged.</exception>
    public static Accounted? Read(string file)
    {
        if (!File.Exists(file)) return null;
        try
        {
            return CanonicalJson.ParseRecord(File.ReadAllBytes(file), MaxBytes, j => j["version"].AsInt == Version
                ? new Accounted(Names.Entry(j["from"]), Names.Entry(j["to"]))
                : throw new FormatException("another version"), a => a.Encode(),
                _ => "how far keys are accounted for, and nothing else");
        }
        catch (FormatException e)
        {
            throw new IOException($"{file} does not say how far keys are accounted for: {e.Message}. Put back a copy "
                + "of it; without it keys that are missing now are taken for lost before it");
        }
    }

    byte[] Encode() => Json.Object(("from", From), ("to", To), ("version", Version)).ToBytes();

    public void Write(string file) => Files.Write(file, Encode());

    /// <summary>
    /// The first decision that a crash can have left without what is written in their order, of which this was the
    /// newest: the log's size where more are without it than can have been under way.
    /// </summary>
    /// <param name="floor">Where the log begins.</param>
    public long TailOf(long newest, long floor, long size)
    {
        var from = Math.Max(newest + 1, floor);
        return size - from <= MostUnderWay ? Math.Clamp(To, Math.Min(from, size), size) : size;
    }
}
