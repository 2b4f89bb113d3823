using Cel.Syntax;
using Cel.Values;

namespace Cel;

/// <summary>What sort of expression a part of a trace is.</summary>
public enum CelTraceKind
{
    /// <summary>Known before anything is evaluated.</summary>
    Constant,

    /// <summary>A name, and fields and elements selected from it: <c>a.b["c"].d</c>.</summary>
    Path,

    /// <summary><c>has(a.b)</c>.</summary>
    Test,

    /// <summary>A function, method or operator, a selection from what was computed, a list or a map.</summary>
    Call,

    /// <summary>A chain of <c>&amp;&amp;</c> or <c>||</c>.</summary>
    Logic,

    /// <summary><c>a ? b : c</c>.</summary>
    Conditional,

    /// <summary>
    /// A name for another expression, which stands below it where it was evaluated for it; or <c>cel.bind</c>, with its
    /// body.
    /// </summary>
    Named,

    /// <summary><c>all</c>, <c>exists</c>, <c>map</c> and their kin: what is walked, then rounds.</summary>
    Comprehension,

    /// <summary>One round of a comprehension: its element, and what was evaluated with it.</summary>
    Round,
}

/// <summary>
/// An expression with what it came to, and its sub-expressions with what they came to, or that they were not evaluated.
/// Of a comprehension those rounds are there that decided, or the first few where all of them did.
/// </summary>
public sealed class CelTrace
{
    readonly SourceText _source;
    readonly CelValue _value;
    readonly Expr? _expression;

    internal CelTrace(SourceText source, CelTraceKind kind, Expr? expression, int start, int end, string place)
        => (_source, Kind, _expression, Start, Length, Place) = (source, kind, expression, start, end - start, place);

    internal CelTrace(CelTrace of, CelTraceKind kind, in CelValue value, IReadOnlyList<CelTrace> parts, int omitted)
        : this(of._source, kind, of._expression, of.Start, of.Start + of.Length, of.Place)
        => (_value, Evaluated, Parts, Omitted) = (value, true, parts, omitted);

    public CelTraceKind Kind { get; }

    /// <summary>The source that <see cref="Start"/> is an offset in: the program's, or a definition's.</summary>
    public string Source => _source.Text;

    /// <summary>The definition whose source that is; null for the program itself.</summary>
    public string? Definition => _source.Definition;

    /// <summary>In UTF-16 units, as <see cref="Length"/>.</summary>
    public int Start { get; }

    public int Length { get; }

    /// <summary>As it is written; of a round, its variables.</summary>
    public string Text => Source.Substring(Start, Length);

    /// <summary>
    /// As it is written, with what the variables of comprehensions stand for in their places: <c>reports[0].ratio</c>
    /// for the <c>r.ratio</c> in <c>reports.all(r, r.ratio > 1)</c>.
    /// </summary>
    public string Place { get; }

    /// <summary>False for what nothing asked for: behind a term that decided, or the branch not taken.</summary>
    public bool Evaluated { get; }

    /// <exception cref="InvalidOperationException">
    /// There is an <see cref="Error"/> instead, or it was not evaluated.
    /// </exception>
    public CelValue Value => Evaluated && !_value.IsError
        ? _value
        : throw new InvalidOperationException($"'{Text}' has no value");

    /// <summary>Null if there is a value, and where it was not evaluated.</summary>
    public CelFailure? Error => Evaluated && _value.IsError ? new CelFailure(_source, _value.RawError) : null;

    /// <summary>In the order of the source.</summary>
    public IReadOnlyList<CelTrace> Parts { get; } = [];

    /// <summary>Rounds that are not among the parts.</summary>
    public int Omitted { get; }

    /// <summary>
    /// The smallest set of sub-expressions whose values suffice for this one's: of a false <c>&amp;&amp;</c> the term
    /// that is false, of a comparison its operands, of <c>all</c> the element that failed. Constants are left out, and
    /// no place stands twice.
    /// </summary>
    public IReadOnlyList<CelTrace> Rests()
    {
        var found = new Found();
        Rest(found);
        return found.All;
    }

    /// <summary>
    /// Of a value of true or false: the lists and maps it rests on that have nothing in them, where nothing being in
    /// them is what decided. Those are what a true <c>all</c> or a false <c>exists</c> walked, and what was filtered
    /// before it was counted or compared: in <c>size(reports.filter(r, r.ratio &lt; 1)) == 0</c> that is
    /// <c>reports</c>. What asks for their size itself is not among them.
    /// </summary>
    public IReadOnlyList<CelTrace> RestsOnNothing()
    {
        var found = new Found();
        Nothing(found, counted: false);
        return found.All;
    }

