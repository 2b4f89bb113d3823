using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// The public half of a log's folder, laid out as C2SP tlog-tiles names it, so that any static file server can serve
/// it:
/// <c>checkpoint</c>, <c>tile/L/…</c>, <c>tile/entries/…</c>. All of it is derived from the journal (the checkpoint
/// also from the key) and made again when it is missing or wrong.
/// </summary>
sealed class TreeFolder(string folder)
{
    public string CheckpointPath => Path.Combine(folder, "checkpoint");

    public string? Checkpoint => File.Exists(CheckpointPath) ? File.ReadAllText(CheckpointPath) : null;

    public void WriteCheckpoint(string note) => Derived.Write(CheckpointPath, System.Text.Encoding.UTF8.GetBytes(note));

    string At(Tile tile) => Path.Combine(folder, tile.Path);

    // Partial files come from the publishing loop, full ones from the journal's writer, who removes the partials: never
    // in the middle of one's being written.
    readonly object _partials = new();

    /// <summary>
    /// Writes a tile or bundle. A full one takes the place of its partials, also of those that come too late.
    /// </summary>
    public void Write(Tile tile, ReadOnlySpan<byte> bytes)
    {
        if (tile.IsPartial)
        {
            lock (_partials)
                if (!Exists(new Tile(tile.Level, tile.Index))) Derived.Write(At(tile), bytes);
            return;
        }
        Derived.Write(At(tile), bytes);
        DeletePartials(tile);
    }

    void DeletePartials(Tile full)
    {
        lock (_partials) Files.DeleteDirectory(At(full) + ".p");
    }

    /// <summary>Writes it only if what stands there differs; whether it did.</summary>
    public bool Ensure(Tile tile, ReadOnlySpan<byte> bytes)
    {
        var same = Same(tile, bytes);
        if (!same) Write(tile, bytes);
        else if (!tile.IsPartial) DeletePartials(tile);
        return !same;
    }

    public bool Exists(Tile tile) => File.Exists(At(tile));

    public bool Same(Tile tile, ReadOnlySpan<byte> bytes)
    {
        var file = new FileInfo(At(tile));
        return file.Exists && file.Length == bytes.Length && bytes.SequenceEqual(File.ReadAllBytes(file.FullName));
    }

    /// <exception cref="IOException">It is not there, or can't be read.</exception>
    public byte[] Read(Tile tile) => File.ReadAllBytes(At(tile));

    /// <summary>
    /// Makes the partial tiles and bundle of a tree's right edge right: the widths that the tree has now, and those
    /// that stand there from earlier sizes.
    /// </summary>
    public void EnsureEdge(Tree tree, Action<Tile> written)
    {
        foreach (var (edge, bytes) in tree.Edge())
        {
            foreach (var earlier in Partials(edge.Level, edge.Index).Where(p => p.Width < edge.Width).ToList())
                if (Ensure(earlier, tree.Partial(earlier.Level, earlier.Width))) written(earlier);
            if (Ensure(edge, bytes)) written(edge);
        }
    }

    /// <summary>
    /// The widths of a tile that stand as partial files; other names in that folder are for <see cref="Stray"/>.
    /// </summary>
    public IEnumerable<Tile> Partials(int level, long index)
    {
        var directory = At(new Tile(level, index)) + ".p";
        if (!Directory.Exists(directory)) yield break;
        foreach (var file in Directory.EnumerateFiles(directory))
            if (Tile.TryParse(Relative(file), out var tile)) yield return tile;
    }

    /// <summary>Every file below <c>tile/</c> that no tree of this size implies, by its path in the folder.</summary>
    public IEnumerable<string> Stray(long size)
    {
        var root = Path.Combine(folder, "tile");
        if (!Directory.Exists(root)) yield break;
        foreach (var file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
        {
            var path = Relative(file);
            if (!Tile.TryParse(path, out var tile) || tile.Width > Tile.WidthAt(size, tile.Level, tile.Index))
                yield return path;
        }
    }

    /// <summary>
    /// Every bundle, full or partial, that lies wholly below a floor, by its path in the folder. Hash tiles stay: every
    /// proof is made of them.
    /// </summary>
    public IEnumerable<string> BundlesBelow(long floor)
    {
        var root = Path.Combine(folder, "tile", "entries");
        if (!Directory.Exists(root)) yield break;
        foreach (var file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
            if (Tile.TryParse(Relative(file), out var tile) && tile.Level == Tile.Entries
                && tile.Index < floor / Tile.Full) yield return Relative(file);
    }

    public void Delete(string path) => Files.Delete(Path.Combine(folder, path));

    string Relative(string file) => Path.GetRelativePath(folder, file);
}
