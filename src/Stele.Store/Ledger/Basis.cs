using System.Buffers.Binary;
using System.Text;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// What a log needs to go on from the beginning of one of its journal's segments without reading what stands before it.
/// <code>
/// u32 length of the note, the note, the right edge of the tree (<see cref="Ledger.Tree.Save"/>)        the note: a replica's newest checkpoint; empty in one's own log
/// </code>
/// </summary>
sealed record Basis(byte[] Tree, string? Note)
{
    public static byte[] Encode(byte[] tree, string? note)
    {
        var text = Encoding.UTF8.GetBytes(note ?? "");
        var bytes = new byte[4 + text.Length + tree.Length];
        BinaryPrimitives.WriteInt32BigEndian(bytes, text.Length);
        text.CopyTo(bytes, 4);
        tree.CopyTo(bytes, 4 + text.Length);
        return bytes;
    }

    /// <exception cref="FormatException">It is none.</exception>
    public static Basis Parse(byte[] bytes)
    {
        if (bytes.Length < 4 || BinaryPrimitives.ReadInt32BigEndian(bytes) is not (>= 0 and var length)
            || length > bytes.Length - 4) throw new FormatException("not a log's basis");
        return new(bytes[(4 + length)..], length == 0 ? null : Encoding.UTF8.GetString(bytes, 4, length));
    }
}
