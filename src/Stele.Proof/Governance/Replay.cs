using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// One folded entry: what it says, who signed it, and what the fold made of it. The latter is made again when it is
/// asked for.
/// </summary>
public sealed class Folded
{
    readonly Replay _ledger;
    Statement? _statement;
    Outcome.Accepted? _outcome;

    internal Folded(Replay ledger, long index, Entry entry, Statement? statement) =>
        (_ledger, Index, Entry, _statement) = (ledger, index, entry, statement);

    public long Index { get; }
    public Entry Entry { get; }
    public Statement Statement => _statement ??= StatementKinds.Parse(Entry.Envelope.Payload);
    public Judgement? Judgement => Outcome.Judgement;
    public State After => Outcome.Next;

    /// <summary>
    /// The newest state, for what releases are called and whose keys are: that never changes once it is stated.
    /// </summary>
    public State Names => _ledger.State;

    Outcome.Accepted Outcome => _outcome ??= _ledger.Given(Index) ?? _ledger.Again(_ledger.At(Index), this);
}

/// <summary>
/// The fold over a ledger, entry by entry. It holds the newest state; older ones are folded again from a mark or a
/// snapshot before them, without asking again what does not change: whether signatures are good. Server, node and
/// verifier each hold one. Adding is for one writer; reading is for anyone.
/// With a place where entries are stored, memory holds the newest ones alone; with snapshots it goes on from the newest
/// of them, holds of the state what was asked for since the last one, and makes one every <see cref="Distance"/>
/// entries.
/// </summary>
public sealed class Replay
{
    /// <summary>Old states that are held at even distances where there are no snapshots, and those that were asked for
    /// last.</summary>
    const int MostMarks = 512, MostAsked = 16;

    /// <summary>Entries from one snapshot to the next, and those in memory.</summary>
    internal const int Distance = 1024, MostInMemory = 4096;

    readonly IStoredEntries? _stored;
    readonly ISnapshots? _snapshots;
    readonly IdentityColumn _identities = new();
    volatile Tail _newest = new(0, [], 0);
    volatile State _state = State.Empty;
    volatile EntryLists _lists = EntryLists.Empty;
    long _kept;                                 // entries of the newest snapshot

    readonly Lock _gate = new();
    readonly LinkedList<State> _asked = [];     // the last one first
    readonly List<State> _marks = [];
    readonly List<Outcome.Accepted>? _given;    // where outcomes are held that no fold gives again
    long _distance = 16;

    public Replay(Documents documents) : this(documents, null, null) { }

    /// <summary>
    /// A replay that takes any outcome for its entries', as a ledger whose server lies has it: all are held as they
    /// were given.
    /// </summary>
    internal static Replay OfAnyOutcomes(Documents documents) => new(documents, []);

    Replay(Documents documents, List<Outcome.Accepted> given) : this(documents) => _given = given;

    /// <param name="stored">Null: every entry is held in memory.</param>
    /// <param name="snapshots">Null: it begins at the first entry.</param>
    internal Replay(Documents documents, IStoredEntries? stored, ISnapshots? snapshots)
    {
        (Documents, _stored, _snapshots) = (documents, stored, snapshots);
        if (snapshots?.Before(long.MaxValue) is not { } newest) return;
        try
        {
            var root = Root(newest);
            var (column, lists) = (IdentityColumn.Load(root["identities"], snapshots.Nodes),
                EntryLists.Load(root["lists"], snapshots.Nodes));
            var state = State.Load(root["state"], snapshots.Nodes) with { Identities = new(column) };
            if (state.Size != newest.Size || column.Count != newest.Size || StateDigest.Of(state) != newest.State)
                throw new NodeException($"the snapshot over {newest.Size} entries is of another state");
            (_identities, _lists, _state, _kept) = (column, lists, state, newest.Size);
            _newest = new(newest.Size, [], 0);
        }
        catch (Exception e) when (e is NodeException or FormatException)
        {
            snapshots.Discard(e.Message);
        }
    }

