using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// What owners state: protocol, keys, logs, members, systems, revocations. Policies are in ApplyPolicy; what they erase,
// prune and hold is in ApplyRetention.
public static partial class Fold
{
    internal static Outcome PutProtocol(Context c, ProtocolStatement s) =>
        s.FoldVersion > c.State.FoldVersion && s.FoldVersion <= State.CurrentFold
            ? c.Accept(c.State with { FoldVersion = s.FoldVersion })
            : c.Refuse(RefusalCode.UnknownFoldVersion,
                $"fold version {s.FoldVersion} does not follow {c.State.FoldVersion}, or is not known here");

    /// <summary>
    /// How far ahead a log key may begin: a key beyond any size that the ledger will have would be the last one
    /// forever, as ranges only grow to the right.
    /// </summary>
    public const long MaxKeyAhead = 1L << 32;

    internal static Outcome PutLogKey(Context c, LogKeyStatement s)
    {
        if (!VerifierKey.TryParse(s.Key, out var key) || !IsLogKey(key, c.State.Origin))
            return c.Refuse(RefusalCode.BadCheckpoint, "not a C2SP verifier key with the ledger's origin as its name");
        // Invariant: key ranges only ever grow to the right, and never reach back over sizes that were signed already.
        if (s.FromSize <= c.Index || s.FromSize <= c.State.LogKeys[^1].FromSize)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the next key is good from a size beyond {Math.Max(c.Index, c.State.LogKeys[^1].FromSize)} on");
        if (s.FromSize > c.Index + MaxKeyAhead)
            return c.Refuse(RefusalCode.OutOfRange,
                $"the ledger has {c.Index} entries: the next key may begin at most {MaxKeyAhead} beyond");
        if (SignsALog(c.State, key)) return c.Refuse(RefusalCode.KeyTaken, "that key signs, or signed, a log already");
        return c.Accept(c.State with { LogKeys = c.State.LogKeys.Add((s.FromSize, s.Key)) });
    }

    internal static Outcome PutLog(Context c, LogStatement s)
    {
        var logs = c.State.Logs;
        if (s.Action != LogAction.Open)
            return logs.TryGetValue(s.Origin, out var open) && open.Status == LogAction.Open
                ? c.Accept(c.State with { Logs = logs.SetItem(s.Origin, open with { Status = s.Action }) })
                : c.Refuse(RefusalCode.UnknownLog, $"no open decision log '{s.Origin}'");
        if (logs.ContainsKey(s.Origin) || s.Origin == c.State.Origin)
            return c.Refuse(RefusalCode.AlreadyKnown, $"a log '{s.Origin}' is known already");
        if (s is not { Key: { } vkey, Node: { } node, System: { } system, Environment: { } environment })
            return c.Refuse(RefusalCode.Malformed, "opening a log takes its key, node, system and environment");
        if (!VerifierKey.TryParse(vkey, out var key) || !IsLogKey(key, s.Origin))
            return c.Refuse(RefusalCode.BadCheckpoint, "not a C2SP verifier key with the log's origin as its name");
        if (SignsALog(c.State, key)) return c.Refuse(RefusalCode.KeyTaken, "that key signs another log");
        if (Known(c, system, environment) is { } unknown) return unknown;
        if (c.State.Member(node)?.Has(RoleName.Node, system, environment) != true)
            return c.Refuse(RefusalCode.UnknownMember, $"the member {node} is not a node of {system}/{environment}");
        if (s.Predecessor is { } before && !(logs.TryGetValue(before, out var old) && old.Status != LogAction.Open))
            return c.Refuse(RefusalCode.UnknownLog, $"no decision log '{before}' that was closed or lost");
        return c.Accept(
            c.State with { Logs = logs.Add(s.Origin, new LogFact(s.Origin, vkey, node, system, environment,
                s.Predecessor, c.Index, LogAction.Open, null, 0)) });
    }

