using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>One folded entry: what it says, who signed it, and the state after it.</summary>
public sealed record Folded(long Index, Entry Entry, Statement Statement, Judgement? Judgement, State After);

/// <summary>
/// The fold over a ledger, entry by entry, keeping every state: states share almost all of their structure, so old ones
/// are cheap. Server, node and verifier each hold one. Adding is for one writer; reading is for anyone.
/// </summary>
public sealed class Replay(Documents documents)
{
    readonly List<Folded> _all = [];
    volatile Prefix<Folded> _folded = new([], 0);

    public State State => _folded is { Count: > 0 } f ? f[^1].After : State.Empty;

    /// <summary>Everything folded so far.</summary>
    public IReadOnlyList<Folded> Entries => _folded;

    public Documents Documents => documents;

    /// <summary>The state after the first <paramref name="size"/> entries.</summary>
    public State At(long size) => size == 0 ? State.Empty : _folded[checked((int)size - 1)].After;

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
        return low == 0 ? State.Empty : folded[low - 1].After;
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
        _all.Add(new Folded(_all.Count, entry, accepted.Statement, accepted.Judgement, accepted.Next));
        _folded = new Prefix<Folded>(_all, _all.Count);
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
