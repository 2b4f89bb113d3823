using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// The closed set of kinds of statements, one row each. Parsing, the fold, the state's digest, receipts and the log's
/// lines read the rows; a test names what a new row still lacks.
/// </summary>
public static class StatementKinds
{
    /// <summary>Every kind, in the order in which the specification has them.</summary>
    public static ImmutableArray<StatementKind> All { get; } =
    [
        new StatementKind<GenesisStatement>("genesis", GenesisStatement.Read)
        {
            // Founders sign it, and the fold takes it where the ledger is empty: neither is asked of any other entry.
            Signers = (by, _) => by.Nobody(),
            Rule = (c, _) => c.Refuse(RefusalCode.NotGenesis, "the ledger has its genesis"),
            Changes = [StateDigest.FoldVersion, StateDigest.Origin, StateDigest.Threshold, StateDigest.RecoveryKey,
                StateDigest.ServerKey, StateDigest.LogKeys, StateDigest.Members, StateDigest.KeyOwners],
            Says = (s, _) => $"ledger {s.Origin} begins: {s.Owners.Length} owner{(s.Owners.Length == 1 ? "" : "s")}, "
                + $"threshold {s.Threshold}",
        },
        new StatementKind<ProtocolStatement>("protocol", ProtocolStatement.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.PutProtocol,
            Changes = [StateDigest.FoldVersion],
            Says = (s, _) => $"fold version {N(s.FoldVersion)} from here on",
        },
        new StatementKind<LogKeyStatement>("log-key", LogKeyStatement.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.PutLogKey,
            Changes = [StateDigest.LogKeys],
            Learn = Fold.Learned,
            Says = (s, _) => $"the ledger's next key, from size {N(s.FromSize)} on",
        },
        new StatementKind<LogStatement>("log", LogStatement.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.PutLog,
            Changes = [StateDigest.Logs],
            Learn = Fold.Learned,
            Says = (s, _) => $"decision log {s.Origin}: {LogStatement.Actions[s.Action]}"
                + (s.System is null ? "" : $" for {s.System}/{s.Environment}"),
        },
        new StatementKind<MemberStatement>("member", MemberStatement.Read)
        {
            Signers = (by, _) => Fold.MayState(by),
            Rule = Fold.PutMember,
            Changes = [StateDigest.Members, StateDigest.KeyOwners, StateDigest.Statings],
            Learn = Fold.Learned,
            Replaced = s => new("members", s.Member, s.Replaces,
                (state, key) => state.Members.TryGetValue(key, out var f) ? f.Entry : null),
            Says = (s, _) => $"member {s.Member[..Math.Min(8, s.Member.Length)]} "
                + (s.Keys.IsEmpty && s.Roles.IsEmpty ? "is out" : $"{(s.Replaces is null ? "added" : "changed")}: "
                + (s.Roles.IsEmpty ? "no role" : string.Join(", ", s.Roles))),
        },
        new StatementKind<SystemStatement>("system", SystemStatement.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.PutSystem,
            Changes = [StateDigest.Systems],
            Learn = Fold.Learned,
            Replaced = s => new("systems", s.System, s.Replaces,
                (state, key) => state.Systems.TryGetValue(key, out var f) ? f.Entry : null),
            Says = (s, _) => $"system {s.System} ({s.Risk} risk) {(s.Replaces is null ? "declared" : "changed")}: "
                + string.Join(", ", s.Environments.Select(e => e.Name)),
        },
        new StatementKind<PolicyStatement>("policy", PolicyStatement.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.PutPolicy,
            Changes = [StateDigest.Policies],
            Learn = Fold.Learned,
            Replaced = s => new("policies", State.Scopes(s.System, s.Environment)[^1], s.Replaces,
                (state, key) => state.Policies.TryGetValue(key, out var f) ? f.Entry : null),
            Says = (s, _) => $"policy {(s.Policy is { } d ? d.Short + " in force" : "withdrawn")} for "
                + Scope(s.System, s.Environment),
        },
        new StatementKind<Origin>("origin", Origin.Read, Origin.SlsaProvenance)
        {
            Signers = (by, _) => by.Each(RoleName.Builder),
            Rule = Fold.PutOrigin,
            Changes = [StateDigest.Origins],
            Learn = Fold.Learned,
            Says = (s, _) => "provenance of " + string.Join(", ",
                s.Outputs.Select(x => x.Name is null ? x.Digest.Short : $"{x.Name} ({x.Digest.Short})"))
                + $": {How(s)}",
        },
        new StatementKind<Release>("release", Release.Read)
        {
            Signers = (by, s) => by.Each(RoleName.Builder, s.System),
            Rule = Fold.PutRelease,
            Changes = [StateDigest.Releases],
            Learn = Fold.Learned,
            Says = (s, f) => $"release {Name(f, s.Digest)} of {s.System} declared",
        },
        new StatementKind<Evaluation>("evaluation", Evaluation.Read, Evaluation.TestResult)
        {
            Signers = (by, s) => by.One(RoleName.Evaluator,
                by.State.Releases.TryGetValue(s.Release, out var of) ? of.System : null),
            Rule = Fold.PutEvaluation,
            Changes = [StateDigest.Evaluations],
            Learn = Fold.Learned,
            Says = (s, f) => $"release {Name(f, s.Release)} checked: check {s.Check.Short}, report {s.Report.Short}"
                + (s.Supersedes is { } old ? $", superseding entry {N(old)}" : ""),
        },
        new StatementKind<Approval>("approval", Approval.Read)
        {
            Signers = (by, s) => by.One(RoleName.Approver, s.System, s.Environment),
            Rule = Fold.Approve,
            Changes = [StateDigest.Approvals],
            Learn = Fold.Learned,
            Says = (s, f) =>
                $"{Deployment.Actions[s.Action]} of {Name(f, s.Release)} to {s.System}/{s.Environment} approved",
        },
        new StatementKind<Waiver>("waiver", Waiver.Read)
        {
            Signers = (by, s) => by.One(RoleName.Approver, s.System, s.Environment),
            Rule = Fold.Waive,
            Changes = [StateDigest.Waivers],
            Learn = Fold.Learned,
            Says = (s, f) => s.Replaces is { } given
                ? $"the waiver of entry {given}, of rule {s.Rule} for {Name(f, s.Release)} in "
                + $"{s.System}/{s.Environment}, taken back"
                : $"rule {s.Rule} waived for {Name(f, s.Release)} in {s.System}/{s.Environment}",
        },
        new StatementKind<Deployment>("deployment", Deployment.Read)
        {
            Signers = (by, s) => by.OneOf(RoleName.Deployer, RoleName.Node, s.System, s.Environment),
            Rule = Fold.Deploy,
            Changes = [StateDigest.Environments],
            Learn = Fold.Learned,
            Replaced = s => new("environments", State.Place(s.System, s.Environment), s.Replaces,
                (state, key) => state.Environments.TryGetValue(key, out var e) ? e.Head?.Entry : null),
            Says = (s, f) => s.Action == DeploymentAction.Halt ? $"{s.System}/{s.Environment} halted"
                : $"{Deployment.Actions[s.Action]} {s.System}/{s.Environment}: "
                    + string.Join(", ", s.Routes.Select(x =>
                        s.Routes.Length == 1 ? Name(f, x.Release) : $"{Name(f, x.Release)} {N(x.Weight)} %")),
        },
        new StatementKind<Observation>("observation", Observation.Read)
        {
            Signers = (by, s) => by.One(RoleName.Node, s.System, s.Environment),
            Rule = Fold.Observe,
            Changes = [StateDigest.Environments],
            MayComeLate = true,
            Says = (s, f) => $"{s.System}/{s.Environment}: {Observation.Events[s.Event]}, {Name(f, s.Release)}"
                + (s.Dimensions.All(d => d.Agrees) ? ""
                : $": {string.Join(", ", s.Dimensions.Where(d => !d.Agrees).Select(d => d.Name))} differ"),
        },
        new StatementKind<Anchor>("anchor", Anchor.Read)
        {
            Signers = Fold.MayAnchor,
            Rule = Fold.PutAnchor,
            Changes = [StateDigest.Logs],
            MayComeLate = true,
            Says = (s, _) => $"decision log {s.Log} anchored: {N(s.Opens + s.Closes + s.Wholes)} leaves",
        },
        new StatementKind<Alert>("alert", Alert.Read)
        {
            Signers = (by, s) => by.OneOf(RoleName.Node, RoleName.Service, s.System, s.Environment),
            Rule = Fold.PutAlert,
            Changes = [],
            MayComeLate = true,
            Says = (s, f) => $"alert {s.Name} on {Name(f, s.Release)} in {s.System}/{s.Environment}",
        },
        new StatementKind<Revocation>("revocation", Revocation.Read)
        {
            Signers = Fold.MayRevoke,
            Rule = Fold.Revoke,
            Changes = [StateDigest.Revocations],
            Learn = Fold.Learned,
            Says = (s, f) => $"{Revocation.Targets[s.Target]} {s.Digest.Short} revoked from entry "
                + $"{N(s.FromEntry ?? f.Index)} on ({Revocation.Effects[s.Effect]})",
        },
        new StatementKind<Erasure>("erasure", Erasure.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.Erase,
            Changes = [StateDigest.Erasures],
            Says = (s, _) => $"{N(s.Count)} {(s.Count == 1 ? "record" : "records")} of {s.Log} erased "
                + $"({(s.Cause == ErasureCause.Retention ? "their time was over" : "by request")})",
        },
        new StatementKind<Retention>("retention", Retention.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.Retain,
            Changes = [StateDigest.Logs],
            Says = (s, _) => $"decision log {s.Log} may be pruned below {N(s.Floor)}",
        },
        new StatementKind<Hold>("hold", Hold.Read)
        {
            Signers = (by, _) => by.Owners(),
            Rule = Fold.PutHold,
            Changes = [StateDigest.Holds],
            Says = (s, f) => s.Releases is { } entry ? $"hold of entry {N(entry)} released"
                : $"hold placed on {Fold.HoldOf(s, f.Index, f.Entry.Time)}",
        },
        new StatementKind<Verdict>("verdict", Verdict.Read, Verdict.SlsaSummary)
        {
            Signers = (by, _) => by.Server(),
            Rule = Fold.PutVerdict,
            Changes = [],
            Says = (s, f) => "verdict on "
                + (s.Releases.IsEmpty ? "a halt" : string.Join(", ", s.Releases.Select(r => Name(f, r))))
                + $" for {s.System}/{s.Environment}: "
                + (s.Passed ? "passed"
                : $"failed: {string.Join(", ", s.Rules.Where(r => !r.Allows).Select(r => r.Rule))}"),
        },
        new StatementKind<Refusal>("refusal", Refusal.Read)
        {
            Signers = (by, _) => by.Server(),
            Rule = Fold.PutRefusal,
            Changes = [],
            Says = (s, _) => $"refused: {s.Code}{(s.Rule is null ? "" : $", rule {s.Rule}")} (envelope "
                + $"{s.Envelope.Short}, as of size {N(s.Size)})",
        },
        new StatementKind<Reconcile>("reconcile", Reconcile.Read)
        {
            // Never the node that is reckoned with.
            Signers = (by, s) => by.OverOneOf(RoleName.Owner, RoleName.Service, s.System, s.Environment),
            Rule = Fold.PutReconcile,
            Changes = [],
            Says = (s, _) => $"reconciled {Scope(s.System, s.Environment)}: {Missing(s)}",
        },
        new StatementKind<Attestation>("attestation", Attestation.Read)
        {
            // A word on a whole system: an approver for one environment alone can't give it.
            Signers = (by, s) => by.OverOneOf(RoleName.Approver, RoleName.Owner, s.System, null),
            Rule = Fold.Attest,
            Changes = [Fold.AttestationPart],
            Learn = Fold.Learned,
            Says = (s, f) => s.Expires is not { } expires
                ? $"word of entry {N(s.Replaces ?? 0)} on {s.Control} taken back"
                : $"{s.Control} attested for {(s.Release is { } of ? Name(f, of) : s.System)}, until "
                + Rfc3339.Seconds(expires),
        },
    ];

