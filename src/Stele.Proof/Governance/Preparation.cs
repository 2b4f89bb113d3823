namespace Stele.Proof.Governance;

/// <summary>An entry as it was read, with what takes no turn done ahead; or why it is none.</summary>
readonly record struct Ahead(Prepared? Entry, string? Error);

/// <summary>
/// Does ahead, on every processor, what folding entries takes besides their turn: they are parsed, and their signatures
/// and anchors' checkpoints verified, under the keys that the entries until then name. What it can't find out is the
/// fold's to find out. For one caller at a time.
/// </summary>
sealed class Preparation
{
    /// <summary>Entries that are prepared while as many are folded.</summary>
    const int Batch = 512;

    public delegate ReadOnlySpan<byte> Leaf(int index);

    readonly KeyRing _keys;

    public Preparation() : this(State.Empty) { }

    /// <param name="state">The state before the first entry: its keys are known.</param>
    public Preparation(State state) => _keys = new KeyRing(state);

    /// <summary>Keys that stand further on are verified in turn.</summary>
    public Ahead[] Read(int count, Leaf leaf)
    {
        var entries = new Ahead[count];
        Parallel.For(0, count, i =>
        {
            try
            {
                var prepared = Prepared.Parsed(Entry.Parse(leaf(i)));
                _keys.Learn(prepared.Statement);
                entries[i] = new(prepared, null);
            }
            catch (FormatException e)
            {
                entries[i] = new(null, e.Message);
            }
        });
        Parallel.For(0, count, i => entries[i].Entry?.Verify(_keys.Find, _keys.Log));
        return entries;
    }

    /// <summary>Entries one after the other; the next ones are prepared while these are folded.</summary>
    public IEnumerable<Ahead> Read(IEnumerable<byte[]> entries)
    {
        var next = Task.FromResult<Ahead[]>([]);
        foreach (var batch in entries.Chunk(Batch))
        {
            var ahead = next.GetAwaiter().GetResult();
            next = Task.Run(() => Read(batch.Length, i => batch[i]));
            foreach (var entry in ahead) yield return entry;
        }
        foreach (var entry in next.GetAwaiter().GetResult()) yield return entry;
    }
}
