using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// Decision logs: whole, anchored, and in agreement with the ledger.
public sealed partial class Verifier
{
    /// <summary>
    /// Judges every log the ledger knows, by what the pack has of it. Returns the logs that are there, in the
    /// manifest's order.
    /// </summary>
    List<(string Origin, string Checkpoint)> Logs(Replay replay)
    {
        var there = new SortedDictionary<string, (string Origin, string Checkpoint)>(StringComparer.Ordinal);
        foreach (var log in replay.State.Logs.Values)
        {
            var folder = Pack.LogFolder(log.Origin);
            if (_members.ContainsKey(folder + "/checkpoint"))
            {
                var note = Text(folder + "/checkpoint");
                there[folder] = (log.Origin, note);
                Log(replay, log, folder, note);
            }
            else if (log.Status == LogAction.Lost)
            {
                _report.DeclaredGaps++;
                _report.Note(
                    $"decision log '{log.Origin}': lost, as the ledger declares; {log.Anchor?.Size ?? 0} leaves were "
                    + $"anchored.");
            }
            else if (log.Anchor is { Size: > 0 } anchor)
                _report.Find("log-missing", log.Origin,
                    $"the ledger anchors {anchor.Size} of its leaves, the pack does not have it");
            else _report.Limit(LimitName.LogNotShown,
                $"decision log '{log.Origin}': no leaf was ever anchored, and the pack does not have it");
            Gone(replay, log);
        }
        Silence(replay);
        return [.. there.Values];
    }

    /// <summary>
    /// How long nobody said what ran, by environment: from a head or an observation to the next observation, or to the
    /// ledger's end.
    /// </summary>
    void Silence(Replay replay)
    {
        var (heard, longest) = (new Dictionary<string, long>(StringComparer.Ordinal),
            new SortedDictionary<string, long>(StringComparer.Ordinal));
        void Measure(string place, long time)
        {
            if (heard.TryGetValue(place, out var last))
                longest[place] = Math.Max(longest.GetValueOrDefault(place), time - last);
        }
        void Hear(string place, long time)
        {
            Measure(place, time);
            heard[place] = time;
        }
        void Halt(string place, long time)
        {
            Measure(place, time);
            heard.Remove(place);
        }
        foreach (var folded in replay.Entries)
            switch (folded.Statement)
            {
                case Observation o: Hear(State.Place(o.System, o.Environment), folded.Entry.Time); break;
                case Deployment { Routes.IsEmpty: true } d:
                    Halt(State.Place(d.System, d.Environment), folded.Entry.Time); break;
                case Deployment d when !heard.ContainsKey(State.Place(d.System, d.Environment)):
                    Hear(State.Place(d.System, d.Environment), folded.Entry.Time); break;
            }
        foreach (var place in heard.Keys.ToList()) Measure(place, replay.State.Time);
        foreach (var (place, gap) in longest)
        {
            var limit = place.Split('/') is [var system, var environment] && replay.State.Systems.TryGetValue(system,
                out var s) ? s.Environment(environment)?.ObservationGap : null;
            if (limit is { } most && gap > most) _report.Limit(LimitName.ObservationGap, $"{place}: for {gap} ms " +
                $"nobody said what ran, longer than the {most} ms that are allowed: what ran then was not observed");
            else _report.Fact(Basis.NodeWord,
                $"{place}: what ran there. No silence between the observations was longer than {gap} " +
                $"ms{(limit is { } l ? $", within the {l} ms allowed" : " (no limit is set)")}; what they say is the " +
                    $"word of their node.");
        }
    }

    /// <summary>
    /// So many operations of a log are open at once; a node that lets more through without an end is not one, and they
    /// would fill the memory of the verifier.
    /// </summary>
    const int MaxOpen = 1 << 20;

