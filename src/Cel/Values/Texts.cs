using System.Text;

namespace Cel.Values;

/// <summary>Strings as sequences of code points, over .NET's UTF-16.</summary>
internal static class Texts
{
    /// <summary>No half surrogate pairs.</summary>
    public static bool IsValid(string text)
    {
        for (var i = text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) return false;
            i++;
        }
        return true;
    }

    public static int Length(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff') < 0) return text.Length;
        var n = 0;
        foreach (var c in text)
            if (!char.IsLowSurrogate(c)) n++;
        return n;
    }

    /// <summary>By code point. UTF-16 order differs: there U+FF5E is above U+1F600.</summary>
    public static int Compare(string a, string b)
    {
        var n = a.AsSpan().CommonPrefixLength(b);
        if (n == a.Length || n == b.Length) return a.Length.CompareTo(b.Length);
        var (x, y) = (a[n], b[n]);
        return char.IsSurrogate(x) == char.IsSurrogate(y) ? (x < y ? -1 : 1) : char.IsSurrogate(x) ? 1 : -1;
    }

    static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    public static byte[] Utf8(string text) => Strict.GetBytes(text);

    /// <summary>Null when the bytes are no UTF-8.</summary>
    public static string? FromUtf8(byte[] bytes) => System.Text.Unicode.Utf8.IsValid(bytes)
        ? Strict.GetString(bytes)
        : null;
}
