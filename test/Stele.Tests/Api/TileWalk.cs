using System.IO.Compression;
using System.Net;
using Stele.Proof;

namespace Stele.Tests.Api;

/// <summary>
/// A C2SP tlog-tiles client that knows nothing of us: reads a whole log from its checkpoint, tiles and bundles over
/// HTTP, and checks everything that the standard says of them.
/// </summary>
sealed class TileWalk(HttpClient http, string prefix)
{
    public int Fetched { get; private set; }

    /// <summary>
    /// The leaves, after every tile of every level and every bundle was found to be what the checkpoint implies.
    /// </summary>
    public async Task<List<byte[]>> Run(VerifierKey key)
    {
        var answer = await Get("checkpoint", zip: false);
        Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        Assert.True(answer.Headers.CacheControl is { NoCache: true } or { NoStore: true }
            || answer.Headers.CacheControl!.MaxAge <= TimeSpan.FromSeconds(5));
        Assert.True(Checkpoint.TryOpen(await answer.Content.ReadAsStringAsync(), key, out var checkpoint,
            out var error), error);
        var size = checkpoint.Size;

        var leaves = new List<byte[]>();
        for (var n = 0L; n * 256 < size; n++)
        {
            var tile = new Tile(Tile.Entries, n, (int)Math.Min(256, size - n * 256));
            leaves.AddRange(Tile.DecodeBundle(await Resource(tile), tile.Width));
        }
        Assert.Equal(size, leaves.Count);

        var hashes = leaves.Select(l => Merkle.Leaf(l)).ToArray();
        Assert.Equal(checkpoint.Root, Merkle.Root(hashes));
        for (var level = 0; hashes.Length > 0; level++)
        {
            for (var n = 0; n * 256 < hashes.Length; n++)
            {
                var want = hashes.AsSpan(n * 256, Math.Min(256, hashes.Length - n * 256));
                Assert.Equal(Tile.Encode(want), await Resource(new Tile(level, n, want.Length)));
            }
            hashes = [.. hashes.Chunk(256).Where(c => c.Length == 256).Select(c => Merkle.Root(c))];
        }
        return leaves;
    }

    /// <summary>GET, and HEAD which says the same without the body; headers as the standard wants them.</summary>
    async Task<byte[]> Resource(Tile tile)
    {
        using var answer = await Get(tile.Path, zip: false);
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        Immutable(answer);
        Assert.Empty(answer.Content.Headers.ContentEncoding);
        using (var request = new HttpRequestMessage(HttpMethod.Head, prefix + tile.Path))
        using (var head = await http.SendAsync(request))
        {
            Assert.Equal(HttpStatusCode.OK, head.StatusCode);
            Immutable(head);
            Assert.Equal(bytes.Length, head.Content.Headers.ContentLength);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }
        using var zipped = await Get(tile.Path, zip: true);
        var sent = await zipped.Content.ReadAsByteArrayAsync();
        if (tile.Level == Tile.Entries)
        {
            Assert.Equal(["gzip"], zipped.Content.Headers.ContentEncoding);
            using var whole = new MemoryStream();
            await new GZipStream(new MemoryStream(sent), CompressionMode.Decompress).CopyToAsync(whole);
            sent = whole.ToArray();
        }
        Assert.Equal(bytes, sent);
        return bytes;
    }

    static void Immutable(HttpResponseMessage answer)
    {
        Assert.Equal("application/octet-stream", answer.Content.Headers.ContentType!.ToString());
        Assert.True(answer.Headers.CacheControl!.MaxAge >= TimeSpan.FromDays(30));
        Assert.Contains(answer.Headers.CacheControl.Extensions, e => e.Name == "immutable");
    }

    async Task<HttpResponseMessage> Get(string path, bool zip)
    {
        Fetched++;
        using var request = new HttpRequestMessage(HttpMethod.Get, prefix + path);
        if (zip) request.Headers.TryAddWithoutValidation("Accept-Encoding", "gzip, identity");
        var answer = await http.SendAsync(request);
        Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{path}: {answer.StatusCode}");
        return answer;
    }
}
