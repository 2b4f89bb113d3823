namespace Stele.Proof;

/// <summary>
/// Standard padded base64 (RFC 4648 §4) and nothing else: no white space, no missing padding, no stray trailing bits.
/// </summary>
public static class Base64
{
    public static string Encode(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes);

    /// <summary>Invariant: whatever is accepted re-encodes to the same text.</summary>
    public static bool TryDecode(ReadOnlySpan<char> text, out byte[] bytes)
    {
        bytes = [];
        if (text.Length % 4 != 0) return false;
        var buffer = new byte[text.Length / 4 * 3];
        if (!Convert.TryFromBase64Chars(text, buffer, out var n)) return false;
        if (!text.SequenceEqual(Convert.ToBase64String(buffer, 0, n))) return false;
        bytes = n == buffer.Length ? buffer : buffer[..n];
        return true;
    }

    public static byte[] Decode(ReadOnlySpan<char> text) =>
        TryDecode(text, out var bytes) ? bytes : throw new FormatException("not canonical padded base64");
}
