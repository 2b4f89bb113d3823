using System.Buffers;
using System.Collections.Immutable;
using System.Security.Cryptography;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Blobs;

/// <summary>
/// One name of a tree. A file has size, content and its executable bit; a link its target; a directory nothing.
/// </summary>
sealed record TreeEntry(string Path, EntryType Type, bool Executable, long Size, Digest Content, string Target)
{
    internal Json ToJson() => Type switch
    {
        EntryType.File => Json.Array("file", Path, Executable, Size, Content),
        EntryType.Link => Json.Array("link", Path, Target),
        _ => Json.Array("directory", Path),
    };
}

enum TreeChangeKind { Added, Removed, Changed }

readonly record struct TreeChange(TreeChangeKind Kind, string Path);

/// <summary>
/// What a directory tree is, in one digest: SHA-256 over one line of canonical JSON an entry, sorted by the UTF-8 bytes
/// of the path, each ended by a line feed:
/// <code>["directory","app"]
/// ["file","app/run",true,12,"sha256:…"]
/// ["link","bin","usr/bin"]</code>
/// Times, owners, other mode bits and the tree's own place do not count.
/// </summary>
sealed class TreeDigest
{
    TreeDigest(ImmutableArray<TreeEntry> entries)
    {
        Entries = entries;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var entry in entries)
        {
            hash.AppendData(entry.ToJson().ToBytes());
            hash.AppendData("\n"u8);
        }
        Digest = Digest.From(hash.GetHashAndReset());
    }

    public Digest Digest { get; }

    public ImmutableArray<TreeEntry> Entries { get; }

    public static TreeDigest Of(IEnumerable<TreeEntry> entries) =>
        new([.. entries.OrderBy(e => e.Path, TreeShape.ByBytes)]);

    /// <summary>Reads every byte below a directory.</summary>
    /// <param name="opaque">
    /// Directories, relative, that count by their name alone: mount points such as <c>proc</c> and <c>tmp</c>.
    /// </param>
    /// <exception cref="BlobException">A device, socket or pipe, or a name that is not UTF-8.</exception>
    public static TreeDigest Of(string directory, params IReadOnlyCollection<string> opaque) =>
        Of(directory, opaque, CancellationToken.None);

    public static TreeDigest Of(string directory, IReadOnlyCollection<string> opaque, CancellationToken stop) =>
        new([.. Names(directory, opaque).Select(n => Read(directory, n, stop))]);

    /// <summary>The names of a tree with all but the content, sorted; no link is followed.</summary>
    internal static IReadOnlyList<TreeEntry> Names(string directory, IReadOnlyCollection<string> opaque)
    {
        var found = new List<TreeEntry>();
        Walk("");
        found.Sort((a, b) => TreeShape.ByBytes.Compare(a.Path, b.Path));
        return found;

        void Walk(string below)
        {
            foreach (var full in Directory.EnumerateFileSystemEntries(Path.Combine(directory, below), "*",
                new EnumerationOptions
            {
                AttributesToSkip = 0,
                ReturnSpecialDirectories = false
            }))
            {
                var path = below.Length == 0 ? Path.GetFileName(full) : $"{below}/{Path.GetFileName(full)}";
                TreeShape.CheckPath(path);
                if (found.Count >= TreeShape.MaxEntries)
                    throw new BlobException(BlobError.TooLarge,
                        $"{directory} holds more than {TreeShape.MaxEntries} entries");
                var stat = Libc.StatOf(full)
                    ?? throw new BlobException(BlobError.Changed, $"'{path}' vanished while it was being read");
                switch (stat.Type)
                {
                    case NodeType.File:
                        found.Add(new TreeEntry(path, EntryType.File, stat.Executable, stat.Size, default, ""));
                        break;
                    case NodeType.Link:
                        found.Add(new TreeEntry(path, EntryType.Link, false, 0, default,
                            new FileInfo(full).LinkTarget ?? throw new BlobException(BlobError.Changed,
                                $"'{path}' changed while it was being read")));
                        break;
                    case NodeType.Directory:
                        found.Add(new TreeEntry(path, EntryType.Directory, false, 0, default, ""));
                        if (!opaque.Contains(path)) Walk(path);
                        break;
                    default:
                        throw new BlobException(BlobError.SpecialFile, $"'{path}' is a device, socket or pipe");
                }
            }
        }
    }

    static TreeEntry Read(string directory, TreeEntry entry, CancellationToken stop) =>
        entry.Type != EntryType.File ? entry
        : entry with { Content = ContentOf(Path.Combine(directory, entry.Path), stop) };

    /// <summary>The digest of a file that is no link; stops between two pieces of it.</summary>
    public static Digest ContentOf(string path, CancellationToken stop)
    {
        using var content = Libc.OpenRead(path);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = ArrayPool<byte>.Shared.Rent(128 * 1024);
        try
        {
            stop.ThrowIfCancellationRequested();
            for (int n; (n = content.Read(buffer)) > 0; stop.ThrowIfCancellationRequested())
                hash.AppendData(buffer.AsSpan(0, n));
            return Digest.From(hash.GetHashAndReset());
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>What is different in <paramref name="now"/>, path by path.</summary>
    public IReadOnlyList<TreeChange> Changes(TreeDigest now)
    {
        var before = Entries.ToDictionary(e => e.Path, StringComparer.Ordinal);
        var changes = new List<TreeChange>();
        foreach (var entry in now.Entries)
        {
            if (!before.Remove(entry.Path, out var old)) changes.Add(new(TreeChangeKind.Added, entry.Path));
            else if (old != entry) changes.Add(new(TreeChangeKind.Changed, entry.Path));
        }
        changes.AddRange(before.Keys.Select(path => new TreeChange(TreeChangeKind.Removed, path)));
        changes.Sort((a, b) => TreeShape.ByBytes.Compare(a.Path, b.Path));
        return changes;
    }
}
