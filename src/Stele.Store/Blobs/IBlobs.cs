using Stele.Proof;

namespace Stele.Blobs;

/// <summary>Bytes by digest: a folder (<see cref="BlobStore"/>) or a server.</summary>
interface IBlobs
{
    /// <summary>Whether a blob of that name is there. Says nothing about its content: only reading it does.</summary>
    Task<bool> Has(Digest digest, CancellationToken stop = default);

    /// <summary>
    /// The content, forward only. Invariant: the stream ends only if all it gave out has the digest; otherwise the last
    /// read throws
    /// <see cref="BlobError.Corrupt"/>. So act on nothing before the end was reached.
    /// </summary>
    /// <exception cref="BlobException"><see cref="BlobError.Unknown"/></exception>
    Task<Stream> OpenRead(Digest digest, CancellationToken stop = default);

    /// <summary>
    /// Stores content durably and returns its digest; putting it again changes nothing. Refused without storing
    /// anything: more than
    /// <paramref name="maxBytes"/> (a <paramref name="declared"/> length beyond it before a byte is read), a digest
    /// other than <paramref name="expected"/>, a length other than declared.
    /// </summary>
    Task<Digest> Put(Stream content, Digest? expected, long maxBytes, long? declared = null,
        CancellationToken stop = default);

    /// <summary>
    /// Lists a stored artifact manifest under its name, so that other tools and people find it. Listing it again
    /// changes nothing.
    /// </summary>
    Task List(Digest manifest, CancellationToken stop = default);
}

/// <summary>Whole small blobs.</summary>
static class SmallBlobs
{
    public static Task<Digest> Put(this IBlobs blobs, ReadOnlyMemory<byte> content, CancellationToken stop = default) =>
        blobs.Put(new MemoryStream(content.ToArray(), writable: false), Digest.Of(content.Span), content.Length,
            content.Length, stop);

    /// <exception cref="BlobException">
    /// <see cref="BlobError.TooLarge"/> as soon as more than <paramref name="maxBytes"/> came; nothing after is read.
    /// </exception>
    public static async Task<byte[]> Read(this IBlobs blobs, Digest digest, int maxBytes,
        CancellationToken stop = default)
    {
        await using var content = await blobs.OpenRead(digest, stop);
        using var whole = new MemoryStream();
        var buffer = new byte[Math.Min(maxBytes, 64 * 1024) + 1];
        for (int n; (n = await content.ReadAsync(buffer, stop)) > 0;)
        {
            if (whole.Length + n > maxBytes)
                throw new BlobException(BlobError.TooLarge, $"blob {digest} has more than {maxBytes} bytes");
            whole.Write(buffer, 0, n);
        }
        return whole.ToArray();
    }
}
