using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// Reconciliations, reckoned again from the pack's own leaves. What anchors give, the fold has held them to already.
public sealed partial class Verifier
{
    void Reconciliations(Replay replay)
    {
        foreach (var folded in replay.Entries)
        {
            if (folded.Statement is not Reconcile reckoned) continue;
            foreach (var row in reckoned.Logs)
            {
                var where = $"entry {Number(folded.Index)}";
                var span = $"reconciliation in {where}, '{row.Log}' from {Time(reckoned.From)} to {(row.Window.Until is { } until ? Time(Math.Min(until, reckoned.To)) : "its first anchor")}";
                var agrees = "";
                if (row.Leaves is { } stated && Counted(replay, replay.State.Logs[row.Log], row.Window) is { } counted)
                {
                    if (counted != stated) _report.Find("reconcile-differs", where, $"the leaves of '{row.Log}' give {counted.ToJson()}; it states {stated.ToJson()}");
                    agrees = counted == stated ? "; reckoned again here, it agrees" : "; reckoned again here, it does NOT agree";
                }
                else agrees = "; its leaves are not here to be reckoned again";
                _report.Note($"{span}: {row.Window.Past - row.Window.First} leaves, {(row.Differences.IsEmpty ? "nothing is missing" : string.Join("; ", row.Differences.Select(Reconciliation.Say)))}{agrees}.");
            }
        }
    }

    /// <summary>Null where the pack does not have all of those leaves, or some can't be read (which is found elsewhere).</summary>
    LeafCount? Counted(Replay replay, LogFact log, AnchoredWindow window)
    {
        if (window.First == window.Past) return Reconciliation.Leaves(replay, log, window, []);
        var folder = Pack.LogFolder(log.Origin);
        if (!_members.ContainsKey(folder + "/checkpoint")) return null;
        try
        {
            var leaves = Leaves(folder).Skip((int)window.First).Take((int)(window.Past - window.First)).Select(l => Decision.Parse(l)).ToList();
            return leaves.Count == window.Past - window.First ? Reconciliation.Leaves(replay, log, window, leaves) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