    internal static Outcome PutMember(Context c, MemberStatement s)
    {
        var known = c.State.Members.TryGetValue(s.Member, out var present);
        if (s.Replaces != (known ? present!.Entry : null))
            return c.Refuse(RefusalCode.StaleReplace,
                known ? $"the member stands on entry {present!.Entry}" : "the member is new: it replaces nothing");
        if (s.Roles.Any(r => r is { Name: RoleName.Node, Environment: null }))
            return c.Refuse(RefusalCode.RoleMissing, "a node is assigned to environments: node@system/environment");
        if (s.Roles.Any(r => r.Name == RoleName.Server))
            return c.Refuse(RefusalCode.RoleMissing, "the server's key is named in genesis; no member is the server");
        var owners = c.State.KeyOwners;
        var ids = new HashSet<Digest>();
        foreach (var key in s.Keys)
        {
            if (c.State.Revocations.ContainsKey(key.Id))
                return c.Refuse(RefusalCode.RevokedKey, $"the key {key.Id} was revoked; nobody can have it again");
            if (!ids.Add(key.Id) || (owners.TryGetValue(key.Id, out var owner) && owner != s.Member))
                return c.Refuse(RefusalCode.KeyTaken, $"the key {key.Id} belongs to another member, or stands twice");
            owners = owners.SetItem(key.Id, s.Member);
        }
        var members = c.State.Members.SetItem(s.Member,
            new MemberFact(s.Member, c.Index, c.Signers, s.Keys, s.Roles, s.Name));
        var next = c.State with
        {
            Members = members,
            KeyOwners = owners,
            Statings = c.State.Statings.Add(c.Index, c.Signers)
        };
        return TooFew(c, next) ?? Govern(c, Actions.Member, null, null, null, next, ("member", About(present, s)));
    }

    /// <summary>What a member statement changes, for the policies that judge it.</summary>
    static Json About(MemberFact? before, MemberStatement s)
    {
        var (old, now) = (Ids(before?.Keys ?? []), Ids(s.Keys));
        return Json.Object(
            ("member", s.Member), ("isNew", before is null), ("roles", Roles(s.Roles)),
            ("rolesBefore", Roles(before?.Roles ?? [])),
            ("keys", Rule.Set(now)), ("keysAdded", Rule.Set(now.Except(old))),
            ("keysRemoved", Rule.Set(old.Except(now))));

        static string[] Ids(ImmutableArray<PublicKey> keys) => [.. keys.Select(k => k.Id.ToString())];
    }

    static Json Roles(ImmutableArray<Role> roles) => Rule.Set(roles.Select(r => r.ToString()));

    internal static Outcome PutSystem(Context c, SystemStatement s)
    {
        var known = c.State.Systems.TryGetValue(s.System, out var present);
        if (s.Replaces != (known ? present!.Entry : null))
            return c.Refuse(RefusalCode.StaleReplace,
                known ? $"the system stands on entry {present!.Entry}" : "the system is new: it replaces nothing");
        if (!c.State.Members.ContainsKey(s.Owner))
            return c.Refuse(RefusalCode.UnknownMember, $"its owner {s.Owner} is not a member");
        if (known && present!.Environments.FirstOrDefault(e => s.Environments.All(x => x.Name != e.Name)
            && c.State.Environment(s.System, e.Name).Head is { Routes.IsEmpty: false }) is { } running)
            return c.Refuse(RefusalCode.StaleReplace,
                $"the environment '{running.Name}' still runs a release: halt it first");
        var next = new SystemFact(s.System, c.Index, s.Owner, s.Risk, s.Environments) { Retention = s.Retention };
        return Govern(c, Actions.System, s.System, null, null,
            c.State with { Systems = c.State.Systems.SetItem(s.System, next) }, ("proposed", PolicyInput.System(next)));
    }

    internal static Outcome Revoke(Context c, Revocation s)
    {
        var from = s.FromEntry ?? c.Index;
        if (from > c.Index) return c.Refuse(RefusalCode.OutOfRange, $"entry {from} is still to come");
        var isKey = c.State.KeyOwners.ContainsKey(s.Digest);
        if (s.Target == RevocationTarget.Key && !isKey)
            return c.Refuse(RefusalCode.UnknownMember, $"no member has the key {s.Digest}");
        if (s.Target == RevocationTarget.Artifact && isKey)
            return c.Refuse(RefusalCode.UnknownArtifact, $"{s.Digest} is a key, not an artifact");
        var fact = RevocationOf(c.State, s, c.Index, c.Signers);
        if (c.State.Revocations.TryGetValue(s.Digest, out var before)
            && fact with { Entry = before.Entry, Target = before.Target } == before)
            return c.Refuse(RefusalCode.AlreadyKnown,
                $"revoked from entry {before.FromEntry} on already (entry {before.Entry})");
        var next = c.State.Revoked(s.Digest, fact);
        // A leaked key may always be given up by anyone who has it, and no policy is asked; the recovery key then names
        // new owners.
        if (IsOfItself(s, c.Signers)) return c.Accept(next);
        return (c.Signer.Member == RecoveryMember ? null : TooFew(c, next)) ?? Govern(c, Actions.Revocation, null, null,
            null, next, ("revocation", About(c.State, next, s, s.FromEntry ?? c.Index)));
    }

