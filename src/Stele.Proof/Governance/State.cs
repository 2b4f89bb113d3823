using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The state of the governed world after some entries of the ledger: what <see cref="Fold.Apply"/> makes of it, and
/// nothing else. Immutable and persistent, so old states stay at hand.
/// </summary>
public sealed partial record State
{
    /// <summary>
    /// The fold version this code judges by. A version that was released is final: what it makes of a ledger never
    /// changes.
    /// </summary>
    public const int CurrentFold = 1;

    public static readonly State Empty = new();

    public int FoldVersion { get; init; }

    /// <summary>How many entries were folded.</summary>
    public long Size { get; init; }

    /// <summary>The last entry's time, milliseconds since 1970 UTC.</summary>
    public long Time { get; init; }

    /// <summary>The ledger's id: the leaf hash of entry 0.</summary>
    public Digest Ledger { get; init; }

    public string Origin { get; init; } = "";
    public int Threshold { get; init; }
    public PublicKey? RecoveryKey { get; init; }
    public PublicKey? ServerKey { get; init; }

    /// <summary>The log's verifier keys (C2SP vkey), each good from a tree size on.</summary>
    public ImmutableArray<(long FromSize, string Key)> LogKeys { get; init; } = [];

    /// <summary>Payload digests admitted so far, and the entry of each.</summary>
    public Identities Identities { get; init; } = Identities.Empty;

    /// <summary>
    /// A running digest over all entries in order, times and signatures included. It stands for
    /// <see cref="Identities"/> in the state's own digest, and makes every node that signs one a witness of the whole
    /// ledger.
    /// </summary>
    public Digest Seen { get; init; }

    public FactMap<string, MemberFact> Members { get; init; } =
        FactMap<string, MemberFact>.Create(StringComparer.Ordinal);

    /// <summary>Whose a key is, forever.</summary>
    public FactMap<Digest, string> KeyOwners { get; init; } = FactMap<Digest, string>.Create();
    public FactMap<Digest, RevocationFact> Revocations { get; init; } = FactMap<Digest, RevocationFact>.Create();

    /// <summary>Every member statement by its entry, also those that were replaced: who signed it.</summary>
    public FactMap<long, ImmutableArray<Signed>> Statings { get; init; } =
        FactMap<long, ImmutableArray<Signed>>.Create();

    /// <summary>
    /// The member statements that count no more, by their entries: one of those who signed was revoked from before, or
    /// was a member by a statement that fell. Follows from <see cref="Statings"/> and <see cref="Revocations"/>.
    /// </summary>
    ImmutableHashSet<long> Fallen { get; init; } = [];

    /// <summary>
    /// Whether this is a part of a state, made from some of a ledger's entries: it asks its maps for what <see
    /// cref="Fallen"/> remembers otherwise, so that what they show decides.
    /// </summary>
    internal bool IsPart { get; init; }

    // Invariant: a revocation only ever reaches further back, so what falls by one falls by all that stand now; asked
    // of the maps, it comes to the same.
    bool Fell(long entry)
    {
        if (!IsPart) return Fallen.Contains(entry);
        // Each statement is looked at once: two owners who state one another again and again make a web, not a tree.
        var (open, seen) = (new Stack<long>([entry]), new HashSet<long> { 0 });
        while (open.TryPop(out var next))
        {
            if (!seen.Add(next) || !Statings.TryGetValue(next, out var by)) continue;
            foreach (var signed in by)
            {
                if (IsRevoked(signed)) return true;
                open.Push(signed.Rests);
            }
        }
        return false;
    }

    /// <summary>Whether the key that signed was revoked from there, or from before.</summary>
    bool IsRevoked(Signed by) => Revocations.TryGetValue(by.Key, out var r) && r.FromEntry <= by.Entry;

    public FactMap<string, SystemFact> Systems { get; init; } =
        FactMap<string, SystemFact>.Create(StringComparer.Ordinal);

