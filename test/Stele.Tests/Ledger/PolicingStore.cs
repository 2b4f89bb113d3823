using System.Buffers.Binary;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>
/// A ledger's storage in memory that holds its users to the contract of <see cref="ILedgerStore"/>, writes down what
/// they do against it, and does to them all that the contract lets a store do: bytes that were lent are overwritten,
/// and a power loss takes, keeps or garbles each late write by itself.
/// </summary>
sealed class PolicingStore(VerifierKey key) : ILedgerStore
{
    sealed class Segment(long first)
    {
        public long First { get; } = first;
        public byte[]? Basis { get; set; }
        public List<StoredRecord[]> Batches { get; } = [];
        public long Records => Batches.Sum(b => b.Length);
        public long Bytes => Batches.Sum(b => b.Sum(r => 8L + r.Bytes.Length));
        public LedgerSegment Shown => new(First, $"records {First}", Basis is not null);
    }

    readonly Lock _gate = new();
    readonly List<Segment> _segments = [];
    readonly Dictionary<string, byte[]> _objects = new(StringComparer.Ordinal);
    readonly Dictionary<string, byte[]> _durable = new(StringComparer.Ordinal);
    readonly Dictionary<string, byte[]> _ever = new(StringComparer.Ordinal);   // each tile as it was put first
    readonly List<byte[]> _entries = [];                                       // every entry that was stored
    readonly List<Digest> _roots = [Merkle.EmptyRoot];
    Frontier _frontier = new();
    object? _holder;
    bool _sealed, _torn;
    long _checkpoint = -1;

    /// <summary>What was done against the contract.</summary>
    public List<string> Violations { get; } = [];

    public string Place => "memory";

    long Next => _segments.Count == 0 ? 0 : _segments[^1].First + _segments[^1].Records;

    void Wrong(string what) => Violations.Add(what);

    public IReadOnlyList<LedgerSegment> Segments()
    {
        lock (_gate) return [.. _segments.Select(s => s.Shown)];
    }

    public LedgerEnd Read(long from, long to, LedgerVisitor visit)
    {
        Segment[] segments;
        bool isSealed, torn;
        lock (_gate)
            (segments, isSealed, torn) = ([.. _segments.Where(s => s.First >= from && s.First < to)], _sealed, _torn);
        if (segments.Length == 0) return new(0, false, false, "not there");
        var at = segments[0].First;
        foreach (var segment in segments)
        {
            if (segment.First != at) return new(at, false, false, $"{segment.First} follows {at}");
            visit(segment.Shown, []);
            StoredRecord[][] batches;
            lock (_gate) batches = [.. segment.Batches];
            foreach (var batch in batches)
            {
                var lent = batch.Select(r => r with { Bytes = r.Bytes.ToArray() }).ToArray();
                visit(segment.Shown, lent);
                foreach (var record in lent) Overwrite(record.Bytes);
                at += batch.Length;
            }
        }
        var last = segments[^1] == _segments[^1];
        return new(at, last && isSealed, last && torn, last && torn ? "a torn batch" : null);
    }

    static void Overwrite(ReadOnlyMemory<byte> lent) =>
        System.Runtime.InteropServices.MemoryMarshal.AsMemory(lent).Span.Fill(0xcc);

    public byte[]? Basis(long first)
    {
        lock (_gate) return (byte[]?)_segments.Find(s => s.First == first)?.Basis?.Clone();
    }

    public void Export(long first, SegmentPart part, Stream to)
    {
        Segment segment;
        lock (_gate) segment = _segments.Find(s => s.First == first) ?? throw new IOException($"no segment {first}");
        if (part == SegmentPart.Basis)
        {
            to.Write(segment.Basis ?? throw new IOException($"segment {first} has no basis"));
            return;
        }
        Span<byte> header = stackalloc byte[9];
        foreach (var batch in segment.Batches)
            for (var i = 0; i < batch.Length; i++)
            {
                header[0] = batch[i].Kind;
                BinaryPrimitives.WriteInt32BigEndian(header[1..], batch[i].Bytes.Length);
                BinaryPrimitives.WriteInt32BigEndian(header[5..], i == batch.Length - 1 ? 1 : 0);
                to.Write(header);
                to.Write(batch[i].Bytes.Span);
            }
    }

    public byte[]? Get(string name)
    {
        lock (_gate) return (byte[]?)_objects.GetValueOrDefault(name)?.Clone();
    }

    public bool Has(string name) => Get(name) is not null;

    public IEnumerable<string> List(string folder)
    {
        if (!folder.EndsWith('/')) Wrong($"list of {folder}, which is no folder");
        lock (_gate) return [.. _objects.Keys.Where(k => k.StartsWith(folder, StringComparison.Ordinal))];
    }

    public IDisposable? Hold(out bool inUse)
    {
        lock (_gate)
        {
            inUse = _holder is not null;
            if (inUse) return null;
            var hold = new Holding(this);
            _holder = hold;
            return hold;
        }
    }