    static readonly FrozenDictionary<string, Func<Statement.Parts, Statement>> Readers =
        All.ToFrozenDictionary(k => k.PredicateType, k => k.Read, StringComparer.Ordinal);

    static readonly FrozenDictionary<Type, StatementKind> ByType = All.ToFrozenDictionary(k => k.Type);

    /// <summary>The parts of a state that some kind changes, each once.</summary>
    internal static ImmutableArray<StateDigest.Part> Parts { get; } = [.. All.SelectMany(k => k.Changes).Distinct()];

    public static StatementKind Of(Statement statement) => ByType[statement.GetType()];

    /// <summary>The name of a kind, by the type of its statements.</summary>
    public static string NameOf<T>() where T : Statement => ByType[typeof(T)].Name;

    /// <summary>
    /// Reads a statement of any kind. Invariant: what is accepted encodes to the identical bytes.
    /// </summary>
    /// <exception cref="FormatException">Not a statement we would have written.</exception>
    /// <exception cref="UnknownKindException">A well-formed statement of a kind this version does not know.</exception>
    public static Statement Parse(ReadOnlySpan<byte> payload) =>
        Statement.Parse(payload, type => Readers.GetValueOrDefault(type));

    /// <summary>An entry in one line, for people. Text of others in it is not escaped.</summary>
    public static string Line(Folded folded) => Of(folded.Statement).Line(folded);

    static string Name(Folded f, Digest release) => f.Names.Releases.TryGetValue(release, out var r)
            && r.Entry <= f.Index
        ? $"{r.Name} ({release.Short})"
        : release.Short;

    static string Scope(string? system, string? environment) =>
        system is null ? "everything" : environment is null ? system : $"{system}/{environment}";

    static string How(Origin o) => o.BuildType switch
    {
        Origin.Pipeline => $"built from {N(o.Materials.Length)} materials"
            + (o.Runs is { Agree: true, Count: > 1 } r ? $", {N(r.Count)} runs agree" : ""),
        Origin.Import => "imported",
        _ => "frozen as found",
    };

    static string Missing(Reconcile s) => s.Logs.SelectMany(l => l.Differences).ToList() is { Count: > 0 } all
        ? $"{N(all.Count)} differences: {string.Join(", ", all.Select(d => $"{N(d.Count)} {d.Name}"))}"
        : "nothing is missing";

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
}
