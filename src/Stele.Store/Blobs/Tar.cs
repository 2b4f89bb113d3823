using System.Globalization;
using System.Text;

namespace Stele.Blobs;

/// <summary>
/// An entry of a tar layer. <paramref name="Target"/> is a link's; <paramref name="Size"/> is a file's.
/// </summary>
readonly record struct TarEntry(string Path, EntryType Type, bool Executable, long Size, string Target);

/// <summary>
/// The one tar we write and the only one we read: POSIX ustar, entries sorted by the UTF-8 bytes of their paths, each
/// path once, time 0, user and group 0 without names, modes 0644 or 0755 (links 0777), a pax header (<c>path</c>,
/// <c>linkpath</c>, in that order) only where a name is not ASCII or longer than 100 bytes, two zero blocks, and then
/// the end.
/// Invariant: what <see cref="Read"/> accepts, <see cref="Write"/> would have written byte for byte.
/// </summary>
static class Tar
{
    const int Block = 512, NameLength = 100, MaxPax = 2 * TreeShape.MaxPath + 64;
    const long MaxSize = 0x1_FFFF_FFFF; // eleven octal digits

    static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Entries must come sorted; <paramref name="open"/> gives a file's content.</summary>
    public static async Task Write(Stream to, IEnumerable<TarEntry> entries, Func<TarEntry, Stream> open,
        CancellationToken stop = default)
    {
        foreach (var entry in entries)
        {
            await to.WriteAsync(Header(entry), stop);
            if (entry.Type != EntryType.File) continue;
            long left = entry.Size;
            await using (var content = open(entry))
            {
                var buffer = new byte[64 * 1024];
                for (int n; (n = await content.ReadAsync(buffer, stop)) > 0; left -= n)
                {
                    if (n > left) break;
                    await to.WriteAsync(buffer.AsMemory(0, n), stop);
                }
            }
            if (left != 0)
                throw new BlobException(BlobError.Changed, $"'{entry.Path}' changed while it was being frozen");
            await to.WriteAsync(new byte[Padding(entry.Size)], stop);
        }
        await to.WriteAsync(new byte[2 * Block], stop);
    }

    /// <summary>The length of the whole tar, known before a byte is written.</summary>
    public static long Length(IEnumerable<TarEntry> entries) =>
        entries.Sum(e => Header(e).Length + (e.Type == EntryType.File ? e.Size + Padding(e.Size) : 0)) + 2 * Block;

    /// <summary>
    /// Calls <paramref name="take"/> for each entry, with a file's content, which it must read to its end. The stream
    /// is read to its own end, so that a verified stream has said its word when this returns.
    /// </summary>
    /// <exception cref="BlobException">Anything we would not have written.</exception>
    public static async Task Read(Stream from, Func<TarEntry, Stream, Task> take, CancellationToken stop = default)
    {
        var block = new byte[Block];
        string? last = null;
        while (true)
        {
            await Fill(from, block, stop);
            if (block.AsSpan().IndexOfAnyExcept((byte)0) < 0) break;
            string? paxPath = null, paxTarget = null;
            byte[] raw = [.. block];
            if (block[156] == 'x')
            {
                var size = Octal(block.AsSpan(124, 12));
                if (size > MaxPax) throw new BlobException(BlobError.TooLarge, $"a pax header has {size} bytes");
                var pax = new byte[size + Padding(size)];
                await Fill(from, pax, stop);
                (paxPath, paxTarget) = Pax(pax.AsSpan(0, (int)size));
                await Fill(from, block, stop);
                raw = [.. raw, .. pax, .. block];
            }
            var entry = Entry(block, paxPath, paxTarget);
            if (!raw.AsSpan().SequenceEqual(Header(entry)))
                throw new BlobException(BlobError.Malformed,
                    $"the header of '{entry.Path}' is not in the one form a layer has");
            if (last is not null && TreeShape.ByBytes.Compare(last, entry.Path) is >= 0 and var order)
                throw new BlobException(order == 0 ? BlobError.Duplicate : BlobError.Malformed,
                    $"'{entry.Path}' stands {(order == 0 ? "twice" : "out of order")} in the layer");
            last = entry.Path;

            await using var content = new Content(from, entry.Size);
            await take(entry, content);
            if (content.Left != 0)
                throw new InvalidOperationException($"the content of '{entry.Path}' was not read to its end");
            var padding = new byte[Padding(entry.Size)];
            await Fill(from, padding, stop);
            if (padding.AsSpan().IndexOfAnyExcept((byte)0) >= 0)
                throw new BlobException(BlobError.Malformed, $"the padding after '{entry.Path}' is not zero");
        }
        await Fill(from, block, stop);
        if (block.AsSpan().IndexOfAnyExcept((byte)0) >= 0)
            throw new BlobException(BlobError.Malformed, "the layer ends with one zero block, not two");
        if (await from.ReadAsync(block, stop) != 0)
            throw new BlobException(BlobError.Malformed, "bytes follow the end of the layer");
    }

    static TarEntry Entry(ReadOnlySpan<byte> block, string? paxPath, string? paxTarget)
    {
        var type = (char)block[156] switch
        {
            '0' => EntryType.File, '2' => EntryType.Link, '5' => EntryType.Directory,
            '1' or '3' or '4' or '6' => throw new BlobException(BlobError.SpecialFile,
                $"'{Text(block[..NameLength])}' is a device, pipe or hard link"),
            var other => throw new BlobException(BlobError.Malformed,
                $"a tar entry of type '{(char.IsAsciiLetterOrDigit(other) ? other : '?')}' is not known here"),
        };
        var path = paxPath ?? Text(block[..NameLength]);
        if (type == EntryType.Directory && path.EndsWith('/')) path = path[..^1];
        TreeShape.CheckPath(path);
        return new TarEntry(path, type, type == EntryType.File && (block[104] & 1) != 0,
            type == EntryType.File ? Octal(block.Slice(124, 12)) : 0,
            type == EntryType.Link ? paxTarget ?? Text(block.Slice(157, NameLength)) : "");
    }

