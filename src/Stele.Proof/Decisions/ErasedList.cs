using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;

namespace Stele.Proof.Decisions;

/// <summary>
/// The list of records that one erasure destroyed the keys of: indices of one log, ascending. The ledger gets its root,
/// a Merkle root whose leaves are
/// <code>"stele.dev/erased/v1" LF, 32 bytes blind, u64 big-endian index        blind = HMAC-SHA-256(salt, u64 index)</code>
/// so that it says nothing by itself, and one record can be shown to be in it without telling of the others.
/// </summary>
public sealed class ErasedList
{
    public const int SaltBytes = 32;

    readonly byte[] _salt;
    readonly Digest[] _leaves;

    public ErasedList(ReadOnlySpan<byte> salt, ImmutableArray<long> indices)
    {
        if (salt.Length != SaltBytes) throw new FormatException($"a list's salt has {SaltBytes} bytes");
        if (indices.IsEmpty) throw new FormatException("an erasure lists at least one record");
        for (var i = 0; i < indices.Length; i++) if (indices[i] < 0 || (i > 0 && indices[i - 1] >= indices[i]))
            throw new FormatException("an erasure lists records in order, each once");
        (_salt, Indices) = (salt.ToArray(), indices);
        _leaves = [.. indices.Select(i => Leaf(Blind(i), i))];
    }

    public ImmutableArray<long> Indices { get; }

    public Digest Root => Merkle.Root(_leaves);

    /// <summary>What shows that a record is in the list; null when it is not.</summary>
    public ErasedRecord? Prove(long index)
    {
        var position = Indices.BinarySearch(index);
        return position < 0
            ? null
            : new ErasedRecord(position, Blind(index),
                [.. Proofs.Inclusion(position, Indices.Length,
                    (level, n) => Merkle.Root(_leaves.AsSpan((int)(n << level), 1 << level).ToArray()))]);
    }

    Digest Blind(long index) => Digest.From(HMACSHA256.HashData(_salt, Number(index)));

    internal static Digest Leaf(Digest blind, long index) =>
        Merkle.Leaf([.. "stele.dev/erased/v1\n"u8, .. blind.ToArray(), .. Number(index)]);

    static byte[] Number(long index)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, index);
        return bytes;
    }
}

/// <summary>
/// What shows that one record is in an erasure's list: its place there, its blind, and the path to the root.
/// </summary>
public sealed record ErasedRecord(long Position, Digest Blind, ImmutableArray<Digest> Proof)
{
    public bool Shows(long index, Digest list, long count) =>
        Proofs.VerifyInclusion(Position, count, ErasedList.Leaf(Blind, index), Proof.AsSpan(), list);

    public Json ToJson() =>
        Json.Object(("position", Position), ("blind", Blind.Hex),
            ("proof", Json.Array(Proof.Select(d => Json.Of(d.Hex)))));

    public static ErasedRecord FromJson(Json j) =>
        new(Statements.Names.Entry(j["position"]), Digest.ParseHex(j["blind"].AsString),
            [.. j["proof"].AsArray.Select(d => Digest.ParseHex(d.AsString))]);
}
