using Cel.Values;

namespace Cel.Plan;

/// <summary><c>cel.bind</c> and <c>cel.block</c>: marks its names as not computed yet.</summary>
internal sealed class BindingsNode(int position, int[] slots, Node body) : Node(position)
{
    /// <summary>What a slot holds until its value is needed; it never leaves the slot.</summary>
    public static readonly CelValue Unset =
        CelValue.Error(new CelError(CelErrorKind.NoSuchVariable, "not computed yet", 0));

    public override CelValue Eval(Frame f)
    {
        if (!f.Spend(Costs.List)) return f.OverLimit(Position);
        foreach (var slot in slots) f.Slots[slot] = Unset;
        return body.Eval(f);
    }
}

/// <summary>A bound name: its value is computed where it is first needed, and that may be an error.</summary>
internal sealed class BoundNode(int position, int slot, Node value) : Node(position)
{
    public override CelValue Eval(Frame f)
    {
        f.Cost += Costs.Name;
        ref var bound = ref f.Slots[slot];
        if (bound.IsError && ReferenceEquals(bound.RawError, BindingsNode.Unset.RawError)) bound = value.Eval(f);
        return bound;
    }
}
