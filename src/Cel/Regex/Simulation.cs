namespace Cel.Regex;

/// <summary>
/// The threads of a pattern walking over a text together, a code point at a time: time linear in the text and in the
/// code, whatever the pattern. Holds what that needs, so it is for one thread of the machine at a time.
/// </summary>
internal sealed class Simulation(Instruction[] code, Alphabet alphabet, bool anchored)
{
    /// <summary>Stands for the class after the last one.</summary>
    public const int End = -1;

    readonly int[] _stack = new int[code.Length];
    Threads _now = new(code.Length), _next = new(code.Length);

    /// <summary>What has just been taken.</summary>
    Neighbour _before;

    /// <summary>Before the first code point. True if that is a match already.</summary>
    public bool Start()
    {
        _before = Neighbour.None;
        _now.Clear();
        return Follow(_now, 0, Edge.None);
    }

    /// <summary>Goes on from where <see cref="Save"/> was.</summary>
    public void Resume(int[] threads, Neighbour before)
    {
        _before = before;
        _now.Clear();
        foreach (var t in threads) _now.Add(t);
    }

    /// <summary>
    /// What can still happen, in canonical form: without the steps between, and without the neighbour where no
    /// assertion asks for it.
    /// </summary>
    public (int[] Threads, Neighbour Before) Save()
    {
        var (kept, asks) = (0, false);
        foreach (var t in _now.All)
        {
            asks |= code[t].Op == Op.Assert;
            if (code[t].Op is not (Op.Split or Op.Jump)) _stack[kept++] = t;
        }
        var threads = _stack[..kept];
        Array.Sort(threads);
        return (threads, asks ? _before : Neighbour.Other);
    }

    /// <summary>No thread is left, and none will come.</summary>
    public bool IsOver => _now.Count == 0 && anchored;

    /// <summary>Takes a code point of a class, or the end. True if the pattern has matched.</summary>
    public bool Take(int @class)
    {
        var after = @class == End ? Neighbour.None : alphabet.Seen(@class);
        var edge = Between(_before, after);
        // Threads that waited at an assertion for what comes next; those it lets pass are in reach of this loop.
        for (var i = 0; i < _now.Count; i++)
            if (code[_now[i]] is { Op: Op.Assert } assert && (edge & (Edge)assert.A) != 0
                && Follow(_now, _now[i] + 1, edge)) return true;
        if (@class == End) return false;

        _next.Clear();
        foreach (var t in _now.All)
        {
            ref readonly var i = ref code[t];
            if (i.Op == Op.Take && alphabet.IsIn(@class, i.A) && Follow(_next, t + 1, Edge.None)) return true;
        }
        (_now, _next) = (_next, _now);
        _before = after;
        // A match may begin anywhere.
        return !anchored && Follow(_now, 0, Edge.None);
    }

    static Edge Between(Neighbour before, Neighbour after)
    {
        var edge = (before == Neighbour.Word) != (after == Neighbour.Word) ? Edge.Boundary : Edge.NoBoundary;
        if (before == Neighbour.None) edge |= Edge.TextStart | Edge.LineStart;
        if (before == Neighbour.Newline) edge |= Edge.LineStart;
        if (after == Neighbour.None) edge |= Edge.TextEnd | Edge.LineEnd;
        if (after == Neighbour.Newline) edge |= Edge.LineEnd;
        return edge;
    }

    /// <summary>
    /// Adds an instruction and all that is reached from it without taking anything. True if that is a match.
    /// </summary>
    bool Follow(Threads set, int from, Edge edge)
    {
        // Invariant: every instruction is pushed after it was added, so once at most.
        if (!set.Add(from) || code[from].Op == Op.Take) return false;
        var depth = 0;
        _stack[depth++] = from;
        while (depth > 0)
        {
            var at = _stack[--depth];
            ref readonly var i = ref code[at];
            switch (i.Op)
            {
                case Op.Match: return true;
                case Op.Jump:
                    if (set.Add(i.A)) _stack[depth++] = i.A;
                    break;
                case Op.Split:
                    if (set.Add(i.A)) _stack[depth++] = i.A;
                    if (set.Add(i.B)) _stack[depth++] = i.B;
                    break;
                case Op.Assert when (edge & (Edge)i.A) != 0:
                    if (set.Add(at + 1)) _stack[depth++] = at + 1;
                    break;
            }
        }
        return false;
    }

    /// <summary>Whether nothing can begin except at the start of the text.</summary>
    public static bool IsAnchored(Instruction[] code)
    {
        var s = new Simulation(code, null!, anchored: true);
        if (s.Follow(s._now, 0, ~Edge.TextStart)) return false;
        foreach (var t in s._now.All)
            if (code[t].Op == Op.Take) return false;
        return true;
    }
}
