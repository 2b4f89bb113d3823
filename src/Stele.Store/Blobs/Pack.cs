using System.Collections.Immutable;
using System.IO.Pipelines;
using Stele.Proof;

namespace Stele.Blobs;

/// <summary>An entry to be packed; <paramref name="Open"/> gives a file's content.</summary>
sealed record PackEntry(string Path, EntryType Type, bool Executable = false, long Size = 0, string Target = "",
    Func<Stream>? Open = null);

/// <summary>
/// Turns a tree into the layers of an artifact. Which file goes where follows from the tree alone: a tree of at most
/// <see cref="Few"/> files has one raw layer a file; otherwise files of at least <see cref="Large"/> bytes do (doubled
/// until at most <see cref="MaxRaw"/> qualify), so that a fine-tuned model or a new runtime
/// shares what did not change; all else goes into one tar.
/// </summary>
static class Pack
{
    public const int Few = 16, MaxRaw = 1024;
    public const long Large = 1 << 20, MaxBlob = 1L << 40;

    /// <summary>
    /// Checks the shape of the whole tree before anything is stored, then stores the layers and the manifest.
    /// </summary>
    public static async Task<Digest> Tree(IBlobs blobs, string kind, About about, IEnumerable<PackEntry> entries,
        CancellationToken stop = default)
    {
        Artifact.Checked(kind, about);
        var sorted = entries.OrderBy(e => e.Path, TreeShape.ByBytes).ToArray();
        var shape = new TreeShape();
        var parents = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in sorted)
        {
            shape.Add(entry.Path, entry.Type, entry.Target);
            for (var slash = entry.Path.LastIndexOf('/'); slash > 0
                && parents.Add(entry.Path[..slash]); slash = entry.Path.LastIndexOf('/', slash - 1)) { }
        }
        shape.CheckLinks();

        var raw = Raw(sorted);
        var layers = ImmutableArray.CreateBuilder<Descriptor>();
        foreach (var file in sorted.Where(raw.Contains))
        {
            await using var content = new SizedStream(file.Open!(), file.Size,
                () => new BlobException(BlobError.Changed, $"'{file.Path}' changed while it was being frozen"));
            var digest = await blobs.Put(content, null, MaxBlob, file.Size, stop);
            var layer = Artifact.FileLayer(kind, digest, file.Size, file.Path);
            layers.Add(file.Executable ? Artifact.AsExecutable(layer) : layer);
        }
        var rest = sorted.Where(e => !raw.Contains(e) && !(e.Type == EntryType.Directory && parents.Contains(e.Path)))
            .ToArray();
        if (rest.Length > 0) layers.Add(await TarLayer(blobs, kind, rest, stop));
        if (layers.Count == 0) layers.Add(Descriptor.Empty);
        return await Artifact.Of(blobs, kind, about, layers.ToImmutable(), stop);
    }

    static HashSet<PackEntry> Raw(PackEntry[] entries)
    {
        var files = entries.Where(e => e.Type == EntryType.File).ToArray();
        if (files.Length <= Few) return [.. files];
        var threshold = Large;
        while (files.Count(f => f.Size >= threshold) > MaxRaw) threshold *= 2;
        return [.. files.Where(f => f.Size >= threshold)];
    }

    static async Task<Descriptor> TarLayer(IBlobs blobs, string kind, PackEntry[] entries, CancellationToken stop)
    {
        var content = entries.ToDictionary(e => e.Path, e => e.Open, StringComparer.Ordinal);
        TarEntry[] inside = [.. entries.Select(e => new TarEntry(e.Path, e.Type, e.Executable, e.Size, e.Target))];
        var length = Tar.Length(inside);
        var pipe = new Pipe();
        var writing = Task.Run(async () =>
        {
            try
            {
                await using var to = pipe.Writer.AsStream(leaveOpen: true);
                await Tar.Write(to, inside, e => content[e.Path]!(), stop);
                await pipe.Writer.CompleteAsync();
            }
            catch (Exception e)
            {
                await pipe.Writer.CompleteAsync(e); // the reader's next read throws it
            }
        }, CancellationToken.None);
        try
        {
            var digest = await blobs.Put(pipe.Reader.AsStream(leaveOpen: true), null, MaxBlob, length, stop);
            return Artifact.TreeLayer(kind, digest, length);
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await writing;
        }
    }
}
