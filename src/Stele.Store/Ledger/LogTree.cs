using System.Buffers;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>
/// The tree that a log grows, and what filled up in it and is not stored yet. The log's thread changes it, anybody
/// reads it. Invariant: a full tile or bundle can always be read: from here until it is stored, from the store from
/// then on.
/// </summary>
sealed class LogTree
{
    readonly LogObjects _objects;
    readonly Tree _tree;
    readonly Dictionary<(int Level, long Index), (byte[] Rented, int Length)> _unwritten = [];
    readonly Lock _writing = new();
    bool _opening = true;

    public LogTree(LogObjects objects) => (_objects, _tree) = (objects, new Tree(Full));

    /// <summary>Held by who changes the tree, or reads more than one thing of it.</summary>
    public Lock Gate { get; } = new();

    /// <summary>For the log's thread, and under <see cref="Gate"/> when it is changed.</summary>
    public Tree Edge => _tree;

    public long Size
    {
        get { lock (Gate) return _tree.Size; }
    }

    /// <summary>From here on the log grows, and storing what fills up is left for later.</summary>
    public void Opened() => _opening = false;

    /// <summary>
    /// A tile or bundle is full: at opening it is stored at once, if what stands there is not it; later after the
    /// checkpoint, and is read from memory until then. Of a log that is only read, memory is all that it gets.
    /// </summary>
    void Full(Tile tile, ReadOnlyMemory<byte> bytes)
    {
        if (_opening && _objects.Stands(tile, bytes.Span)) return;
        var rented = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(rented);
        _unwritten.Add((tile.Level, tile.Index), (rented, bytes.Length));
    }

    /// <summary>How many full tiles and bundles are not stored yet.</summary>
    public int Unwritten
    {
        get { lock (Gate) return _unwritten.Count; }
    }

    /// <summary>Stores what is full and is not stored yet.</summary>
    public void WriteFull()
    {
        lock (_writing)
        {
            KeyValuePair<(int Level, long Index), (byte[] Rented, int Length)>[] full;
            lock (Gate) full = [.. _unwritten];
            foreach (var (at, bytes) in full)
            {
                _objects.Write(new Tile(at.Level, at.Index), bytes.Rented.AsSpan(0, bytes.Length));
                lock (Gate) _unwritten.Remove(at);
                ArrayPool<byte>.Shared.Return(bytes.Rented);   // readers copy it under the gate
            }
        }
    }

    /// <summary>An entry of the bundle that is not full.</summary>
    public byte[]? EntryAtEdge(long index)
    {
        lock (Gate) return index / Tile.Full == _tree.Size / Tile.Full ? _tree.Entry(index) : null;
    }

    /// <summary>The entries of a bundle that is not full or not stored yet; null for the others.</summary>
    public byte[][]? BundleInMemory(long n)
    {
        lock (Gate)
            return n == _tree.Size / Tile.Full
                ? Tile.DecodeBundle(_tree.Partial(Tile.Entries, _tree.Width(Tile.Entries)), _tree.Width(Tile.Entries))
                : _unwritten.TryGetValue((Tile.Entries, n), out var full)
                    ? Tile.DecodeBundle(full.Rented.AsSpan(0, full.Length), Tile.Full) : null;
    }

    /// <summary>What the tree is now, signed for or not.</summary>
    public (long Size, Digest Root) Now
    {
        get { lock (Gate) return (_tree.Size, _tree.Root); }
    }

    /// <summary>The first hashes or entries of a tile that the tree has in that width.</summary>
    public byte[] Read(int level, long n, int width)
    {
        byte[]? bytes;
        lock (Gate)
        {
            if (n == _tree.Size >> (level == Tile.Entries ? 8 : 8 * (level + 1))) return _tree.Partial(level, width);
            bytes = _unwritten.TryGetValue((level, n), out var full) ? full.Rented[..full.Length] : null;
        }
        bytes ??= _objects.Read(new Tile(level, n));   // full since, and stored by now
        if (width == Tile.Full) return bytes;
        return level == Tile.Entries
            ? Tile.EncodeBundle(Tile.DecodeBundle(bytes, Tile.Full)[..width])
            : bytes[..(width * Digest.Size)];
    }
}
