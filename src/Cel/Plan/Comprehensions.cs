using Cel.Syntax;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// Where a comprehension keeps its variables: one takes elements or keys, two take indexes and elements, or keys and
/// values.
/// </summary>
internal readonly record struct Loop(Node Range, int First, int Second)
{
    public bool HasTwo => Second >= 0;
}

/// <summary>The rounds of a comprehension over a value.</summary>
internal readonly struct Rounds
{
    readonly CelValue[] _first;
    readonly CelValue[]? _second;
    readonly bool _indexed;

    public readonly int Count;

    public Rounds(in CelValue range, Loop loop)
    {
        if (range.Kind == CelKind.List)
        {
            _first = range.ListItems;
            _indexed = loop.HasTwo;
        }
        else
        {
            _first = range.RawMap.Keys;
            _second = loop.HasTwo ? range.RawMap.Values : null;
        }
        Count = _first.Length;
    }

    public void Bind(Frame f, Loop loop, int round)
    {
        if (_indexed)
        {
            f.Slots[loop.First] = CelValue.Int(round);
            f.Slots[loop.Second] = _first[round];
            return;
        }
        f.Slots[loop.First] = _first[round];
        if (_second is not null) f.Slots[loop.Second] = _second[round];
    }
}

internal abstract class ComprehensionNode(int position, Loop loop) : Node(position)
{
    protected readonly Loop Loop = loop;

    public sealed override CelValue Eval(Frame f)
    {
        var range = Loop.Range.Eval(f);
        if (range.Kind is CelKind.List or CelKind.Map) return Walk(f, new Rounds(in range, Loop));
        return range.IsError
            ? range
            : Fail(CelErrorKind.NoSuchOverload, $"a macro walks a list or a map, not {range.TypeOf()}");
    }

    protected abstract CelValue Walk(Frame f, Rounds rounds);

    /// <summary>
    /// Whether a round that a filter judges takes part. If not there may be a reason to stop, an error; else it is just
    /// left out.
    /// </summary>
    protected bool Keeps(Node? filter, Frame f, out CelValue stop)
    {
        stop = default;
        if (filter is null) return true;
        var keep = filter.Eval(f);
        if (keep.Kind != CelKind.Bool) stop = NotBool(in keep);
        return keep.IsTrue;
    }

    protected CelValue NotBool(in CelValue value)
        => value.IsError
            ? value
            : Fail(CelErrorKind.NoSuchOverload, $"a macro's condition is a bool, not {value.TypeOf()}");
}

/// <summary><c>all</c> and <c>exists</c>: logical operators over the elements, absorbing errors as those do.</summary>
internal sealed class QuantifierNode(int position, Loop loop, MacroKind kind, Node predicate)
    : ComprehensionNode(position, loop)
{
    readonly bool _isAll = kind == MacroKind.All;

    protected override CelValue Walk(Frame f, Rounds rounds)
    {
        CelValue error = default;
        f.Cost += Costs.Result;
        for (var i = 0; i < rounds.Count; i++)
        {
            if (!f.Spend(_isAll ? Costs.RoundOfAll : Costs.RoundOfExists)) return f.OverLimit(Position);
            rounds.Bind(f, Loop, i);
            var value = predicate.Eval(f);
            if (value.Kind == CelKind.Bool)
            {
                if (value.RawBool != _isAll) return value;
            }
            else if (!error.IsError)
            {
                error = NotBool(in value);
            }
        }
        return error.IsError ? error : CelValue.Bool(_isAll);
    }
}

/// <summary><c>exists_one</c>: looks at every element; any error is the result.</summary>
internal sealed class ExistsOneNode(int position, Loop loop, Node predicate) : ComprehensionNode(position, loop)
{
    protected override CelValue Walk(Frame f, Rounds rounds)
    {
        var found = 0;
        f.Cost += Costs.ResultOfOne;
        for (var i = 0; i < rounds.Count; i++)
        {
            if (!f.Spend(Costs.Round)) return f.OverLimit(Position);
            rounds.Bind(f, Loop, i);
            var value = predicate.Eval(f);
            if (value.Kind != CelKind.Bool) return NotBool(in value);
            if (!value.RawBool) continue;
            found++;
            f.Cost += Costs.Counting;
        }
        return CelValue.Bool(found == 1);
    }
}

