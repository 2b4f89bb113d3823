using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Stele.Proof;

namespace Stele.Identity;

/// <summary>
/// A bearer token (RFC 6750): <c>stele_</c> and 32 random bytes, in base64url without padding (43 characters, RFC 4648)
/// or in 64 lower-case hex digits, as earlier builds wrote those of a node. Nothing else is a token.
/// </summary>
static class Token
{
    const string Prefix = "stele_", Scheme = "Bearer ";
    const int Bytes = 32, Base64Length = 43;

    /// <summary>A fresh token. The one who makes it shows it once; files hold its digest alone.</summary>
    public static string New() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(Bytes));

    public static bool IsWellFormed(string text)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        var secret = text.AsSpan(Prefix.Length);
        return secret.Length switch
        {
            Base64Length => secret.IndexOfAnyExcept(Base64Digits) < 0,
            2 * Bytes => secret.IndexOfAnyExcept(HexDigits) < 0,
            _ => false,
        };
    }

    static readonly System.Buffers.SearchValues<char>
        Base64Digits =
            System.Buffers.SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
        HexDigits = System.Buffers.SearchValues.Create("0123456789abcdef");

    /// <summary>The token that a file holds, and nothing else but space around it; null: it holds none.</summary>
    public static string? InFile(string path) =>
        File.ReadAllText(path).Trim() is var text && IsWellFormed(text) ? text : null;

    /// <summary>What is kept of it: SHA-256 of its characters.</summary>
    public static Digest DigestOf(string token) => Digest.Of(Encoding.UTF8.GetBytes(token));

    /// <summary>The token that an <c>Authorization</c> header carries; null where it carries none of this
    /// form.</summary>
    public static string? Of(string? authorization)
    {
        if (authorization is not { Length: <= 256 } || !authorization.StartsWith(Scheme,
            StringComparison.OrdinalIgnoreCase)) return null;
        var token = authorization[Scheme.Length..].Trim();
        return IsWellFormed(token) ? token : null;
    }
}
