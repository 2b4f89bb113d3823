using System.Text;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// The public half of a log, named as C2SP tlog-tiles names it, so that any static file server can serve it:
/// <c>checkpoint</c>, <c>tile/L/…</c>, <c>tile/entries/…</c>. All of it is derived from the records (the checkpoint
/// also from the key) and made again when it is missing or wrong.
/// </summary>
/// <param name="writer">Null for those who only read.</param>
sealed class LogObjects(ILedgerStore store, ILedgerWriter? writer = null)
{
    const string CheckpointName = "checkpoint";

    public string? Checkpoint => store.Get(CheckpointName) is { } note ? Encoding.UTF8.GetString(note) : null;

    public void WriteCheckpoint(string note) => Put(CheckpointName, Encoding.UTF8.GetBytes(note));

    void Put(string name, ReadOnlySpan<byte> bytes) => writer!.Put(name, bytes, Durability.Late);

    // Partial ones come from the publishing loop, full ones from the log's thread, which removes the partials: never in
    // the middle of one's being written.
    readonly object _partials = new();

    /// <summary>
    /// Writes a tile or bundle. A full one takes the place of its partials, also of those that come too late.
    /// </summary>
    public void Write(Tile tile, ReadOnlySpan<byte> bytes)
    {
        if (tile.IsPartial)
        {
            lock (_partials)
                if (!Exists(new Tile(tile.Level, tile.Index))) Put(tile.Path, bytes);
            return;
        }
        Put(tile.Path, bytes);
        DeletePartials(tile);
    }

    static string PartialsOf(Tile full) => full.Path + ".p";

    void DeletePartials(Tile full)
    {
        lock (_partials) writer!.Delete(PartialsOf(full));
    }

    /// <summary>Writes it only if what stands there differs; whether it did.</summary>
    public bool Ensure(Tile tile, ReadOnlySpan<byte> bytes)
    {
        var same = Same(tile, bytes);
        if (!same) Write(tile, bytes);
        else if (!tile.IsPartial) DeletePartials(tile);
        return !same;
    }

    /// <summary>Whether it stands there now; those who write see to it that it does.</summary>
    public bool Stands(Tile tile, ReadOnlySpan<byte> bytes)
    {
        if (writer is null) return Same(tile, bytes);
        Ensure(tile, bytes);
        return true;
    }

    public bool Exists(Tile tile) => store.Has(tile.Path);

    public bool Same(Tile tile, ReadOnlySpan<byte> bytes) =>
        store.Get(tile.Path) is { } there && bytes.SequenceEqual(there);

    /// <summary>Its bytes; null: it is not there.</summary>
    public byte[]? Find(Tile tile) => store.Get(tile.Path);

    /// <exception cref="FileNotFoundException">It is not there.</exception>
    public byte[] Read(Tile tile) =>
        Find(tile) ?? throw new FileNotFoundException($"{store.Place}: there is no {tile.Path}", tile.Path);

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
    /// The widths of a tile that are there as partial ones; other names among them are for <see cref="Stray"/>.
    /// </summary>
    public IEnumerable<Tile> Partials(int level, long index)
    {
        foreach (var name in store.List(PartialsOf(new Tile(level, index)) + "/"))
            if (Tile.TryParse(name, out var tile)) yield return tile;
    }

    /// <summary>The name of everything below <c>tile/</c> that no tree of this size implies.</summary>
    public IEnumerable<string> Stray(long size) => store.List("tile/").Where(name =>
        !Tile.TryParse(name, out var tile) || tile.Width > Tile.WidthAt(size, tile.Level, tile.Index));

    /// <summary>
    /// The name of every bundle, full or partial, that lies wholly below a floor. Hash tiles stay: every proof is made
    /// of them.
    /// </summary>
    public IEnumerable<string> BundlesBelow(long floor) => store.List("tile/entries/").Where(name =>
        Tile.TryParse(name, out var tile) && tile.Level == Tile.Entries && tile.Index < floor / Tile.Full);

    public void Delete(string name) => writer!.Delete(name);
}