/// <summary>
/// <c>transformMapEntry</c>: the entries of the maps that the body gives, in one map. A key that comes twice is an
/// error.
/// </summary>
internal sealed class EntriesNode(int position, Loop loop, Node? filter, Node body) : ComprehensionNode(position, loop)
{
    protected override CelValue Walk(Frame f, Rounds rounds)
    {
        if (!f.Spend(Costs.Map + Costs.Result)) return f.OverLimit(Position);
        List<CelValue> keys = [], values = [];
        for (var i = 0; i < rounds.Count; i++)
        {
            if (!f.Spend(Costs.Round)) return f.OverLimit(Position);
            rounds.Bind(f, Loop, i);
            if (!Keeps(filter, f, out var stop))
            {
                if (stop.IsError) return stop;
                continue;
            }
            var entries = body.Eval(f);
            if (entries.Kind != CelKind.Map)
                return entries.IsError ? entries : Fail(CelErrorKind.NoSuchOverload,
                    $"transformMapEntry() puts together maps, not {entries.TypeOf()}");
            var map = entries.RawMap;
            if (!f.Spend(Costs.KeepingInMap + map.Count)) return f.OverLimit(Position);
            foreach (ref readonly var key in map.Keys.AsSpan()) f.Cost += Costs.Hashing(in key);
            if (f.Cost > f.Limit) return f.OverLimit(Position);
            if (keys.Count + map.Count > ValueLimits.Elements) return Placed(Arithmetic.TooLong("map"));
            keys.AddRange(map.Keys);
            values.AddRange(map.Values);
        }
        return CelMap.TryCreate([.. keys], [.. values], out var all, out var bad)
            ? Placed(CelValue.Map(all))
            : Fail(CelErrorKind.BadKey, $"the key {bad} is there twice");
    }
}

/// <summary><c>map</c>, <c>filter</c>, <c>transformList</c> and <c>transformMap</c>.</summary>
internal sealed class CollectNode(int position, Loop loop, MacroKind kind, Node? filter, Node? body)
    : ComprehensionNode(position, loop)
{
    readonly bool _toMap = kind == MacroKind.Map;

    protected override CelValue Walk(Frame f, Rounds rounds)
    {
        if (!f.Spend((_toMap ? Costs.Map : Costs.List) + Costs.Result)) return f.OverLimit(Position);
        if (rounds.Count > ValueLimits.Elements) return Placed(Arithmetic.TooLong("list"));
        // Grown with the rounds that are paid for, since an error may end them early.
        var values = new CelValue[Math.Min(rounds.Count, 8)];
        var keys = _toMap ? new CelValue[values.Length] : null;
        var count = 0;
        for (var i = 0; i < rounds.Count; i++)
        {
            if (!f.Spend(Costs.Round)) return f.OverLimit(Position);
            rounds.Bind(f, Loop, i);
            if (!Keeps(filter, f, out var stop))
            {
                if (stop.IsError) return stop;
                continue;
            }
            if (body is null) f.Cost += Costs.Name;
            var value = body is null ? f.Slots[Loop.First] : body.Eval(f);
            if (value.IsError) return value;
            if (!f.Spend(_toMap ? Costs.KeepingInMap : Costs.KeepingInList)) return f.OverLimit(Position);
            if (count == values.Length)
            {
                Array.Resize(ref values, Math.Min(rounds.Count, count * 2));
                if (keys is not null) Array.Resize(ref keys, values.Length);
            }
            if (keys is not null)
            {
                keys[count] = f.Slots[Loop.First];
                if (!f.Spend(Costs.Hashing(in keys[count]))) return f.OverLimit(Position);
            }
            values[count++] = value;
        }
        Array.Resize(ref values, count);
        if (keys is null) return Placed(CelValue.OwnList(values));
        Array.Resize(ref keys, count);
        // Keys came from a map or are indexes: they can't collide.
        return CelMap.TryCreate(keys, values, out var map, out var bad)
            ? Placed(CelValue.Map(map))
            : Fail(CelErrorKind.BadKey, $"{bad} can't be a map key");
    }
}
