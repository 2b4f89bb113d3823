using System.Buffers.Binary;
using System.Globalization;

namespace Stele.Proof.Packs;

/// <summary>
/// A member that holds leaves: u16 big-endian length ‖ bytes, one after the other. A segment takes leaves until the
/// next would carry it beyond <see cref="MaxBytes"/>, then the next segment begins: so where leaves are cut follows
/// from the leaves alone, and any log is read in steps of one size.
/// </summary>
public sealed class Segment
{
    public const int MaxBytes = 4 << 20;

    readonly byte[] _bytes = new byte[MaxBytes];
    int _length;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    public bool Fits(int leaf) => _length + 2 + leaf <= MaxBytes;

    public void Add(ReadOnlySpan<byte> leaf)
    {
        if (leaf.Length > ushort.MaxValue)
            throw new FormatException($"a leaf of {leaf.Length} bytes; at most {ushort.MaxValue} fit");
        BinaryPrimitives.WriteUInt16BigEndian(_bytes.AsSpan(_length), (ushort)leaf.Length);
        leaf.CopyTo(_bytes.AsSpan(_length + 2));
        _length += 2 + leaf.Length;
    }

    public void Clear() => _length = 0;

    public static string Name(string folder, int number) =>
        $"{folder}/entries/{number.ToString("D9", CultureInfo.InvariantCulture)}";

    /// <summary>Where each leaf stands in a segment.</summary>
    /// <exception cref="FormatException">Not a segment: cut short, empty or too long.</exception>
    public static List<(int Offset, int Length)> Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is 0 or > MaxBytes)
            throw new FormatException($"a segment of {bytes.Length} bytes; 1 to {MaxBytes} are right");
        var leaves = new List<(int, int)>(bytes.Length / 512);
        for (var at = 0; at < bytes.Length;)
        {
            if (bytes.Length - at < 2) throw new FormatException("it is cut short");
            var length = BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
            if (length > bytes.Length - at - 2) throw new FormatException("it is cut short");
            leaves.Add((at + 2, length));
            at += 2 + length;
        }
        return leaves;
    }
}
