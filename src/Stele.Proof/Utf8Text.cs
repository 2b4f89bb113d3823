using System.Buffers;
using System.Globalization;
using System.Text;

namespace Stele.Proof;

/// <summary>
/// Text files of people: UTF-8, or refused. Nothing is replaced by U+FFFD, since a name that lost a letter is another
/// name.
/// </summary>
public static class Utf8Text
{
    /// <summary>
    /// The offset of the first byte that is not part of well-formed UTF-8 (Unicode 15, table 3-7); null if all are.
    /// </summary>
    public static int? FirstInvalid(ReadOnlySpan<byte> bytes)
    {
        for (var at = 0; at < bytes.Length;)
        {
            if (Rune.DecodeFromUtf8(bytes[at..], out _, out var length) != OperationStatus.Done) return at;
            at += length;
        }
        return null;
    }

    /// <summary>The text; a byte order mark at the beginning is left away.</summary>
    /// <exception cref="FormatException">It is not UTF-8: which byte, and where.</exception>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        if (FirstInvalid(bytes) is { } at) throw new FormatException(Complaint(bytes, at));
        return Encoding.UTF8.GetString(bytes.StartsWith(Encoding.UTF8.Preamble) ? bytes[3..] : bytes);
    }

    /// <summary>What is wrong with bytes that are not UTF-8; null if they are.</summary>
    public static string? Complain(ReadOnlySpan<byte> bytes) => FirstInvalid(bytes) is { } at ? Complaint(bytes, at)
        : null;

    static string Complaint(ReadOnlySpan<byte> bytes, int at) =>
        string.Create(CultureInfo.InvariantCulture, $"not UTF-8: byte {at + 1}, in line "
            + $"{1 + bytes[..at].Count((byte)'\n')}, is 0x{bytes[at]:X2}: save it as UTF-8");
}
