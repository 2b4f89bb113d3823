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

    Outcome.Accepted Outcome => _outcome ??= _ledger.Again(_ledger.At(Index), this);
}

/// <summary>
/// The fold over a ledger, entry by entry. It keeps the newest state and some of the old ones; what lies between is
/// folded again from there, without asking again what does not change: whether signatures are good. Server, node and
/// verifier each hold one. Adding is for one writer; reading is for anyone.
/// </summary>
public sealed class Replay(Documents documents)
{
    /// <summary>Old states that are kept at even distances, and those that were asked for last.</summary>
    const int MostMarks = 512, MostAsked = 64;

    readonly IdentityColumn _identities = new();
    readonly List<(Entry Entry, Statement Statement)> _all = [];
    volatile Prefix<(Entry Entry, Statement Statement)> _folded = new([], 0);
    volatile State _state = State.Empty;
    volatile EntryLists _lists = EntryLists.Empty;

    readonly Lock _gate = new();
    readonly LinkedList<State> _asked = [];     // the last one first
    readonly List<State> _marks = [];
    long _distance = 16;

    public State State => _state;

    /// <summary>Everything folded so far.</summary>
    public IReadOnlyList<Folded> Entries => new FoldedEntries(this, _folded);

    /// <summary>The entries of a kind, from an entry on, the oldest first.</summary>
    public IEnumerable<Folded> Of<T>(long from = 0) where T : Statement => Listed(StatementKinds.NameOf<T>(), from);

    /// <summary>The entries of a kind, the newest first.</summary>
    public IEnumerable<Folded> NewestOf<T>() where T : Statement => Newest(StatementKinds.NameOf<T>());

    /// <summary>What was observed of an environment, from an entry on, the oldest first.</summary>
    public IEnumerable<Folded> Observations(string system, string environment, long from = 0) =>
        Listed(EntryLists.Observations(system, environment), from);

    IEnumerable<Folded> Listed(string name, long from)
    {
        var (list, entries) = (_lists[name], Entries);
        return list.From(list.CountWhile(e => e < from)).TakeWhile(e => e < entries.Count)
            .Select(e => entries[(int)e]);
    }

    IEnumerable<Folded> Newest(string name)
    {
        var (list, entries) = (_lists[name], Entries);
        return list.Before(list.Count).SkipWhile(e => e >= entries.Count).Select(e => entries[(int)e]);
    }

    public Documents Documents => documents;

    /// <summary>The state after the first <paramref name="size"/> entries.</summary>
    public State At(long size)
    {
        var state = _state;
        if (size == state.Size) return state;
        if (size == 0) return State.Empty;
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, state.Size);
        state = Nearest(size);
        while (state.Size < size)
        {
            var (entry, statement) = _folded[(int)state.Size];
            state = Again(state, new Folded(this, state.Size, entry, statement)).Next;
        }
        lock (_gate) Remember(state);
        return state;
    }

    /// <summary>The last state whose time is not after <paramref name="time"/> (milliseconds since 1970 UTC).</summary>
    public State AsOf(long time)
    {
        var folded = _folded;
        int low = 0, high = folded.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (folded[middle].Entry.Time <= time) low = middle + 1;
            else high = middle;
        }
        return At(low);
    }

    /// <summary>What the fold would make of an entry, without adding it.</summary>
    public Outcome Try(Entry entry) => Fold.Apply(State, entry, documents);

    /// <summary>Folds the next entry. Anything but acceptance leaves the replay as it was.</summary>
    public Outcome Add(Entry entry) => Add(Prepared.Nothing(entry));

    public Outcome Add(Prepared entry)
    {
        var outcome = Fold.Apply(State, entry, documents);
        if (outcome is Outcome.Accepted accepted) Add(entry.Entry, accepted);
        return outcome;
    }

    /// <summary>Adds what <see cref="Try"/> accepted just now.</summary>
    public void Add(Entry entry, Outcome.Accepted accepted)
    {
        // Invariant: states are added in order, each made from the one before it.
        if (accepted.Next.Size != _all.Count + 1)
            throw new InvalidOperationException("the outcome was made from another state");
        var next = Settled(accepted.Next);
        _all.Add((entry, accepted.Statement));
        lock (_gate)
        {
            Remember(next);
            if (next.Size % _distance == 0) _marks.Add(next);
            if (_marks.Count > MostMarks)
            {
                _distance *= 2;
                _marks.RemoveAll(m => m.Size % _distance != 0);
            }
        }
        _lists = _lists.Add(next.Size - 1, accepted.Statement);
        _folded = new(_all, _all.Count);
        _state = next;
    }

    /// <summary>What the fold made of an entry that it accepted.</summary>
    internal Outcome.Accepted Again(State before, Folded entry) =>
        Fold.Apply(before, Prepared.Admitted(entry.Entry, entry.Statement), documents) is Outcome.Accepted accepted
            ? accepted with { Next = Settled(accepted.Next) }
            : throw new InvalidOperationException($"entry {entry.Index} was accepted, and is not any more");

    State Settled(State state) => state with { Identities = state.Identities.In(_identities) };

    State Nearest(long size)
    {
        lock (_gate)
        {
            var mark = _marks.BinarySearch(State.Empty with { Size = size },
                Comparer<State>.Create((a, b) => a.Size.CompareTo(b.Size)));
            var nearest = mark >= 0 ? _marks[mark] : ~mark > 0 ? _marks[~mark - 1] : State.Empty;
            foreach (var asked in _asked) if (asked.Size <= size && asked.Size > nearest.Size) nearest = asked;
            return nearest;
        }
    }

    void Remember(State state)
    {
        _asked.AddFirst(state);
        if (_asked.Count > MostAsked) _asked.RemoveLast();
    }

    sealed class FoldedEntries(Replay ledger, Prefix<(Entry Entry, Statement Statement)> all) : IReadOnlyList<Folded>
    {
        public int Count => all.Count;
        public Folded this[int index] => new(ledger, index, all[index].Entry, all[index].Statement);

        public IEnumerator<Folded> GetEnumerator()
        {
            for (var i = 0; i < Count; i++) yield return this[i];
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}

/// <summary>
/// The first items of a list that only grows; so a reader sees a fixed length while the writer goes on.
/// </summary>
sealed class Prefix<T>(List<T> items, int count) : IReadOnlyList<T>
{
    public T this[int index] => index < count ? items[index] : throw new ArgumentOutOfRangeException(nameof(index));
    public int Count => count;

    public IEnumerator<T> GetEnumerator()
    {
        for (var i = 0; i < count; i++) yield return items[i];
    }

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
}
