using System.Buffers;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// Reconciliations, reckoned again from the pack's own leaves. What anchors give, the fold has held them to already.
public sealed partial class Verifier
{
    void Reconciliations(Replay replay)
    {
        var rows = replay.Of<Reconcile>()
            .SelectMany(f =>
                ((Reconcile)f.Statement).Logs.Select(l => (Entry: f.Index, Said: (Reconcile)f.Statement, Row: l,
                    Again: new LeafReckoning(replay, replay.State.Logs[l.Log], l.Window)))).ToList();
        foreach (var log in rows.GroupBy(r => r.Row.Log, StringComparer.Ordinal))
            Recount(Pack.LogFolder(log.Key), [.. log.Select(r => r.Again)]);
        foreach (var (entry, said, row, again) in rows)
        {
            var where = $"entry {Number(entry)}";
            if (row.Leaves is { } stated && again.Count is { } counted && counted != stated)
                _report.Find("reconcile-differs", where,
                    $"the leaves of '{row.Log}' give {counted.ToJson()}; it states {stated.ToJson()}");
            var verdict = row.Leaves is null || again.Count is null ? "its leaves are not here to be reckoned again"
                : again.Count == row.Leaves ? "reckoned again here, it agrees"
                : "reckoned again here, it does NOT agree";
            if (row.Leaves is null || again.Count is null) _report.Limit(LimitName.NotCounted, $"reconciliation in " +
                $"{where}: the leaves of '{row.Log}' are not here to be reckoned again");
            if (!row.Differences.IsEmpty) _report.Limit(LimitName.ReconciliationDifference, $"reconciliation in " +
                $"{where}, '{row.Log}': {string.Join("; ", row.Differences.Select(Reconciliation.Say))}");
            _report.Note(
                $"reconciliation in {where}, '{row.Log}' from {Time(said.From)} to "
                + $"{(row.Window.Until is { } until ? Time(Math.Min(until, said.To)) : "its first anchor")}: "
                + $"{row.Window.Past - row.Window.First} leaves, " +
                $"{(row.Differences.IsEmpty ? "nothing is missing" : string.Join("; ", row.Differences.Select(Reconciliation.Say)))}; {verdict}.");
        }
    }

    /// <summary>
    /// Shows every leaf to the reckonings that have it. One that can't be read is found elsewhere, and ends this.
    /// </summary>
    void Recount(string folder, LeafReckoning[] reckonings)
    {
        if (reckonings.All(r => r.Count is not null)) return;
        long first = 0;
        try
        {
            if (_members.ContainsKey(folder + "/floor"))
                first = PackedFloor.Parse(Content(folder + "/floor") ?? []).Size;
        }
        catch (FormatException)
        {
            return;
        }
        foreach (var part in Parts(folder, first))
            try
            {
                for (var i = 0; i < part.Leaves.Count; i++)
                    foreach (var reckoning in reckonings) reckoning.Add(part.First + i, part.Leaf(i));
            }
            catch (FormatException)
            {
                return;
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(part.Buffer);
            }
    }
}
