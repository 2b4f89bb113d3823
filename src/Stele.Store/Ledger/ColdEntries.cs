using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>The entries of a log that lie in cold storage and lead to a tree, read from there.</summary>
sealed record ColdEntries(ILedgerStore Cold, IReadOnlyList<LedgerSegment> Segments, Frontier Beginning, long To)
{
    /// <summary>
    /// The segments in a store that lead without a gap to a tree; null when none does. Each was read whole: its entries
    /// are those that the tree is over.
    /// </summary>
    /// <param name="to">The tree that they must lead to.</param>
    /// <exception cref="IOException">What should lead there does not: it was changed, or is of another log.</exception>
    public static ColdEntries? Leading(ILedgerStore cold, Frontier to)
    {
        var chain = new List<LedgerSegment>();
        var tree = new Tree((_, _) => { });
        var begins = new Frontier();
        Frontier? reached = null;
        foreach (var segment in cold.Segments().Where(s => s.First < to.Size))
        {
            if (chain.Count == 0 || tree.Size != segment.First)
            {
                (chain, tree) = ([], Before(cold, segment));
                begins = Whole(tree.Frontier);
            }
            chain.Add(segment);
            Read(cold, segment, batch =>
            {
                foreach (var record in batch)
                {
                    tree.Add(record.Bytes.Span);
                    if (tree.Size == to.Size) reached = tree.Frontier;
                }
            });
        }
        if (reached is null) return null;
        return reached.Root == to.Root
            ? new(cold, chain, begins, to.Size)
            : throw new IOException(
                $"{cold.Place}/{chain[0].Name} and what follows is not what was moved: its entries do not lead to the "
                + $"tree of {to.Size} entries that the log goes on from");
    }

    static void Read(ILedgerStore cold, LedgerSegment segment, Action<ReadOnlySpan<StoredRecord>> batch)
    {
        var end = cold.Read(segment.First, segment.First + 1, (_, records) => batch(records));
        if (end.Problem is not null)
            throw new IOException($"{cold.Place}/{segment.Name} is damaged: {end.Problem}");
    }

    /// <summary>The tree at the last whole bundle: its perfect subtrees of 256 and more.</summary>
    static Frontier Whole(Frontier at)
    {
        var size = at.Size - at.Size % Tile.Full;
        return new Frontier(size, [.. at.Peaks.ToArray().Take(System.Numerics.BitOperations.PopCount((ulong)size))]);
    }

    static Tree Before(ILedgerStore cold, LedgerSegment segment)
    {
        var tree = new Tree((_, _) => { });
        try
        {
            if (segment.First > 0)
                tree.Restore(Basis.Parse(cold.Basis(segment.First)
                    ?? throw new IOException($"the basis of {cold.Place}/{segment.Name} is damaged, or not there"))
                    .Tree);
        }
        catch (FormatException e)
        {
            throw new IOException($"the basis of {cold.Place}/{segment.Name}: {e.Message}");
        }
        return tree;
    }

    /// <summary>From <see cref="Beginning"/> on; a segment in memory at a time.</summary>
    public IEnumerable<byte[]> All()
    {
        var tree = Before(Cold, Segments[0]);
        for (var at = Beginning.Size; at < tree.Size && at < To; at++) yield return tree.Entry(at);
        foreach (var segment in Segments)
        {
            var entries = new List<byte[]>();
            Read(Cold, segment, batch =>
            {
                foreach (var record in batch) if (record.Index < To) entries.Add(record.Bytes.ToArray());
            });
            foreach (var entry in entries) yield return entry;
        }
    }
}
