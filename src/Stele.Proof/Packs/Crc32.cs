using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Stele.Proof.Packs;

/// <summary>
/// CRC-32 as zip has it: reflected, polynomial EDB88320, all ones before and after. Folded by carry-less multiplication
/// where the processor has it, else by tables; both give the same.
/// </summary>
static class Crc32
{
    static readonly uint[] Table = MakeTable();

    public static uint Of(ReadOnlySpan<byte> data)
    {
        var crc = 0xFFFFFFFF;
        if (Pclmulqdq.IsSupported && data.Length >= 64)
        {
            crc = Folded(data, crc);
            data = data[(data.Length & ~15)..];
        }
        return ~Tabled(data, crc);
    }

    /// <summary>
    /// Eight bytes at a step: table k holds what a byte does that stands k bytes before the end of the step.
    /// </summary>
    internal static uint Tabled(ReadOnlySpan<byte> data, uint c)
    {
        var t = Table;
        for (; data.Length >= 8; data = data[8..])
        {
            var low = c ^ BinaryPrimitives.ReadUInt32LittleEndian(data);
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            c = t[0x700 + (byte)low] ^ t[0x600 + (byte)(low >> 8)] ^ t[0x500 + (byte)(low >> 16)]
                ^ t[0x400 + (low >> 24)]
                ^ t[0x300 + (byte)high] ^ t[0x200 + (byte)(high >> 8)] ^ t[0x100 + (byte)(high >> 16)] ^ t[high >> 24];
        }
        foreach (var b in data) c = t[(byte)(c ^ b)] ^ (c >> 8);
        return c;
    }

    /// <summary>
    /// All but the last 0 to 15 bytes of at least 64: four lanes of 128 bits folded 64 bytes at a step, then into one,
    /// then reduced (Gopal et al., Intel 2009).
    /// </summary>
    static uint Folded(ReadOnlySpan<byte> data, uint crc)
    {
        var blocks = MemoryMarshal.Cast<byte, Vector128<ulong>>(data);
        var k = Vector128.Create(0x0154442bd4UL, 0x01c6e41596UL);
        Vector128<ulong> x1 = blocks[0] ^ Vector128.Create((ulong)crc, 0), x2 = blocks[1], x3 = blocks[2],
            x4 = blocks[3];
        blocks = blocks[4..];
        for (; blocks.Length >= 4; blocks = blocks[4..])
        {
            x1 = Step(x1, k) ^ blocks[0];
            x2 = Step(x2, k) ^ blocks[1];
            x3 = Step(x3, k) ^ blocks[2];
            x4 = Step(x4, k) ^ blocks[3];
        }
        k = Vector128.Create(0x01751997d0UL, 0x00ccaa009eUL);
        x1 = Step(x1, k) ^ x2;
        x1 = Step(x1, k) ^ x3;
        x1 = Step(x1, k) ^ x4;
        foreach (var block in blocks) x1 = Step(x1, k) ^ block;

        var low = Vector128.Create(0x00000000FFFFFFFFUL, 0x00000000FFFFFFFFUL);
        x2 = Pclmulqdq.CarrylessMultiply(x1, k, 0x10);
        x1 = Sse2.ShiftRightLogical128BitLane(x1, 8) ^ x2;
        x2 = Sse2.ShiftRightLogical128BitLane(x1, 4);
        x1 = Pclmulqdq.CarrylessMultiply(x1 & low, Vector128.Create(0x0163cd6124UL, 0), 0x00) ^ x2;
        k = Vector128.Create(0x01db710641UL, 0x01f7011641UL);
        x2 = Pclmulqdq.CarrylessMultiply(x1 & low, k, 0x10) & low;
        x1 ^= Pclmulqdq.CarrylessMultiply(x2, k, 0x00);
        return x1.AsUInt32()[1];

        static Vector128<ulong> Step(Vector128<ulong> x, Vector128<ulong> k) =>
            Pclmulqdq.CarrylessMultiply(x, k, 0x00) ^ Pclmulqdq.CarrylessMultiply(x, k, 0x11);
    }

    static uint[] MakeTable()
    {
        var table = new uint[8 * 256];
        for (uint i = 0; i < 256; i++)
        {
            var c = i;
            for (var k = 0; k < 8; k++) c = (c & 1) != 0 ? 0xEDB88320 ^ (c >> 1) : c >> 1;
            table[i] = c;
        }
        for (var i = 256; i < table.Length; i++) table[i] = table[(byte)table[i - 256]] ^ (table[i - 256] >> 8);
        return table;
    }
}
