using System.Text;

namespace Cel.Regex;

/// <summary>
/// A regular expression with RE2's syntax and meaning: does it match anywhere in a text? Compiled once and used from
/// any thread. Time is linear in the text, memory is bounded (<see cref="PatternLimits"/>), a match that has been
/// walked before allocates nothing, and the answer depends on nothing but pattern and text: the character tables are
/// <see cref="UnicodeTables"/>.
/// </summary>
internal sealed class Pattern
{
    const int Copy = 4;

    readonly Instruction[] _code;
    readonly Alphabet _alphabet;
    readonly bool _anchored;
    readonly Room _room;

    /// <summary>The pattern where it is nothing but text: then searching for that is quicker.</summary>
    readonly string? _plain;
    Automaton _automaton;
    Simulation? _spare;

    /// <summary>Automata that were made and were soon full: more than so many are not worth it.</summary>
    const int Wasted = 2;
    int _wasted;

    Pattern(string text, Instruction[] code, List<CharSet> sets, int atoms, long steps, Room room)
    {
        Text = text;
        _room = room;
        Steps = steps;
        _code = code;
        var asserted = Edge.None;
        var copies = -atoms;
        foreach (var i in code)
        {
            if (i.Op is Op.Take or Op.Assert) copies++;
            if (i.Op == Op.Assert) asserted |= (Edge)i.A;
        }
        Size = atoms + Copy * Math.Max(0, copies);
        _alphabet = new Alphabet(sets, asserted);
        _plain = Plain(code, sets);
        _anchored = Simulation.IsAnchored(code);
        _automaton = new Automaton(NewSimulation(), _alphabet, room);
    }

    public string Text { get; }

    /// <summary>
    /// What takes or asserts: the threads that a code point of a text may have to move at worst. No more than the
    /// pattern has characters, but for the copies that counted repetitions make: each counts for four, since it is
    /// mostly with them that no automaton holds all states, and threads are moved indeed.
    /// </summary>
    public int Size { get; }

    /// <summary>Bytes, about, without the automaton's.</summary>
    public int Weight => Text.Length * 2 + _code.Length * 24 + _alphabet.Weight;

    /// <summary>What compiling took.</summary>
    public long Steps { get; }

    /// <summary>States known so far.</summary>
    internal int States => _automaton.Count;

    /// <param name="text">The pattern.</param>
    /// <param name="steps">Compiling takes them.</param>
    /// <param name="pattern">Null if there is an error.</param>
    /// <param name="room">Where its automaton is counted, if not in <see cref="Room.All"/>.</param>
    public static PatternError? TryParse(string text, Steps steps, out Pattern? pattern, Room? room = null)
    {
        var error = PatternParser.TryParse(text, steps, out var code, out var sets, out var atoms);
        pattern = error is null ? new Pattern(text, code, sets, atoms, steps.Spent, room ?? Room.All) : null;
        return error;
    }

    /// <summary>
    /// Whether some part of the text matches. Half a surrogate pair counts as the code point of its number.
    /// </summary>
    public bool IsMatch(string text)
    {
        if (_plain is not null) return text.Contains(_plain, StringComparison.Ordinal);
        var automaton = Volatile.Read(ref _automaton);
        var state = automaton.Start;
        var (renewed, room) = (0, -1);
        for (var i = 0; i < text.Length;)
        {
            if (state.Next.Length == 0) break;
            int c = text[i++];
            if (char.IsHighSurrogate((char)c) && i < text.Length && char.IsLowSurrogate(text[i]))
                c = char.ConvertToUtf32((char)c, text[i++]);
            var @class = _alphabet.Class(c);
            var next = state.Next[@class] ?? automaton.Step(state, @class);
            if (next is null)
            {
                // The automaton is full. A fresh one helps if the last one did for long enough; else it is quicker to
                // do without, and after some such to try no more.
                if (room >= 0 && i - renewed < room) Interlocked.Increment(ref _wasted);
                if (_room.IsFull || Volatile.Read(ref _wasted) > Wasted || (room >= 0 && i - renewed < room))
                    return Simulate(state, text, i, @class);
                (renewed, room) = (i, automaton.Count * 10);
                automaton = new Automaton(NewSimulation(), _alphabet, _room);
                Volatile.Write(ref _automaton, automaton);
                if (automaton.Adopt(state) is not { } adopted || automaton.Step(adopted, @class) is not { } found)
                    return Simulate(state, text, i, @class);
                next = found;
            }
            state = next;
        }
        return automaton.MatchesAtEnd(state);
    }

    /// <summary>Goes on without an automaton: from a state over a class, then the rest of the text.</summary>
    bool Simulate(Automaton.State from, string text, int at, int @class)
    {
        var simulation = Interlocked.Exchange(ref _spare, null) ?? NewSimulation();
        simulation.Resume(from.Threads, from.Before);
        var matched = simulation.Take(@class);
        while (!matched && at < text.Length && !simulation.IsOver)
        {
            int c = text[at++];
            if (char.IsHighSurrogate((char)c) && at < text.Length && char.IsLowSurrogate(text[at]))
                c = char.ConvertToUtf32((char)c, text[at++]);
            matched = simulation.Take(_alphabet.Class(c));
        }
        matched = matched || simulation.Take(Simulation.End);
        _spare = simulation;
        return matched;
    }

    static string? Plain(Instruction[] code, List<CharSet> sets)
    {
        var text = new StringBuilder(code.Length);
        foreach (var i in code.AsSpan(0, code.Length - 1))
        {
            // Half a surrogate pair would be found inside a whole one.
            if (i.Op != Op.Take || sets[i.A].Bounds is not [var c, var end] || end != c + 1
                || !Rune.TryCreate(c, out var rune)) return null;
            if (rune.IsBmp) text.Append((char)c);
            else text.Append(rune.ToString());
        }
        return text.ToString();
    }

    Simulation NewSimulation() => new(_code, _alphabet, _anchored);
}
