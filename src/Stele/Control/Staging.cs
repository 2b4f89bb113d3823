using System.Collections.Concurrent;
using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>An entry that the fold accepted, and what comes of it.</summary>
sealed record Staged(Entry Entry, Outcome.Accepted Outcome);

/// <summary>
/// What was judged and is not durable yet: the tentative state, which runs ahead of the replay's, and the entries that
/// lead there. The judging loop adds and takes; the settling loop hands to the replay what has become durable.
/// Invariant: the tentative state is the replay's, and then every entry that is staged or on its way to the disk.
/// </summary>
sealed class Staging(Replay replay, PrivateKey serverKey)
{
    readonly ConcurrentDictionary<long, Entry> _unsettled = new();   // what is not in the replay yet
    ImmutableArray<Staged>.Builder _staged = ImmutableArray.CreateBuilder<Staged>();

    /// <summary>The tentative state.</summary>
    public State State { get; private set; } = replay.State;

    /// <summary>Bytes of what waits to be appended.</summary>
    public int Bytes { get; private set; }

    public void Add(Staged staged)
    {
        _unsettled[State.Size] = staged.Entry;
        _staged.Add(staged);
        Bytes += staged.Entry.Bytes.Length;
        State = staged.Outcome.Next;
    }

    /// <summary>Adds a statement of the server's own.</summary>
    /// <returns>Its entry number.</returns>
    /// <exception cref="FormatException">It can't be written.</exception>
    /// <exception cref="InvalidOperationException">The fold refuses it.</exception>
    public long Sign(Statement statement, long stamp)
    {
        var index = State.Size;
        Add(Own(State, statement, stamp));
        return index;
    }

    /// <summary>A statement of the server's own, judged on some state.</summary>
    /// <exception cref="FormatException">It can't be written.</exception>
    /// <exception cref="InvalidOperationException">The fold refuses it.</exception>
    public Staged Own(State before, Statement statement, long stamp)
    {
        var entry = new Entry(stamp, Envelope.Sign(statement.Encode(), serverKey));
        return Fold.Apply(before, entry, replay.Documents) is Outcome.Accepted accepted
            ? new(entry, accepted)
            : throw new InvalidOperationException($"the fold refused the server's own {statement.Kind}");
    }

    /// <summary>
    /// A crash may fall between a deployment and its verdict. A verdict is a pure function of the ledger, so it is
    /// given now. Only the newest entries are looked at: what came before them was, when they were admitted.
    /// </summary>
    public void SignMissingVerdicts(WallClock clock)
    {
        foreach (var folded in replay.NewestOf<Deployment>()
            .TakeWhile(d => d.Index >= replay.State.Size - Replay.Distance)
            .Where(d => !IsExplained(d)).Reverse().ToArray())
            if (folded.Judgement is not null && clock.TryStamp(State.Time, out var stamp, out _))
                try
                {
                    if (Explain.Verdict(replay.At(folded.Index), folded.Entry, new Outcome.Accepted(folded.After,
                        folded.Statement, folded.Judgement)) is { } verdict) Sign(verdict, stamp);
                }
                // it stays unexplained, as it was: no reason to admit nothing any more
                catch (Exception e) when (e is FormatException or InvalidOperationException) { }
    }

    bool IsExplained(Folded deployment) => replay.Of<Verdict>(deployment.Index + 1)
        .Any(v => ((Verdict)v.Statement).Size == deployment.Index);

    /// <summary>All that was added since the last call, to be appended.</summary>
    public ImmutableArray<Staged> Take()
    {
        Bytes = 0;
        return _staged.DrainToImmutable();
    }

    /// <summary>They are durable: from now on they happened.</summary>
    public void Settle(ImmutableArray<Staged> durable)
    {
        foreach (var (entry, accepted) in durable)
        {
            replay.Add(entry, accepted);
            _unsettled.TryRemove(replay.State.Size - 1, out _);
        }
    }

    /// <summary>An entry of the replay, or one that is on its way there.</summary>
    public Entry EntryAt(long index) =>
        _unsettled.TryGetValue(index, out var entry) ? entry : replay.Entries[(int)index].Entry;
}
