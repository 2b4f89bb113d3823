using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>
/// Entries' payload digests in the order of the entries, found by digest: the newest in a table, the older in sorted
/// runs, of which several of a size are merged into one. One thread adds, any number read. In memory it takes 40 bytes
/// an entry; kept, what an index of each run takes, 1 byte an entry.
/// </summary>
sealed class IdentityColumn
{
    /// <summary>Identities that are not in a run yet.</summary>
    const int Fresh = 4096;

    /// <summary>Runs of one size that are merged.</summary>
    const int Merged = 8;

    /// <param name="Parts">Where the oldest of the fresh are kept, up to the entry <paramref name="Kept"/>.</param>
    sealed record Content(ImmutableArray<IdentityRun> Runs, ImmutableDictionary<Digest, long> Fresh, long Count,
        ImmutableArray<NodeRef> Parts, long Kept);

    volatile Content _now;

    public IdentityColumn() => _now = new([], ImmutableDictionary<Digest, long>.Empty, 0, [], 0);

    IdentityColumn(Content content) => _now = content;

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
                now.Count + 1, [], now.Count + 1);
    }

    // The newest runs are the smallest.
    static ImmutableArray<IdentityRun> Together(ImmutableArray<IdentityRun> runs)
    {
        while (runs.Length >= Merged && runs[^Merged].Count < runs[^1].Count * Merged)
            runs = [.. runs[..^Merged], IdentityRun.Merge(runs[^Merged..])];
        return runs;
    }

    /// <summary>Keeps all that is not kept yet, and tells how to find it again. The adding thread's alone.</summary>
    public Json Save(INodes nodes)
    {
        foreach (var run in _now.Runs) run.Keep(nodes);
        if (_now.Kept < _now.Count)
        {
            var added = _now.Fresh.Where(f => f.Value >= _now.Kept).OrderBy(f => f.Value).ToArray();
            var rows = new byte[added.Length * IdentityRun.Row];
            foreach (var (i, (identity, entry)) in added.Index())
                IdentityRun.Write(rows.AsSpan(i * IdentityRun.Row), identity, entry);
            _now = _now with { Parts = _now.Parts.Add(nodes.Add(rows)), Kept = _now.Count };
        }
        return Json.Object(("count", _now.Count), ("runs", Json.Array(_now.Runs.Select(r => r.ToJson()))),
            ("fresh", Json.Array(_now.Parts.Select(p => p.ToJson()))));
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
        return new(new Content([.. saved["runs"].AsArray.Select(r => IdentityRun.FromJson(r, nodes))],
            fresh.ToImmutable(), count, parts, count));
    }
}

/// <summary>
/// Identities and their entries, sorted by identity, in parts of which an index has the first identity of each: rows of
/// 40 bytes, the digest and the entry's number.
/// </summary>
sealed class IdentityRun
{
    public const int Row = Digest.Size + 8;
    const int PartRows = 100;
    const int IndexRow = Digest.Size + NodeRef.Bytes;

    readonly INodes? _nodes;
    NodeRef? _kept;
    Part[]? _parts;    // null: kept, and not asked for yet

    sealed class Part
    {
        public Digest First;
        public byte[]? Rows;       // null: kept
        public NodeRef At;
    }

    IdentityRun(long count, Part[]? parts, NodeRef? kept, INodes? nodes) =>
        (Count, _parts, _kept, _nodes) = (count, parts, kept, nodes);

    public long Count { get; }

    public static IdentityRun Of(IReadOnlyCollection<KeyValuePair<Digest, long>> identities) =>
        Of(identities.OrderBy(i => i.Key), identities.Count);

