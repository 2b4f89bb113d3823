using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// What is not there any more of a decision log: pruned below a floor, or without its keys; and what is held.
public sealed partial class Verifier
{
    /// <summary>
    /// How many leaves of each kind lie below a floor. No leaf says so any more: the first anchor above the floor does,
    /// and every later one must agree.
    /// </summary>
    sealed class Below(long size)
    {
        (long Opens, long Closes, long Wholes)? _known = size == 0 ? (0, 0, 0) : null;

        /// <summary>Whether an anchor's counts are those of the leaves above the floor, and of those below.</summary>
        public bool Agrees(Anchor anchor, long opens, long closes, long wholes)
        {
            var rest = (Opens: anchor.Opens - opens, Closes: anchor.Closes - closes, Wholes: anchor.Wholes - wholes);
            _known ??= rest;
            return rest == _known && rest.Opens >= 0 && rest.Closes >= 0 && rest.Wholes >= 0
                && rest.Opens + rest.Closes + rest.Wholes == size;
        }
    }

    /// <summary>The tree that a log's leaves continue: the empty one, or that below its floor.</summary>
    Frontier Floor(LogFact log, string folder)
    {
        if (!_members.ContainsKey(folder + "/floor")) return new Frontier();
        var floor = PackedFloor.Parse(Content(folder + "/floor")
            ?? throw new FormatException($"'{folder}/floor' can't be read"));
        if (floor.Size > log.Floor)
            _report.Find("leaves-missing", log.Origin,
                $"its first {floor.Size} leaves are missing: the ledger admits "
                + $"{(log.Floor == 0 ? "no floor" : $"a floor of {log.Floor}")}");
        else
        {
            _report.DeclaredGaps++;
            _report.Note(
                $"decision log '{log.Origin}': {floor.Size} leaves were pruned, below the floor of {log.Floor} that "
                + $"the ledger admits; what follows is proved from the tree over them.");
        }
        return floor.Frontier;
    }

    /// <summary>A receipt's checkpoint from below the floor can be held to an anchor of that size alone.</summary>
    void Promised(LogFact log, Checkpoint promised, Digest? anchored)
    {
        if (anchored is { } root && root != promised.Root)
            _report.Find("log-forked", log.Origin, $"the receipt's checkpoint, signed by the log's key, names " +
                $"another tree of {promised.Size} leaves than was anchored: its node showed two histories",
                FindingKind.Fraud);
        else if (anchored is null) _report.Limit(LimitName.NotCompared, $"decision log '{log.Origin}': the receipt " +
            $"speaks of {promised.Size} leaves, which were pruned since and not anchored at that size: it can't be " +
            $"compared");
    }

    /// <summary>What the ledger declares of a log: records whose keys were erased, and holds.</summary>
    void Gone(Replay replay, LogFact log)
    {
        var erasures = replay.State.Erasures.Values.Where(e => e.Log == log.Origin).ToList();
        if (erasures.Count > 0)
        {
            _report.DeclaredGaps++;
            // Counts of 2^53 that a node's key vouches for can be many.
            var (records, retained) = ((Int128)0, (Int128)0);
            foreach (var e in erasures)
                (records, retained) = (records + e.Count,
                    e.Cause == ErasureCause.Retention ? retained + e.Count : retained);
            _report.Note(
                $"decision log '{log.Origin}': keys and salts of {records} records were erased, as {erasures.Count} "
                + $"{(erasures.Count == 1 ? "entry declares" : "entries declare")}" +
                $"{(retained > 0 ? $" ({retained} of them because their time to be kept was over)" : "")}; the "
                + $"records themselves are proved as ever.");
        }
        foreach (var hold in replay.State.HoldsOn(log))
        {
            _report.Note(
                $"decision log '{log.Origin}': held by entry {hold.Entry} since "
                + $"{Time(hold.Time)}{(hold.Log is null ? "" : $", from record {hold.From} {(hold.To is { } to ? $"to {to - 1}" : "on")}")}.");
            foreach (var late in erasures.Where(e => e.Entry > hold.Entry && hold.Covers(log, e.From, e.To)))
                _report.Remark(RemarkName.ErasedUnderHold, $"decision log '{log.Origin}', the hold of entry " +
                    $"{hold.Entry}: {late.Count} records within it were erased by entry {late.Entry}: their node " +
                    $"says that it had folded {late.Size} entries then, and did not know of the hold.");
        }
    }
}
