using System.Collections.Immutable;
using Stele.Proof.Statements;

namespace Stele.Proof.Governance;

/// <summary>What the policies in force said of one action: every rule's outcome, and the input they judged, by policy.</summary>
public sealed record Judgement(ImmutableArray<Digest> Policies, ImmutableArray<RuleOutcome> Rules, Json Input)
{
    /// <summary>What candidates beside the policies in force would have said. Nothing is refused by it.</summary>
    public ImmutableArray<RuleOutcome> Would { get; init; } = [];

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

    /// <summary>The entry may not stand. <paramref name="Member"/> is the signer, where the signatures were good and the refusal can be executed again: only such refusals are recorded.</summary>
    public sealed record Refused(RefusalCode Code, string Message, Judgement? Judgement, Statement? Statement, string? Member) : Outcome;
}
