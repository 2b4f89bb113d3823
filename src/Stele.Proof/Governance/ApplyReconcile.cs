using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

public static partial class Fold
{
    /// <summary>
    /// Every log of the scope and no other, each with the figures that its own anchors give, and with exactly the
    /// differences that follow from the figures stated. What the leaves say is for those who have them. It changes
    /// nothing.
    /// </summary>
    internal static Outcome PutReconcile(Context c, Reconcile s)
    {
        if (s is { System: { } system, Environment: { } environment } && Known(c, system, environment) is { } unknown)
            return unknown;
        if (s.System is not null && !c.State.Systems.ContainsKey(s.System))
            return c.Refuse(RefusalCode.UnknownSystem, $"no system '{s.System}'");
        if (s.From > s.To || s.To > c.Time)
            return c.Refuse(RefusalCode.OutOfRange, "the times run backwards, or are still to come");
        var logs = Reconciliation.Scope(c.State, s.System, s.Environment).ToList();
        if (s.Logs.FirstOrDefault(l => logs.All(x => x.Origin != l.Log)) is { } stray)
            return c.Refuse(RefusalCode.UnknownLog, $"no decision log '{stray.Log}' in that scope");
        if (!logs.Select(l => l.Origin).SequenceEqual(s.Logs.Select(l => l.Log), StringComparer.Ordinal))
            return c.Refuse(RefusalCode.Inconsistent,
                "it does not name every decision log of its scope, once and in order");
        foreach (var (log, stated) in logs.Zip(s.Logs))
        {
            if (stated.Window != Reconciliation.Window(log, s.From, s.To))
                return c.Refuse(RefusalCode.Inconsistent,
                    $"its figures of '{log.Origin}' are not those of the log's anchors as they stand now");
            if (stated.Leaves is null != (log.Status == LogAction.Lost))
                return c.Refuse(RefusalCode.Inconsistent,
                    $"the leaves of '{log.Origin}' are counted, unless the log was declared lost");
            if (!stated.Differences.SequenceEqual(Reconciliation.Differences(stated.Window, stated.Leaves,
                stated.Upstream)))
                return c.Refuse(RefusalCode.Inconsistent,
                    $"its differences of '{log.Origin}' are not those that follow from its figures");
        }
        return c.Accept(c.State);
    }
}
