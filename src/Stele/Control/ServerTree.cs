using Stele.Proof;

namespace Stele.Control;

/// <summary>
/// A server's tree, put together out of the tiles that it serves: entries, and proofs over them. Nothing that comes
/// from here was checked: those who ask hold it against a signed checkpoint.
/// </summary>
sealed class ServerTree(ServerClient server)
{
    /// <summary>
    /// Proves one size to be the beginning of another, out of the server's tiles. Whether it does is judged by those
    /// who are given it.
    /// </summary>
    public async Task<Digest[]> Consistency(long from, long to, CancellationToken stop)
    {
        var tiles = new Dictionary<(int, long), Digest[]>();
        while (true)
        {
            Tile? wanted = null;
            var proof = Proofs.Consistency(from, to, (level, index) =>
            {
                var tile = Tile.Holding(level, index, to);
                if (tiles.TryGetValue((tile.Level, tile.Index), out var hashes))
                    return Tile.Subtree(level, index, hashes);
                wanted ??= tile;
                return default;
            });
            if (wanted is not { } missing) return proof;
            try
            {
                tiles.Add((missing.Level, missing.Index),
                    Tile.Decode(await server.Fetch(missing, stop), missing.Width));
            }
            catch (FormatException e)
            {
                throw new ReplicaException(ReplicaFault.BadTile, $"the server's {missing}: {e.Message}");
            }
        }
    }

    /// <summary>
    /// The entries [from, to), or as many of them as make a step, out of the server's bundles. What is less than
    /// another step is taken along.
    /// </summary>
    /// <param name="step">Bytes.</param>
    public async Task<IReadOnlyList<byte[]>> Entries(long from, long to, long step, CancellationToken stop)
    {
        var entries = new List<byte[]>();
        var bytes = 0L;
        for (var n = from / Tile.Full; n * Tile.Full < to
            && (bytes < step || to - n * Tile.Full <= entries.Count); n++)
        {
            var tile = new Tile(Tile.Entries, n, Tile.WidthAt(to, Tile.Entries, n));
            try
            {
                var bundle = Tile.DecodeBundle(await server.Fetch(tile, stop), tile.Width);
                bytes += bundle.Sum(e => (long)e.Length);
                entries.AddRange(bundle.Skip((int)Math.Max(0, from - n * Tile.Full)));
            }
            catch (FormatException e)
            {
                throw new ReplicaException(ReplicaFault.BadTile, $"the server's {tile}: {e.Message}");
            }
        }
        return entries;
    }

    /// <summary>
    /// The proof that a larger checkpoint does not extend what somebody has, out of the hashes that the server itself
    /// gives: they lead to its checkpoint, and to another root at that size. Null: they do not lead there, so it is the
    /// server that errs, and no history.
    /// </summary>
    /// <param name="own">The checkpoint over the <paramref name="known"/> entries that they have.</param>
    /// <param name="note">The larger one, as the server gave it.</param>
    /// <param name="key">The ledger's.</param>
    public async Task<Fork?> Contradiction(string own, long known, Checkpoint larger, string note, VerifierKey key,
        CancellationToken stop)
    {
        var tiles = new Dictionary<Tile, Digest[]>();
        Digest Subtree(int level, long index)
        {
            var tile = Tile.Holding(level, index, larger.Size);
            if (!tiles.TryGetValue(tile, out var hashes))
                tiles[tile] = hashes = Tile.Decode(server.Fetch(tile, stop).GetAwaiter().GetResult(), tile.Width);
            return Tile.Subtree(level, index, hashes);
        }
        try
        {
            // Proofs are made by plain calls; this happens once in a ledger's life, if ever.
            var fork = await Task.Run(() => new Fork(own, note, Proofs.TreeHash(known, Subtree),
                [.. Proofs.Consistency(known, larger.Size, Subtree)]), stop);
            return fork.Holds(key) ? fork : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