    /// <summary>Several runs as one.</summary>
    public static IdentityRun Merge(ImmutableArray<IdentityRun> runs)
    {
        var heads = new PriorityQueue<IEnumerator<KeyValuePair<Digest, long>>, Digest>();
        foreach (var run in runs)
        {
            var rows = run.Rows().GetEnumerator();
            if (rows.MoveNext()) heads.Enqueue(rows, rows.Current.Key);
        }
        return Of(All(), runs.Sum(r => r.Count));

        IEnumerable<KeyValuePair<Digest, long>> All()
        {
            while (heads.TryDequeue(out var rows, out _))
            {
                yield return rows.Current;
                if (rows.MoveNext()) heads.Enqueue(rows, rows.Current.Key);
            }
        }
    }

    static IdentityRun Of(IEnumerable<KeyValuePair<Digest, long>> sorted, long count)
    {
        var parts = new Part[(count + PartRows - 1) / PartRows];
        var (n, left) = (0, count);
        byte[] rows = [];
        foreach (var (identity, entry) in sorted)
        {
            var row = n % PartRows;
            if (row == 0)
            {
                rows = new byte[Math.Min(left, PartRows) * Row];
                parts[n / PartRows] = new() { First = identity, Rows = rows };
            }
            Write(rows.AsSpan(row * Row), identity, entry);
            (n, left) = (n + 1, left - 1);
        }
        return new(count, parts, null, null);
    }

    public static void Write(Span<byte> to, Digest identity, long entry)
    {
        identity.CopyTo(to);
        BinaryPrimitives.WriteInt64BigEndian(to[Digest.Size..], entry);
    }

    public long? Find(Digest identity)
    {
        var parts = Parts();
        int low = 0, high = parts.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (parts[middle].First.CompareTo(identity) <= 0) low = middle + 1;
            else high = middle;
        }
        if (low == 0) return null;
        var rows = RowsOf(parts[low - 1]);
        for (int first = 0, past = rows.Length / Row; first < past;)
        {
            var middle = (first + past) / 2;
            var order = Digest.From(rows.AsSpan(middle * Row, Digest.Size)).CompareTo(identity);
            if (order == 0) return BinaryPrimitives.ReadInt64BigEndian(rows.AsSpan(middle * Row + Digest.Size));
            if (order < 0) first = middle + 1;
            else past = middle;
        }
        return null;
    }

    IEnumerable<KeyValuePair<Digest, long>> Rows()
    {
        foreach (var part in Parts())
        {
            var rows = RowsOf(part);
            for (var at = 0; at < rows.Length; at += Row)
                yield return new(Digest.From(rows.AsSpan(at, Digest.Size)),
                    BinaryPrimitives.ReadInt64BigEndian(rows.AsSpan(at + Digest.Size)));
        }
    }

    byte[] RowsOf(Part part) => part.Rows ?? _nodes!.Read(part.At);

    // Two threads may both read it.
    Part[] Parts()
    {
        if (_parts is { } known) return known;
        var index = _nodes!.Read(_kept!.Value);
        var parts = new Part[index.Length / IndexRow];
        for (var i = 0; i < parts.Length; i++)
        {
            var row = index.AsSpan(i * IndexRow, IndexRow);
            parts[i] = new() { First = Digest.From(row[..Digest.Size]), At = NodeRef.From(row[Digest.Size..]) };
        }
        return _parts = parts;
    }

    /// <summary>Keeps the run, if it is not kept yet.</summary>
    public void Keep(INodes nodes)
    {
        if (_kept is not null) return;
        var index = new byte[_parts!.Length * IndexRow];
        foreach (var (i, part) in _parts.Index())
        {
            part.At = nodes.Add(part.Rows);
            part.First.CopyTo(index.AsSpan(i * IndexRow));
            part.At.CopyTo(index.AsSpan(i * IndexRow + Digest.Size));
        }
        _kept = nodes.Add(index);
    }

    public Json ToJson() => Json.Object(("count", Count), ("index", _kept!.Value.ToJson()));

    public static IdentityRun FromJson(Json j, INodes nodes) =>
        new(j["count"].AsInt, null, NodeRef.FromJson(j["index"]), nodes);
}
