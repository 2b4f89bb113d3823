using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>
/// One policy judging one action: what it saw, and the rules that were waived. Asking again gives the same outcomes.
/// </summary>
/// <param name="Release">The release that it was about, where a deployment routes to several.</param>
/// <param name="Left">What was left to it of the judgement's budget.</param>
public sealed record Sitting(Policy Policy, string Action, Digest? Release, Json Input,
    IReadOnlyDictionary<string, long> Waived, long Left);

/// <summary>
/// What the policies in force said of one action: every rule's outcome, and the input they judged, by policy.
/// </summary>
public sealed record Judgement(ImmutableArray<Digest> Policies, ImmutableArray<RuleOutcome> Rules, Json Input)
{
    /// <summary>How the outcomes came about, in their order.</summary>
    public ImmutableArray<Sitting> Sittings { get; init; } = [];

    /// <summary>
    /// What candidates for the policies in force would have said, and how that came about. Nothing is refused by
    /// it.
    /// </summary>
    public ImmutableArray<RuleOutcome> Would { get; init; } = [];

    /// <inheritdoc cref="Would"/>
    public ImmutableArray<Sitting> WouldSittings { get; init; } = [];

    /// <summary>This, and what was said of a further release.</summary>
    public Judgement And(Judgement other, Digest release) =>
        new(other.Policies, Rules.AddRange(other.Rules.Select(r => r with { Release = release })),
            Input.With(release.ToString(), other.Input))
    {
        Sittings = Sittings.AddRange(other.Sittings.Select(s => s with { Release = release })),
        Would = Would.AddRange(other.Would.Select(r => r with { Release = release })),
        WouldSittings = WouldSittings.AddRange(other.WouldSittings.Select(s => s with { Release = release })),
    };

    public bool Passed => Rules.All(r => r.Allows);
    public RuleOutcome? FirstFailure => Rules.FirstOrDefault(r => !r.Allows);
}

/// <summary>What <see cref="Fold.Apply"/> makes of an entry.</summary>
public abstract record Outcome
{
    /// <summary>The entry is part of the world now.</summary>
    public sealed record Accepted(State Next, Statement Statement, Judgement? Judgement) : Outcome;

    /// <summary>The very payload stands in the ledger already; a retry is told where.</summary>
    public sealed record Already(long Entry) : Outcome;

    /// <summary>
    /// The entry may not stand. <paramref name="Member"/> is the signer, where the signatures were good and the refusal
    /// can be executed again: only such refusals are recorded.
    /// </summary>
    public sealed record Refused(RefusalCode Code, string Message, Judgement? Judgement, Statement? Statement,
        string? Member) : Outcome;
}