    /// <summary>What a revocation comes to, with what was revoked of the same before.</summary>
    internal static RevocationFact RevocationOf(State state, Revocation s, long index, ImmutableArray<Signed> signers)
    {
        var from = s.FromEntry ?? index;
        var recovery = signers[0].Member == RecoveryMember ? from : (long?)null;
        // Invariant: a revocation only ever reaches further back or bites harder; nothing makes it milder.
        return state.Revocations.TryGetValue(s.Digest, out var before)
            ? new(index, s.Target, Math.Min(from, before.FromEntry),
                before.Effect == RevocationEffect.Stop ? RevocationEffect.Stop : s.Effect,
                recovery < before.Recovery ? recovery : before.Recovery ?? recovery)
            : new(index, s.Target, from, s.Effect, recovery);
    }

    /// <summary>
    /// What a revocation reaches, for the policies that judge it: whose key it is, with their roles; the scopes whose
    /// policy or candidate loses its force by it; the places that run a release which it reaches.
    /// </summary>
    static Json About(State state, State next, Revocation s, long from)
    {
        // What the key signed, and what members signed who fall with it.
        bool Signs(IEnumerable<Signed> by) =>
            by.Any(x => (x.Key == s.Digest && from <= x.Entry) || (state.InForce(x) && !next.InForce(x)));
        bool Reaches(Digest release) => state.Releases.TryGetValue(release, out var fact)
            && (s.Target == RevocationTarget.Key
                ? Signs(fact.By)
                    || fact.Components
                        .Any(c => state.Origins.TryGetValue(c.Digest, out var all) && all.Any(o => Signs(o.By)))
                : state.Closure(fact).Contains(s.Digest));
        var member = s.Target == RevocationTarget.Key ? state.KeyOwners[s.Digest] : "";
        return Json.Object(
            ("target", Revocation.Targets[s.Target]), ("digest", s.Digest), ("effect", Revocation.Effects[s.Effect]),
            ("fromEntry", from), ("member", member),
            ("roles", Roles(state.Members.TryGetValue(member, out var of) ? of.Roles : [])),
            ("scopes",
                Rule.Set(
                    state.Policies
                        .Where(p => (p.Value.Policy ?? p.Value.Candidate) is not null && (p.Value.Policy == s.Digest
                            || p.Value.Candidate == s.Digest || Signs(p.Value.By))).Select(p => p.Key))),
            ("places",
                Rule.Set(state.Environments.Where(e => e.Value.Head?.Routes.Any(r => Reaches(r.Release)) == true)
                    .Select(e => e.Key))));
    }

    /// <summary>Owners who could still sign, as long as that takes them below the threshold or further below.</summary>
    static Outcome.Refused? TooFew(Context c, State next)
    {
        static int Count(State s) =>
            s.Members.Values.Count(m => m.IsOwner && s.Stands(m) && m.Keys.Any(k => !s.Revocations.ContainsKey(k.Id)));
        var left = Count(next);
        return left < next.Threshold && left < Count(c.State)
            ? c.Refuse(RefusalCode.LastOwner, $"{left} owners would be left; {next.Threshold} must sign")
            : null;
    }

    /// <summary>One key, one log: or a checkpoint of one could be shown as another's.</summary>
    static bool SignsALog(State state, VerifierKey key) =>
        state.Logs.Values.Select(l => l.Key).Concat(state.LogKeys.Select(k => k.Key))
            .Any(k => VerifierKey.Parse(k).SameKey(key));

    static Outcome.Refused? Known(Context c, string system, string environment) =>
        !c.State.Systems.TryGetValue(system, out var s) ? c.Refuse(RefusalCode.UnknownSystem, $"no system '{system}'")
        : s.Environment(environment) is null
            ? c.Refuse(RefusalCode.UnknownEnvironment, $"no environment '{system}/{environment}'") : null;
}