    public State State => _state;

    /// <summary>Everything folded so far.</summary>
    public IReadOnlyList<Folded> Entries => new FoldedEntries(this, _newest);

    /// <summary>The entries of a kind, from an entry on, the oldest first.</summary>
    public IEnumerable<Folded> Of<T>(long from = 0) where T : Statement => Listed(StatementKinds.NameOf<T>(), from);

    /// <summary>The entries of a kind, the newest first.</summary>
    public IEnumerable<Folded> NewestOf<T>() where T : Statement =>
        ListedBackwards(StatementKinds.NameOf<T>(), long.MaxValue);

    /// <summary>The same of a kind by its name; null: all entries.</summary>
    public IEnumerable<Folded> Newest(string? kind) =>
        kind is not null ? ListedBackwards(kind, long.MaxValue) : Backwards(Entries);

    static IEnumerable<Folded> Backwards(IReadOnlyList<Folded> entries)
    {
        for (var i = entries.Count - 1; i >= 0; i--) yield return entries[i];
    }

    /// <summary>What was observed of an environment, from an entry on, the oldest first.</summary>
    public IEnumerable<Folded> Observations(string system, string environment, long from = 0) =>
        Listed(EntryLists.Observations(system, environment), from);

    /// <summary>The same of those among the first <paramref name="size"/> entries, the newest first.</summary>
    public IEnumerable<Folded> NewestObservations(string system, string environment, long size) =>
        ListedBackwards(EntryLists.Observations(system, environment), size);

    /// <summary>The refusals of an envelope, the oldest first.</summary>
    internal IEnumerable<Folded> RefusalsOf(Digest envelope) => Listed(EntryLists.Refusals(envelope), 0);

    IEnumerable<Folded> Listed(string name, long from)
    {
        var (list, entries) = (_lists[name], Entries);
        return list.From(list.CountWhile(e => e < from)).TakeWhile(e => e < entries.Count)
            .Select(e => entries[(int)e]);
    }

    IEnumerable<Folded> ListedBackwards(string name, long size)
    {
        var (list, entries) = (_lists[name], Entries);
        return list.Before(list.CountWhile(e => e < Math.Min(size, entries.Count))).Select(e => entries[(int)e]);
    }

    public Documents Documents { get; }

