using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// What owners erase, prune and hold.
public static partial class Fold
{
    internal static Outcome Erase(Context c, Erasure s)
    {
        if (!c.State.Logs.TryGetValue(s.Log, out var log))
            return c.Refuse(RefusalCode.UnknownLog, $"no decision log '{s.Log}'");
        if (c.State.Erasures.TryGetValue(s.List, out var before))
            return c.Refuse(RefusalCode.AlreadyKnown,
                $"entry {before.Entry} states that erasure already: it counts once");
        if (s.From >= s.To || s.Count < 1 || s.Count > s.To - s.From)
            return c.Refuse(RefusalCode.OutOfRange, $"{s.Count} records do not lie in [{s.From}, {s.To})");
        if (s.To > (log.Anchor?.Size ?? 0))
            return c.Refuse(RefusalCode.OutOfRange,
                $"it speaks of records up to {s.To}, and {log.Anchor?.Size ?? 0} of '{s.Log}' are anchored: state it "
                + $"after the node's next anchor");
        if (s.Size > c.Index || s.Size <= log.Entry)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the ledger has {c.Index} entries and opened '{s.Log}' in entry {log.Entry}; the node says it had "
                + $"folded {s.Size}");
        // What was destroyed before its node could know of a hold is destroyed: that must be told. A hold that it knew
        // forbids it.
        return Held(c, log, s.From, s.To, s.Size) is { } held
            ? held
            : c.Accept(c.State with { Erasures = c.State.Erasures.Add(s.List,
                new ErasureFact(c.Index, s.Log, s.From, s.To, s.Count, s.Cause, s.Size)) });
    }

    internal static Outcome Retain(Context c, Retention s)
    {
        if (!c.State.Logs.TryGetValue(s.Log, out var log))
            return c.Refuse(RefusalCode.UnknownLog, $"no decision log '{s.Log}'");
        if (c.State.Systems[log.System].Retention?.Leaves is not { } kept)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the system '{log.System}' keeps its records forever: owners state first how long (stele retention "
                + $"set {log.System} --leaves DAYS)");
        if (s.Floor <= log.Floor || s.Floor > (log.Anchor?.Size ?? 0))
            return c.Refuse(RefusalCode.OutOfRange,
                $"a floor rises from {log.Floor}, to {log.Anchor?.Size ?? 0} at most: what is anchored");
        if (s.Floor > log.AnchoredBy(c.Time - kept))
            return c.Refuse(RefusalCode.OutOfRange,
                $"'{log.System}' keeps its records for {kept} ms from when they are anchored: a floor may rise to "
                + $"{log.AnchoredBy(c.Time - kept)} now");
        return Held(c, log, log.Floor, s.Floor, c.Index) is { } held
            ? held
            : c.Accept(c.State with { Logs = c.State.Logs.SetItem(s.Log, log with { Floor = s.Floor }) });
    }

    internal static Outcome PutHold(Context c, Hold s)
    {
        if (s.Releases is { } entry)
            return c.State.Holds.ContainsKey(entry)
                ? c.Accept(c.State with { Holds = c.State.Holds.Remove(entry) })
                : c.Refuse(RefusalCode.UnknownHold, $"entry {entry} placed no hold that still stands");
        var unknown = s.Environment is { } environment ? Known(c, s.System!, environment)
            : c.State.Systems.ContainsKey(s.System!) ? null
            : c.Refuse(RefusalCode.UnknownSystem, $"no system '{s.System}'");
        if (unknown is not null) return unknown;
        if (s.Log is { } origin
            && !(c.State.Logs.TryGetValue(origin, out var log) && log.System == s.System
                && log.Environment == s.Environment))
            return c.Refuse(RefusalCode.UnknownLog, $"no decision log '{origin}' of {s.System}/{s.Environment}");
        if ((s.From ?? 0) >= (s.To ?? long.MaxValue))
            return c.Refuse(RefusalCode.OutOfRange, "the range of records is empty");
        return c.Accept(c.State with { Holds = c.State.Holds.Add(c.Index, HoldOf(s, c.Index, c.Time)) });
    }

    /// <summary>The hold that a statement places.</summary>
    internal static HoldFact HoldOf(Hold s, long index, long time) =>
        new(index, time, s.System!, s.Environment, s.Log, s.From ?? 0, s.To, s.Reason);

    /// <summary>
    /// The hold that forbids it, among those placed before <paramref name="known"/>, a size that a node says it had
    /// folded; and those that have stood for longer than a statement may take to come in: nobody is believed not to
    /// know them.
    /// </summary>
    static Outcome.Refused? Held(Context c, LogFact log, long from, long to, long known) =>
        c.State.HoldsOn(log, from, to).FirstOrDefault(h => h.Entry < known || h.Time < c.Time - MaxDelay) is { } hold
            ? c.Refuse(RefusalCode.OnHold,
                $"the hold of entry {hold.Entry} on {hold} forbids to erase or prune records [{from}, {to}) of "
                + $"'{log.Origin}'") : null;
}
