using Cel.Syntax;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// A step of a plan. Evaluation returns errors as values and never throws. Recursion is bounded by the height of the
/// syntax tree.
/// </summary>
internal abstract class Node(int position)
{
    /// <summary>Offset in the source that errors of this step point at.</summary>
    public readonly int Position = position;

    public abstract CelValue Eval(Frame f);

    protected CelValue Fail(CelErrorKind kind, string reason) => CelValue.Error(new CelError(kind, reason, Position));

    /// <summary>Gives an error a function returned its place in the source.</summary>
    protected CelValue Placed(CelValue result)
    {
        if (result.IsError && result.RawError.Position < 0) result.RawError.Position = Position;
        return result;
    }
}

internal sealed class ConstantNode(int position, CelValue value) : Node(position)
{
    public readonly CelValue Value = value;

    public override CelValue Eval(Frame f) => Value;
}

/// <summary>A list of constants: made once, paid for each time.</summary>
internal sealed class ConstantListNode(int position, CelValue list) : Node(position)
{
    readonly long _cost = Costs.List + list.ListItems.Length / 10;

    public CelValue List => list;

    public override CelValue Eval(Frame f)
    {
        f.Cost += _cost;
        return list;
    }
}

/// <summary>A variable or local. An unbound variable's slot holds its error.</summary>
internal sealed class SlotNode(int position, int slot) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        f.Cost += Costs.Name;
        return f.Slots[slot];
    }
}

/// <summary>
/// A definition: evaluated where it is first needed, kept for the rest of the evaluation. Its errors point into its own
/// source.
/// </summary>
internal sealed class DefinitionNode(int position, int slot, Node body, SourceText source) : Node(position)
{
    static readonly CelError NotYet = new(CelErrorKind.NoSuchVariable, "not evaluated");

    /// <summary>What its slot holds until then.</summary>
    public static readonly CelValue Pending = CelValue.Error(NotYet);

    public override CelValue Eval(Frame f)
    {
        f.Cost += Costs.Name;
        var value = f.Slots[slot];
        if (!value.IsError || !ReferenceEquals(value.RawError, NotYet)) return value;
        value = body.Eval(f);
        if (value.IsError) value.RawError.Source ??= source;
        return f.Slots[slot] = value;
    }
}

/// <summary>What a lenient check let pass.</summary>
internal sealed class FailureNode(int position, CelErrorKind kind, string reason) : Node(position)
{
    public override CelValue Eval(Frame f) => Fail(kind, reason);
}

internal sealed class SelectNode : Node
{
    readonly Node _operand;
    readonly string _field;
    readonly CelValue _missing;

    public SelectNode(int position, Node operand, string field) : base(position)
    {
        _operand = operand;
        _field = field;
        // Made once, since predicates over many maps may miss a key in each.
        _missing = Fail(CelErrorKind.NoSuchKey, $"no such key: '{field}'");
    }

    public override CelValue Eval(Frame f)
    {
        var operand = _operand.Eval(f);
        f.Cost += Costs.Select;
        if (operand.Kind == CelKind.Map) return operand.RawMap.TryGet(_field, out var value) ? value : _missing;
        if (operand.Kind == CelKind.Optional) return Placed(Optionals.Select(in operand, _field));
        return operand.IsError ? operand : Fail(CelErrorKind.NoSuchKey, $"{operand.TypeOf()} has no field '{_field}'");
    }
}

internal sealed class HasNode(int position, Node operand, string field) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var value = operand.Eval(f);
        f.Cost += Costs.Select;
        if (value.Kind == CelKind.Map) return CelValue.Bool(value.RawMap.TryGet(field, out _));
        if (value.Kind == CelKind.Optional) return Placed(Optionals.Has(in value, field));
        return value.IsError ? value : Fail(CelErrorKind.NoSuchKey, $"{value.TypeOf()} has no field '{field}'");
    }
}

/// <summary>
/// A chain of <c>&amp;&amp;</c> (decided by a false) or <c>||</c> (by a true): a deciding term wins over errors before
/// and after it.
/// </summary>
internal sealed class LogicNode(int position, bool isAnd, Node[] terms) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        CelValue error = default;
        foreach (var term in terms)
        {
            var value = term.Eval(f);
            if (value.Kind == CelKind.Bool)
            {
                if (value.RawBool != isAnd) return value;
            }
            else
            {
                // Going on could only find a deciding term, which can't undo an exceeded limit.
                if (f.Cost > f.Limit) return f.OverLimit(Position);
                if (error.IsError) continue;
                error = value.IsError
                    ? value
                    : Fail(CelErrorKind.NoSuchOverload, $"'{(isAnd ? "&&" : "||")}' takes bools, not {value.TypeOf()}");
            }
        }
        return error.IsError ? error : CelValue.Bool(isAnd);
    }
}

internal sealed class ConditionalNode(int position, Node test, Node then, Node otherwise) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var value = test.Eval(f);
        if (value.Kind == CelKind.Bool) return value.RawBool ? then.Eval(f) : otherwise.Eval(f);
        return value.IsError
            ? value
            : Fail(CelErrorKind.NoSuchOverload, $"the condition of '?:' is a bool, not {value.TypeOf()}");
    }
}

internal sealed class ListNode(int position, Node[] elements) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        if (!f.Spend(Costs.List + elements.Length / 10)) return f.OverLimit(Position);
        var items = new CelValue[elements.Length];
        for (var i = 0; i < items.Length; i++)
        {
            items[i] = elements[i].Eval(f);
            if (items[i].IsError) return items[i];
        }
        return Placed(CelValue.OwnList(items));
    }
}

internal sealed class MapNode(int position, Node[] keys, Node[] values) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        if (!f.Spend(Costs.Map + keys.Length / 2)) return f.OverLimit(Position);
        var (k, v) = (new CelValue[keys.Length], new CelValue[keys.Length]);
        for (var i = 0; i < k.Length; i++)
        {
            k[i] = keys[i].Eval(f);
            if (k[i].IsError) return k[i];
            if (!f.Spend(Costs.Hashing(in k[i]))) return f.OverLimit(Position);
            v[i] = values[i].Eval(f);
            if (v[i].IsError) return v[i];
        }
        if (CelMap.TryCreate(k, v, out var map, out var bad)) return Placed(CelValue.Map(map));
        return Fail(CelErrorKind.BadKey,
            CelMap.IsKey(bad.Kind) ? $"the key {bad} is there twice" : $"{bad.TypeOf()} can't be a map key");
    }
}
