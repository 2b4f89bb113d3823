namespace Cel.Regex;

/// <summary>What holds between two code points, or at an end of the text.</summary>
[Flags]
internal enum Edge : byte
{
    None = 0,
    LineStart = 1,
    LineEnd = 2,
    TextStart = 4,
    TextEnd = 8,
    Boundary = 16,
    NoBoundary = 32,
}

internal enum Op : byte
{
    /// <summary>Takes a code point of set A and goes on.</summary>
    Take,

    /// <summary>Goes on both at A and at B.</summary>
    Split,

    /// <summary>Goes on at A.</summary>
    Jump,

    /// <summary>Goes on if all of A (an <see cref="Edge"/>) holds here.</summary>
    Assert,

    Match,
}

internal readonly record struct Instruction(Op Op, int A = 0, int B = 0);

/// <summary>
/// Code under construction. Branches are relative to their own place, so that a piece can be copied or moved as it
/// stands: repetition is copying, and no syntax tree is needed.
/// </summary>
internal sealed class Code(Steps steps)
{
    /// <summary>Instructions that are moved in a step.</summary>
    const int Moved = 16;

    readonly List<Instruction> _list = [];

    public int Length => _list.Count;

    public void Add(Op op, int a = 0, int b = 0) => _list.Add(new(op, a, b));

    public Instruction this[int at]
    {
        get => _list[at];
        set => _list[at] = value;
    }

    /// <summary>Nothing before the place may branch beyond it.</summary>
    public void Insert(int at, Op op, int a, int b, int where)
    {
        steps.Spend(1 + (Length - at) / Moved, where);
        _list.Insert(at, new(op, a, b));
    }

    /// <summary>The code from a place to the end, any number of times.</summary>
    void Star(int from, int where)
    {
        var length = Length - from;
        Insert(from, Op.Split, 1, length + 2, where);
        Add(Op.Jump, -(length + 1));
    }

    /// <summary>At least once.</summary>
    void Plus(int from) => Add(Op.Split, from - Length, 1);

    /// <summary>At most once.</summary>
    void Quest(int from, int where) => Insert(from, Op.Split, 1, Length - from + 1, where);

    /// <summary>How long the code from a place to the end becomes by repeating it.</summary>
    public long Repeated(int from, int min, int max)
    {
        long length = Length - from;
        return max < 0 ? Math.Max(1, min) * length + 2 : min * length + (max - min) * (length + 1);
    }

    /// <param name="from">Where what is repeated begins; it ends at the end.</param>
    /// <param name="min">At least.</param>
    /// <param name="max">At most; negative for any number.</param>
    /// <param name="where">In the pattern.</param>
    public void Repeat(int from, int min, int max, int where)
    {
        if (Length == from) return;
        switch (min, max)
        {
            case (0, < 0): Star(from, where); return;
            case (1, < 0): Plus(from); return;
            case (0, 1): Quest(from, where); return;
            case (1, 1): return;
        }
        steps.Spend(Length - from + Repeated(from, min, max), where);
        var piece = _list.GetRange(from, Length - from);
        _list.RemoveRange(from, piece.Count);
        for (var i = 0; i < min; i++) _list.AddRange(piece);
        if (max < 0) Plus(Length - piece.Count);
        // Each of the optional ones may be the end.
        for (var i = min; i < max; i++)
        {
            Add(Op.Split, 1, (max - i) * (piece.Count + 1));
            _list.AddRange(piece);
        }
    }

    /// <summary>The whole, ending in a match, with branches as places.</summary>
    public Instruction[] Finish()
    {
        Add(Op.Match);
        var code = _list.ToArray();
        for (var i = 0; i < code.Length; i++)
        {
            if (code[i].Op == Op.Split) code[i] = new(Op.Split, i + code[i].A, i + code[i].B);
            else if (code[i].Op == Op.Jump) code[i] = new(Op.Jump, i + code[i].A);
        }
        return code;
    }
}