    static byte[] Header(TarEntry e)
    {
        if (e.Size > MaxSize) throw new BlobException(BlobError.TooLarge, $"'{e.Path}' is too large for a tar layer");
        var path = e.Type == EntryType.Directory ? e.Path + "/" : e.Path;
        var records = (Fits(path) ? "" : Record("path", path)) + (Fits(e.Target) ? "" : Record("linkpath", e.Target));
        var main = Ustar(path, e.Type switch { EntryType.File => '0', EntryType.Link => '2', _ => '5' },
            e.Type switch
            {
                EntryType.Link => 0x1ff,
                EntryType.Directory => 0x1ed,
                _ => e.Executable ? 0x1ed : 0x1a4
            }, e.Size, e.Target);
        if (records.Length == 0) return main;
        var body = Utf8.GetBytes(records);
        return [.. Ustar("pax", 'x', 0x1a4, body.Length, ""), .. body, .. new byte[Padding(body.Length)], .. main];
    }

    static bool Fits(string name) => name.Length <= NameLength && Ascii.IsValid(name);

    /// <summary>A pax record counts its own length: "25 path=…\n".</summary>
    static string Record(string key, string value)
    {
        var rest = Utf8.GetByteCount(value) + key.Length + 3;
        var length = rest + 1;
        while (length != rest + Digits(length)) length = rest + Digits(length);
        return $"{length.ToString(CultureInfo.InvariantCulture)} {key}={value}\n";

        static int Digits(int n) => n.ToString(CultureInfo.InvariantCulture).Length;
    }

    static (string? Path, string? Target) Pax(ReadOnlySpan<byte> body)
    {
        string? path = null, target = null;
        while (!body.IsEmpty)
        {
            var space = body.IndexOf((byte)' ');
            if (space <= 0
                || !int.TryParse(body[..space], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length <= space || length > body.Length)
                throw new BlobException(BlobError.Malformed, "a pax header is malformed");
            var record = Text(body[(space + 1)..length]).TrimEnd('\n');
            if (record.StartsWith("path=", StringComparison.Ordinal)) path = record["path=".Length..];
            else if (record.StartsWith("linkpath=", StringComparison.Ordinal)) target = record["linkpath=".Length..];
            else throw new BlobException(BlobError.Malformed, "a pax header has a record that is not known here");
            body = body[length..];
        }
        return (path, target);
    }

    static byte[] Ustar(string name, char type, int mode, long size, string target)
    {
        var block = new byte[Block];
        Put(block.AsSpan(0, NameLength), name);
        PutOctal(block.AsSpan(100, 8), mode);
        PutOctal(block.AsSpan(108, 8), 0);
        PutOctal(block.AsSpan(116, 8), 0);
        PutOctal(block.AsSpan(124, 12), size);
        PutOctal(block.AsSpan(136, 12), 0);
        block[156] = (byte)type;
        Put(block.AsSpan(157, NameLength), target);
        "ustar\000"u8.CopyTo(block.AsSpan(257));
        PutOctal(block.AsSpan(329, 8), 0);
        PutOctal(block.AsSpan(337, 8), 0);
        block.AsSpan(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var b in block) sum += b;
        PutOctal(block.AsSpan(148, 7), sum);
        return block;
    }

    /// <summary>A name that does not fit stands in the pax header; here is only its beginning, for people.</summary>
    static void Put(Span<byte> field, string text)
    {
        for (var i = 0; i < Math.Min(field.Length, text.Length); i++)
            field[i] = char.IsAscii(text[i]) ? (byte)text[i] : (byte)'_';
    }

    static void PutOctal(Span<byte> field, long value)
    {
        for (var i = field.Length - 2; i >= 0; i--, value >>= 3) field[i] = (byte)('0' + (value & 7));
        field[^1] = 0;
    }

    static long Octal(ReadOnlySpan<byte> field)
    {
        long value = 0;
        foreach (var b in field[..^1])
            value = b is >= (byte)'0' and <= (byte)'7'
                ? value * 8 + b - '0'
                : throw new BlobException(BlobError.Malformed, "a number in a tar header is not octal");
        return value;
    }

    static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        try
        {
            return Utf8.GetString(end < 0 ? field : field[..end]);
        }
        catch (DecoderFallbackException)
        {
            throw new BlobException(BlobError.NotUtf8,
                $"a name in the layer is not UTF-8: {Encoding.Latin1.GetString(end < 0 ? field : field[..end])}");
        }
    }

    static int Padding(long size) => (int)((Block - size % Block) % Block);

    static async Task Fill(Stream from, byte[] buffer, CancellationToken stop)
    {
        if (await from.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, stop) != buffer.Length)
            throw new BlobException(BlobError.Malformed, "the layer ends in the middle of an entry");
    }

    /// <summary>One file's part of the layer.</summary>
    sealed class Content(Stream from, long size) : ForwardStream
    {
        public long Left { get; private set; } = size;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer,
            CancellationToken cancellationToken = default)
        {
            if (Left == 0 || buffer.Length == 0) return 0;
            var n = await from.ReadAsync(buffer[..(int)Math.Min(buffer.Length, Left)], cancellationToken);
            if (n == 0) throw new BlobException(BlobError.Malformed, "the layer ends in the middle of an entry");
            Left -= n;
            return n;
        }
    }
}
