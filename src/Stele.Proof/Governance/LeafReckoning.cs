using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>Counts what the leaves of one window of a decision log say, as they come by in order.</summary>
public sealed class LeafReckoning
{
    readonly Replay _replay;
    readonly LogFact _log;
    readonly AnchoredWindow _window;
    readonly long[] _seen;
    readonly HashSet<long> _open = [];
    long _allowed, _denied, _errors, _stale, _unobserved, _next;

    public LeafReckoning(Replay replay, LogFact log, AnchoredWindow window)
    {
        (_replay, _log, _window, _next) = (replay, log, window, window.First);
        // What nodes had said by the time of the window's last anchor; what came in later is another reckoning's.
        _seen = [.. replay.Observations(log.System, log.Environment).TakeWhile(e => e.Index < window.End)
            .Select(e => ((Observation)e.Statement).Issued).Order()];
    }

    /// <summary>Whether the window has this leaf.</summary>
    public bool Has(long index) => index >= _window.First && index < _window.Past;

    /// <summary>The count; null until every leaf of the window has come by.</summary>
    public LeafCount? Count =>
        _next == _window.Past ? new LeafCount(_allowed, _denied, _errors, _open.Count, _stale, _unobserved) : null;

    /// <exception cref="FormatException">The leaf is none.</exception>
    public void Add(long index, ReadOnlySpan<byte> leaf)
    {
        if (!Has(index) || index != _next) return;
        var d = Decision.Parse(leaf);
        _next++;
        if (d.Kind == DecisionKind.Close)
        {
            _open.Remove(d.Open!.Value);
            return;
        }
        if (d.Kind == DecisionKind.Open) _open.Add(index);
        if (d.Outcome == DecisionOutcome.Allow) _allowed++;
        else if (d.Outcome is DecisionOutcome.Deny or DecisionOutcome.Hold) _denied++;
        else _errors++;
        var terms = d.Size <= _replay.Entries.Count
            ? _replay.At(d.Size).Systems.GetValueOrDefault(_log.System)?.Environment(_log.Environment)
            : null;
        if (d.Staleness > terms?.StaleAfter) _stale++;
        if (terms?.ObservationGap is not { } gap) return;
        var at = Array.BinarySearch(_seen, d.Time);
        if (at < 0) at = ~at - 1;
        if (at < 0 || d.Time - _seen[at] > gap) _unobserved++;
    }
}
