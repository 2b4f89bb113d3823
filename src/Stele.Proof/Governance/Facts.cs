using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

// What the fold remembers: one record a noun. Each says which entry it rests on; those that can lose force say which
// key signed them.

/// <summary>Who signed a fact: the entry, the member and the key.</summary>
/// <param name="Rests">
/// The statement that the member stood on then; 0, genesis, for founders, the server's key and the recovery key.
/// </param>
public sealed record Signed(long Entry, string Member, Digest Key, long Rests = 0);

/// <param name="By">Who signed the statement it rests on; nobody for founders.</param>
public sealed record MemberFact(string Id, long Entry, ImmutableArray<Signed> By, ImmutableArray<PublicKey> Keys,
    ImmutableArray<Role> Roles, Digest? Name)
{
    public bool Has(RoleName role, string? system = null, string? environment = null) =>
        Roles.Any(r => r.Name == role && r.Covers(system, environment));
    public bool IsOwner => Roles.Any(r => r.Name == RoleName.Owner && r.System is null);
}

public sealed record SystemFact(string Name, long Entry, string Owner, string Risk,
    ImmutableArray<EnvironmentTerms> Environments)
{
    public RetentionTerms? Retention { get; init; }
    public EnvironmentTerms? Environment(string name) => Environments.FirstOrDefault(e => e.Name == name);
}

/// <param name="Candidate">
/// A policy that is judged too, in addition to the one in force, and only recorded, except for
/// <paramref name="Share"/> percent of the gateway's principals: for them it decides.
/// </param>
public sealed record PolicyFact(long Entry, ImmutableArray<Signed> By, Digest? Policy, Digest? Candidate = null,
    int Share = 0)
{
    /// <summary>Whether the candidate decides for a principal in the place of the policy in force.</summary>
    public bool CandidateDecidesFor(string principal) =>
        Candidate is { } candidate && PolicyStatement.FallsInto(Share, candidate, principal);
}

/// <summary>How well an origin is known, weakest first. Derived by the fold, never stated.</summary>
public enum Strength { None, Claimed, Imported, Built, Reproduced }

/// <param name="Recipe">
/// Digest of build type, parameters and materials: two builds of one recipe that agree are a reproduction.
/// </param>
/// <param name="Builder">Who built, among those who signed.</param>
/// <param name="Agrees">Whether the builder's own runs agree, as far as the step ran more than once.</param>
public sealed record OriginFact(ImmutableArray<Signed> By, string Builder, bool Agrees, string BuildType, Digest Recipe,
    ImmutableArray<Digest> Materials)
{
    /// <summary>What its freezer says of it; of what was built, the kind alone. Null where nothing is said.</summary>
    public SourceTerms? Source { get; init; }
}

/// <summary>
/// What is said of an artifact that came from outside: its name, its kind, where it is from (usually an address), and
/// its licence, an SPDX expression. All of it is the freezer's claim.
/// </summary>
public sealed record SourceTerms(string? Name, string? Kind, string? From, string? Licence)
{
    /// <summary>The longest origin that is kept.</summary>
    public const int MaxFrom = 2000;

    /// <exception cref="FormatException">A parameter of an origin is not what it should be.</exception>
    internal static SourceTerms Of(Origin s, string? name)
    {
        var from = s.Parameters.Find("origin")?.AsString;
        if (from?.Length > MaxFrom) throw new FormatException($"an 'origin' of more than {MaxFrom} characters");
        return new(name, s.Parameters.Find("kind") is { } k ? Names.OneOf(k, Artifacts.Kinds) : null, from,
            s.Parameters.Find("licence") is { } l ? Names.Licence(l) : null);
    }
}

public sealed record ReleaseFact(Digest Digest, ImmutableArray<Signed> By, string System, string Name, Digest Document,
    ImmutableArray<Component> Components, Digest? Policy)
{
    public long Entry => By[0].Entry;

    /// <summary>Where its closure begins: itself, its document, its policy and its components.</summary>
    internal IEnumerable<Digest> Roots =>
        [Digest, Document, .. Policy is { } p ? [p] : ImmutableArray<Digest>.Empty,
            .. Components.Select(c => c.Digest)];
}

