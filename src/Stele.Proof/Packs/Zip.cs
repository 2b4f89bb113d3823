using System.Buffers.Binary;
using System.Text;

namespace Stele.Proof.Packs;

/// <summary>
/// The one zip layout of a pack. So equal members are equal bytes, and nothing is written that must be gone back to:
/// <code>
/// for each member, in ordinal order of the names, from byte 0 on:   local header ‖ name ‖ content
/// for each member, in the same order:                              directory entry ‖ name ‖ offset?
/// zip64 end record ‖ zip64 locator ‖   (only where they are needed)
/// end record
/// </code>
/// Members are stored, at most 64 MiB each; names are lower-case ASCII under the UTF-8 flag; the date is 1980-01-01; no
/// comments, no attributes. The local header and the directory entry agree in every field that both have, sizes and CRC
/// in both. Nothing stands between, before or after.
/// Zip64 (APPNOTE 4.3.14 to 4.5.3) is used where a value does not fit, and nowhere else. A member whose local header
/// begins at 2³²−1 or later has FFFFFFFF for its offset in the directory, one extra field there (id 1, 8 bytes: the
/// offset) and version needed 45 in both headers; all others have 20 and no extra field. If that offset, the
/// directory's size or the number of members (from 65,535 on)
/// does not fit the end record, each such field there is all ones, and the zip64 end record (56 bytes, versions 45) and
/// locator stand before it with all values.
/// </summary>
public static class Zip
{
    const int LocalSize = 30, CentralSize = 46, EndSize = 22, OffsetSize = 12, End64Size = 56, LocatorSize = 20;
    const uint LocalMark = 0x04034b50, CentralMark = 0x02014b50, EndMark = 0x06054b50, End64Mark = 0x06064b50,
        LocatorMark = 0x07064b50;
    const ushort Version = 20, Version64 = 45, Utf8Flag = 0x0800, Date = 0x0021;
    public const int MaxMember = 64 << 20;
    public const int MaxMembers = 1 << 22;

    public sealed record Member(string Name, long Offset, int Size, uint Crc)
    {
        internal bool Is64 => Offset >= uint.MaxValue;
        internal long Content => Offset + LocalSize + Name.Length;
        internal int CentralLength => CentralSize + Name.Length + (Is64 ? OffsetSize : 0);
    }

