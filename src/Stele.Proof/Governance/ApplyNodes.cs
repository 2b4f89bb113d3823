using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// What nodes, services and the server state of what they saw and did.
public static partial class Fold
{
    internal static Outcome Observe(Context c, Observation s)
    {
        if (Known(c, s.System, s.Environment) is { } unknown) return unknown;
        if (Ran(c, s.System, s.Environment, s.Release, s.Deployment) is { } never) return never;
        if (s.Size > c.Index)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the ledger has {c.Index} entries, the node says it folded {s.Size}");
        var place = State.Place(s.System, s.Environment);
        var fact = new ObservationFact(c.Index, c.Time, s.Event, s.Release, s.Deployment,
            s.Dimensions.All(d => d.Agrees), c.Signer.Member);
        return c.Accept(c.State with { Environments = c.State.Environments.SetItem(place,
            c.State.Environment(s.System, s.Environment) with { Observation = fact }) });
    }

    internal static Outcome PutAnchor(Context c, Anchor s)
    {
        var log = c.State.Logs[s.Log];
        if (log.Status != LogAction.Open)
            return c.Refuse(RefusalCode.UnknownLog, $"the decision log '{s.Log}' is not open");
        if (!c.Prepared.TryOpen(s, log.Key, out var checkpoint, out var error)
            || checkpoint.Origin != log.Origin)
            return c.Refuse(RefusalCode.BadCheckpoint, error ?? "the checkpoint is of another log");
        // Invariant: every number in the state has a canonical form, or nobody could name the state's digest any more.
        // A checkpoint's own sizes go further than that.
        if (checkpoint.Size > Json.MaxInt)
            return c.Refuse(RefusalCode.OutOfRange,
                $"a checkpoint over {checkpoint.Size} leaves; a log has at most 2^53-1");
        var before = log.Anchor;
        var (size, root) = before is null ? (0, Merkle.EmptyRoot) : (before.Size, before.Root);
        if (checkpoint.Size < size)
            return c.Refuse(RefusalCode.Inconsistent,
                $"the log had {size} leaves when last anchored, and now {checkpoint.Size}");
        if (!(size == 0
            ? s.Proof.IsEmpty && (checkpoint.Size > 0 || checkpoint.Root == Merkle.EmptyRoot)
            : Proofs.VerifyConsistency(size, checkpoint.Size, root, checkpoint.Root, s.Proof.AsSpan())))
            return c.Refuse(RefusalCode.Inconsistent,
                $"the log does not extend the {size} leaves that were anchored in entry {before?.Entry}");
        if (s.Opens + s.Closes + s.Wholes != checkpoint.Size)
            return c.Refuse(RefusalCode.Inconsistent,
                $"{s.Opens} opens, {s.Closes} closes and {s.Wholes} wholes do not add up to {checkpoint.Size} leaves");
        if (s.Closes > s.Opens) return c.Refuse(RefusalCode.Inconsistent, $"{s.Closes} closes of {s.Opens} opens");
        if (before is not null && (s.Opens < before.Opens || s.Closes < before.Closes || s.Wholes < before.Wholes))
            return c.Refuse(RefusalCode.Inconsistent, "a count went down");
        if (s.Size > c.Index)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the ledger has {c.Index} entries, the node says it folded {s.Size}");
        if (s.Gateway is { } counted && counted.From > checkpoint.Size)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the gateway counts from leaf {counted.From} on, and there are {checkpoint.Size}");
        if (s.Gateway is { } now && before?.Gateway is { } then && !now.Follows(then))
            return c.Refuse(RefusalCode.Inconsistent, $"a gateway counter is lower than in entry {before.Entry}");
        var anchored = new Anchored(c.Index, c.Time, checkpoint.Size, checkpoint.Root, s.Opens, s.Closes, s.Wholes,
            s.Issued, s.Gateway);
        return c.Accept(c.State with { Logs = c.State.Logs.SetItem(s.Log, log with
        {
            Anchor = anchored,
            Anchors = log.Anchors.Add(anchored)
        }) });
    }

    internal static Outcome PutAlert(Context c, Alert s)
    {
        if (Known(c, s.System, s.Environment) is { } unknown) return unknown;
        if (Ran(c, s.System, s.Environment, s.Release, s.Deployment) is { } never) return never;
        if (!(c.State.Logs.TryGetValue(s.Log, out var log) && log.System == s.System
            && log.Environment == s.Environment))
            return c.Refuse(RefusalCode.UnknownLog, $"no decision log '{s.Log}' of {s.System}/{s.Environment}");
        var anchored = log.Anchor?.Size ?? 0;
        return s.From <= s.To && s.To <= anchored
            ? c.Accept(c.State)
            : c.Refuse(RefusalCode.OutOfRange,
                $"[{s.From}, {s.To}) is no range of the {anchored} records of '{s.Log}' that are anchored: raise it "
                + $"after the node's next anchor");
    }

    internal static Outcome PutVerdict(Context c, Verdict s) => s.Size <= c.Index && s.Time <= c.Time
        ? c.Accept(c.State)
        : c.Refuse(RefusalCode.OutOfRange, "the verdict speaks of entries to come");

    internal static Outcome PutRefusal(Context c, Refusal s)
    {
        if (s.Size > c.Index || s.Time > c.Time)
            return c.Refuse(RefusalCode.OutOfRange, "the refusal speaks of entries to come");
        return Refusals.TryParse(s.Code, out var code) && code.IsLasting()
            ? c.Accept(c.State)
            : c.Refuse(RefusalCode.OutOfRange, $"'{s.Code}' is not the code of a refusal that can be executed again");
    }

    /// <summary>What is said about a running release must name the very deployment that put it there.</summary>
    static Outcome.Refused? Ran(Context c, string system, string environment, Digest release, long deployment)
    {
        var e = c.State.Environment(system, environment);
        if (!e.Deployed.ContainsKey(release))
            return c.Refuse(RefusalCode.UnknownRelease, $"{State.Place(system, environment)} never ran {release}");
        return e.Heads.TryGetValue(deployment, out var head) && head.WeightOf(release) is not null
            ? null
            : c.Refuse(RefusalCode.OutOfRange, $"entry {deployment} did not put {release} there");
    }
}
