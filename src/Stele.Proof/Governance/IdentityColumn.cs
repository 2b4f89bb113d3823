using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>
/// Entries' payload digests in the order of the entries, found by digest: the newest in a table, the older in sorted
/// runs, of which several of a size are merged into one. One thread adds, any number read. In memory it takes 40 bytes
/// an entry until it is kept; then what the index and the filter of each run take, 2.5 bytes an entry.
/// </summary>
sealed class IdentityColumn
{
    /// <summary>Identities that are not in a run yet.</summary>
    const int Fresh = 4096;

    /// <summary>Runs of one size that are merged, up to a size that takes no more than a moment.</summary>
    const int Merged = 8, Largest = 8 * 8 * Fresh;

    /// <summary>What the column holds at one moment.</summary>
    public sealed record Content(ImmutableArray<IdentityRun> Runs, ImmutableDictionary<Digest, long> Fresh, long Count)
    {
        public long InRuns => Count - Fresh.Count;
    }

    volatile Content _now;

    // Where the oldest of the fresh are kept, those from the runs' end to an entry. The saving thread's alone.
    (ImmutableArray<NodeRef> Parts, long From, long To) _kept = ([], 0, 0);

    public IdentityColumn() => _now = new([], ImmutableDictionary<Digest, long>.Empty, 0);

    IdentityColumn(Content content) => _now = content;

    public Content Now => _now;

    public long Count => _now.Count;

    public long? Find(Digest identity)
    {
        var now = _now;
        if (now.Fresh.TryGetValue(identity, out var entry)) return entry;
        foreach (var run in now.Runs) if (run.Find(identity) is { } found) return found;
        return null;
    }

    public void Add(Digest identity)
    {
        var now = _now;
        var fresh = now.Fresh.Add(identity, now.Count);
        _now = fresh.Count < Fresh ? now with { Fresh = fresh, Count = now.Count + 1 }
            : new(Together(now.Runs.Add(IdentityRun.Of(fresh))), ImmutableDictionary<Digest, long>.Empty,
                now.Count + 1);
    }

    // The newest runs are the smallest.
    static ImmutableArray<IdentityRun> Together(ImmutableArray<IdentityRun> runs)
    {
        while (runs.Length >= Merged && runs[^Merged].Count < Math.Min(runs[^1].Count * Merged, Largest))
            runs = [.. runs[..^Merged], IdentityRun.Merge(runs[^Merged..])];
        return runs;
    }

    /// <summary>
    /// Keeps all that was in the column at a moment and is not kept yet, and tells how to find it again. For one thread
    /// at a time; another may add.
    /// </summary>
    public Json Save(Content then, INodes nodes)
    {
        foreach (var run in then.Runs) run.Keep(nodes);
        if (_kept.From != then.InRuns) _kept = ([], then.InRuns, then.InRuns);
        if (_kept.To < then.Count)
        {
            var added = then.Fresh.Where(f => f.Value >= _kept.To).OrderBy(f => f.Value).ToArray();
            var rows = new byte[added.Length * IdentityRun.Row];
            foreach (var (i, (identity, entry)) in added.Index())
                IdentityRun.Write(rows.AsSpan(i * IdentityRun.Row), identity, entry);
            _kept = (_kept.Parts.Add(nodes.Add(rows)), _kept.From, then.Count);
        }
        return Json.Object(("count", then.Count), ("runs", Json.Array(then.Runs.Select(r => r.ToJson()))),
            ("fresh", Json.Array(_kept.Parts.Select(p => p.ToJson()))));
    }

    /// <exception cref="FormatException">This names no column.</exception>
    /// <exception cref="NodeException">Its newest part is not what was kept.</exception>
    public static IdentityColumn Load(Json saved, INodes nodes)
    {
        var fresh = ImmutableDictionary.CreateBuilder<Digest, long>();
        var parts = saved["fresh"].AsArray.Select(NodeRef.FromJson).ToImmutableArray();
        foreach (var rows in parts.Select(nodes.Read))
            for (var at = 0; at + IdentityRun.Row <= rows.Length; at += IdentityRun.Row)
                fresh.Add(Digest.From(rows.AsSpan(at, Digest.Size)),
                    BinaryPrimitives.ReadInt64BigEndian(rows.AsSpan(at + Digest.Size)));
        var count = saved["count"].AsInt;
        var now = new Content([.. saved["runs"].AsArray.Select(r => IdentityRun.FromJson(r, nodes))],
            fresh.ToImmutable(), count);
        return new(now) { _kept = (parts, now.InRuns, count) };
    }
}