    /// <summary>By scope: <c>*</c>, <c>system</c> or <c>system/environment</c>.</summary>
    public FactMap<string, PolicyFact> Policies { get; init; } =
        FactMap<string, PolicyFact>.Create(StringComparer.Ordinal);
    public FactMap<Digest, ImmutableArray<OriginFact>> Origins { get; init; } =
        FactMap<Digest, ImmutableArray<OriginFact>>.Create();

    /// <summary>
    /// Everything in the closure of a declared release, and the systems that those releases are of. It follows from
    /// <see cref="Releases"/> and <see cref="Origins"/>, so the state's digest leaves it out.
    /// </summary>
    public FactMap<Digest, ImmutableSortedSet<string>> Used { get; init; } =
        FactMap<Digest, ImmutableSortedSet<string>>.Create();
    public FactMap<Digest, ReleaseFact> Releases { get; init; } = FactMap<Digest, ReleaseFact>.Create();
    public FactMap<long, EvaluationFact> Evaluations { get; init; } = FactMap<long, EvaluationFact>.Create();
    public FactMap<long, ApprovalFact> Approvals { get; init; } = FactMap<long, ApprovalFact>.Create();
    public FactMap<long, WaiverFact> Waivers { get; init; } = FactMap<long, WaiverFact>.Create();

    /// <summary>By <c>system/environment</c>.</summary>
    public FactMap<string, EnvironmentFact> Environments { get; init; } =
        FactMap<string, EnvironmentFact>.Create(StringComparer.Ordinal);
    public FactMap<string, LogFact> Logs { get; init; } = FactMap<string, LogFact>.Create(StringComparer.Ordinal);

    /// <summary>Erasures by the root of their list: one and the same can't be counted twice.</summary>
    public FactMap<Digest, ErasureFact> Erasures { get; init; } = FactMap<Digest, ErasureFact>.Create();

    /// <summary>Legal holds that stand, by the entry that placed them.</summary>
    public FactMap<long, HoldFact> Holds { get; init; } = FactMap<long, HoldFact>.Create();

    // Questions that several rooms ask.

    /// <summary>The holds that cover any of the records [from, to) of a log.</summary>
    public IEnumerable<HoldFact> HoldsOn(LogFact log, long from = 0, long to = long.MaxValue) =>
        Holds.Values.Where(h => h.Covers(log, from, to));

    public static string Place(string system, string environment) => system + "/" + environment;

    public EnvironmentFact Environment(string system, string environment) =>
        Environments.TryGetValue(Place(system, environment), out var e) ? e : EnvironmentFact.None;

    /// <summary>The log's verifier key for a checkpoint of the given tree size.</summary>
    public string LogKeyAt(long size) => LogKeys.Last(k => k.FromSize <= size).Key;

    /// <summary>The policies in force for a scope, the widest first. A null system asks for the ledger's own.</summary>
    public ImmutableArray<Digest> PoliciesFor(string? system, string? environment) =>
        [.. PolicyFacts(system, environment).Select(p => p.Policy!.Value)];

    internal ImmutableArray<PolicyFact> PolicyFacts(string? system, string? environment) =>
        [.. Scoped(system, environment).Where(s => s.Fact.Policy is not null).Select(s => s.Fact)];

    /// <summary>
    /// A scope and those around it, the widest first: <c>*</c>, <c>system</c>, <c>system/environment</c>.
    /// </summary>
    public static ImmutableArray<string> Scopes(string? system, string? environment) =>
        system is null ? ["*"] : environment is null ? ["*", system] : ["*", system, Place(system, environment)];

    /// <summary>What stands for a scope and those around it, the widest first.</summary>
    public IEnumerable<(string Scope, PolicyFact Fact)> Scoped(string? system, string? environment)
    {
        foreach (var scope in Scopes(system, environment)) if (Policies.TryGetValue(scope, out var fact))
            yield return (scope, fact);
    }

    /// <summary>
    /// Whether the candidate of a scope is to be regarded: not revoked, nor put there by a key that lost its force
    /// before.
    /// </summary>
    public bool StandsAsCandidate(PolicyFact fact) =>
        fact.Candidate is { } candidate && fact.By.All(InForce) && !IsRevoked(candidate);

