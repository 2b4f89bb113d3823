namespace Cel.Regex;

/// <summary>Why a pattern is none, and at which UTF-16 unit of it.</summary>
internal sealed record PatternError(int At, string Reason);

/// <summary>
/// RE2's syntax, straight into code. What is matched is only asked, never where: groups number nothing, and lazy forms
/// and <c>(?U)</c> are read and change nothing. Groups are kept on a stack of our own, so that nesting costs no stack
/// of the thread.
/// <code>
/// a|b  ab  x* x+ x? x{n} x{n,} x{n,m}, each also lazy with ?     (x) (?:x) (?P&lt;name&gt;x) (?&lt;name&gt;x) (?ims-U) (?ims-U:x)
/// .  [xyz]  [^x-z]  [[:alpha:]]  \d \s \w \D \S \W  \pL \p{Greek} \P{Greek} \p{^Greek}     ^ $ \A \z \b \B
/// \a \f \n \r \t \v  \012  \x41  \x{1F600}  \. and other punctuation  \Q...\E
/// </code>
/// </summary>
internal sealed class PatternParser
{
    /// <summary>Where a group began, and what to go back to at its end.</summary>
    readonly record struct Group(int At, PatternFlags Flags, int Branch, int Jumps, int Repetitions);

    readonly string _text;
    readonly ClassParser _classes;
    readonly Steps _steps;
    readonly Code _code;
    readonly List<CharSet> _sets = [];
    readonly Dictionary<CharSet, int> _known = [];
    readonly Stack<Group> _groups = [];
    readonly HashSet<string> _names = new(StringComparer.Ordinal);
    PatternFlags _flags;
    int _ranges, _atoms;
    int _at;

    /// <summary>
    /// Where the code of the current branch begins, and the jump that ended the one before it in this group, or -1.
    /// Until the group ends a jump holds where its own branch began, and the jump before it.
    /// </summary>
    int _branch, _jumps = -1;

    /// <summary>Where the code of what a repetition would repeat begins; -1 if there is none.</summary>
    int _atom = -1;

    /// <summary>Copies made inside the atom; the most of any atom in the current group.</summary>
    int _atomRepetitions = 1, _repetitions = 1;

    PatternParser(string text, Steps steps)
    {
        _text = text;
        _steps = steps;
        _code = new Code(steps);
        _classes = new ClassParser(text, steps);
    }

    /// <summary>Steps that an instruction takes in the end, and a bound of a set in the alphabet.</summary>
    const int PerInstruction = 4, PerBound = 4;

    /// <summary>
    /// Code, the sets it takes from, and how many things were written that take or assert; or the error.
    /// </summary>
    public static PatternError? TryParse(string text, Steps steps, out Instruction[] code, out List<CharSet> sets,
        out int atoms)
    {
        atoms = 0;
        code = [];
        sets = [];
        if (text.Length > PatternLimits.Length)
            return new(0, $"the pattern has {text.Length} characters, more than {PatternLimits.Length}");
        try
        {
            var parser = new PatternParser(text, steps);
            parser.Run();
            // What is still to come: the code at rest, and its alphabet.
            steps.Spend(PerInstruction * parser._code.Length, 0);
            steps.Spend(parser._ranges * 2L * (PerBound + parser._sets.Count / 64), 0);
            code = parser._code.Finish();
            sets = parser._sets;
            atoms = parser._atoms;
            return null;
        }
        catch (PatternException e)
        {
            return new(e.At, e.Reason);
        }
    }

    void Run()
    {
        while (_at < _text.Length)
        {
            if (_code.Length > PatternLimits.Instructions) throw TooLarge(_at);
            Next();
        }
        if (_groups.Count > 0) throw new PatternException(_groups.Peek().At, "the group is not closed: ')' is missing");
        JoinBranches();
        if (_code.Length >= PatternLimits.Instructions) throw TooLarge(0);
    }

    static PatternException TooLarge(int at) =>
        new(at, $"the pattern comes to more than {PatternLimits.Instructions} instructions");

