namespace Cel.Regex;

/// <summary>
/// What a <see cref="Simulation"/> was found to do, remembered: states are sets of threads, made when first reached,
/// and a step from one known state to another is one look into an array. Many threads of the machine may walk it at
/// once; making a state is locked, and a state that can be seen is whole.
/// </summary>
internal sealed class Automaton
{
    internal enum Ending : byte { Unknown, Match, NoMatch }

    /// <summary>A set of threads, and where each class leads from it as far as that is known.</summary>
    internal sealed class State(int[] threads, Neighbour before, int classes)
    {
        public readonly int[] Threads = threads;
        public readonly Neighbour Before = before;
        public readonly State?[] Next = classes == 0 ? [] : new State?[classes];

        /// <summary>
        /// Whether the end of the text here makes a match, once it is known: one field, so that no thread sees half of
        /// it.
        /// </summary>
        public volatile Ending AtEnd;
    }

    /// <summary>The pattern has matched, and can't match any more. Nothing leads on from them.</summary>
    public static readonly State Matched = new([], Neighbour.Other, 0), Failed = new([], Neighbour.None, 0);

    readonly Simulation _simulation;
    readonly Alphabet _alphabet;
    readonly Dictionary<State, State> _states = new(SameThreads.Instance);
    readonly Room _room;
    int _weight;

    public Automaton(Simulation simulation, Alphabet alphabet, Room room)
    {
        _room = room;
        _simulation = simulation;
        _alphabet = alphabet;
        Start = simulation.Start() ? Matched : Intern()!;
    }

    /// <summary>Gone with its pattern, or because it was full: that makes room.</summary>
    ~Automaton() => _room.Return(_weight);

    public State Start { get; }

    public int Count => _states.Count;

    /// <summary>Where a class leads; null when there is no room to remember that.</summary>
    public State? Step(State from, int @class)
    {
        lock (_states)
        {
            if (from.Next[@class] is { } known) return known;
            _simulation.Resume(from.Threads, from.Before);
            var to = _simulation.Take(@class) ? Matched : Intern();
            // Readers take no lock: what they see must be whole.
            Volatile.Write(ref from.Next[@class], to);
            return to;
        }
    }

    public bool MatchesAtEnd(State state)
    {
        if (ReferenceEquals(state, Matched) || ReferenceEquals(state, Failed)) return ReferenceEquals(state, Matched);
        if (state.AtEnd != Ending.Unknown) return state.AtEnd == Ending.Match;
        lock (_states)
        {
            _simulation.Resume(state.Threads, state.Before);
            state.AtEnd = _simulation.Take(Simulation.End) ? Ending.Match : Ending.NoMatch;
            return state.AtEnd == Ending.Match;
        }
    }

    /// <summary>The state of another automaton of the same pattern, in this one.</summary>
    public State? Adopt(State state)
    {
        lock (_states)
        {
            _simulation.Resume(state.Threads, state.Before);
            return Intern();
        }
    }

    State? Intern()
    {
        if (_simulation.IsOver) return Failed;
        var (threads, before) = _simulation.Save();
        var state = new State(threads, before, 0);
        if (_states.TryGetValue(state, out var known)) return known;
        // A few states there always are; where all patterns together have no more room, the first one.
        var weight = 100 + threads.Length * 4 + _alphabet.Count * 8;
        if (_states.Count > 4 && _weight + weight > PatternLimits.Automaton || _states.Count > 0 && _room.IsFull)
            return null;
        _weight += weight;
        _room.Take(weight);
        state = new State(threads, before, _alphabet.Count);
        _states.Add(state, state);
        return state;
    }

    sealed class SameThreads : IEqualityComparer<State>
    {
        public static readonly SameThreads Instance = new();

        public bool Equals(State? x, State? y) => x!.Before == y!.Before && x.Threads.AsSpan().SequenceEqual(y.Threads);

        public int GetHashCode(State state)
        {
            var h = new HashCode();
            h.Add(state.Before);
            foreach (var t in state.Threads) h.Add(t);
            return h.ToHashCode();
        }
    }
}
