using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Stele.Gateway;

/// <summary>
/// A request's method, its path inside a release and its query, as rules judge them and leaves name them.
/// </summary>
static class Address
{
    /// <summary>What is not forwarded.</summary>
    public const string Other = "OTHER";

    public static string Method(string method) =>
        method is "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS" ? method : Other;

    /// <summary>
    /// Whether everyone reads a path alike, however often they unescape and tidy it: what the rules judge must be what
    /// the release answers. Dots and escapes were resolved once before; what looks like one still was hidden below
    /// another, and so may be what begins with an escaped percent sign. A semicolon begins what some cut off.
    /// </summary>
    public static bool IsPlainPath(string path) =>
        !path.Contains("//", StringComparison.Ordinal) && !path.Contains(';', StringComparison.Ordinal)
        && IsPlain(path, @"/\;%"u8);

    /// <summary>
    /// Whether a query is written as everyone reads it who unescapes it once: nothing is escaped that needn't be, or
    /// rules that look for it would not find it.
    /// </summary>
    public static bool IsPlainQuery(string query) =>
        !query.AsSpan().ContainsAnyExceptInRange('!', '~') && IsPlain(query, []);

    /// <summary>
    /// Whether all escapes are whole, of characters that need them, and of UTF-8, so that no overlong form hides
    /// another character.
    /// </summary>
    /// <param name="never">
    /// What may not be escaped in addition to control characters and the unreserved ones of RFC 3986.
    /// </param>
    static bool IsPlain(string text, ReadOnlySpan<byte> never)
    {
        var bytes = new List<byte>(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '%')
            {
                bytes.Add((byte)text[i]);
                continue;
            }
            if (i + 2 >= text.Length || !byte.TryParse(text.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out var b)) return false;
            if (b is < 0x20 or 0x7f || char.IsAsciiLetterOrDigit((char)b) || (char)b is '-' or '.' or '_' or '~'
                || never.Contains(b)) return false;
            bytes.Add(b);
            i += 2;
        }
        return Utf8.IsValid([.. bytes]);
    }

    /// <summary>
    /// The operation's name in the leaf, which must hold no data: method and path where the path is one plain word
    /// without digits that the release knows; the method and a star otherwise.
    /// </summary>
    public static string Operation(string method, string path, int status, GatewayError? error) =>
        error is null && status is not (404 or 405) && path.Length is > 1 and <= 41 && path.AsSpan(1)
            .IndexOfAnyExceptInRange('a', 'z') < 0 ? $"{Method(method)} {path}" : $"{Method(method)} *";
}