    /// <summary>The candidates that stand for a scope and those around it, the widest first.</summary>
    public ImmutableArray<(string Scope, PolicyFact Fact)> Candidates(string? system, string? environment) =>
        [.. Scoped(system, environment).Where(s => StandsAsCandidate(s.Fact))];

    /// <summary>
    /// The policies that decide a principal's requests to an environment, in addition to the one frozen in the release,
    /// the widest first: those in force, but a candidate in the place of its scope's policy where it decides for this
    /// principal. One that decided and then lost its force does not set its principals free: for them both it and the
    /// policy in force decide.
    /// </summary>
    /// <param name="instead">
    /// Another policy in the place of whatever decides for one scope: what would be, if it were in force there.
    /// </param>
    public ImmutableArray<Digest> PoliciesDeciding(string system, string environment, string principal,
        (string Scope, Digest Policy)? instead = null)
    {
        var found = ImmutableArray.CreateBuilder<Digest>(6);
        foreach (var scope in Scopes(system, environment))
            if (scope == instead?.Scope) found.Add(instead.Value.Policy);
            else if (Policies.TryGetValue(scope, out var fact))
            {
                var chosen = fact.CandidateDecidesFor(principal);
                if (fact.Policy is { } policy && !(chosen && StandsAsCandidate(fact))) found.Add(policy);
                if (chosen) found.Add(fact.Candidate!.Value);
            }
        return found.ToImmutable();
    }

    public bool IsRevoked(Digest digest) => Revocations.TryGetValue(digest, out var r) && r.FromEntry <= Size;

    /// <summary>The state with a revocation, and with what falls by it.</summary>
    internal State Revoked(Digest digest, RevocationFact revocation)
    {
        var next = this with { Revocations = Revocations.SetItem(digest, revocation) };
        if (revocation.Target != RevocationTarget.Key) return next;
        // Oldest first: the member who states another is one by an earlier entry. Nothing that fell ever stands again,
        // and nothing that is to come can fall by what is revoked now.
        foreach (var (entry, by) in Statings) if (!by.All(next.InForce))
            next = next with { Fallen = next.Fallen.Add(entry) };
        return next;
    }

    /// <summary>
    /// Whether what was signed so still counts for new admissions: the key was not revoked from before, and the
    /// statement by which its member was one then did not fall. So what a stolen owner's key did goes with that key,
    /// however many members after it; and what those signed who were stated again since counts from there on.
    /// </summary>
    public bool InForce(Signed by) => !IsRevoked(by) && !Fell(by.Rests);

    /// <summary>
    /// Whether the statement that made someone a member, or gave it these keys and roles, still counts.
    /// </summary>
    public bool Stands(MemberFact member) => !Fell(member.Entry);

    /// <summary>
    /// Whether a policy in force may still let something move: not revoked, nor put in force by a key that lost its
    /// force before.
    /// </summary>
    public bool Stands(PolicyFact policy) => policy.By.All(InForce) && !(policy.Policy is { } p && IsRevoked(p));

    /// <summary>
    /// Whether a policy in force judges acts of governance: also one that may let nothing move any more, or a member
    /// who may revoke could do away with what it guards. It ends when its scope gets another, or when the recovery key
    /// takes the key that put it there.
    /// </summary>
    public bool Governs(PolicyFact policy) =>
        !policy.By.Any(by => Revocations.TryGetValue(by.Key, out var r) && r.Recovery <= by.Entry);

    /// <summary>The member's fact as long as it stands; null for strangers.</summary>
    public MemberFact? Member(string id) => Members.TryGetValue(id, out var m) && Stands(m) ? m : null;

    /// <summary>
    /// Whether an evaluation still counts: not signed by a key that lost force, not replaced by one that did not, and
    /// nothing it rests on revoked.
    /// </summary>
    public bool Stands(EvaluationFact e) =>
        InForce(e.By) && !(e.SupersededBy is { } by && InForce(by)) && !IsRevoked(e.Check) && !IsRevoked(e.Report);

