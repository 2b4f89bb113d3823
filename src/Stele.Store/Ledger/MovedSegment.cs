using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Ledger;

/// <summary>
/// One of a log's segments that lies in cold storage: the records [from, to), the SHA-256 of what was exported of it,
/// and of its basis where it is not the first.
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
/// What was moved out of a log: the object <c>cold.json</c> next to its records, canonical JSON
/// <c>{"moved":[{"basis"?,"digest","from","to"}…]}</c>, the oldest first. The segments lie in another store.
/// </summary>
sealed record ColdList(ImmutableArray<MovedSegment> Moved)
{
    const int MaxBytes = 16 << 20;
    const string Name = "cold.json";

    /// <summary>
    /// What of a log lies elsewhere; what is here as well, since a crash, is not counted.
    /// </summary>
    /// <param name="first">The first record that is here.</param>
    /// <exception cref="IOException">The list is damaged.</exception>
    public static ColdList Read(ILedgerStore store, long first)
    {
        if (store.Get(Name) is not { } bytes) return new([]);
        try
        {
            var list = CanonicalJson.ParseRecord(bytes, MaxBytes,
                j => new ColdList([.. j["moved"].AsArray.Select(MovedSegment.FromJson)]), l => l.Encode(),
                _ => "a list of what was moved, and nothing else");
            return new([.. list.Moved.Where(m => m.From < first)]);
        }
        catch (FormatException e)
        {
            throw new IOException($"{store.Place}/{Name} does not say what was moved: {e.Message}");
        }
    }

    public byte[] Encode() => Json.Object(("moved", Json.Array(Moved.Select(m => m.ToJson())))).ToBytes();

    public void Write(ILedgerStore store, ILedgerWriter writer)
    {
        if (Moved.IsEmpty && !store.Has(Name)) return;
        writer.Put(Name, Encode(), Durability.Now);
    }
}
