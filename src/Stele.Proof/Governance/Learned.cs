using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>What a part of a state is told by one of its entries, of which the fold accepted the statement.</summary>
/// <param name="By">Who signed it.</param>
sealed record Lesson(State State, long Index, long Time, ImmutableArray<Signed> By, Documents Documents);

// What a part of a state learns of the kinds that receipts carry: the facts that their rules state, without what the
// rules ask for.
public static partial class Fold
{
    internal static State Learned(Lesson l, MemberStatement s) => l.State with
    {
        Members = l.State.Members.SetItem(s.Member, new(s.Member, l.Index, l.By, s.Keys, s.Roles, s.Name)),
        // Invariant: a key is one member's. A statement that says otherwise was not learned.
        KeyOwners = s.Keys.Aggregate(l.State.KeyOwners, (owners, k) => owners.SetItem(k.Id, s.Member)),
        Statings = l.State.Statings.SetItem(l.Index, l.By),
    };

    internal static State Learned(Lesson l, SystemStatement s) => l.State with
    {
        Systems = l.State.Systems.SetItem(s.System,
            new(s.System, l.Index, s.Owner, s.Risk, s.Environments) { Retention = s.Retention }),
    };

    internal static State Learned(Lesson l, PolicyStatement s) => l.State with
    {
        Policies = l.State.Policies.SetItem(State.Scopes(s.System, s.Environment)[^1],
            new(l.Index, l.By, s.Policy, s.Candidate, s.Share)),
    };

    internal static State Learned(Lesson l, Origin s) => l.State with
    {
        Origins = OriginFacts(s, l.By).Aggregate(l.State.Origins, (all, x) =>
            all.SetItem(x.Output, (all.TryGetValue(x.Output, out var before) ? before : []).Add(x.Fact))),
    };

    /// <summary>
    /// A release as its document has it; as the statement has it alone, where the document is not at hand.
    /// </summary>
    internal static State Learned(Lesson l, Release s)
    {
        var document = l.Documents.Find(s.Document) is { } bytes ? ReleaseDocument.Parse(bytes) : null;
        return l.State with { Releases = l.State.Releases.SetItem(s.Digest, new(s.Digest, l.By, s.System,
            document?.Name ?? "", s.Document, document?.Components ?? [], document?.Policy)) };
    }

    internal static State Learned(Lesson l, Evaluation s)
    {
        var evaluations = s.Supersedes is { } earlier && l.State.Evaluations.TryGetValue(earlier, out var old)
            ? l.State.Evaluations.SetItem(earlier, old with { SupersededBy = l.By[0] }) : l.State.Evaluations;
        return l.State with { Evaluations =
            evaluations.SetItem(l.Index, new(l.By[0], l.Time, s.Release, s.Check, s.Report, null)) };
    }

    internal static State Learned(Lesson l, Approval s)
    {
        var approvals = l.State.Approvals;
        return s.Replaces is not { } given
            ? l.State with { Approvals = approvals.SetItem(l.Index, new(l.By[0], s)) }
            : approvals.TryGetValue(given, out var a)
            ? l.State with { Approvals = approvals.SetItem(given, a with { Withdrawn = l.By[0] }) } : l.State;
    }

    internal static State Learned(Lesson l, Waiver s)
    {
        var waivers = l.State.Waivers;
        return s.Replaces is not { } given
            ? l.State with { Waivers = waivers.SetItem(l.Index, new(l.By[0], s)) }
            : waivers.TryGetValue(given, out var w)
            ? l.State with { Waivers = waivers.SetItem(given, w with { Withdrawn = l.By[0] }) } : l.State;
    }

    internal static State Learned(Lesson l, LogStatement s)
    {
        var logs = l.State.Logs;
        return s is { Action: LogAction.Open, Key: { } key, Node: { } node, System: { } system,
            Environment: { } environment }
            ? l.State with { Logs = logs.SetItem(s.Origin, new(s.Origin, key, node, system, environment, s.Predecessor,
                l.Index, LogAction.Open, null, 0)) }
            : logs.TryGetValue(s.Origin, out var open)
            ? l.State with { Logs = logs.SetItem(s.Origin, open with { Status = s.Action }) } : l.State;
    }

    internal static State Learned(Lesson l, LogKeyStatement s) =>
        l.State with { LogKeys = l.State.LogKeys.Add((s.FromSize, s.Key)) };

    internal static State Learned(Lesson l, Revocation s) => l.State with
    {
        Revocations = l.State.Revocations.SetItem(s.Digest, RevocationOf(l.State, s, l.Index, l.By)),
    };

    // Invariant: what is not known equals nothing that anyone may ask for.
    static readonly ImmutableArray<Route> Unknown = [new(default, 0)];

    /// <summary>
    /// The policies that let it pass, and the waivers, are not the statement's to say: nobody asks a part for them.
    /// </summary>
    internal static State Learned(Lesson l, Deployment s)
    {
        var e = l.State.Environment(s.System, s.Environment);
        var moved = e with
        {
            Head = new(l.Index, l.Time, s.Action, s.Routes, [], [], s.Replaces is null ? []
                : e.Head?.Entry == s.Replaces ? e.Head.Routes : Unknown),
            Deployed = s.Routes.Aggregate(e.Deployed, (all, r) => all.SetItem(r.Release, l.Index)),
            Heads = e.Heads.SetItem(l.Index, new(s.Action, s.Routes)),
        };
        return l.State with { Environments =
            l.State.Environments.SetItem(State.Place(s.System, s.Environment), moved) };
    }
}
