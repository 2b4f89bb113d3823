using System.Buffers.Binary;
using System.Text;

namespace Stele.Proof.Packs;

/// <summary>
/// The one zip layout of a pack: stored members in ordinal order of their names from byte 0 on, UTF-8 names, the date 1980-01-01, no extra fields, no comment, local header = central header,
/// nothing between, before or after. So equal members are equal bytes. Up to 65,535 members and 4 GiB.
/// </summary>
public static class Zip
{
    const int LocalSize = 30, CentralSize = 46, EndSize = 22;
    const uint LocalMark = 0x04034b50, CentralMark = 0x02014b50, EndMark = 0x06054b50;
    const ushort Version = 20, Utf8Flag = 0x0800, Date = 0x0021;
    public const int MaxMembers = 65_535;

    static readonly uint[] CrcTable = MakeTable();

    public sealed record Member(string Name, long Offset, long Size, uint Crc);

    /// <summary>Names a member may have: lower-case, digits, <c>/ . _ -</c>; no empty or dot segments.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= 200 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '/' or '.' or '_' or '-')
        && name.Split('/').All(s => s.Length > 0 && s.Trim('.').Length > 0);

    /// <summary>Writes members one after the other; they must come sorted.</summary>
    public sealed class Writer(Stream output)
    {
        readonly List<Member> _members = [];
        long _offset;

        public void Add(string name, ReadOnlySpan<byte> content)
        {
            if (!IsName(name)) throw new FormatException($"'{name}' is not a member's name");
            if (_members.Count > 0 && string.CompareOrdinal(_members[^1].Name, name) >= 0) throw new FormatException("members must come in order");
            if (_offset + content.Length > uint.MaxValue - 1024 || _members.Count == MaxMembers) throw new FormatException("a pack holds at most 65,535 members and 4 GiB; export a shorter range");
            var member = new Member(name, _offset, content.Length, Crc(content));
            _members.Add(member);
            output.Write(Local(member));
            output.Write(content);
            _offset += LocalSize + name.Length + content.Length;
        }

        public void Finish()
        {
            var start = _offset;
            foreach (var member in _members)
            {
                output.Write(Central(member));
                _offset += CentralSize + member.Name.Length;
            }
            output.Write(End(_members.Count, _offset - start, start));
        }
    }