    /// <summary>Names a member may have: lower-case, digits, <c>/ . _ -</c>; no empty or dot segments.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= 200
        && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '/' or '.' or '_' or '-')
        && name.Split('/').All(s => s.Length > 0 && s.Trim('.').Length > 0);

    /// <summary>
    /// Writes members one after the other; they must come sorted. Holds no content, only the table of members.
    /// </summary>
    public sealed class Writer(Stream output)
    {
        readonly List<Member> _members = [];
        long _offset;

        public void Add(string name, ReadOnlySpan<byte> content) => Add(name, content, Crc32.Of(content));

        /// <summary>The same where the content's CRC is known.</summary>
        internal void Add(string name, ReadOnlySpan<byte> content, uint crc)
        {
            if (!IsName(name)) throw new FormatException($"'{name}' is not a member's name");
            if (_members.Count > 0 && string.CompareOrdinal(_members[^1].Name, name) >= 0)
                throw new FormatException("members must come in order");
            if (content.Length > MaxMember)
                throw new FormatException($"the member '{name}' has {content.Length} bytes; at most {MaxMember} fit");
            if (_members.Count == MaxMembers) throw new FormatException($"a pack holds at most {MaxMembers} members");
            var member = new Member(name, _offset, content.Length, crc);
            _members.Add(member);
            output.Write(Local(member));
            output.Write(content);
            _offset = member.Content + content.Length;
        }

        public void Finish()
        {
            var start = _offset;
            foreach (var member in _members)
            {
                output.Write(Central(member));
                _offset += member.CentralLength;
            }
            output.Write(End(_members.Count, _offset - start, start));
        }
    }

    /// <summary>Reads the members' table and holds the whole file to the one layout. Reads no content.</summary>
    /// <exception cref="FormatException">Any other layout.</exception>
    public static List<Member> Read(Stream input)
    {
        var (count, size, start) = ReadEnd(input);
        var members = new List<Member>((int)count);
        using var directory = new BufferedStream(new Section(input, start, size), 1 << 16);
        var entry = new byte[CentralSize + 200 + OffsetSize];
        long offset = 0, read = 0;
        for (var i = 0; i < count; i++)
        {
            Exactly(entry.AsSpan(0, CentralSize));
            var length = BinaryPrimitives.ReadUInt16LittleEndian(entry.AsSpan(28));
            if (length is 0 or > 200)
                throw new FormatException($"the pack's directory entry {i} is not as we write it");
            Exactly(entry.AsSpan(CentralSize, length));
            var stored = BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(20));
            var member = new Member(Encoding.Latin1.GetString(entry.AsSpan(CentralSize, length)), offset,
                (int)Math.Min(stored, MaxMember), BinaryPrimitives.ReadUInt32LittleEndian(entry.AsSpan(16)));
            if (member.Is64) Exactly(entry.AsSpan(CentralSize + length, OffsetSize));
            if (!IsName(member.Name) || !entry.AsSpan(0, member.CentralLength).SequenceEqual(Central(member)))
                throw new FormatException($"the pack's directory entry {i} is not as we write it");
            if (i > 0 && string.CompareOrdinal(members[^1].Name, member.Name) >= 0)
                throw new FormatException($"the member '{member.Name}' is out of order, or stands twice");
            offset = member.Content + member.Size;
            read += member.CentralLength;
            if (offset > start) throw new FormatException($"the member '{member.Name}' runs into the directory");
            members.Add(member);
        }
        if (offset != start || read != size) throw new FormatException("the pack has bytes that belong to no member");
        foreach (var member in members)
        {
            var local = entry.AsSpan(0, LocalSize + member.Name.Length);
            ReadAt(input, member.Offset, local);
            if (!local.SequenceEqual(Local(member)))
                throw new FormatException($"the header of the member '{member.Name}' differs from the directory");
        }
        return members;

        void Exactly(Span<byte> to)
        {
            if (directory.ReadAtLeast(to, to.Length, throwOnEndOfStream: false) < to.Length)
                throw new FormatException("the pack's directory is cut short");
        }
    }

    /// <summary>How many members there are, how long the directory is and where it starts.</summary>
    static (long Count, long Size, long Start) ReadEnd(Stream input)
    {
        var end = new byte[End64Size + LocatorSize + EndSize];
        if (input.Length < EndSize) throw new FormatException("not a pack: too short");
        var tail = end.AsSpan(^(int)Math.Min(input.Length, end.Length)..);
        ReadAt(input, input.Length - tail.Length, tail);
        var last = end.AsSpan(^EndSize..);
        if (BinaryPrimitives.ReadUInt32LittleEndian(last) != EndMark)
            throw new FormatException("not a pack: no end record where it must be");
        long count = BinaryPrimitives.ReadUInt16LittleEndian(last[10..]),
            size = BinaryPrimitives.ReadUInt32LittleEndian(last[12..]),
            start = BinaryPrimitives.ReadUInt32LittleEndian(last[16..]);
        var length = EndSize;
        if (count == ushort.MaxValue || size == uint.MaxValue || start == uint.MaxValue)
        {
            length = end.Length;
            (count, size, start) = (BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(32)),
                BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(40)),
                BinaryPrimitives.ReadInt64LittleEndian(end.AsSpan(48)));
        }
        // Caps first: nothing below may overflow, or make room for what is not there.
        if (count is < 0 or > MaxMembers || size < 0 || size > input.Length || start < 0 || start > input.Length
            || count > size / CentralSize) throw new FormatException("the pack's end record is not as we write it");
        if (start + size + length != input.Length || !end.AsSpan(^length..).SequenceEqual(End(count, size, start)))
            throw new FormatException("the pack's end record is not as we write it");
        return (count, size, start);
    }

    /// <summary>
    /// One member's bytes. Its digest is in the manifest; the CRC is checked so that a plain damage is named as such.
    /// Any number of threads may read one stream.
    /// </summary>
    public static byte[] Content(Stream input, Member member, long maxBytes = MaxMember)
    {
        if (member.Size > maxBytes)
            throw new FormatException(
                $"the member '{member.Name}' has {member.Size} bytes; at most {maxBytes} are read here");
        var content = GC.AllocateUninitializedArray<byte>(member.Size);
        ReadAt(input, member.Content, content);
        return Crc32.Of(content) == member.Crc
            ? content
            : throw new FormatException($"the member '{member.Name}' is damaged (CRC)");
    }

    /// <summary>One member's bytes as they stand there, unchecked.</summary>
    internal static void Read(Stream input, Member member, Span<byte> to) => ReadAt(input, member.Content, to);

    static void ReadAt(Stream input, long offset, Span<byte> to)
    {
        lock (input)
        {
            input.Position = offset;
            if (input.ReadAtLeast(to, to.Length, throwOnEndOfStream: false) < to.Length)
                throw new FormatException("the pack is cut short");
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
        var h = new byte[m.CentralLength];
        BinaryPrimitives.WriteUInt32LittleEndian(h, CentralMark);
        BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(4), m.Is64 ? Version64 : Version);
        Shared(h.AsSpan(6), m);
        if (m.Is64) BinaryPrimitives.WriteUInt16LittleEndian(h.AsSpan(30), OffsetSize);
        BinaryPrimitives.WriteUInt32LittleEndian(h.AsSpan(42), (uint)Math.Min(m.Offset, uint.MaxValue));
        Encoding.Latin1.GetBytes(m.Name, h.AsSpan(CentralSize));
        if (m.Is64)
        {
            var extra = h.AsSpan(^OffsetSize..);
            BinaryPrimitives.WriteUInt16LittleEndian(extra, 1);
            BinaryPrimitives.WriteUInt16LittleEndian(extra[2..], 8);
            BinaryPrimitives.WriteInt64LittleEndian(extra[4..], m.Offset);
        }
        return h;
    }

    /// <summary>The fields that stand alike in both headers: version needed to name length.</summary>
    static void Shared(Span<byte> h, Member m)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(h, m.Is64 ? Version64 : Version);
        BinaryPrimitives.WriteUInt16LittleEndian(h[2..], Utf8Flag);
        BinaryPrimitives.WriteUInt16LittleEndian(h[8..], Date);
        BinaryPrimitives.WriteUInt32LittleEndian(h[10..], m.Crc);
        BinaryPrimitives.WriteUInt32LittleEndian(h[14..], (uint)m.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(h[18..], (uint)m.Size);
        BinaryPrimitives.WriteUInt16LittleEndian(h[22..], (ushort)m.Name.Length);
    }

    static byte[] End(long count, long size, long start)
    {
        var is64 = count >= ushort.MaxValue || size >= uint.MaxValue || start >= uint.MaxValue;
        var bytes = new byte[is64 ? End64Size + LocatorSize + EndSize : EndSize];
        if (is64)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, End64Mark);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(4), End64Size - 12);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(12), Version64);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(14), Version64);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), count);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(32), count);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(40), size);
            BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(48), start);
            var locator = bytes.AsSpan(End64Size);
            BinaryPrimitives.WriteUInt32LittleEndian(locator, LocatorMark);
            BinaryPrimitives.WriteInt64LittleEndian(locator[8..], start + size);
            BinaryPrimitives.WriteUInt32LittleEndian(locator[16..], 1);
        }
        var end = bytes.AsSpan(^EndSize..);
        BinaryPrimitives.WriteUInt32LittleEndian(end, EndMark);
        BinaryPrimitives.WriteUInt16LittleEndian(end[8..], (ushort)Math.Min(count, ushort.MaxValue));
        BinaryPrimitives.WriteUInt16LittleEndian(end[10..], (ushort)Math.Min(count, ushort.MaxValue));
        BinaryPrimitives.WriteUInt32LittleEndian(end[12..], (uint)Math.Min(size, uint.MaxValue));
        BinaryPrimitives.WriteUInt32LittleEndian(end[16..], (uint)Math.Min(start, uint.MaxValue));
        return bytes;
    }

    /// <summary>A part of a stream, read from its start to its end.</summary>
    sealed class Section(Stream input, long start, long length) : Stream
    {
        long _at;

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> to)
        {
            to = to[..(int)Math.Min(to.Length, length - _at)];
            lock (input)
            {
                input.Position = start + _at;
                var n = input.Read(to);
                _at += n;
                return n;
            }
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => length;
        public override long Position { get => _at; set => throw new NotSupportedException(); }
        public override void Flush() { }
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