    void Next()
    {
        var start = _at;
        var c = _text[_at];
        switch (c)
        {
            case '(': Open(); break;
            case ')': Close(); break;
            case '|': EndBranch(); break;
            case '[': Take(_classes.Bracket(ref _at, _flags)); break;
            case '\\': Escape(); break;
            case '*' or '+' or '?': Repeat(start, start + 1, c == '+' ? 1 : 0, c == '?' ? 1 : -1); break;
            case '{' when TryCounts(out var end, out var min, out var max):
                if (min > PatternLimits.Repetitions || max > PatternLimits.Repetitions)
                    throw new PatternException(start, $"a repetition counts to {PatternLimits.Repetitions} at most");
                if (max >= 0 && max < min)
                    throw new PatternException(start, "a repetition's second number is smaller than its first");
                Repeat(start, end, min, max);
                break;
            case '^':
                _at++;
                Assert(_flags.HasFlag(PatternFlags.Lines) ? Edge.LineStart : Edge.TextStart);
                break;
            case '$':
                _at++;
                Assert(_flags.HasFlag(PatternFlags.Lines) ? Edge.LineEnd : Edge.TextEnd);
                break;
            case '.':
                _at++;
                Take(_flags.HasFlag(PatternFlags.DotAll) ? CharSet.Everything : CharSet.NotNewline);
                break;
            default:
                Take(_classes.CodePoint(ref _at));
                break;
        }
    }

    void Take(int codePoint) => Take(_classes.Single(codePoint, _at, _flags));

    void Take(CharSet set)
    {
        if (!_known.TryGetValue(set, out var index))
        {
            _known.Add(set, index = _sets.Count);
            _sets.Add(set);
            _ranges += set.RangeCount;
            if (_sets.Count > PatternLimits.Sets || _ranges > PatternLimits.Ranges)
                throw new PatternException(_at,
                    $"the pattern comes to more than {PatternLimits.Sets} different sets of characters, or to more "
                    + $"than {PatternLimits.Ranges} ranges in them");
        }
        One();
        _code.Add(Op.Take, index);
    }

    void Assert(Edge edge)
    {
        One();
        _code.Add(Op.Assert, (int)edge);
    }

    /// <summary>What takes or asserts is one as it is written, whatever copies are made of it.</summary>
    void One()
    {
        _atoms++;
        Atom(_code.Length);
    }

    void Atom(int from, int repetitions = 1)
    {
        _atom = from;
        _atomRepetitions = repetitions;
        _repetitions = Math.Max(_repetitions, repetitions);
    }

    void Escape()
    {
        var letter = _at + 1 < _text.Length ? _text[_at + 1] : '\0';
        switch (letter)
        {
            case 'A': _at += 2; Assert(Edge.TextStart); return;
            case 'z': _at += 2; Assert(Edge.TextEnd); return;
            case 'b': _at += 2; Assert(Edge.Boundary); return;
            case 'B': _at += 2; Assert(Edge.NoBoundary); return;
            case 'Q':
                _at += 2;
                var end = _text.IndexOf("\\E", _at, StringComparison.Ordinal);
                for (var to = end < 0 ? _text.Length : end; _at < to;)
                {
                    if (_code.Length > PatternLimits.Instructions) throw TooLarge(_at);
                    Take(_classes.CodePoint(ref _at));
                }
                if (end >= 0) _at += 2;
                return;
            default:
                if (_classes.TryClass(ref _at, _flags) is { } set) Take(set);
                else Take(_classes.Escape(ref _at));
                return;
        }
    }

    void Open()
    {
        if (_groups.Count == PatternLimits.Nesting)
            throw new PatternException(_at, $"groups are nested more than {PatternLimits.Nesting} deep");
        var start = _at;
        var flags = _flags;
        if (_at + 1 < _text.Length && _text[_at + 1] == '?')
        {
            if (!GroupSyntax.TryName(_text, ref _at, _names) && !GroupSyntax.Flags(_text, ref _at, ref flags))
            {
                // (?i) is no group: it holds until the end of the one it stands in, and what stood before may still be
                // repeated.
                _flags = flags;
                return;
            }
        }
        else
        {
            _at++;
        }
        _groups.Push(new(start, _flags, _branch, _jumps, _repetitions));
        (_flags, _branch, _jumps, _atom, _repetitions) = (flags, _code.Length, -1, -1, 1);
    }