    void Log(Replay replay, LogFact log, string folder, string note)
    {
        // Every anchor of this log, by the size it covers. Two of one size agree: the fold saw to that.
        var anchors = new SortedDictionary<long, (Anchor Anchor, Digest Root, long Entry)>();
        var key = VerifierKey.Parse(log.Key);
        foreach (var folded in replay.Entries)
            if (folded.Statement is Anchor a && a.Log == log.Origin && Checkpoint.TryOpen(a.Checkpoint, key,
                out var anchored, out _)) anchors[anchored.Size] = (a, anchored.Root, folded.Index);

        var found = _report.Findings.Count;
        var promised = Promised(log, key);
        var held = _held?.Log == log.Origin ? _held : null;
        if (held is not null)
            foreach (var (anchored, at) in anchors)
            {
                held.Anchored(at.Entry, at.Anchor, anchored);
                held.Signed(new Checkpoint(log.Origin, anchored, at.Root), $"entry {Number(at.Entry)}");
            }
        var frontier = Floor(log, folder);
        var first = frontier.Size;
        var below = new Below(first);
        if (promised is { } early && early.Size < first)
            Promised(log, early, anchors.TryGetValue(early.Size, out var same) ? same.Root : null);
        if (anchors.TryGetValue(first, out var start) && start.Root != frontier.Root)
            _report.Find("anchor-root", $"anchor in entry {Number(start.Entry)}",
                $"the floor of '{log.Origin}' does not have the root that was anchored");
        if (start.Anchor is { } begin && !below.Agrees(begin, 0, 0, 0))
            _report.Find("anchor-counts", $"anchor in entry {Number(start.Entry)}",
                "its counts do not add up to the leaves below the floor");
        long opens = 0, closes = 0, wholes = 0, stale = 0, behind = 0;
        string? forked = null;
        var clock = new NodeClock(replay.Entries[(int)log.Entry].Entry.Time);
        foreach (var earlier in anchors.Where(a => a.Key <= first)) clock.Anchored(earlier.Value.Anchor.Issued);
        var open = new Dictionary<long, Digest>();
        var cuts = anchors.Keys.Concat(promised is { } sought ? [sought.Size] : [])
            .Concat(held is not null ? [held.Index, held.Index + 1, held.Size] : []).Distinct().Order().ToArray();
        Walk(folder, part => new LogPart(replay, log, part, cuts), (part, judged) =>
        {
            foreach (var (name, where, message) in judged.Findings) _report.Find(name, where, message);
            foreach (var stretch in judged.Stretches)
            {
                // a stretch of its own, by the cuts
                if (frontier.Size == held?.Index) held.Leaf(stretch.Trees.Single().Root);
                foreach (var (level, tree) in stretch.Trees) frontier = frontier.Add(level, tree);
                if (frontier.Size == held?.Size) held.Tree(frontier.Root);
                clock.Saw(stretch);
                (opens, closes, wholes) = (opens + stretch.Opens, closes + stretch.Closes, wholes + stretch.Wholes);
                if (promised is { } p && p.Size == frontier.Size && p.Root != frontier.Root)
                    forked = $"the receipt's checkpoint, signed by the log's key, names another tree of {p.Size} " +
                        $"leaves: its node showed two histories";
                if (!anchors.TryGetValue(frontier.Size, out var at)) continue;
                clock.Anchored(at.Anchor.Issued);
                var place = $"anchor in entry {Number(at.Entry)}";
                if (at.Root != frontier.Root)
                    _report.Find("anchor-root", place,
                        $"the first {frontier.Size} leaves of '{log.Origin}' do not have the root that was anchored");
                if (!below.Agrees(at.Anchor, opens, closes, wholes))
                    _report.Find("anchor-counts", place, "its counts are not those of the leaves");
            }
            (stale, behind) = (stale + judged.Stale, behind + judged.Behind);
            foreach (var (index, opened, operation) in judged.Pairs)
            {
                if (opened is not { } o)
                {
                    if (open.Count == MaxOpen)
                        throw new FormatException(
                            $"more than {MaxOpen} operations of '{log.Origin}' are open at its leaf {index}: it is "
                            + $"not judged further");
                    open.Add(index, Digest.Of(operation));
                }
                else if (o < first) continue;   // how it was opened was pruned
                else if (!open.Remove(o, out var begun))
                    _report.Find("decision-unopened", Decision.Id(log.Origin, index),
                        $"it closes leaf {o}, which is not open");
                else if (begun != Digest.Of(operation))
                    _report.Find("decision-close-differs", Decision.Id(log.Origin, index),
                        $"it closes leaf {o}, which is another operation");
            }
            _progress?.Invoke($"judging {log.Origin}: {Number(frontier.Size)} decisions");
        }, first);
        var anchoredSize = anchors.Count == 0 ? 0 : anchors.Keys.Last();
        if (promised is { } beyond && beyond.Size > frontier.Size) _report.Limit(LimitName.NotCompared, $"decision " +
            $"log '{log.Origin}': the receipt speaks of {beyond.Size} leaves; this pack is from before it, and was " +
            $"not compared with it");
        if (anchoredSize > frontier.Size && log.Status == LogAction.Lost)
        {
            _report.DeclaredGaps++;
            _report.Note(
                $"decision log '{log.Origin}': {anchoredSize - frontier.Size} of {anchoredSize} anchored leaves were "
                + $"lost, as the ledger declares.");
        }
        else if (anchoredSize > frontier.Size)
            _report.Find("log-short", log.Origin, $"{anchoredSize} leaves were anchored, the pack has {frontier.Size}");
        var own = Signed(note, log.Key, folder + "/checkpoint", frontier.Size, frontier.Root, "the log's leaves");
        if (own is not null) held?.Signed(own, "the log's own checkpoint in the pack");
        // Two histories are proven only where the key signed this one too.
        if (forked is not null) _report.Find("log-forked", log.Origin, forked, own?.Size == frontier.Size
            && own.Root == frontier.Root ? FindingKind.Fraud : FindingKind.Fault);
        held?.End(frontier.Size);

        long longest = 0, before = 0;
        foreach (var size in anchors.Keys.Append(frontier.Size))
        {
            longest = Math.Max(longest, size - before);
            before = size;
        }
        var whole = _report.Findings.Count > found ? "NOT as it must be" : log.Status == LogAction.Lost
            ? "declared lost"
            : $"complete {(first > 0 ? "from its floor " : "")}up to its last anchor";
        _report.Note($"decision log '{log.Origin}': {whole}, {frontier.Size - first} leaves ({wholes} whole, {opens} " +
            $"open, " +
            $"{closes} close), {anchors.Count} anchors, {Math.Max(0, frontier.Size - anchoredSize)} leaves not " +
                $"anchored " +
            $"yet, longest unanchored stretch {longest}.");
        void Short(LimitName name, long count, string what)
        {
            if (count > 0) _report.Limit(name, $"decision log '{log.Origin}': {Number(count)} {what}");
        }
        Short(LimitName.UnanchoredDecisions, frontier.Size - anchoredSize, "leaves at its end are not anchored: they " +
            "are the node's signed word alone, and more of them may have been cut off");
        Short(LimitName.UnclosedDecisions, open.Count, "let through and never closed: how they ended is unknown");
        Short(LimitName.StaleDecisions, stale, "served on a ledger older than was allowed then");
        Short(LimitName.EarlierDeployment, behind, "served by an earlier deployment than the head the node knew");
        if (clock.Widest is { } off) _report.Limit(LimitName.NodeClock, $"decision log '{log.Origin}': {off}");
        if (frontier.Size <= anchoredSize && log.Status == LogAction.Open)
            _report.Fact(Basis.NotShown,
                $"decision log '{log.Origin}': whether its node recorded anything after its last anchor.");
    }

