using Cel.Syntax;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// Looking into values that may be absent. What is found through an optional, or with <c>?</c>, is an optional again;
/// what has no fields at all is an error as ever.
/// </summary>
internal static class Optionals
{
    public static CelValue Select(in CelValue operand, string field)
    {
        if (!TryUnwrap(in operand, out var value)) return CelValue.None;
        if (value.Kind == CelKind.Map)
            return value.RawMap.TryGet(field, out var found) ? CelValue.OwnSome(in found) : CelValue.None;
        return NoField(in value, field);
    }

    public static CelValue Has(in CelValue operand, string field)
    {
        if (!TryUnwrap(in operand, out var value)) return CelValue.False;
        return value.Kind == CelKind.Map ? CelValue.Bool(value.RawMap.TryGet(field, out _)) : NoField(in value, field);
    }

    public static CelValue Index(in CelValue operand, in CelValue at)
    {
        if (!TryUnwrap(in operand, out var value)) return CelValue.None;
        switch (value.Kind)
        {
            case CelKind.Map:
                return value.RawMap.TryGet(in at, out var found) ? CelValue.OwnSome(in found) : CelValue.None;
            case CelKind.List:
                var index = at;
                if (at.Kind == CelKind.Double && Equality.TryInteger(at.RawDouble, out var whole)) index = whole;
                if (index.Kind is not (CelKind.Int or CelKind.UInt))
                    return CelValue.Error(CelErrorKind.InvalidArgument,
                        $"a list index is a whole number, not {at.Named()}");
                var items = value.ListItems;
                return index.RawUInt < (ulong)items.Length
                    ? CelValue.OwnSome(in items[(int)index.RawInt])
                    : CelValue.None;
            default: return CelValue.Error(CelErrorKind.NoSuchOverload, $"{value.TypeOf()} can't be indexed");
        }
    }

    /// <summary>False for an optional without a value; what is no optional stands for itself.</summary>
    static bool TryUnwrap(in CelValue operand, out CelValue value)
    {
        value = operand;
        if (operand.Kind != CelKind.Optional) return true;
        if (operand.RawOptional is not { } optional) return false;
        value = optional.Value;
        return true;
    }

    static CelValue NoField(in CelValue value, string field) =>
        CelValue.Error(CelErrorKind.NoSuchKey, $"{value.TypeOf()} has no field '{field}'");
}

/// <summary><c>a.?field</c></summary>
internal sealed class OptionalSelectNode(int position, Node operand, string field) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var value = operand.Eval(f);
        if (value.IsError) return value;
        f.Cost += Costs.Select;
        return Placed(Optionals.Select(in value, field));
    }
}

/// <summary><c>a[?index]</c></summary>
internal sealed class OptionalIndexNode(int position, Node operand, Node index) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var container = operand.Eval(f);
        if (container.IsError) return container;
        var at = index.Eval(f);
        if (at.IsError) return at;
        if (!f.Spend(Costs.Call + Costs.Hashing(in at))) return f.OverLimit(Position);
        return Placed(Optionals.Index(in container, in at));
    }
}

/// <summary><c>a.or(b)</c> and <c>a.orValue(b)</c>: the second is not evaluated when the first has a value.</summary>
internal sealed class OrNode(int position, Node first, Node second, bool unwraps) : Node(position)
{
    string Name => unwraps ? "orValue" : "or";

    public override CelValue Eval(Frame f)
    {
        var a = first.Eval(f);
        if (a.IsError) return a;
        f.Cost += Costs.Call;
        if (a.Kind != CelKind.Optional)
            return Fail(CelErrorKind.NoSuchOverload, $"'{Name}' can't be applied to {a.TypeOf()}");
        if (a.RawOptional is { } optional) return unwraps ? optional.Value : a;
        var b = second.Eval(f);
        return unwraps || b.IsError || b.Kind == CelKind.Optional
            ? b
            : Fail(CelErrorKind.NoSuchOverload, $"'or' takes an optional, not {b.TypeOf()}");
    }
}

/// <summary><c>optMap</c> and <c>optFlatMap</c>: something made of an optional's value, if there is one.</summary>
internal sealed class OptionalMacroNode(int position, Node operand, int slot, Node body, MacroKind kind)
    : Node(position)
{
    readonly bool _isFlat = kind == MacroKind.OptionalFlatMap;

    public override CelValue Eval(Frame f)
    {
        var value = operand.Eval(f);
        if (value.IsError) return value;
        if (value.Kind != CelKind.Optional)
            return Fail(CelErrorKind.NoSuchOverload,
                $"'{(_isFlat ? "optFlatMap" : "optMap")}' can't be applied to {value.TypeOf()}");
        // As in what cel-go makes of it: hasValue(), none() or of(), value() and a binding.
        if (!f.Spend(value.RawOptional is null ? 2 * Costs.Call : (_isFlat ? 2 : 3) * Costs.Call + Costs.List))
            return f.OverLimit(Position);
        if (value.RawOptional is not { } optional) return value;
        f.Slots[slot] = optional.Value;
        var result = body.Eval(f);
        if (result.IsError) return result;
        if (!_isFlat) return Placed(CelValue.OwnSome(in result));
        return result.Kind == CelKind.Optional
            ? result
            : Fail(CelErrorKind.NoSuchOverload, $"the body of optFlatMap() is an optional, not {result.TypeOf()}");
    }
}

/// <summary>A list with elements written <c>?e</c>, which are left out when they have no value.</summary>
internal sealed class OptionalListNode(int position, Node[] elements, bool[] optional) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        if (!f.Spend(Costs.List + elements.Length / 10)) return f.OverLimit(Position);
        var items = new List<CelValue>(elements.Length);
        for (var i = 0; i < elements.Length; i++)
        {
            var item = elements[i].Eval(f);
            if (item.IsError) return item;
            if (!optional[i]) items.Add(item);
            else if (item.Kind != CelKind.Optional)
                return Fail(CelErrorKind.NoSuchOverload, $"an element written ?e is an optional, not {item.TypeOf()}");
            else if (item.RawOptional is { } some) items.Add(some.Value);
        }
        return Placed(CelValue.OwnList([.. items]));
    }
}

/// <summary>A map with entries written <c>?k: v</c>.</summary>
internal sealed class OptionalMapNode(int position, Node[] keys, Node[] values, bool[] optional) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        if (!f.Spend(Costs.Map + keys.Length / 2)) return f.OverLimit(Position);
        List<CelValue> k = new(keys.Length), v = new(keys.Length);
        for (var i = 0; i < keys.Length; i++)
        {
            var key = keys[i].Eval(f);
            if (key.IsError) return key;
            if (!f.Spend(Costs.Hashing(in key))) return f.OverLimit(Position);
            var value = values[i].Eval(f);
            if (value.IsError) return value;
            if (optional[i])
            {
                if (value.Kind != CelKind.Optional)
                    return Fail(CelErrorKind.NoSuchOverload,
                        $"the value of an entry written ?k: v is an optional, not {value.TypeOf()}");
                if (value.RawOptional is not { } some) continue;
                value = some.Value;
            }
            k.Add(key);
            v.Add(value);
        }
        if (CelMap.TryCreate([.. k], [.. v], out var map, out var bad)) return Placed(CelValue.Map(map));
        return Fail(CelErrorKind.BadKey,
            CelMap.IsKey(bad.Kind) ? $"the key {bad} is there twice" : $"{bad.TypeOf()} can't be a map key");
    }
}
