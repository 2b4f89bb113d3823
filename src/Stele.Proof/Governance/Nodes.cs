using System.Buffers.Binary;

namespace Stele.Proof.Governance;

/// <summary>Where a node is kept, how long it is, and the SHA-256 that its bytes must have.</summary>
readonly record struct NodeRef(long At, int Length, Digest Digest)
{
    public const int Bytes = 12 + Proof.Digest.Size;

    public void CopyTo(Span<byte> to)
    {
        BinaryPrimitives.WriteInt64BigEndian(to, At);
        BinaryPrimitives.WriteInt32BigEndian(to[8..], Length);
        Digest.CopyTo(to[12..]);
    }

    public static NodeRef From(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadInt64BigEndian(bytes),
        BinaryPrimitives.ReadInt32BigEndian(bytes[8..]), Digest.From(bytes[12..Bytes]));

    public Json ToJson() => Json.Object(("at", At), ("length", Length), ("digest", Digest));
    public static NodeRef FromJson(Json j) =>
        new(j["at"].AsInt, checked((int)j["length"].AsInt), j["digest"].AsDigest);
}

/// <summary>
/// Nodes of persistent structures, kept outside memory: each is named by where it is and by its digest, so that who
/// has the reference to a root has all that hangs on it, or learns that it was changed. Nodes are only added.
/// </summary>
interface INodes
{
    /// <exception cref="NodeException">There is none that has this digest.</exception>
    byte[] Read(NodeRef at);

    NodeRef Add(ReadOnlySpan<byte> bytes);
}

/// <summary>What was kept is not there any more, or is not what was kept: it must be made again from the ledger.
/// </summary>
sealed class NodeException(string message, Exception? inner = null) : Exception(message, inner);