    public void Sync()
    {
        lock (_gate) if (_holder is not Holding) Wrong("synced by a reader who does not hold it");
    }

    sealed class Holding(PolicingStore store) : IDisposable
    {
        public void Dispose() => store.Free(this);
    }

    void Free(object holder)
    {
        lock (_gate) if (_holder == holder) _holder = null;
    }

    public ILedgerWriter Lock()
    {
        lock (_gate)
        {
            if (_holder is not null) throw new LockedException($"{Place}/records");
            var writer = new Writer(this);
            _holder = writer;
            return writer;
        }
    }

    /// <summary>
    /// The power fails, and its writer is gone: each late write is kept, lost or garbled, whatever became of
    /// others.
    /// </summary>
    public void LosePower(Random random)
    {
        lock (_gate)
        {
            (_holder, _torn) = (null, !_sealed && _segments.Count > 0 && random.Next(2) == 0);
            foreach (var name in _objects.Keys.Concat(_durable.Keys).Distinct().ToList())
            {
                var (now, before) = (_objects.GetValueOrDefault(name), _durable.GetValueOrDefault(name));
                if (now is not null && before is not null && now.AsSpan().SequenceEqual(before)) continue;
                var left = random.Next(3) switch { 0 => now, 1 => before, _ => new byte[random.Next(5)] };
                foreach (var state in new[] { _objects, _durable })
                    if (left is null) state.Remove(name);
                    else state[name] = left;
            }
        }
    }

    sealed class Writer(PolicingStore store) : ILedgerWriter
    {
        bool _open, _broken;
        long _segmentBytes;
        int _appending;

        T Do<T>(Func<T> act)
        {
            lock (store._gate)
                return store._holder == this ? act() : throw new IOException("the power failed under this writer");
        }

        void Do(Action act) => Do(() =>
        {
            act();
            return 0;
        });

        public long Open(long from, long segmentBytes, LedgerVisitor visit)
        {
            Do(() =>
            {
                if (_open) store.Wrong("opened twice");
                if (from != 0 && store._segments.Find(s => s.First == from)?.Basis is null)
                    store.Wrong($"opened at {from}, which has no basis");
                (_open, _segmentBytes, store._torn) = (true, segmentBytes, false);
                if (store._segments.Count == 0) store._segments.Add(new Segment(0));
            });
            store.Read(from, long.MaxValue, visit);
            return store.Next;
        }

        public void Append(RecordBatch batch)
        {
            if (Interlocked.Exchange(ref _appending, 1) == 1) store.Wrong("two appends at once");
            try
            {
                Do(() => Take(batch));
            }
            catch
            {
                _broken = true;
                throw;
            }
            finally
            {
                Volatile.Write(ref _appending, 0);
            }
        }

        void Take(RecordBatch batch)
        {
            if (!_open || _broken) store.Wrong("appended before it was opened, or after an error");
            if (batch.First != store.Next) store.Wrong($"record {batch.First} appended where {store.Next} is due");
            if (store._segments[^1].Bytes >= _segmentBytes)
            {
                store._segments.Add(new Segment(batch.First));
                batch.Begins = batch.First;
            }
            var records = batch.Records.ToArray().Select(r => r with { Bytes = r.Bytes.ToArray() }).ToArray();
            store._segments[^1].Batches.Add(records);
            store._sealed = false;
            foreach (var record in records.Where(r => r.Kind == LedgerRecord.Entry))
            {
                store._entries.Add(record.Bytes.ToArray());
                store._roots.Add((store._frontier = store._frontier.Add(Merkle.Leaf(record.Bytes.Span))).Root);
            }
        }

        public void Seal() => Do(() =>
        {
            if (!_open || _broken) store.Wrong("sealed what was not open, or after an error");
            store._sealed = true;
        });

        public void PutBasis(long first, ReadOnlySpan<byte> basis)
        {
            var bytes = basis.ToArray();
            Do(() =>
            {
                var segment = store._segments.Find(s => s.First == first);
                if (segment is null || first == 0)
                {
                    store.Wrong($"a basis for {first}, where no segment begins");
                    return;
                }
                if (_open) store.CheckBasis(first, bytes);
                segment.Basis = bytes;
            });
        }

        public void RemoveBefore(long first) => Do(() =>
        {
            if (first > 0 && store._segments.Find(s => s.First == first)?.Basis is null)
                store.Wrong($"removed what is before {first}, which has no basis");
            store._segments.RemoveAll(s => s.First < first);
        });