    /// <summary>Reads the members' table and holds the whole file to the one layout.</summary>
    /// <exception cref="FormatException">Any other layout.</exception>
    public static List<Member> Read(Stream input)
    {
        var end = new byte[EndSize];
        if (input.Length < EndSize) throw new FormatException("not a pack: too short");
        ReadAt(input, input.Length - EndSize, end);
        if (BinaryPrimitives.ReadUInt32LittleEndian(end) != EndMark) throw new FormatException("not a pack: no end record where it must be");
        int count = BinaryPrimitives.ReadUInt16LittleEndian(end.AsSpan(10));
        long size = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(12)), start = BinaryPrimitives.ReadUInt32LittleEndian(end.AsSpan(16));
        if (start + size + EndSize != input.Length || !end.AsSpan().SequenceEqual(End(count, size, start))) throw new FormatException("the pack's end record is not as we write it");
        var directory = new byte[size];
        ReadAt(input, start, directory);
        var members = new List<Member>(count);
        long offset = 0;
        var rest = directory.AsSpan();
        for (var i = 0; i < count; i++)
        {
            if (rest.Length < CentralSize) throw new FormatException("the pack's directory is cut short");
            var length = BinaryPrimitives.ReadUInt16LittleEndian(rest[28..]);
            if (rest.Length < CentralSize + length) throw new FormatException("the pack's directory is cut short");
            var name = Encoding.Latin1.GetString(rest.Slice(CentralSize, length));
            var member = new Member(name, offset, BinaryPrimitives.ReadUInt32LittleEndian(rest[20..]), BinaryPrimitives.ReadUInt32LittleEndian(rest[16..]));
            if (!IsName(name) || !rest[..(CentralSize + length)].SequenceEqual(Central(member))) throw new FormatException($"the pack's directory entry {i} is not as we write it");
            if (i > 0 && string.CompareOrdinal(members[^1].Name, name) >= 0) throw new FormatException($"the member '{name}' is out of order, or stands twice");
            var local = new byte[LocalSize + length];
            if (offset + local.Length + member.Size > start) throw new FormatException($"the member '{name}' runs into the directory");
            ReadAt(input, offset, local);
            if (!local.AsSpan().SequenceEqual(Local(member))) throw new FormatException($"the header of the member '{name}' differs from the directory");
            members.Add(member);
            offset += local.Length + member.Size;
            rest = rest[(CentralSize + length)..];
        }
        if (offset != start || !rest.IsEmpty) throw new FormatException("the pack has bytes that belong to no member");
        return members;
    }

    /// <summary>One member's bytes. Its digest is in the manifest; the CRC is checked so that a plain damage is named as such.</summary>
    public static byte[] Content(Stream input, Member member, long maxBytes)
    {
        if (member.Size > maxBytes) throw new FormatException($"the member '{member.Name}' has {member.Size} bytes; at most {maxBytes} are read here");
        var content = new byte[member.Size];
        ReadAt(input, member.Offset + LocalSize + member.Name.Length, content);
        return Crc(content) == member.Crc ? content : throw new FormatException($"the member '{member.Name}' is damaged (CRC)");
    }

    static void ReadAt(Stream input, long offset, Span<byte> to)
    {
        input.Position = offset;
        try
        {
            input.ReadExactly(to);
        }
        catch (EndOfStreamException e)
        {
            throw new FormatException("the pack is cut short", e);
        }
    }

    static byte[] Local(Member m)
    {
        var h = new byte[LocalSize + m.Name.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(h, LocalMark);
        Shared(h.AsSpan(4), m);
        Encoding.Latin1.GetBytes(m.Name, h.AsSpan(LocalSize));
        return h;
    }

    static byte[] Central(Member m)
    {
        var h = new byte[CentralSize + m.Name.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(h, CentralMark);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(4), Version);
        Shared(h.AsSpan(6), m);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(42), (uint)m.Offset);
        Encoding.Latin1.GetBytes(m.Name, h.AsSpan(CentralSize));
        return h;
    }

    /// <summary>The fields that stand alike in both headers: version needed to extra length.</summary>
    static void Shared(Span<byte> h, Member m)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(h, Version);
        BinaryPrimitives.WriteUInt16LittleEndian(h[2..], Utf8Flag);
        BinaryPrimitives.WriteUInt16LittleEndian(h[8..], Date);
        BinaryPrimitives.WriteUInt32LittleEndian(h[10..], m.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(h[14..], (uint)m.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(h[18..], (uint)m.Size);
        BinaryPrimitives.WriteUInt16LittleEndian(h[22..], (ushort)m.Name.Length);
    }

    static byte[] End(int count, long size, long start)
    {
        var h = new byte[EndSize];
        BinaryPrimitives.WriteUInt32LittleEndian(h, EndMark);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(8), (ushort)count);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(10), (ushort)count);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(12), (uint)size);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(16), (uint)start);
        return h;
    }

    /// <summary>CRC-32 as zip has it, eight bytes at a step: table k holds what a byte does that stands k bytes before the end of the step.</summary>
    static uint Crc(ReadOnlySpan<byte> data)
    {
        var (t, c) = (CrcTable, 0xFFFFFFFF);
        for (; data.Length >= 8; data = data[8..])
        {
            var low = c ^ BinaryPrimitives.ReadUInt32LittleEndian(data);
            var high = BinaryPrimitives.ReadUInt32LittleEndian(data[4..]);
            c = t[0x700 + (byte)low] ^ t[0x600 + (byte)(low >> 8)] ^ t[0x500 + (byte)(low >> 16)] ^ t[0x400 + (low >> 24)]
                ^ t[0x300 + (byte)high] ^ t[0x200 + (byte)(high >> 8)] ^ t[0x100 + (byte)(high >> 16)] ^ t[high >> 24];
        }
        foreach (var b in data) c = t[(byte)(c ^ b)] ^ (c >> 8);
        return ~c;
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