    /// <summary>
    /// Whether a waiver still counts for what it names: not expired, not withdrawn, its key still good, its giver still
    /// an approver there and no author of the release.
    /// </summary>
    public bool Stands(WaiverFact w, long time) =>
        w.Expires > time && w.Withdrawn is null && InForce(w.By)
        && Member(w.By.Member)?.Has(RoleName.Approver, w.Waiver.System, w.Waiver.Environment) == true
        && !(Releases.TryGetValue(w.Waiver.Release, out var release) && Authors(release).Contains(w.By.Member));

    /// <summary>
    /// Whether a release must not run any more: it, anything in its closure, or the key that declared it was revoked
    /// with effect <c>stop</c>.
    /// </summary>
    public bool IsStopped(ReleaseFact release) =>
        Closure(release).Any(d => Revocations.TryGetValue(d, out var r) && r.Effect == RevocationEffect.Stop) ||
        release.By.Any(b => Revocations.TryGetValue(b.Key, out var r) && r.Effect == RevocationEffect.Stop
            && r.FromEntry <= b.Entry);

    /// <summary>The origins of an artifact that still count.</summary>
    public ImmutableArray<OriginFact> OriginsOf(Digest artifact) =>
        Origins.TryGetValue(artifact, out var all) ? [.. all.Where(o => o.By.All(InForce))] : [];

    public static Strength StrengthOf(OriginFact origin) => origin.BuildType switch
    {
        Statements.Origin.Pipeline => Strength.Built,
        Statements.Origin.Import => Strength.Imported,
        _ => Strength.Claimed,
    };

    /// <summary>
    /// How well an artifact's origin is known: <see cref="Strength.Reproduced"/> when builds of one recipe, each by
    /// another builder, gave this very digest, and each its builder's every time.
    /// </summary>
    public Strength StrengthOf(Digest artifact)
    {
        var origins = OriginsOf(artifact);
        if (origins.IsEmpty) return Strength.None;
        var reproduced = origins.Where(o => o.BuildType == Statements.Origin.Pipeline && o.Agrees)
            .GroupBy(o => o.Recipe)
            .Any(same => same.DistinctBy(o => o.Builder, StringComparer.Ordinal).Count() > 1);
        return reproduced ? Strength.Reproduced : origins.Max(StrengthOf);
    }

    /// <summary>
    /// Everything a release rests on: its document, policy and components, and the materials of their origins, all the
    /// way down.
    /// </summary>
    public ImmutableSortedSet<Digest> Closure(ReleaseFact release)
    {
        var seen = ImmutableSortedSet.CreateBuilder<Digest>();
        var open = new Stack<Digest>(release.Roots);
        while (open.TryPop(out var digest))
        {
            if (!seen.Add(digest) || !Origins.TryGetValue(digest, out var origins)) continue;
            foreach (var material in origins.SelectMany(o => o.Materials)) open.Push(material);
        }
        return seen.ToImmutable();
    }

    /// <summary>
    /// The same state, in which some artifacts and all that they rest on stand in the closure of a release of a system.
    /// </summary>
    internal State Using(IEnumerable<Digest> artifacts, string system)
    {
        var used = Used;
        var open = new Stack<Digest>(artifacts);
        while (open.TryPop(out var digest))
        {
            var by = used.TryGetValue(digest, out var known) ? known
                : ImmutableSortedSet.Create<string>(StringComparer.Ordinal);
            // Invariant: what rests below something that is known to be used by a system is known too.
            if (by.Contains(system)) continue;
            used = used.SetItem(digest, by.Add(system));
            if (!Origins.TryGetValue(digest, out var origins)) continue;
            foreach (var material in origins.SelectMany(o => o.Materials)) open.Push(material);
        }
        return this with { Used = used };
    }

    /// <summary>Every member who signed the release or any origin in its closure.</summary>
    public ImmutableSortedSet<string> Authors(ReleaseFact release) =>
        Closure(release).SelectMany(d => Origins.TryGetValue(d, out var o) ? o.SelectMany(x => x.By) : [])
            .Concat(release.By).Select(b => b.Member).ToImmutableSortedSet(StringComparer.Ordinal);
}