/// <param name="Time">The entry's.</param>
/// <param name="SupersededBy">
/// The evaluation that replaced this one, if any; it does so only as long as its own signature counts.
/// </param>
public sealed record EvaluationFact(Signed By, long Time, Digest Release, Digest Check, Digest Report,
    Signed? SupersededBy);

/// <param name="Withdrawn">Its giver took it back, for good.</param>
public sealed record ApprovalFact(Signed By, Approval Approval, Signed? Withdrawn = null)
{
    public long Expires => Approval.Expires!.Value;
}

/// <param name="Withdrawn">
/// Who took it back, for good: whatever becomes of that key, a new waiver is needed to have it again.
/// </param>
public sealed record WaiverFact(Signed By, Waiver Waiver, Signed? Withdrawn = null)
{
    public long Expires => Waiver.Expires!.Value;
}

/// <summary>
/// Where an environment stands: the deployment entry, what it routes to, the policies that let it pass and the waivers
/// it leans on.
/// </summary>
public sealed record HeadFact(long Entry, long Time, DeploymentAction Action, ImmutableArray<Route> Routes,
    ImmutableArray<Digest> Policies, ImmutableArray<long> Waivers, ImmutableArray<Route> PreviousRoutes);

/// <param name="Deployed">Every release that was ever routed to here, and the last entry that did.</param>
/// <param name="Heads">Every deployment there was here, by its entry.</param>
public sealed record EnvironmentFact(HeadFact? Head, FactMap<Digest, long> Deployed, FactMap<long, PastHead> Heads,
    ObservationFact? Observation)
{
    public static readonly EnvironmentFact None = new(null, FactMap<Digest, long>.Create(),
        FactMap<long, PastHead>.Create(), null);

    /// <summary>
    /// Whether a release was ever all that ran here: a share of a canary is not what one goes back to.
    /// </summary>
    public bool RanAlone(Digest release) =>
        Deployed.ContainsKey(release) && Heads.Values.Any(h => h.Routes is [var only] && only.Release == release);
}

/// <summary>What a deployment routed to.</summary>
public sealed record PastHead(DeploymentAction Action, ImmutableArray<Route> Routes)
{
    /// <summary>The share of a release, in percent; null if it had none.</summary>
    public int? WeightOf(Digest release) => Routes.FirstOrDefault(r => r.Release == release)?.Weight;
}

public sealed record ObservationFact(long Entry, long Time, ObservedEvent Event, Digest Release, long Deployment,
    bool Agrees,
    string Node);

/// <summary>What the newest anchor says of a decision log.</summary>
/// <param name="Issued">When the node signed it, by its own clock.</param>
public sealed record Anchored(long Entry, long Time, long Size, Digest Root, long Opens, long Closes, long Wholes,
    long Issued, GatewayCount? Gateway);

public sealed record LogFact(string Origin, string Key, string Node, string System, string Environment,
    string? Predecessor, long Entry, LogAction Status, Anchored? Anchor, long Floor)
{
    /// <summary>
    /// Every anchor there was, oldest first. The state's digest leaves them out: the entries that they are from stand
    /// in it.
    /// </summary>
    public Sequence<Anchored> Anchors { get; init; } = Sequence<Anchored>.Empty;

    /// <summary>How many leaves were anchored by a time.</summary>
    public long AnchoredBy(long time) =>
        Anchors.CountWhile(a => a.Time <= time) is > 0 and var n ? Anchors[n - 1].Size : 0;
}

/// <param name="Recovery">From which entry on the recovery key took the key; null: it did not.</param>
public sealed record RevocationFact(long Entry, RevocationTarget Target, long FromEntry, RevocationEffect Effect,
    long? Recovery = null);
