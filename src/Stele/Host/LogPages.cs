using System.IO.Compression;
using System.Text;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Host;

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
    /// <summary>
    /// For what never changes under its address; <c>private</c> where a token opens it, so that no shared cache gives
    /// it to others.
    /// </summary>
    public static string Immutable(bool open) => open
        ? "public, max-age=31536000, immutable"
        : "private, max-age=31536000, immutable";

    public static Task Checkpoint(HttpContext http, string note)
    {
        http.Response.Headers.CacheControl = "no-cache";
        return Send(http, "text/plain; charset=utf-8", Encoding.UTF8.GetBytes(note));
    }

    /// <param name="path">From <c>tile/</c> on.</param>
    /// <param name="open">Whether anybody may read it.</param>
    /// <returns>False: there is no such resource, and nothing was answered.</returns>
    public static async Task<bool> Tile(HttpContext http, LogReader log, string path, bool open)
    {
        if (!Proof.Tile.TryParse(path, out var tile) || log.Tile(tile.Level, tile.Index, tile.Width) is not { } bytes)
            return false;
        http.Response.Headers.CacheControl = Immutable(open);
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
        await Send(http, "application/octet-stream", bytes);
        return true;
    }

    static Task Send(HttpContext http, string type, byte[] bytes)
    {
        http.Response.ContentType = type;
        http.Response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(http.Request.Method)
            ? Task.CompletedTask
            : http.Response.Body.WriteAsync(bytes, 0, bytes.Length, http.RequestAborted);
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
