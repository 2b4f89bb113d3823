using Cel.Syntax;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// What a plan made for it came to, step by step: the value of every expression that was evaluated, as a tree. Of a
/// comprehension it keeps the rounds that decided, or the first few where all of them did. Only plans made with one
/// record anything; others pay nothing.
/// </summary>
internal sealed class Recorder
{
    /// <summary>
    /// Records held at once, those of long lists and chains counting for more; what comes when all are taken is not
    /// recorded.
    /// </summary>
    const int Most = 4096;

    /// <summary>Rounds kept of one comprehension, of those that decide and of the others.</summary>
    public const int MostRounds = 8;

    readonly Stack<Record> _open = new();
    readonly Dictionary<Expr, CelValue> _constants = [];
    readonly HashSet<Expr> _names = [];
    int _held;

    /// <summary>The record of the whole expression; null before it was evaluated, or where it is a constant.</summary>
    public Record? Root { get; private set; }

    /// <summary>An expression whose value was known when the plan was made, and which takes no step.</summary>
    public void Constant(Expr e, in CelValue value) => _constants[e] = value;

    public bool TryConstant(Expr e, out CelValue value) => _constants.TryGetValue(e, out value);

    /// <summary>A name for an expression that stands elsewhere, which is evaluated where the name first is.</summary>
    public void Name(Expr e) => _names.Add(e);

    public bool IsName(Expr e) => _names.Contains(e);

    /// <summary>False when there is no room for it.</summary>
    public bool Enter(Expr e, int weight)
    {
        // Invariant: once it is full, it is so for all that is evaluated within; what is recorded has its parent
        // recorded.
        if (_held >= Most) return false;
        _held += weight;
        _open.Push(new Record(e, weight));
        return true;
    }

    public void Leave(in CelValue value)
    {
        var record = _open.Pop();
        record.Value = value;
        _held -= record.Close();
        if (!_open.TryPeek(out var above)) Root = record;
        else _held -= above.Take(record);
    }
}

/// <summary>One expression as it was evaluated once, and what was evaluated for it.</summary>
internal sealed class Record(Expr expression, int weight)
{
    readonly Comprehension? _loop =
        expression is Comprehension { Kind: not (MacroKind.OptionalMap or MacroKind.OptionalFlatMap) } c ? c : null;

    // A filter that is a constant takes no step, and begins no round.
    Round? _round;
    int _next;

    public Expr Expression => expression;
    public CelValue Value { get; set; }
    public List<Record> Parts { get; } = [];

    /// <summary>Of a comprehension: the rounds that were kept, in order.</summary>
    public List<Round> Rounds { get; } = [];

    /// <summary>How many rounds there were.</summary>
    public int Walked => _next;

    /// <summary>What this record and those below weigh; it grows with them, and is not counted again.</summary>
    public int Held { get; private set; } = weight;

    /// <summary>Takes in what was evaluated for this; says how many records were let go.</summary>
    public int Take(Record part)
    {
        if (_loop is null || part.Expression == _loop.Range)
        {
            Parts.Add(part);
            Held += part.Held;
            return 0;
        }
        if (part.Expression != _loop.Filter)
        {
            _round ??= new Round(_next++);
            _round.Body = part;
            return End();
        }
        var dropped = End();
        _round = new Round(_next++) { Filter = part };
        // One that lets its element pass has the body yet to come.
        return _loop.Body is not null && part.Value.IsTrue ? dropped : dropped + End();
    }

    /// <summary>The round that is under way is over: kept, as long as there are few of its sort.</summary>
    int End()
    {
        if (_round is not { } round) return 0;
        _round = null;
        round.Decides = Decides(round);
        if (Rounds.Count(r => r.Decides == round.Decides) == Recorder.MostRounds) return round.Held;
        Rounds.Add(round);
        Held += round.Held;
        return 0;
    }

    bool Decides(Round round) => _loop!.Kind switch
    {
        MacroKind.All => round.Body is { Value.IsTrue: false },
        MacroKind.Exists or MacroKind.ExistsOne => round.Body is { Value.IsFalse: false },
        _ => round.Filter is { Value.IsError: true } || round.Body is { Value.IsError: true },
    };

    /// <summary>
    /// Its value is known. Where some rounds decided, the others are let go; says how many records those were.
    /// </summary>
    public int Close()
    {
        var dropped = End();
        if (_loop is null || !Rounds.Exists(r => r.Decides)) return dropped;
        // An error is overruled by a round that has what is looked for; else the first one is the result.
        var only = _loop.Kind switch
        {
            MacroKind.All when Value.IsFalse => Rounds.Find(r => r.Body is { Value.IsFalse: true }),
            MacroKind.Exists when Value.IsTrue => Rounds.Find(r => r.Body is { Value.IsTrue: true }),
            _ when Value.IsError => Rounds.Find(r => r.Decides),
            _ => null,
        };
        var before = Rounds.Sum(r => r.Held);
        Rounds.RemoveAll(r => only is null ? !r.Decides : r != only);
        var lost = before - Rounds.Sum(r => r.Held);
        Held -= lost;
        return dropped + lost;
    }
}

/// <summary>A round of a comprehension.</summary>
internal sealed class Round(int index)
{
    public int Index => index;
    public Record? Filter { get; set; }
    public Record? Body { get; set; }
    public bool Decides { get; set; }
    public int Held => (Filter?.Held ?? 0) + (Body?.Held ?? 0);
}

/// <summary>A step that is told to a recorder.</summary>
internal sealed class RecordingNode(Expr expression, Node step, Recorder recorder) : Node(step.Position)
{
    // A trace shows all parts of what it shows, constants and what was not needed too.
    readonly int _weight = 1 + Written(expression) / 8;

    static int Written(Expr e) => e.Parts.Sum(p => p.End > 0 ? 1 : Written(p));

    public override CelValue Eval(Frame f)
    {
        if (!recorder.Enter(expression, _weight)) return step.Eval(f);
        var value = step.Eval(f);
        recorder.Leave(in value);
        return value;
    }
}
