using System;
using System.Collections.Generic;

namespace Mortgage.Check;

/// <summary>
/// Performance and fairness of a list of outcomes. Approval is the favourable decision throughout: a "true approval" is
/// an approved application that was favourable in truth.
/// </summary>
internal static class Metrics
{
    public static SortedDictionary<string, int> Counts(IReadOnlyList<Outcome> outcomes) => new(StringComparer.Ordinal)
    {
        ["rows"] = outcomes.Count,
        ["true_approvals"] = Count(outcomes, o => o.Approved && o.Favourable),
        ["false_approvals"] = Count(outcomes, o => o.Approved && !o.Favourable),
        ["true_denials"] = Count(outcomes, o => !o.Approved && !o.Favourable),
        ["false_denials"] = Count(outcomes, o => !o.Approved && o.Favourable),
    };

    /// <summary>What can be said of any set of outcomes, a group's or all.</summary>
    public static SortedDictionary<string, Metric> Performance(IReadOnlyList<Outcome> outcomes)
    {
        var favourable = Count(outcomes, o => o.Favourable);
        var squares = 0.0;
        foreach (var o in outcomes)
        {
            var error = o.Denial - (o.Favourable ? 0 : 1);
            squares += error * error;
        }

        return new SortedDictionary<string, Metric>(StringComparer.Ordinal)
        {
            ["accuracy"] = Metric.Ratio(Count(outcomes, o => o.Approved == o.Favourable), outcomes.Count, "no rows"),
            ["approval_rate"] = ApprovalRate(outcomes),
            ["auc"] = Auc(outcomes),
            ["brier"] = Metric.Ratio(squares, outcomes.Count, "no rows"),
            ["true_approval_rate"] = TrueApprovalRate(outcomes, favourable),
            ["true_denial_rate"] = Metric.Ratio(Count(outcomes, o => !o.Approved && !o.Favourable),
                outcomes.Count - favourable, "no unfavourable rows"),
        };
    }

    /// <summary>
    /// The protected group compared with the reference group: <c>approval_ratio</c> (the four-fifths ratio),
    /// <c>approval_difference</c> (reference minus protected) and <c>equal_opportunity_difference</c> (the same, among
    /// applications that were favourable in truth).
    /// </summary>
    public static SortedDictionary<string, Metric> Fairness(IReadOnlyList<Outcome> protectedGroup,
        IReadOnlyList<Outcome> referenceGroup)
    {
        var p = ApprovalRate(protectedGroup);
        var r = ApprovalRate(referenceGroup);
        var opportunityP = TrueApprovalRate(protectedGroup, Count(protectedGroup, o => o.Favourable));
        var opportunityR = TrueApprovalRate(referenceGroup, Count(referenceGroup, o => o.Favourable));
        return new SortedDictionary<string, Metric>(StringComparer.Ordinal)
        {
            ["approval_difference"] = Difference(r, p),
            ["approval_rate_protected"] = p,
            ["approval_rate_reference"] = r,
            ["approval_ratio"] = Ratio(protectedGroup, referenceGroup),
            ["equal_opportunity_difference"] = Difference(opportunityR, opportunityP),
        };
    }

    /// <summary>
    /// The approval rate of the protected group over that of the reference group, from the counts themselves.
    /// </summary>
    public static Metric Ratio(IReadOnlyList<Outcome> protectedGroup, IReadOnlyList<Outcome> referenceGroup) =>
        protectedGroup.Count == 0 ? Metric.None("no rows in the protected group")
        : referenceGroup.Count == 0 ? Metric.None("no rows in the reference group")
        : Metric.Ratio(
            (double)Count(protectedGroup, o => o.Approved) * referenceGroup.Count,
            (double)Count(referenceGroup, o => o.Approved) * protectedGroup.Count,
            "nobody in the reference group was approved");

    /// <summary>
    /// The probability that a random unfavourable row was given a higher probability of denial than a random favourable
    /// one, ties counting half: the Mann-Whitney statistic by mid-ranks.
    /// </summary>
    public static Metric Auc(IReadOnlyList<Outcome> outcomes)
    {
        var sorted = new List<Outcome>(outcomes);
        sorted.Sort((a, b) => a.Denial.CompareTo(b.Denial));
        long unfavourable = 0;
        long twiceRanks = 0;
        for (var start = 0; start < sorted.Count;)
        {
            var end = start;
            while (end < sorted.Count && sorted[end].Denial == sorted[start].Denial)
            {
                end++;
            }

            for (var i = start; i < end; i++)
            {
                if (!sorted[i].Favourable)
                {
                    unfavourable++;
                    twiceRanks += start + end + 1;
                }
            }

            start = end;
        }

        var favourable = sorted.Count - unfavourable;
        return Metric.Ratio(twiceRanks - (unfavourable * (unfavourable + 1)), 2.0 * unfavourable * favourable,
            "only one outcome among the rows");
    }

    private static Metric ApprovalRate(IReadOnlyList<Outcome> outcomes) =>
        Metric.Ratio(Count(outcomes, o => o.Approved), outcomes.Count, "no rows");

    private static Metric TrueApprovalRate(IReadOnlyList<Outcome> outcomes, int favourable) =>
        Metric.Ratio(Count(outcomes, o => o.Approved && o.Favourable), favourable, "no favourable rows");

    private static Metric Difference(Metric a, Metric b) =>
        a.Value is { } x && b.Value is { } y ? Metric.Of(x - y) : Metric.None(a.Undefined ?? b.Undefined!);

    private static int Count(IReadOnlyList<Outcome> outcomes, Func<Outcome, bool> which)
    {
        var count = 0;
        foreach (var o in outcomes)
        {
            count += which(o) ? 1 : 0;
        }

        return count;
    }
}
