using System.Globalization;

namespace Stele.Proof;

/// <summary>
/// Times as people type and read them: RFC 3339, and no other form. Typed with any offset and up to milliseconds, as
/// <c>2026-11-30T16:00:00Z</c> or <c>2026-11-30T17:00:00.250+01:00</c>; shown in UTC. Wire
/// formats have milliseconds since 1970 as whole numbers instead.
/// </summary>
public static class Rfc3339
{
    public const string Example = "2026-11-30T16:00:00Z";

    /// <summary>
    /// The first and last time that can be written, in milliseconds since 1970 UTC: the years 0001 to 9999.
    /// </summary>
    public const long First = -62135596800000, Last = 253402300799999;

    static readonly string[] Forms = ["yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.fK", "yyyy-MM-dd'T'HH:mm:ss.ffK",
        "yyyy-MM-dd'T'HH:mm:ss.fffK"];

    /// <summary>
    /// Milliseconds since 1970 UTC. Date, <c>T</c>, time with seconds and an offset must all be there: what is left out
    /// would have to be guessed. A leap second, and the offset -00:00 that says
    /// "unknown", are refused too.
    /// </summary>
    public static bool TryParse(string? text, out long milliseconds)
    {
        milliseconds = 0;
        if (text is null || text.Length < 20 || !(text[^1] == 'Z' || text.Length >= 25 && text[^6] is '+' or '-'
            && text[^3] == ':') || text.EndsWith("-00:00", StringComparison.Ordinal)
            || !DateTimeOffset.TryParseExact(text, Forms, CultureInfo.InvariantCulture, DateTimeStyles.None,
                out var time)) return false;
        milliseconds = time.ToUnixTimeMilliseconds();
        return true;
    }

    /// <summary>
    /// In UTC, <c>2026-11-30T16:00:00Z</c>; with milliseconds where there are some. A number outside of what can be
    /// written is shown as what it is.
    /// </summary>
    public static string Format(long milliseconds) =>
        milliseconds is < First or > Last ? string.Create(CultureInfo.InvariantCulture, $"{milliseconds} ms after 1970")
        : DateTimeOffset.FromUnixTimeMilliseconds(milliseconds)
            .ToString(milliseconds % 1000 == 0 ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss.fff'Z'",
            CultureInfo.InvariantCulture);

    /// <summary>The same without parts of a second, for lists and remarks.</summary>
    public static string Seconds(long milliseconds) =>
        Format(milliseconds is < First or > Last ? milliseconds : milliseconds - (milliseconds % 1000 + 1000) % 1000);
}
