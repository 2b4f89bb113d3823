using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>
/// The documents that the fold reads, out of a store: at most 1 MiB each, read at once, because the fold does not wait.
/// The caller checks their digests.
/// </summary>
static class SmallDocuments
{
    public static Func<Digest, byte[]?> Of(BlobStore blobs) => Of(blobs.PathOf);

    /// <summary>Out of a folder of blobs named by their digests, which need not be a store that is in use.</summary>
    public static Func<Digest, byte[]?> In(string folder) => Of(digest => Path.Combine(folder, digest.Hex));

    static Func<Digest, byte[]?> Of(Func<Digest, string> pathOf) => digest =>
    {
        try
        {
            using var file = File.OpenRead(pathOf(digest));
            if (file.Length > Artifacts.MaxDocument) return null;
            var bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or EndOfStreamException)
        {
            return null;
        }
    };
}