    /// <summary>
    /// The node's own times, held to each other: a record is dated between the anchor before it and the one that covers
    /// it, 5 minutes off at most; before the first anchor, after the log was opened. Nothing
    /// else bounds when a decision was made.
    /// </summary>
    sealed class NodeClock(long opened)
    {
        long _from = opened, _by;
        (long Time, long Leaf)? _latest;

        /// <summary>The widest deviation, in words.</summary>
        public string? Widest { get; private set; }

        public void Saw(LogPart.Stretch stretch)
        {
            if (stretch.Earliest is { } e)
            {
                if (e.Time < _from) Off(e, _from - e.Time,
                    $"before {Verifier.Time(_from)}, when the anchor before it was signed or the log opened");
                if (!(_latest?.Time >= stretch.Latest!.Value.Time)) _latest = stretch.Latest;
            }
        }

        /// <summary>The node anchored what it showed so far.</summary>
        public void Anchored(long issued)
        {
            if (_latest is { } l && l.Time > issued) Off(l, l.Time - issued, $"after {Verifier.Time(issued)}, when " +
                $"the same node signed the anchor that covers it");
            (_from, _latest) = (issued, null);
        }

        void Off((long Time, long Leaf) record, long by, string what)
        {
            if (by <= Fold.MaxSkew || by <= _by) return;
            (_by, Widest) = (by, $"leaf {Number(record.Leaf)} is dated {Verifier.Time(record.Time)} by its node's " +
                $"clock, {Number(by / 1000)} s {what}: that clock was wrong, or the record was written at another " +
                $"time");
        }
    }

    /// <summary>The tree that the node promised to the receipt's holder, when the receipt is of this log.</summary>
    Checkpoint? Promised(LogFact log, VerifierKey key)
    {
        if (_receipt is null || _receipt.Log != log.Origin) return null;
        if (!Checkpoint.TryOpen(_receipt.LogCheckpoint, key, out var checkpoint, out var error))
        {
            _report.Find("checkpoint-signature", "the receipt", error);
            return null;
        }
        _report.Note(
            $"the receipt's checkpoint over {checkpoint.Size} leaves of '{log.Origin}' was compared with the pack's.");
        return checkpoint;
    }
}
