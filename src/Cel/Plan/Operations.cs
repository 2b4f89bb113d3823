using Cel.Values;

namespace Cel.Plan;

/// <summary><c>==</c> and <c>!=</c>, which never fail.</summary>
internal sealed class EqualNode(int position, Node left, Node right, bool negated) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var a = left.Eval(f);
        if (a.IsError) return a;
        var b = right.Eval(f);
        if (b.IsError) return b;
        // Numbers are what most rules compare.
        if (a.Kind <= CelKind.Double)
        {
            var all = long.MaxValue;
            return f.Spend(Costs.Call)
                ? CelValue.Bool(Equality.Equal(in a, in b, ref all) != negated)
                : f.OverLimit(Position);
        }
        // So much is known before: a tenth of the smaller one. The rest is counted, and given up where there is no more
        // to pay it with.
        var least = Costs.Traversal(Math.Min(Costs.Size(in a), Costs.Size(in b)));
        if (!f.Spend(least)) return f.OverLimit(Position);
        var most = Costs.Units(f.Limit - f.Cost + least);
        var unseen = most;
        var equal = Equality.Equal(in a, in b, ref unseen);
        return f.Spend(Math.Max(0, Costs.Traversal(most - unseen - 1) - least))
            ? CelValue.Bool(equal != negated)
            : f.OverLimit(Position);
    }
}

/// <summary>Membership: an equal element of a list, a key of a map.</summary>
internal sealed class InNode(int position, Node left, Node right) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var element = left.Eval(f);
        if (element.IsError) return element;
        var container = right.Eval(f);
        switch (container.Kind)
        {
            case CelKind.Error: return container;
            case CelKind.Map:
                if (!f.Spend(Costs.Call + Costs.Hashing(in element))) return f.OverLimit(Position);
                return CelValue.Bool(container.RawMap.TryGet(in element, out _));
            case CelKind.List:
                var items = container.ListItems;
                if (!f.Spend(Math.Max(1, items.Length))) return f.OverLimit(Position);
                var paid = Math.Max(1, items.Length);
                var most = Costs.Units(f.Limit - f.Cost + paid);
                var unseen = most;
                var found = false;
                for (var i = 0; i < items.Length && !found && unseen >= 0; i++)
                    found = Equality.Equal(in items[i], in element, ref unseen);
                // What comparing large elements cost beyond one unit each.
                return f.Spend(Math.Max(0, Costs.Traversal(most - unseen) - paid))
                    ? CelValue.Bool(found)
                    : f.OverLimit(Position);
            default: return Fail(CelErrorKind.NoSuchOverload, $"'in' takes a list or a map, not {container.TypeOf()}");
        }
    }
}

/// <summary><c>list[i]</c>, where any number that is a whole one will do, and <c>map[key]</c>.</summary>
internal sealed class IndexNode(int position, Node operand, Node index) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        var container = operand.Eval(f);
        if (container.IsError) return container;
        var at = index.Eval(f);
        if (at.IsError) return at;
        if (!f.Spend(Costs.Call + Costs.Hashing(in at))) return f.OverLimit(Position);
        switch (container.Kind)
        {
            case CelKind.Map:
                return container.RawMap.TryGet(in at, out var value)
                    ? value
                    : Fail(CelErrorKind.NoSuchKey, $"no such key: {at.Named()}");
            case CelKind.List:
                if (at.Kind == CelKind.Double && Equality.TryInteger(at.RawDouble, out var whole)) at = whole;
                if (at.Kind is not (CelKind.Int or CelKind.UInt))
                    return Fail(CelErrorKind.InvalidArgument, $"a list index is a whole number, not {at.Named()}");
                var items = container.ListItems;
                return at.RawUInt < (ulong)items.Length
                    ? items[(int)at.RawInt]
                    : Fail(CelErrorKind.IndexOutOfRange, $"index {at} is outside a list of {items.Length}");
            case CelKind.Optional: return Placed(Optionals.Index(in container, in at));
            default: return Fail(CelErrorKind.NoSuchOverload, $"{container.TypeOf()} can't be indexed");
        }
    }
}
