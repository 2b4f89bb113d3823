using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Stele.Disk;

/// <summary>
/// One record of a journal: a kind that its owner gives meaning, its number, the address it can be read back from, and
/// its bytes, which are the journal's own buffer: a caller that keeps them copies them.
/// </summary>
readonly record struct JournalRecord(byte Kind, long Index, long Address, ReadOnlyMemory<byte> Bytes);

/// <summary>
/// The bytes of a journal. All numbers big-endian, all checksums CRC-32C (Castagnoli) started from the file's own
/// random salt, so that no content can pass for a frame.
/// <code>
/// file    "stele journal 2\n", u32 salt, u64 number of the first record, u64 its segment's first address, u32 checksum of those 36 bytes, frames…, zeros (room made ahead) to the end
/// frame   "STLE", u32 payload length, u32 records, u64 index of the first record, u32 checksum of the payload, u32 checksum of these 24 bytes, payload
/// payload records…      record   u8 kind, u24 length, u32 checksum of the bytes, bytes
/// </code>
/// A frame is one batch: wholly there or, torn, not there. A frame without records seals what stands before it: a bad
/// byte there is damage, not a torn write. A journal in several files (segments) numbers its records through, and its
/// addresses too: an address is the segment's first plus the offset in its file.
/// <code>
/// basis   "stele basis 1\n", u64 number of the record it stands before, u32 checksum of all else, what the owner needs to go on from there
/// </code>
/// </summary>
static class JournalFrame
{
    public const int FileHeader = 40, Header = 28, RecordHeader = 8;
    public const int MaxRecord = (1 << 24) - 1;
    public const int MaxPayload = 256 << 20;

    public static ReadOnlySpan<byte> Mark => "STLE"u8;
    static ReadOnlySpan<byte> FileMark => "stele journal 2\n"u8;

    public static uint NewSalt() => BinaryPrimitives.ReadUInt32BigEndian(RandomNumberGenerator.GetBytes(4));

    public static byte[] NewFile(uint salt, long first = 0, long start = 0)
    {
        var header = new byte[FileHeader];
        FileMark.CopyTo(header);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(16), salt);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(20), first);
        BinaryPrimitives.WriteInt64BigEndian(header.AsSpan(28), start);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(36), Checksum(0, header.AsSpan(0, 36)));
        return header;
    }

    public static bool TryReadFile(ReadOnlySpan<byte> header, out uint salt, out long first, out long start)
    {
        (salt, first, start) = (0, 0, 0);
        if (header.Length < FileHeader || !header.StartsWith(FileMark)
            || BinaryPrimitives.ReadUInt32BigEndian(header[36..]) != Checksum(0, header[..36])) return false;
        salt = BinaryPrimitives.ReadUInt32BigEndian(header[16..]);
        first = BinaryPrimitives.ReadInt64BigEndian(header[20..]);
        start = BinaryPrimitives.ReadInt64BigEndian(header[28..]);
        return first >= 0 && start >= 0;
    }

    static ReadOnlySpan<byte> BasisMark => "stele basis 1\n"u8;

    public static byte[] Basis(long first, ReadOnlySpan<byte> content)
    {
        var bytes = new byte[BasisMark.Length + 12 + content.Length];
        BasisMark.CopyTo(bytes);
        BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(BasisMark.Length), first);
        content.CopyTo(bytes.AsSpan(BasisMark.Length + 12));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(BasisMark.Length + 8),
            Checksum(Checksum(0, bytes.AsSpan(0, BasisMark.Length + 8)), content));
        return bytes;
    }

    /// <summary>What a basis file holds for its owner; null when it is none, or another record's.</summary>
    public static byte[]? ReadBasis(byte[] file, long first)
    {
        if (file.Length < BasisMark.Length + 12
            || BinaryPrimitives.ReadInt64BigEndian(file.AsSpan(BasisMark.Length)) != first) return null;
        var content = file[(BasisMark.Length + 12)..];
        return Basis(first, content).AsSpan().SequenceEqual(file) ? content : null;
    }

    /// <summary>
    /// Writes a frame's header around a payload that already stands behind it in <paramref name="frame"/>.
    /// </summary>
    public static void Seal(Span<byte> frame, uint salt, int records, long first)
    {
        Mark.CopyTo(frame);
        BinaryPrimitives.WriteInt32BigEndian(frame[4..], frame.Length - Header);
        BinaryPrimitives.WriteInt32BigEndian(frame[8..], records);
        BinaryPrimitives.WriteInt64BigEndian(frame[12..], first);
        BinaryPrimitives.WriteUInt32BigEndian(frame[20..], Checksum(salt, frame[Header..]));
        BinaryPrimitives.WriteUInt32BigEndian(frame[24..], Checksum(salt, frame[..24]));
    }

    public static bool TryReadHeader(ReadOnlySpan<byte> header, uint salt, out int payload, out int records,
        out long first, out uint checksum)
    {
        (payload, records, first, checksum) = (0, 0, 0, 0);
        if (header.Length < Header || !header.StartsWith(Mark)
            || BinaryPrimitives.ReadUInt32BigEndian(header[24..]) != Checksum(salt, header[..24])) return false;
        payload = BinaryPrimitives.ReadInt32BigEndian(header[4..]);
        records = BinaryPrimitives.ReadInt32BigEndian(header[8..]);
        first = BinaryPrimitives.ReadInt64BigEndian(header[12..]);
        checksum = BinaryPrimitives.ReadUInt32BigEndian(header[20..]);
        return payload is >= 0 and <= MaxPayload && records >= 0 && first >= 0;
    }

    public static int WriteRecord(Span<byte> to, uint salt, byte kind, ReadOnlySpan<byte> bytes)
    {
        BinaryPrimitives.WriteUInt32BigEndian(to, (uint)kind << 24 | (uint)bytes.Length);
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], Checksum(salt, bytes));
        bytes.CopyTo(to[RecordHeader..]);
        return RecordHeader + bytes.Length;
    }

    public static (byte Kind, int Length, uint Checksum) ReadRecordHeader(ReadOnlySpan<byte> header)
    {
        var word = BinaryPrimitives.ReadUInt32BigEndian(header);
        return ((byte)(word >> 24), (int)(word & MaxRecord), BinaryPrimitives.ReadUInt32BigEndian(header[4..]));
    }

    /// <summary>
    /// The records of a payload whose checksum held, as slices of it; how many, or -1 when they don't fill it exactly,
    /// which no writer of ours does.
    /// </summary>
    public static int Records(ReadOnlyMemory<byte> payload, int count, long first, long address,
        ref JournalRecord[] records)
    {
        if (payload.Length / RecordHeader < count) return -1;
        if (records.Length < count) records = new JournalRecord[Math.Max(count, 2 * records.Length)];
        var at = 0;
        for (var i = 0; i < count; i++)
        {
            if (payload.Length - at < RecordHeader) return -1;
            var (kind, length, _) = ReadRecordHeader(payload.Span[at..]);
            if (payload.Length - at - RecordHeader < length) return -1;
            records[i] = new(kind, first + i, address + at, payload.Slice(at + RecordHeader, length));
            at += RecordHeader + length;
        }
        return at == payload.Length ? count : -1;
    }

    public static uint Checksum(uint salt, ReadOnlySpan<byte> bytes)
    {
        var crc = ~salt;
        for (; bytes.Length >= 8; bytes = bytes[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