    /// <summary>The state after the first <paramref name="size"/> entries.</summary>
    public State At(long size)
    {
        var state = _state;
        if (size == state.Size) return state;
        if (size == 0) return State.Empty;
        if (Given(size - 1) is { } given) return given.Next;
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, state.Size);
        state = Nearest(size);
        if (state.Size < size)
            foreach (var entry in new FoldedEntries(this, _newest).From(state.Size, size))
                state = Again(state, entry).Next;
        lock (_gate) Remember(state);
        return state;
    }

    /// <summary>The last state whose time is not after <paramref name="time"/> (milliseconds since 1970 UTC).</summary>
    public State AsOf(long time)
    {
        var entries = Entries;
        int low = 0, high = entries.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (entries[middle].Entry.Time <= time) low = middle + 1;
            else high = middle;
        }
        return At(low);
    }

    /// <summary>What the fold would make of an entry, without adding it.</summary>
    public Outcome Try(Entry entry) => Fold.Apply(State, entry, Documents);

    internal Outcome Try(Prepared entry) => Fold.Apply(State, entry, Documents);

    /// <summary>Folds the next entry. Anything but acceptance leaves the replay as it was.</summary>
    public Outcome Add(Entry entry) => Add(Prepared.Nothing(entry));

    public Outcome Add(Prepared entry)
    {
        var outcome = Try(entry);
        if (outcome is Outcome.Accepted accepted) Add(entry.Entry, accepted);
        return outcome;
    }

    /// <summary>Adds what <see cref="Try"/> accepted just now.</summary>
    public void Add(Entry entry, Outcome.Accepted accepted)
    {
        // Invariant: states are added in order, each made from the one before it.
        if (accepted.Next.Size != _state.Size + 1)
            throw new InvalidOperationException("the outcome was made from another state");
        var next = Settled(accepted.Next);
        lock (_gate)
        {
            Remember(next);
            if (_snapshots is null && next.Size % _distance == 0) _marks.Add(next);
            if (_marks.Count > MostMarks)
            {
                _distance *= 2;
                _marks.RemoveAll(m => m.Size % _distance != 0);
            }
        }
        _given?.Add(accepted with { Next = next });
        _lists = _lists.Add(next.Size - 1, accepted.Statement);
        _newest = _newest.Add(entry, accepted.Statement, _stored);
        _state = next;
        if (next.Size - _kept >= Distance) Keep();
    }

    /// <summary>Has a snapshot made, if none is being made. The adding thread's alone.</summary>
    internal void Keep()
    {
        var (state, lists, identities) = (_state, _lists, _identities.Now);
        if (_snapshots is null || state.Size == _kept) return;
        if (_snapshots.TryKeep(nodes => new Snapshot(state.Size, StateDigest.Of(state), nodes.Add(Json.Object(
            ("state", state.Save(nodes)), ("identities", _identities.Save(identities, nodes)),
            ("lists", lists.Save(nodes))).ToBytes())))) _kept = state.Size;
    }

    /// <summary>
    /// What a snapshot says otherwise than this replay, which was folded from the first entry; null: nothing. Reads all
    /// of it.
    /// </summary>
    /// <exception cref="NodeException">It is not what was kept.</exception>
    internal string? Difference(Snapshot snapshot, INodes nodes)
    {
        if (snapshot.Size > State.Size) return $"it is over {snapshot.Size} entries, and there are {State.Size}";
        var root = CanonicalJson.Parse(nodes.Read(snapshot.Root), snapshot.Root.Length);
        var (kept, then) = (State.Load(root["state"], nodes), At(snapshot.Size));
        if (StateDigest.Of(then) != snapshot.State) return "its state's digest is another";
        if (First(then.KeptLines(), kept.KeptLines()) is { } line) return line;
        if (First(_lists.Lines(snapshot.Size), EntryLists.Load(root["lists"], nodes).Lines(snapshot.Size)) is { } list)
            return list;
        var column = IdentityColumn.Load(root["identities"], nodes);
        foreach (var entry in new FoldedEntries(this, _newest).From(0, snapshot.Size))
            if (column.Find(Digest.Of(entry.Entry.Envelope.Payload)) != entry.Index)
                return $"entry {entry.Index}'s payload is not found by its digest";
        return column.Count == snapshot.Size ? null : "it has another number of payloads";

        static string? First(IEnumerable<string> folded, IEnumerable<string> kept)
        {
            using var other = kept.GetEnumerator();
            foreach (var line in folded)
                if (!other.MoveNext() || other.Current != line) return $"the fold gives '{line}', and it does not";
            return other.MoveNext() ? $"it has '{other.Current}', and the fold gives nothing of it" : null;
        }
    }

    /// <summary>How many entries are in no snapshot yet.</summary>
    internal long NotKept => _state.Size - _kept;

    Json Root(Snapshot snapshot) =>
        CanonicalJson.Parse(_snapshots!.Nodes.Read(snapshot.Root), snapshot.Root.Length);

    internal Outcome.Accepted? Given(long entry) => _given?[(int)entry];

    /// <summary>What the fold made of an entry that it accepted.</summary>
    internal Outcome.Accepted Again(State before, Folded entry) =>
        Fold.Apply(before, Prepared.Admitted(entry.Entry, entry.Statement), Documents) is Outcome.Accepted accepted
            ? accepted with { Next = Settled(accepted.Next) }
            : throw new InvalidOperationException($"entry {entry.Index} was accepted, and is not any more");

    State Settled(State state) => state with { Identities = state.Identities.In(_identities) };

    State Nearest(long size)
    {
        State nearest;
        lock (_gate)
        {
            var mark = _marks.BinarySearch(State.Empty with { Size = size },
                Comparer<State>.Create((a, b) => a.Size.CompareTo(b.Size)));
            nearest = mark >= 0 ? _marks[mark] : ~mark > 0 ? _marks[~mark - 1] : State.Empty;
            foreach (var asked in _asked) if (asked.Size <= size && asked.Size > nearest.Size) nearest = asked;
        }
        return _snapshots?.Before(size) is { } snapshot && snapshot.Size > nearest.Size
            ? State.Load(Root(snapshot)["state"], _snapshots.Nodes) with
            {
                Identities = _state.Identities.At(snapshot.Size)
            }
            : nearest;
    }

    void Remember(State state)
    {
        _asked.AddFirst(state);
        if (_asked.Count > MostAsked) _asked.RemoveLast();
    }

    sealed class FoldedEntries(Replay ledger, Tail newest) : IReadOnlyList<Folded>
    {
        public int Count => checked((int)(newest.From + newest.Count));

        public Folded this[int index] => newest[index] is var (entry, statement)
            ? new(ledger, index, entry, statement)
            : (uint)index < (uint)Count ? new(ledger, index, ledger._stored!.Read(index), null)
            : throw new ArgumentOutOfRangeException(nameof(index));

        public IEnumerator<Folded> GetEnumerator() => From(0, Count).GetEnumerator();

        public IEnumerable<Folded> From(long from, long to)
        {
            var at = from;
            if (at < Math.Min(newest.From, to))
                foreach (var entry in ledger._stored!.Read(at, Math.Min(newest.From, to)))
                    yield return new(ledger, at++, entry, null);
            for (; at < to; at++) yield return this[(int)at];
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    /// <summary>
    /// The newest entries, of a list that only grows; so a reader sees a fixed length while the writer goes on.
    /// </summary>
    sealed record Tail(long From, List<(Entry Entry, Statement Statement)> Items, int Count)
    {
        public (Entry Entry, Statement Statement)? this[long index] =>
            index >= From && index - From < Count ? Items[(int)(index - From)] : null;

        public Tail Add(Entry entry, Statement statement, IStoredEntries? stored)
        {
            var kept = this;
            if (stored is not null && Count >= MostInMemory)
            {
                var from = Math.Clamp(stored.Count, From, From + Count);
                List<(Entry, Statement)> items = [.. Items.Skip((int)(from - From))];
                kept = new(from, items, items.Count);
            }
            kept.Items.Add((entry, statement));
            return kept with { Count = kept.Count + 1 };
        }
    }
}

/// <summary>
/// Where a ledger's entries are stored. Invariant: what is read is the entry of that number in the ledger that is
/// folded, whatever happened to the disk; else reading it fails.
/// </summary>
interface IStoredEntries
{
    /// <summary>How many can be read by now.</summary>
    long Count { get; }

    Entry Read(long index);

    IEnumerable<Entry> Read(long from, long to);
}

/// <summary>
/// A state that is kept outside memory, with all that its digest leaves out: anchors, entries by kind and place, and
/// identities.
/// </summary>
/// <param name="Size">The entries that it is over.</param>
/// <param name="State">The state's digest.</param>
/// <param name="Root">The node on which all of it hangs.</param>
sealed record Snapshot(long Size, Digest State, NodeRef Root);

/// <summary>
/// Where snapshots are kept. Invariant: who keeps them answers for their being of this ledger and made by this fold
/// alone; nobody else can make or change one unnoticed.
/// </summary>
interface ISnapshots
{
    INodes Nodes { get; }

    /// <summary>The newest over at most so many entries; null: there is none.</summary>
    Snapshot? Before(long size);

    /// <summary>
    /// Keeps one, which is made with the nodes that it hands out: on a thread of its own, or before this returns. It
    /// may be lost.
    /// </summary>
    /// <returns>Whether it is being made; false: not now.</returns>
    bool TryKeep(Func<INodes, Snapshot> make);

    /// <summary>None of those that were kept is used any more.</summary>
    void Discard(string why);
}
