using System.Buffers;
using System.Text;
using Cel.Check;
using Cel.Plan;
using Cel.Syntax;
using Cel.Values;

namespace Cel;

/// <summary>Makes a trace of what was recorded: the tree of the source, with what its parts came to.</summary>
internal sealed class Tracer(SourceText source, Checked program, Recorder recorder)
{
    /// <summary>A place that would be longer is cut there.</summary>
    const int MostPlace = 200;

    // What the variables of the comprehensions around stand for.
    readonly Dictionary<string, string> _standing = new(StringComparer.Ordinal);

    public CelTrace Build() => Build(program.Root, recorder.Root);

    CelTrace Build(Expr e, Record? record)
    {
        var constant = recorder.TryConstant(e, out var known);
        var kind = constant ? CelTraceKind.Constant : KindOf(e);
        var bare = new CelTrace(source, kind, e, e.Start, e.End, Place(e));
        if (constant) return new CelTrace(bare, kind, in known, [], 0);
        if (record is null) return bare;
        var parts = new List<CelTrace>();
        var omitted = 0;
        if (recorder.IsName(e)) parts.AddRange(record.Parts.Select(r => In(e).Build(r.Expression, r)));
        else if (kind == CelTraceKind.Comprehension) omitted = Walk((Comprehension)e, record, parts);
        else if (kind is not (CelTraceKind.Path or CelTraceKind.Test))
        {
            // They come in the order of the source, but for those that were not evaluated.
            var next = 0;
            foreach (var part in Written(e))
                parts.Add(Build(part,
                    next < record.Parts.Count && record.Parts[next].Expression == part ? record.Parts[next++] : null));
        }
        // Whether a plan computes such a thing ahead is its own affair.
        if (kind == CelTraceKind.Call && !record.Value.IsError
            && parts.TrueForAll(p => p.Kind == CelTraceKind.Constant)) (kind, parts) = (CelTraceKind.Constant, []);
        return new CelTrace(bare, kind, record.Value, parts, omitted);
    }

    /// <summary>What a name stands for is written here, or in the source of its definition.</summary>
    Tracer In(Expr name) =>
        program.Resolutions[name.Id] is DefinitionOf { Definition: { Checked: { } body } definition }
            ? new Tracer(definition.Source, body, recorder)
            : this;

    /// <summary>The parts of an expression that text stands for; what a macro put between is passed over.</summary>
    IEnumerable<Expr> Written(Expr e)
    {
        // What is bound stands below the name that it was first needed for.
        if (e is Bindings { Body: var body }) return body.End > 0 ? [body] : Written(body);
        var parts = e is Call { Target: not null } c && program.Resolutions[e.Id] is OverloadsOf { Namespaced: true }
            ? c.Args
            : e.Parts;
        return parts.SelectMany(p => p.End > 0 ? [p] : Written(p));
    }

    CelTraceKind KindOf(Expr e) => e switch
    {
        Select { Test: true } s when IsPath(s.Operand) => CelTraceKind.Test,
        _ when IsPath(e) => CelTraceKind.Path,
        _ when recorder.IsName(e) || e is Bindings => CelTraceKind.Named,
        Logic => CelTraceKind.Logic,
        Conditional => CelTraceKind.Conditional,
        Comprehension { Kind: not (MacroKind.OptionalMap or MacroKind.OptionalFlatMap) } => CelTraceKind.Comprehension,
        _ => CelTraceKind.Call,
    };

    bool IsPath(Expr e) => e switch
    {
        Ident => !recorder.IsName(e),
        Select { Test: false } s => IsPath(s.Operand),
        Call { Function: Operators.Index, Args: [var of, var at] } => IsPath(of) && recorder.TryConstant(at, out _),
        _ => false,
    };

    /// <summary>What is walked, then its rounds. Says how many rounds are not there.</summary>
    int Walk(Comprehension e, Record record, List<CelTrace> parts)
    {
        var range = Build(e.Range, record.Parts.Find(r => r.Expression == e.Range));
        parts.Add(range);
        if (!range.Evaluated || range.Error is not null) return 0;
        var walked = range.Value;
        var of = e.Range is Logic or Conditional
            || e.Range is Call { Target: null, Function: not (Operators.Index or Operators.OptionalIndex
                or Operators.OptionalSelect) } c && !char.IsAsciiLetter(c.Function[0])
            ? $"({range.Place})"
            : range.Place;
        foreach (var round in record.Rounds)
        {
            var (element, place, variable) = walked.Kind switch
            {
                CelKind.List => (walked.ListItems[round.Index], $"{of}[{CelValue.Int(round.Index)}]", null),
                CelKind.Optional => (walked.RawOptional!.Value, $"{of}.value()", null),
                _ => (walked.RawMap.Values[round.Index], $"{of}[{walked.RawMap.Keys[round.Index]}]",
                    walked.RawMap.Keys[round.Index].ToString()),
            };
            var outer = (First: _standing.GetValueOrDefault(e.Variable),
                Second: e.Second is null ? null : _standing.GetValueOrDefault(e.Second));
            _standing[e.Variable] = variable ?? (e.Second is null ? place : CelValue.Int(round.Index).ToString());
            if (e.Second is not null) _standing[e.Second] = place;
            var inside = new List<CelTrace>();
            if (round.Filter is { } filter) inside.Add(Build(filter.Expression, filter));
            if (round.Body is { } body) inside.Add(Build(body.Expression, body));
            Restore(e.Variable, outer.First);
            if (e.Second is not null) Restore(e.Second, outer.Second);
            // Its own text is the comprehension's: nothing else names it.
            parts.Add(new CelTrace(new CelTrace(source, CelTraceKind.Round, null, e.Start, e.End, place),
                CelTraceKind.Round, in element, inside, 0));
        }
        return record.Walked - record.Rounds.Count;
    }

    void Restore(string variable, string? outer)
    {
        if (outer is null) _standing.Remove(variable);
        else _standing[variable] = outer;
    }

    /// <summary>The text of an expression, in one line, with what its free variables stand for.</summary>
    string Place(Expr e)
    {
        _text.Clear();
        var at = e.Start;
        var order = _names.Order(e);
        for (var i = _names.From(e.Start); i < _names.All.Count && _names.All[i].Name.End <= e.End; i++)
        {
            var (name, binder) = _names.All[i];
            // One that is bound within stands for nothing outside, and neither does what has no value yet.
            if (binder >= order || name.Start < at || !_standing.TryGetValue(name.Name, out var stands)) continue;
            Append(name.Start);
            if (_text.Length > MostPlace) break;
            _text.Append(stands);
            at = name.End;
        }
        Append(e.End);
        return _text.Length <= MostPlace
            ? _text.ToString()
            : _text.ToString(0, char.IsHighSurrogate(_text[MostPlace - 1]) ? MostPlace - 1 : MostPlace) + "…";

        void Append(int to)
        {
            while (at < to && _text.Length <= MostPlace)
            {
                var c = source.Text[at++];
                if (!char.IsControl(c))
                {
                    _text.Append(c);
                    continue;
                }
                if (_text is [.., not ' ']) _text.Append(' ');
                var more = source.Text.AsSpan(at, to - at).IndexOfAnyExcept(Controls);
                at = more < 0 ? to : at + more;
            }
        }
    }

    static readonly SearchValues<char> Controls =
        SearchValues.Create([.. Enumerable.Range(0, 0xa0).Select(c => (char)c).Where(char.IsControl)]);

    readonly StringBuilder _text = new();
    readonly LocalNames _names = new(program);
}
