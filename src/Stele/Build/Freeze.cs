using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Build;

/// <summary>
/// A file or directory → artifact. A single file becomes a tree of that one name. Symbolic links stay links if they
/// stay inside the tree; a device, socket, pipe, a link that leads out and a name that is not UTF-8 are refused before
/// anything is stored. A file that changes meanwhile fails the freeze.
/// </summary>
static class Freeze
{
    public static Task<Digest> Path(IBlobs blobs, string path, string kind, About about,
        CancellationToken stop = default)
    {
        var full = System.IO.Path.GetFullPath(path);
        var stat = Libc.StatOf(full) ?? throw new FileNotFoundException($"nothing is at {full}", full);
        if (stat.Type == NodeType.Link)
            return Path(blobs, System.IO.Path.Combine(System.IO.Path.GetDirectoryName(full)!,
                new FileInfo(full).LinkTarget!), kind, about, stop);
        return Pack.Tree(blobs, kind, about, stat.Type switch
        {
            NodeType.Directory => Below(full),
            NodeType.File => [new PackEntry(System.IO.Path.GetFileName(full), EntryType.File, stat.Executable,
                stat.Size, Open: () => Libc.OpenRead(full))],
            _ => throw new BlobException(BlobError.SpecialFile, $"{full} is a device, socket or pipe"),
        }, stop);
    }

    /// <summary>
    /// The entries of a directory, ready to be packed, below <paramref name="mount"/> if one is given.
    /// </summary>
    internal static IEnumerable<PackEntry> Below(string directory, string mount = "") =>
        TreeDigest.Names(directory, []).Select(entry => new PackEntry(
        mount.Length == 0 ? entry.Path : $"{mount}/{entry.Path}", entry.Type, entry.Executable, entry.Size,
        entry.Target, () => Libc.OpenRead(System.IO.Path.Combine(directory, entry.Path))));
}