    void Close()
    {
        if (_groups.Count == 0) throw new PatternException(_at, "')' closes no group; a plain one is '\\)'");
        var group = _groups.Pop();
        var from = GroupStart();
        JoinBranches();
        var inside = _repetitions;
        (_flags, _branch, _jumps, _repetitions) = (group.Flags, group.Branch, group.Jumps, group.Repetitions);
        Atom(from, inside);
        _at++;
    }

    /// <summary>Where the code of the whole group begins: where its first branch did.</summary>
    int GroupStart()
    {
        var start = _branch;
        for (var jump = _jumps; jump >= 0; jump = _code[jump].B) start = _code[jump].A;
        return start;
    }

    /// <summary>
    /// A branch is tried or left for the next one; at its end it jumps beyond them all, to where only the end of the
    /// group will know.
    /// </summary>
    void EndBranch()
    {
        _at++;
        _code.Insert(_branch, Op.Split, 1, _code.Length - _branch + 2, _at);
        _code.Add(Op.Jump, _branch, _jumps);
        _jumps = _code.Length - 1;
        _branch = _code.Length;
        _atom = -1;
    }

    /// <summary>The group ends here: so do all its branches.</summary>
    void JoinBranches()
    {
        for (var jump = _jumps; jump >= 0;)
        {
            var next = _code[jump].B;
            _code[jump] = new(Op.Jump, _code.Length - jump);
            jump = next;
        }
    }

    void Repeat(int start, int end, int min, int max)
    {
        if (_atom < 0) throw new PatternException(start, $"there is nothing before '{_text[start..end]}' to repeat");
        if (end < _text.Length && _text[end] == '?') end++;
        if (end < _text.Length && _text[end] is '*' or '+' or '?' or '{')
        {
            _at = end;
            if (_text[end] != '{' || TryCounts(out _, out _, out _))
                throw new PatternException(end,
                    $"a repetition can't be repeated as '{_text[start..(end + 1)]}': put a group around it");
        }

        var copies = Math.Max(1, max < 0 ? min : max);
        if (copies > 1 && _atomRepetitions * copies > PatternLimits.Repetitions)
            throw new PatternException(start,
                $"repetitions inside one another count to more than {PatternLimits.Repetitions} together");
        if (_code.Length - _atom > 0)
        {
            if (_atom + _code.Repeated(_atom, min, max) > PatternLimits.Instructions) throw TooLarge(start);
            _code.Repeat(_atom, min, max, start);
        }
        _at = end;
        // What is left of x{0} counts for nothing, but may stand here.
        Atom(_atom, max == 0 ? 1 : _atomRepetitions * copies);
    }

    /// <summary>
    /// Whether <c>{n}</c>, <c>{n,}</c> or <c>{n,m}</c> stands here; else the brace is a plain character. Too large a
    /// number is one above the limit.
    /// </summary>
    bool TryCounts(out int end, out int min, out int max)
    {
        end = _at + 1;
        max = -1;
        if (!TryNumber(ref end, out min) || end >= _text.Length) return false;
        if (_text[end] == ',')
        {
            end++;
            if (end < _text.Length && _text[end] != '}' && !TryNumber(ref end, out max)) return false;
        }
        else
        {
            max = min;
        }
        return end < _text.Length && _text[end++] == '}';
    }

    bool TryNumber(ref int at, out int number)
    {
        var start = at;
        number = 0;
        for (; at < _text.Length && char.IsAsciiDigit(_text[at]); at++)
            number = Math.Min(number * 10 + _text[at] - '0', PatternLimits.Repetitions + 1);
        // RE2 takes no leading zeros here.
        return at > start && (at == start + 1 || _text[start] != '0');
    }
}