        public Digest Import(long first, SegmentPart part, Action<Stream> export)
        {
            using var stream = new MemoryStream();
            export(stream);
            var bytes = stream.ToArray();
            Do(() =>
            {
                var segment = store._segments.Find(s => s.First == first);
                if (segment is null)
                {
                    store._segments.Add(segment = new Segment(first));
                    store._segments.Sort((a, b) => a.First.CompareTo(b.First));
                }
                if (part == SegmentPart.Basis) segment.Basis = bytes;
                else
                {
                    segment.Batches.Clear();
                    var records = new List<StoredRecord>();
                    for (var at = 0; at < bytes.Length;)
                    {
                        var length = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 1));
                        var ends = BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at + 5)) == 1;
                        records.Add(new(bytes[at], first + segment.Records + records.Count,
                            bytes.AsMemory(at + 9, length)));
                        at += 9 + length;
                        if (!ends) continue;
                        segment.Batches.Add([.. records]);
                        records.Clear();
                    }
                }
            });
            return Digest.Of(bytes);
        }

        public void Put(string name, ReadOnlySpan<byte> put, Durability durability)
        {
            var bytes = put.ToArray();
            Do(() =>
            {
                if (Tile.TryParse(name, out _))
                {
                    if (!store._ever.TryAdd(name, bytes) && !store._ever[name].AsSpan().SequenceEqual(bytes))
                        store.Wrong($"{name} was put with other bytes than before");
                }
                else if (name == "checkpoint") store.CheckCheckpoint(bytes);
                else if (name != "cold.json" || durability != Durability.Now)
                    store.Wrong($"{name} was put as {durability}");
                store._objects[name] = bytes;
                if (durability == Durability.Now) store._durable[name] = bytes;
            });
        }

        public void Delete(string name) => Do(() =>
        {
            if (Tile.TryParse(name, out var tile) && !tile.IsPartial && tile.Level != Tile.Entries
                && Tile.WidthAt(store._entries.Count, tile.Level, tile.Index) == Tile.Full)
                store.Wrong($"{name}, which every proof is made of, was deleted");
            foreach (var gone in store._objects.Keys.Where(k => k == name
                || k.StartsWith(name + "/", StringComparison.Ordinal)).ToList()) store._objects.Remove(gone);
        });

        public void Flush() => Do(() =>
        {
            store._durable.Clear();
            foreach (var (name, bytes) in store._objects) store._durable[name] = bytes;
        });

        public void Dispose() => store.Free(this);
    }

    /// <summary>A checkpoint is put after all that it covers and implies, and never after a larger one.</summary>
    void CheckCheckpoint(byte[] bytes)
    {
        if (Checkpoint.Open(System.Text.Encoding.UTF8.GetString(bytes), key, out var checkpoint)
            != CheckpointTrust.Verified)
        {
            Wrong("a checkpoint was put that the log's key did not sign");
            return;
        }
        if (checkpoint!.Size < _checkpoint) Wrong($"a checkpoint of {checkpoint.Size} after one of {_checkpoint}");
        _checkpoint = Math.Max(_checkpoint, checkpoint.Size);
        if (checkpoint.Size > _entries.Count || checkpoint.Root != _roots[(int)checkpoint.Size])
        {
            Wrong($"a checkpoint of {checkpoint.Size} over other entries than the {_entries.Count} that are stored");
            return;
        }
        foreach (var (tile, right) in Implied(checkpoint.Size))
            if (!(_objects.GetValueOrDefault(tile.Path) is { } there && right(there))
                && !_objects.ContainsKey(new Tile(tile.Level, tile.Index).Path))
                Wrong($"a checkpoint of {checkpoint.Size} was put, and {tile.Path} is not there or not right");
    }

    /// <summary>A basis is put after all that derives from what is before it is durable, and published.</summary>
    void CheckBasis(long first, byte[] bytes)
    {
        var tree = new Tree((_, _) => { });
        tree.Restore(Stele.Ledger.Basis.Parse(bytes).Tree);
        if (tree.Root != _roots[(int)tree.Size]) Wrong($"a basis at {first} over other entries than are stored");
        // A replica may hold more than any checkpoint that was shown.
        if (_checkpoint < tree.Size && Next == _entries.Count)
            Wrong($"a basis of {tree.Size} entries, and a checkpoint of {_checkpoint} was published");
        foreach (var (tile, _) in Implied(tree.Size))
            if (!tile.IsPartial && !_durable.ContainsKey(tile.Path))
                Wrong($"a basis at {first} was put before {tile.Path} was durable");
    }

    /// <summary>
    /// What a tree of a size implies: every full tile and bundle above the first segment, and the edge.
    /// </summary>
    IEnumerable<(Tile Tile, Func<byte[], bool> IsRight)> Implied(long size)
    {
        var floor = _segments.Count == 0 ? 0 : _segments[0].First;
        for (var level = Tile.Entries; level < Tile.LevelsAt(size); level++)
            for (var n = level == Tile.Entries ? floor / Tile.Full : 0;
                Tile.WidthAt(size, level, n) is > 0 and var width; n++)
            {
                var (l, at) = (level, (int)n * Tile.Full);
                yield return (new Tile(level, n, width), bytes => l switch
                {
                    Tile.Entries => bytes.AsSpan().SequenceEqual(
                        Tile.EncodeBundle([.. _entries.Skip(at).Take(width)])),
                    0 => bytes.AsSpan().SequenceEqual(
                        Tile.Encode([.. _entries.Skip(at).Take(width).Select(e => Merkle.Leaf(e))])),
                    _ => bytes.Length == width * Digest.Size,
                });
            }
    }
}
