using System.Collections.Immutable;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Ledger;

/// <summary>The entries of a log that lie in cold storage and lead to a tree, read from there.</summary>
sealed record ColdEntries(IReadOnlyList<JournalSegment> Segments, Frontier Beginning, long To)
{
    /// <summary>
    /// The segments of a log in a folder that lead without a gap to a tree; null when none does. Each was read whole:
    /// its entries are those that the tree is over.
    /// </summary>
    /// <param name="to">The tree that they must lead to.</param>
    /// <exception cref="IOException">What should lead there does not: it was changed, or is of another log.</exception>
    public static ColdEntries? Leading(string cold, string origin, Frontier to)
    {
        var journal = ColdList.Journal(cold, origin);
        var chain = new List<JournalSegment>();
        var tree = new Tree((_, _) => { });
        var begins = new Frontier();
        Frontier? reached = null;
        foreach (var segment in Journal.Segments(journal).Where(s => s.First < to.Size))
        {
            if (chain.Count == 0 || tree.Size != segment.First)
            {
                (chain, tree) = ([], Before(segment));
                begins = Whole(tree.Frontier);
            }
            chain.Add(segment);
            var end = JournalScan.All([segment], (_, batch) =>
            {
                foreach (var record in batch)
                {
                    tree.Add(record.Bytes.Span);
                    if (tree.Size == to.Size) reached = tree.Frontier;
                }
            }, null, out _, out _);
            if (end.Problem is not null) throw new IOException($"{segment.Path} is damaged: {end.Problem}");
        }
        if (reached is null) return null;
        return reached.Root == to.Root
            ? new(chain, begins, to.Size)
            : throw new IOException(
                $"{journal} is not what was moved out of {origin}: its entries do not lead to the tree of {to.Size} "
                + $"entries that the log goes on from");
    }

    /// <summary>The tree at the last whole bundle: its perfect subtrees of 256 and more.</summary>
    static Frontier Whole(Frontier at)
    {
        var size = at.Size - at.Size % Tile.Full;
        return new Frontier(size, [.. at.Peaks.ToArray().Take(System.Numerics.BitOperations.PopCount((ulong)size))]);
    }

    static Tree Before(JournalSegment segment)
    {
        var tree = new Tree((_, _) => { });
        try
        {
            if (segment.First > 0)
                tree.Restore(Basis.Parse(segment.Basis
                    ?? throw new IOException($"{segment.BasisPath} is damaged, or not there")).Tree);
        }
        catch (FormatException e)
        {
            throw new IOException($"{segment.BasisPath}: {e.Message}");
        }
        return tree;
    }

    /// <summary>From <see cref="Beginning"/> on; a segment in memory at a time.</summary>
    public IEnumerable<byte[]> All()
    {
        var tree = Before(Segments[0]);
        for (var at = Beginning.Size; at < tree.Size && at < To; at++) yield return tree.Entry(at);
        foreach (var segment in Segments)
        {
            var entries = new List<byte[]>();
            var end = JournalScan.All([segment], (_, batch) =>
            {
                foreach (var record in batch) if (record.Index < To) entries.Add(record.Bytes.ToArray());
            }, null, out _, out _);
            if (end.Problem is not null) throw new IOException($"{segment.Path} is damaged: {end.Problem}");
            foreach (var entry in entries) yield return entry;
        }
    }
}
