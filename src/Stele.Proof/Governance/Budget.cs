namespace Stele.Proof.Governance;

/// <summary>
/// What one judgement may still cost, in CEL's units: shared by every expression of every policy that is asked, in
/// their order, so that several policies are no way to more work than one. An expression that finds too little left
/// does not evaluate, and so fails closed.
/// </summary>
/// <param name="what">What runs out, as a failure says it.</param>
public sealed class Budget(long most = Policy.JudgementLimit, string what = "the judgement as a whole costs")
{
    public long Most { get; } = most;

    public long Left { get; private set; } = most;

    /// <summary>What one expression may cost now.</summary>
    internal long Next => Math.Clamp(Left, 0, Policy.CostLimit);

    /// <summary>Whether an expression that is cut off now is so because of what was spent before.</summary>
    internal bool IsShort => Left < Policy.CostLimit;

    internal string Exceeded => $"{what} more than {Most}";

    internal void Spend(long cost) => Left -= cost;
}
