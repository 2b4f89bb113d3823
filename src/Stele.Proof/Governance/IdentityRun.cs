using System.Buffers.Binary;
using System.Collections.Immutable;

namespace Stele.Proof.Governance;

/// <summary>
/// Identities and their entries, sorted by identity, in parts of which an index has the first identity of each: rows of
/// 40 bytes, the digest and the entry's number. A filter says of nearly every identity that is not there that it is
/// not, and no part is read for it.
/// </summary>
sealed class IdentityRun
{
    public const int Row = Digest.Size + 8;
    const int PartRows = 100;
    const int IndexRow = Digest.Size + NodeRef.Bytes;

    INodes? _nodes;
    NodeRef? _kept, _keptFilter;
    volatile Part[]? _parts;            // null: kept, and not asked for yet
    volatile IdentityFilter? _filter;   // null: the same

    sealed class Part
    {
        public Digest First;
        public volatile byte[]? Rows;       // null: kept, at At
        public NodeRef At;
    }

    IdentityRun(long count, Part[] parts, IdentityFilter filter) => (Count, _parts, _filter) = (count, parts, filter);

    IdentityRun(long count, NodeRef index, NodeRef filter, INodes nodes) =>
        (Count, _kept, _keptFilter, _nodes) = (count, index, filter, nodes);

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
        var filter = IdentityFilter.Of(count);
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
            filter.Add(identity);
            (n, left) = (n + 1, left - 1);
        }
        return new(count, parts, filter);
    }

    public static void Write(Span<byte> to, Digest identity, long entry)
    {
        identity.CopyTo(to);
        BinaryPrimitives.WriteInt64BigEndian(to[Digest.Size..], entry);
    }

    public long? Find(Digest identity)
    {
        _filter ??= new IdentityFilter(_nodes!.Read(_keptFilter!.Value));
        if (!_filter.MayHave(identity)) return null;
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

    /// <summary>Keeps the run, if it is not kept yet, and lets go of its rows.</summary>
    public void Keep(INodes nodes)
    {
        if (_kept is not null) return;
        _nodes = nodes;
        var index = new byte[_parts!.Length * IndexRow];
        foreach (var (i, part) in _parts.Index())
        {
            part.At = nodes.Add(part.Rows);
            part.Rows = null;
            part.First.CopyTo(index.AsSpan(i * IndexRow));
            part.At.CopyTo(index.AsSpan(i * IndexRow + Digest.Size));
        }
        (_kept, _keptFilter) = (nodes.Add(index), nodes.Add(_filter!.Bytes));
    }

    public Json ToJson() =>
        Json.Object(("count", Count), ("index", _kept!.Value.ToJson()), ("filter", _keptFilter!.Value.ToJson()));

    public static IdentityRun FromJson(Json j, INodes nodes) =>
        new(j["count"].AsInt, NodeRef.FromJson(j["index"]), NodeRef.FromJson(j["filter"]), nodes);
}

/// <summary>
/// A Bloom filter of 10 bits an identity and 7 probes: about 1 in 100 that are not there may be. Its size is a power of
/// two of bytes.
/// </summary>
sealed class IdentityFilter(byte[] bytes)
{
    const int Bits = 10, Probes = 7;

    public byte[] Bytes => bytes;

    public static IdentityFilter Of(long count) =>
        new(new byte[System.Numerics.BitOperations.RoundUpToPowerOf2((ulong)(count * Bits / 8 + 1))]);

    public void Add(Digest identity)
    {
        foreach (var bit in Positions(identity)) bytes[bit >> 3] |= (byte)(1 << (int)(bit & 7));
    }

    public bool MayHave(Digest identity)
    {
        foreach (var bit in Positions(identity)) if ((bytes[bit >> 3] & 1 << (int)(bit & 7)) == 0) return false;
        return true;
    }

    Positions7 Positions(Digest identity)
    {
        Span<byte> digest = stackalloc byte[Digest.Size];
        identity.CopyTo(digest);
        var (first, step) = (BinaryPrimitives.ReadUInt64BigEndian(digest[8..]),
            BinaryPrimitives.ReadUInt64BigEndian(digest[16..]) | 1);
        var positions = new Positions7();
        var mask = (ulong)(bytes.LongLength * 8 - 1);
        for (var i = 0; i < Probes; i++) positions[i] = (long)((first + (ulong)i * step) & mask);
        return positions;
    }

    [System.Runtime.CompilerServices.InlineArray(Probes)]
    struct Positions7
    {
        long _first;
    }
}