    void Nothing(Found found, bool counted)
    {
        if (!Evaluated || _value.IsError) return;
        switch (_expression)
        {
            case Logic l:
                // The term that decided; where none did alone, each of them had to come out so.
                if (Parts.FirstOrDefault(p => p.Is(!l.IsAnd)) is { } decided && Is(!l.IsAnd)) decided.Nothing(found,
                    counted);
                else foreach (var part in Parts) part.Nothing(found, counted);
                break;
            case Comprehension c when Parts.Count > 0:
                var walked = Parts[0];
                if (walked.IsEmpty && (c.Kind == MacroKind.All && Is(true)
                    || c.Kind is MacroKind.Exists or MacroKind.ExistsOne && Is(false) || counted
                    && c.Kind is MacroKind.List or MacroKind.Map)) walked.Origin(found);
                break;
            case Call { Function: Operators.Not }:
                Parts[0].Nothing(found, counted);
                break;
            case Call:
                foreach (var part in Parts) part.Nothing(found, counted: true);
                break;
            default:
                foreach (var part in Parts) part.Nothing(found, counted);
                break;
        }
    }

    bool IsEmpty => Evaluated && !_value.IsError && (_value.Kind == CelKind.List ? _value.AsList().Count == 0
        : _value.Kind == CelKind.Map && !_value.AsMap().Any());

    /// <summary>Where a list comes from: through names and filters to what they began with.</summary>
    void Origin(Found found)
    {
        if (Kind == CelTraceKind.Named && Parts.Count > 0) Parts[^1].Origin(found);
        else if (_expression is Comprehension && Parts.Count > 0 && Parts[0].IsEmpty) Parts[0].Origin(found);
        else Add(found);
    }

    /// <summary>
    /// Whether this very error came out of it; out of a round, whose value is its element, it comes from within.
    /// </summary>
    bool Has(CelError error) => Kind == CelTraceKind.Round
        ? Parts.Any(p => p.Has(error))
        : _value.IsError && _value.RawError == error;

    bool Is(bool value) => Evaluated && (value ? _value.IsTrue : _value.IsFalse);

    void Rest(Found found)
    {
        if (!Evaluated || Kind == CelTraceKind.Constant) return;
        // Where the error came from below, that is what it rests on.
        if (_value.IsError && Parts.FirstOrDefault(p => p.Has(_value.RawError)) is { } culprit)
        {
            culprit.Rest(found);
            return;
        }
        switch (_expression)
        {
            case Logic l when !_value.IsError:
                if (Parts.FirstOrDefault(p => p.Is(!l.IsAnd)) is { } decided) decided.Rest(found);
                else foreach (var part in Parts) part.Rest(found);
                break;
            case Conditional:
                foreach (var part in Parts) part.Rest(found);
                break;
            case Comprehension { Kind: MacroKind.All or MacroKind.Exists or MacroKind.ExistsOne } c
                when Parts.Count > 0:
                // Where no element alone decided, all count: how many there were, at least.
                var alone = c.Kind == MacroKind.All ? Is(false) : c.Kind == MacroKind.Exists && Is(true);
                if (Parts.Count == 1 || Omitted > 0 && !alone) Parts[0].Add(found);
                foreach (var round in Parts.Skip(1)) round.Rest(found);
                break;
            case Call { Function: Operators.Not }:
                Parts[0].Rest(found);
                break;
            case Call when Kind == CelTraceKind.Call && (_value.IsError || _value.Kind == CelKind.Bool):
                if (_value.IsError) Add(found);
                foreach (var part in Parts) part.Add(found);
                break;
            case null:
            case not null when Kind == CelTraceKind.Named && Parts.Count > 0:
                foreach (var part in Parts) part.Rest(found);
                break;
            default:
                Add(found);
                break;
        }
    }

    // Long places are cut, and may look alike.
    bool Same(CelTrace other, ref long looks)
    {
        if (_value.IsError || other._value.IsError)
            return _value.IsError && other._value.IsError && _value.RawError.Reason == other._value.RawError.Reason;
        if (_value.Kind != other._value.Kind) return false;
        // Of large values no more is looked at: one place with two values that begin alike is one.
        var most = Math.Min(looks, Looks);
        var left = most;
        var same = Equality.Equal(in _value, in other._value, ref left) || left < 0;
        looks -= most - Math.Max(0, left);
        return same;
    }

    // At two values, and at all.
    const long Looks = 10_000, AllLooks = 1_000_000;

    void Add(Found found)
    {
        if (Evaluated && Kind != CelTraceKind.Constant) found.Add(this);
    }

    /// <summary>Sub-expressions in the order in which they were found, no place with the same value twice.</summary>
    sealed class Found
    {
        readonly Dictionary<string, List<CelTrace>> _places = new(StringComparer.Ordinal);
        long _looks = AllLooks;

        public List<CelTrace> All { get; } = [];

        public void Add(CelTrace trace)
        {
            if (!_places.TryGetValue(trace.Place, out var there)) _places[trace.Place] = there = [];
            // That a place comes with ever other values there is hardly a reason for: some of them are enough.
            if (there.Count == MostAlike || there.Exists(f => f.Same(trace, ref _looks))) return;
            there.Add(trace);
            All.Add(trace);
        }
    }

    const int MostAlike = 32;

    public override string ToString() => $"{Place}: {(Evaluated ? _value.ToString() : "not evaluated")}";
}
