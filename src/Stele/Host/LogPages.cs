using System.IO.Compression;
using System.Text;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Host;

/// <summary>Who may read a log: where a token opens it, no shared cache may give it to others.</summary>
enum Audience { Anyone, Holders }

/// <summary>
/// A log as C2SP tlog-tiles serves it, under any prefix, to GET and HEAD:
/// <code>
/// checkpoint                  text/plain; charset=utf-8     no-cache: a client that keeps it asks again before using it
/// tile/[L]/[N][.p/[W]]        application/octet-stream      immutable: a tile of one width never changes
/// tile/entries/[N][.p/[W]]    the same; gzip for clients that offer it
/// </code>
/// Every width that the log has signed for is served, also of partial tiles that have filled up since. Whatever else is
/// asked for is not there.
/// </summary>
static class LogPages
{
    /// <summary>For what never changes under its address.</summary>
    public static string Immutable(Audience audience) => audience is Audience.Anyone
        ? "public, max-age=31536000, immutable"
        : Answers.Immutable;

    public static Task Checkpoint(HttpContext http, string note)
    {
        http.Response.Headers.CacheControl = "no-cache";
        return http.Send(StatusCodes.Status200OK, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(note));
    }

    /// <param name="path">From <c>tile/</c> on.</param>
    /// <returns>False: there is no such resource, and nothing was answered.</returns>
    public static async Task<bool> Tile(HttpContext http, LogReader log, string path, Audience audience)
    {
        if (!Proof.Tile.TryParse(path, out var tile) || log.Tile(tile.Level, tile.Index, tile.Width) is not { } bytes)
            return false;
        http.Response.Headers.CacheControl = Immutable(audience);
        if (tile.Level == Proof.Tile.Entries)
        {
            // Hashes do not compress; entries do, to about a third.
            http.Response.Headers.Vary = "Accept-Encoding";
            if (Takes(http.Request.Headers.AcceptEncoding, "gzip"))
            {
                http.Response.Headers.ContentEncoding = "gzip";
                bytes = Zipped(bytes);
            }
        }
        await http.Send(StatusCodes.Status200OK, "application/octet-stream", bytes);
        return true;
    }

    static byte[] Zipped(byte[] bytes)
    {
        using var whole = new MemoryStream();
        using (var zip = new GZipStream(whole, CompressionLevel.Fastest)) zip.Write(bytes);
        return whole.ToArray();
    }

    /// <summary>Whether the header names the coding and does not give it the weight 0.</summary>
    static bool Takes(IEnumerable<string?> headers, string coding)
    {
        foreach (var header in headers)
            foreach (var offer in (header ?? "").Split(','))
            {
                var parts = offer.Split(';', 2);
                if (!parts[0].AsSpan().Trim().Equals(coding, StringComparison.OrdinalIgnoreCase)) continue;
                var weight = parts.Length == 1 ? "" : parts[1].Replace(" ", "", StringComparison.Ordinal);
                return !(weight.StartsWith("q=0", StringComparison.OrdinalIgnoreCase)
                    && weight.AsSpan(3).Trim("0.").IsEmpty);
            }
        return false;
    }
}
