using Cel.Check;
using Cel.Syntax;
using Cel.Values;

namespace Cel.Plan;

/// <summary>
/// Calls: arguments first, then the overload that takes values of their kinds. Static types are never trusted, since an
/// embedder may bind anything; the kinds decide.
/// </summary>
internal sealed class UnaryNode(int position, string function, Overload[] candidates, Node arg) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var a = arg.Eval(f);
        if (a.IsError) return a;
        foreach (var c in candidates)
        {
            if (!c.Takes(0, a.Kind)) continue;
            if (!f.Spend(c.UnaryCost is null ? Costs.Call : c.UnaryCost(in a))) return f.OverLimit(Position);
            return Placed(c.Unary!(in a));
        }
        return Fail(CelErrorKind.NoSuchOverload, $"'{Operators.Spell(function)}' can't be applied to {a.TypeOf()}");
    }
}

/// <inheritdoc cref="UnaryNode"/>
internal sealed class BinaryNode(int position, string function, Overload[] candidates, Node left, Node right)
    : Node(position)
{
    /// <summary>
    /// Which outcomes of comparing two ints make it true, as bits for less, equal and greater; 0 where it does not
    /// order ints. What most rules do goes past the search for an overload.
    /// </summary>
    readonly int _order = !Array.Exists(candidates, c => c.Takes(0, CelKind.Int) && c.Takes(1, CelKind.Int))
        ? 0
        : function switch
    {
        Operators.Less => 0b001, Operators.LessEqual => 0b011, Operators.Greater => 0b100, Operators.GreaterEqual =>
            0b110, _ => 0,
    };

    public override CelValue Eval(Frame f)
    {
        var a = left.Eval(f);
        if (a.IsError) return a;
        var b = right.Eval(f);
        if (b.IsError) return b;
        if (_order != 0 && a.Kind == CelKind.Int && b.Kind == CelKind.Int)
            return f.Spend(Costs.Call)
                ? CelValue.Bool((_order & (a.RawInt < b.RawInt ? 0b001 : a.RawInt == b.RawInt ? 0b010 : 0b100)) != 0)
                : f.OverLimit(Position);
        foreach (var c in candidates)
        {
            if (!c.Takes(0, a.Kind) || !c.Takes(1, b.Kind)) continue;
            if (c.Metered is not null) return Metered(f, c.Metered, in a, in b);
            if (!f.Spend(c.BinaryCost is null ? Costs.Call : c.BinaryCost(in a, in b))) return f.OverLimit(Position);
            return Placed(c.Binary!(in a, in b));
        }
        return Fail(CelErrorKind.NoSuchOverload,
            $"'{Operators.Spell(function)}' can't be applied to {a.TypeOf()} and {b.TypeOf()}");
    }

    CelValue Metered(Frame f, MeteredBinary call, in CelValue a, in CelValue b)
    {
        var left = f.Limit - f.Cost;
        if (left < 0) return f.OverLimit(Position);
        var value = call(in a, in b, ref left);
        // One more than there was, wherever it was given up: a cost must not tell what was remembered.
        f.Cost = left < 0 ? f.Limit + 1 : f.Limit - left;
        return left < 0 ? f.OverLimit(Position) : Placed(value);
    }
}

/// <inheritdoc cref="UnaryNode"/>
internal sealed class VariadicNode(int position, string function, Overload[] candidates, Node[] args) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var values = new CelValue[args.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = args[i].Eval(f);
            if (values[i].IsError) return values[i];
        }
        foreach (var c in candidates)
        {
            var takes = true;
            for (var i = 0; i < values.Length && takes; i++) takes = c.Takes(i, values[i].Kind);
            if (!takes) continue;
            if (!f.Spend(c.VariadicCost is null ? Costs.Call : c.VariadicCost(values))) return f.OverLimit(Position);
            return Placed(c.Variadic!(values));
        }
        return Fail(CelErrorKind.NoSuchOverload,
            $"'{Operators.Spell(function)}' can't be applied to "
            + $"({string.Join(", ", values.Select(v => v.TypeOf().ToString()))})");
    }
}
