using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Stele.Gateway;

/// <summary>A request's method and its path inside a release, as rules judge them and leaves name them.</summary>
static class Address
{
    /// <summary>What is not forwarded.</summary>
    public const string Other = "OTHER";

    public static string Method(string method) => method is "GET" or "HEAD" or "POST" or "PUT" or "PATCH" or "DELETE" or "OPTIONS" ? method : Other;

    /// <summary>
    /// Whether everyone reads a path alike, however often they unescape and tidy it: what the rules judge must be what the release answers. Dots and escapes were resolved once before;
    /// what looks like one still was hidden below another. What is unescaped is UTF-8, so that no overlong form hides a slash; a semicolon begins what some cut off.
    /// </summary>
    public static bool IsPlain(string path)
    {
        if (path.Contains("//", StringComparison.Ordinal) || path.Contains(';', StringComparison.Ordinal)) return false;
        var bytes = new List<byte>(path.Length);
        for (var i = 0; i < path.Length; i++)
        {
            if (path[i] != '%')
            {
                bytes.Add((byte)path[i]);
                continue;
            }
            if (i + 2 >= path.Length || !byte.TryParse(path.AsSpan(i + 1, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var b)) return false;
            if (b is < 0x20 or 0x7f or (byte)'/' or (byte)'\\' or (byte)';' || char.IsAsciiLetterOrDigit((char)b) || (char)b is '-' or '.' or '_' or '~') return false;
            bytes.Add(b);
            i += 2;
        }
        return Utf8.IsValid([.. bytes]);
    }

    /// <summary>
    /// The operation's name in the leaf, which must hold no data: method and path where the path is one plain word without digits that the release knows; the method and a star otherwise.
    /// </summary>
    public static string Operation(string method, string path, int status, GatewayError? error) =>
        error is null && status is not (404 or 405) && path.Length is > 1 and <= 41 && path.AsSpan(1).IndexOfAnyExceptInRange('a', 'z') < 0 ? $"{Method(method)} {path}" : $"{Method(method)} *";
}
