using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;

namespace Stele.Build;

/// <summary>
/// What the dynamic loader reads of a 64-bit little-endian ELF file (System V ABI, gabi chapter 5): its interpreter and
/// its dynamic section.
/// </summary>
sealed record ElfFile(ushort Machine, string? Interpreter, IReadOnlyList<string> Needed, IReadOnlyList<string> RunPath,
    IReadOnlyList<string> RPath)
{
    const int PT_LOAD = 1, PT_DYNAMIC = 2, PT_INTERP = 3;
    const long DT_NULL = 0, DT_NEEDED = 1, DT_STRTAB = 5, DT_STRSZ = 10, DT_RPATH = 15, DT_RUNPATH = 29;
    const int MaxTable = 16 << 20;

    /// <summary>
    /// Null for anything that is not such a file. A file that begins like one and then lies is a FormatException.
    /// </summary>
    public static ElfFile? Read(string path)
    {
        using var file = Libc.OpenFile(path);
        var header = new byte[64];
        if (RandomAccess.Read(file, header, 0) != header.Length
            || !header.AsSpan().StartsWith("\u007fELF\u0002\u0001"u8)) return null;
        try
        {
            return Read(file, header);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or EndOfStreamException or OverflowException)
        {
            throw new FormatException($"{path} begins like an ELF file but is damaged", e);
        }
    }

    static ElfFile Read(SafeFileHandle file, byte[] header)
    {
        var programs = Bytes(file, (long)U64(header, 32), U16(header, 54) * U16(header, 56));
        var size = U16(header, 54);
        var loads = new List<(long Address, long Offset, long Size)>();
        string? interpreter = null;
        byte[] dynamic = [];
        for (var p = 0; p < programs.Length; p += size)
        {
            var (type, offset, address, length) = (U32(programs, p), (long)U64(programs, p + 8),
                (long)U64(programs, p + 16), (long)U64(programs, p + 32));
            if (type == PT_LOAD) loads.Add((address, offset, length));
            else if (type == PT_INTERP) interpreter = Text(Bytes(file, offset, length), 0);
            else if (type == PT_DYNAMIC) dynamic = Bytes(file, offset, length);
        }

        var entries = new List<(long Tag, long Value)>();
        for (var d = 0; d + 16 <= dynamic.Length && (long)U64(dynamic, d) != DT_NULL; d += 16)
            entries.Add(((long)U64(dynamic, d), (long)U64(dynamic, d + 8)));
        byte[] strings = [];
        if (entries.Any(e => e.Tag == DT_STRTAB))
        {
            var at = entries.First(e => e.Tag == DT_STRTAB).Value;
            var load = loads.First(l => at >= l.Address && at < l.Address + l.Size);
            strings = Bytes(file, load.Offset + at - load.Address, entries.First(e => e.Tag == DT_STRSZ).Value);
        }
        IReadOnlyList<string> All(long tag) =>
            [.. entries.Where(e => e.Tag == tag).Select(e => Text(strings, checked((int)e.Value)))];
        return new ElfFile(U16(header, 18), interpreter, All(DT_NEEDED), Paths(All(DT_RUNPATH)), Paths(All(DT_RPATH)));
    }

    static IReadOnlyList<string> Paths(IReadOnlyList<string> lists) =>
        [.. lists.SelectMany(l => l.Split(':', StringSplitOptions.RemoveEmptyEntries))];

    static byte[] Bytes(SafeFileHandle file, long offset, long length)
    {
        if (length is < 0 or > MaxTable || offset < 0) throw new EndOfStreamException();
        var bytes = new byte[length];
        return RandomAccess.Read(file, bytes, offset) == length ? bytes : throw new EndOfStreamException();
    }

    static string Text(byte[] table, int at)
    {
        var rest = table.AsSpan(at);
        var end = rest.IndexOf((byte)0);
        return end < 0 ? throw new EndOfStreamException() : Encoding.UTF8.GetString(rest[..end]);
    }

    static ushort U16(byte[] b, int at) => BinaryPrimitives.ReadUInt16LittleEndian(b.AsSpan(at));
    static uint U32(byte[] b, int at) => BinaryPrimitives.ReadUInt32LittleEndian(b.AsSpan(at));
    static ulong U64(byte[] b, int at) => BinaryPrimitives.ReadUInt64LittleEndian(b.AsSpan(at));
}
