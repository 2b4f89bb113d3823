using System.Buffers;
using System.Security.Cryptography;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Blobs;

/// <summary>
/// How a tree came to its files. A hard link is never made: it would share the inode, so that tampering with the tree
/// would reach the store, and Linux links no file that is flagged immutable.
/// </summary>
enum Means { Copy, Reflink, ReflinkAndCopy }

/// <summary>
/// What was put on disk. <paramref name="Tree"/> is computed from the verified bytes, not read back:
/// <c>TreeDigest.Of(directory)</c> must equal it.
/// </summary>
sealed record Materialised(string Directory, TreeDigest Tree, Means Means);

/// <summary>A part of a tree: the content of an artifact below a mount point ("" = the root).</summary>
readonly record struct TreePart(Digest Artifact, string Mount);

/// <summary>
/// Artifacts → directory. Every digest is checked while writing; a manifest or tar that holds anything but plain names,
/// files, directories and links that stay inside is refused, and a refusal leaves nothing behind. Files end read-only
/// (0444 or 0555). A file that is a blob of its own shares the store's blocks where the filesystem can (reflink).
/// </summary>
static class Materialise
{
    public const long MaxBytes = 64L << 30;

    public static Task<Materialised> Artifact(IBlobs blobs, Digest artifact, string target, long maxBytes = MaxBytes,
        CancellationToken stop = default) =>
        Compose(blobs, [new TreePart(artifact, "")], [], target, maxBytes, stop);

    /// <summary>
    /// Lays several artifacts into one tree; no two may have an entry of the same name, and
    /// <paramref name="directories"/> are made where they are not there.
    /// </summary>
    public static async Task<Materialised> Compose(IBlobs blobs, IReadOnlyList<TreePart> parts,
        IEnumerable<string> directories, string target, long maxBytes = MaxBytes, CancellationToken stop = default)
    {
        // 1. Read the manifests and refuse by what they declare, before any layer is read.
        var read = new List<(TreePart Part, Artifact Artifact)>();
        foreach (var part in parts) read.Add((part, await Blobs.Artifact.Read(blobs, part.Artifact, stop)));
        var declared = read.Sum(r => r.Artifact.Layers.Sum(l => (decimal)Math.Max(0, l.Size)));
        if (declared > maxBytes)
            throw new BlobException(BlobError.TooLarge,
                $"the layers declare {declared} bytes; at most {maxBytes} are materialised here");

        // 2. Write directories and files aside.
        using var writer = new TreeWriter(target);
        var tree = new Building(blobs, writer, stop);
        foreach (var (part, artifact) in read)
            foreach (var layer in artifact.Layers)
                await tree.Layer(part.Mount, layer);
        foreach (var directory in directories) tree.Directory(directory);

        // 3. Links last, when it is known where each leads; then the name.
        tree.Links();
        writer.Publish();
        return new Materialised(Path.GetFullPath(target), TreeDigest.Of(tree.Entries), tree.Means);
    }

    sealed class Building(IBlobs blobs, TreeWriter writer, CancellationToken stop)
    {
        readonly TreeShape _shape = new();
        readonly List<TreeEntry> _entries = [];
        int _cloned, _copied;

        public IEnumerable<TreeEntry> Entries => _entries;

        public Means Means => _cloned == 0 ? Means.Copy : _copied == 0 ? Means.Reflink : Means.ReflinkAndCopy;

        public void Directory(string path)
        {
            if (!_shape.Has(path)) Add(new TreeEntry(path, EntryType.Directory, false, 0, default, ""));
        }

        public void Links()
        {
            _shape.CheckLinks();
            foreach (var link in _entries.Where(e => e.Type == EntryType.Link)) writer.Link(link.Path, link.Target);
        }

