using System.Collections.Immutable;
using Stele.Proof.Decisions;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The reckoning that a <see cref="Reconcile"/> statement states, as pure functions, so that anyone with the same
/// ledger and leaves gets the same figures. It rests on what an honest node cannot help: a request is counted as
/// admitted before its leaf is made, as recorded after it is durable, as answered after that; and leaves have no gaps.
/// </summary>
public static class Reconciliation
{
    /// <summary>The decision logs of a scope, in order; a null system asks for all.</summary>
    public static IEnumerable<LogFact> Scope(State state, string? system, string? environment) =>
        state.Logs.Values.Where(l => (system is null || l.System == system)
            && (environment is null || l.Environment == environment));

    /// <summary>A log between two times, by its anchors alone.</summary>
    public static AnchoredWindow Window(LogFact log, long from, long to)
    {
        var anchors = log.Anchors;
        // The last entered by then, and the first issued after: between them lies everything that happened between the
        // times. Entry times never fall; issued times may, by a clock's word, and then the first crossing found counts.
        var begin = anchors.CountWhile(a => a.Time <= from) - 1;
        var end = Math.Max(begin, Math.Min(anchors.CountWhile(a => a.Issued < to), anchors.Count - 1));
        var (first, last) = (begin < 0 ? null : anchors[begin], end < 0 ? null : anchors[end]);
        long longest = 0;
        for (var i = begin + 1; i <= end; i++)
            longest = Math.Max(longest, anchors[i].Size - (i == 0 ? 0 : anchors[i - 1].Size));
        return new AnchoredWindow(first?.Entry, last?.Entry, first?.Size ?? 0, last?.Size ?? 0, last?.Issued,
            (last?.Opens ?? 0) - (first?.Opens ?? 0), (last?.Closes ?? 0) - (first?.Closes ?? 0),
            (last?.Wholes ?? 0) - (first?.Wholes ?? 0), longest, first?.Gateway, last?.Gateway);
    }

    /// <summary>What the leaves of a window say.</summary>
    /// <param name="leaves">The log's leaves from 0 on, at least to <c>window.Past</c>.</param>
    public static LeafCount Leaves(Replay replay, LogFact log, AnchoredWindow window, IEnumerable<byte[]> leaves)
    {
        var reckoning = new LeafReckoning(replay, log, window);
        long index = 0;
        foreach (var leaf in leaves) reckoning.Add(index++, leaf);
        return reckoning.Count
            ?? throw new FormatException($"{log.Origin}: {window.Past} leaves are anchored, and only {index} are here");
    }

    /// <summary>What does not add up, by name.</summary>
    public static ImmutableArray<Difference> Differences(AnchoredWindow w, LeafCount? leaves, long? upstream)
    {
        var found = ImmutableArray.CreateBuilder<Difference>();
        void Add(string name, long count)
        {
            if (count > 0) found.Add(new Difference(name, count, w.First, w.Past));
        }
        // Each anchor's own counters against its own leaves; of those that stood before already, only what was added
        // counts.
        long Grown(Func<GatewayCount, long, long> excess)
        {
            var before = w.Before is { } b && b.From == w.After!.From ? Math.Max(0, excess(b, w.First - b.From)) : 0;
            return Math.Max(0, excess(w.After!, w.Past - w.After!.From)) - before;
        }
        if (w.After is { } after)
        {
            Add("records-missing", Grown((g, n) => g.Recorded - n));
            Add("answers-missing", Grown((g, n) => g.Answered - n));
            Add("leaves-unasked", Grown((g, n) => n - g.Admitted));
            Add("uncounted", Math.Min(after.From, w.Past) - w.First);
        }
        else Add("uncounted", w.Past - w.First);
        if (leaves is null) Add("log-lost", w.Past - w.First);
        else
        {
            Add("unclosed", leaves.Unclosed);
            if (upstream is { } counted)
            {
                // What was let through and never recorded may have reached the release too.
                var unrecorded = w.After is null ? 0 : Math.Max(0, Grown((g, n) => g.Admitted - n));
                Add("upstream-more", counted - leaves.Allowed - leaves.Errors - unrecorded);
                Add("upstream-fewer", leaves.Allowed - counted);
            }
        }
        return found.ToImmutable();
    }

    /// <summary>A difference in words.</summary>
    public static string Say(Difference d) => d.Name switch
    {
        "records-missing" => $"{d.Count} more decisions were counted as recorded than the log has leaves",
        "answers-missing" => $"{d.Count} more answers were given than the log has leaves: they are not on record",
        "leaves-unasked" => $"{d.Count} leaves stand in the log that no counted request stands behind",
        "uncounted" => $"{d.Count} leaves come from a time that no gateway counter covers",
        "unclosed" => $"{d.Count} operations were opened and never closed: how they ended is unknown",
        "upstream-more" => $"the upstream counted {d.Count} requests more than the log has let through",
        "upstream-fewer" => $"the upstream counted {d.Count} requests fewer than it answered by the log",
        _ => $"{d.Count} anchored leaves are of a log that was declared lost",
    } + (d.Past > d.First ? $" (leaves {d.First} to {d.Past - 1})" : "");
}
