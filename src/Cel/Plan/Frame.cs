using Cel.Values;

namespace Cel.Plan;

/// <summary>The state of one evaluation: variables, then the locals of comprehensions, and what was spent.</summary>
internal sealed class Frame(int slots)
{
    public readonly CelValue[] Slots = new CelValue[slots];
    public long Cost;
    public long Limit;

    /// <summary>
    /// Spends and tells whether the limit still holds. Invariant: cost only grows, so that an exceeded limit which some
    /// operator absorbed as an error is still exceeded at the end, where it is the result.
    /// </summary>
    public bool Spend(long cost)
    {
        Cost += cost;
        return Cost <= Limit;
    }

    public CelValue OverLimit(int position) =>
        CelValue.Error(new CelError(CelErrorKind.CostLimit, $"the evaluation costs more than {Limit}", position));
}