        public async Task Layer(string mount, Descriptor layer)
        {
            if (layer == Descriptor.Empty) return;
            if (Blobs.Artifact.IsTree(layer))
            {
                await using var content = await Open(layer);
                try
                {
                    await Tar.Read(content, (entry, file) => Entry(mount, entry, file), stop);
                }
                catch (BlobException e) when (e.Error != BlobError.Corrupt)
                {
                    // a damaged blob is called corrupt, whatever its damage looked like
                    await content.CopyToAsync(Stream.Null, stop);
                    throw;
                }
                return;
            }
            var file = Blobs.Artifact.FileOf(layer);
            TreeShape.CheckPath(file.Path);
            file = file with { Path = Below(mount, file.Path) };
            Parents(file.Path, EntryType.File);
            await File(file, layer);
        }

        async Task Entry(string mount, TarEntry entry, Stream content)
        {
            var path = Below(mount, entry.Path);
            if (entry.Type != EntryType.File)
            {
                Add(new TreeEntry(path, entry.Type, false, 0, default, entry.Target));
                return;
            }
            Parents(path, EntryType.File);
            await using var file = writer.CreateFile(path);
            var digest = await Copy(content, file);
            TreeWriter.Seal(file.SafeFileHandle, entry.Executable);
            _copied++;
            _entries.Add(new TreeEntry(path, EntryType.File, entry.Executable, entry.Size, digest, ""));
        }

        async Task File(RawFile made, Descriptor layer)
        {
            await using var file = writer.CreateFile(made.Path);
            if (Clone(layer, file))
            {
                _cloned++;
                var digest = Digest.From(await SHA256.HashDataAsync(file, stop));
                if (digest != layer.Digest)
                    throw new BlobException(BlobError.Corrupt,
                        $"blob {layer.Digest} is corrupt: its content has digest {digest}");
                if (file.Length != layer.Size) throw Wrong(layer);
            }
            else
            {
                _copied++;
                await using var content = await Open(layer);
                await Copy(content, file); // ends only if size and digest match
            }
            TreeWriter.Seal(file.SafeFileHandle, made.Executable);
            _entries.Add(new TreeEntry(made.Path, EntryType.File, made.Executable, layer.Size, layer.Digest, ""));
        }

        bool Clone(Descriptor layer, FileStream to)
        {
            if (blobs is not BlobStore store || layer.Size == 0 || !System.IO.File.Exists(store.PathOf(layer.Digest)))
                return false;
            using var from = Libc.OpenFile(store.PathOf(layer.Digest));
            return Libc.TryClone(from, to.SafeFileHandle);
        }

        async Task<Digest> Copy(Stream from, FileStream to)
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = ArrayPool<byte>.Shared.Rent(256 * 1024);
            try
            {
                for (int n; (n = await from.ReadAsync(buffer, stop)) > 0;)
                {
                    hash.AppendData(buffer.AsSpan(0, n));
                    to.Write(buffer.AsSpan(0, n));
                }
                return Digest.From(hash.GetHashAndReset());
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }

        void Add(TreeEntry entry)
        {
            var there = entry.Type == EntryType.Directory && _shape.Has(entry.Path);
            Parents(entry.Path, entry.Type, entry.Target);
            if (there) return;
            if (entry.Type == EntryType.Directory) writer.AddDirectory(entry.Path);
            _entries.Add(entry);
        }

        void Parents(string path, EntryType type, string target = "")
        {
            foreach (var parent in _shape.Add(path, type, target))
            {
                writer.AddDirectory(parent);
                _entries.Add(new TreeEntry(parent, EntryType.Directory, false, 0, default, ""));
            }
        }

        static string Below(string mount, string path) => mount.Length == 0 ? path : $"{mount}/{path}";

        /// <summary>
        /// A layer that is stopped where it grows beyond what the manifest says, before its digest could be known.
        /// </summary>
        async Task<Stream> Open(Descriptor layer) =>
            new SizedStream(await blobs.OpenRead(layer.Digest, stop), layer.Size, () => Wrong(layer));

        static BlobException Wrong(Descriptor layer) =>
            new(BlobError.Malformed, $"layer {layer.Digest} does not have the {layer.Size} bytes its manifest says");
    }
}
