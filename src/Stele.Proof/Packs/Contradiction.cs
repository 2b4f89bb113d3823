using System.Collections.Immutable;

namespace Stele.Proof.Packs;

/// <summary>How two words of one log's key exclude each other. Names are permanent.</summary>
public enum ContradictionKind
{
    /// <summary>Two checkpoints of one size have different roots, both signed by the log's key.</summary>
    TwoCheckpoints,
    /// <summary>One index holds two different leaves, in two trees signed by the log's key.</summary>
    OtherLeaf,
    /// <summary>A range of leaves has two different hashes, in two trees signed by the log's key.</summary>
    OtherLeaves,
    /// <summary>
    /// The log as it is found, under a checkpoint by its key, had another root at the size of a checkpoint by the same
    /// key.
    /// </summary>
    OtherRoot,
    /// <summary>By the node's own signed times the log was smaller later than it was before.</summary>
    LaterSmaller,
}

/// <summary>One contradiction: what exactly is proven, in words.</summary>
public sealed record Contradiction(ContradictionKind Kind, string Message)
{
    /// <summary>
    /// As reports say it: <c>two-checkpoints</c>, <c>other-leaf</c>, <c>other-leaves</c>, <c>other-root</c>,
    /// <c>later-smaller</c>.
    /// </summary>
    public string Name => Kind switch
    {
        ContradictionKind.TwoCheckpoints => "two-checkpoints",
        ContradictionKind.OtherLeaf => "other-leaf",
        ContradictionKind.OtherLeaves => "other-leaves",
        ContradictionKind.OtherRoot => "other-root",
        _ => "later-smaller",
    };
}

/// <summary>
/// How a question for fraud was answered. The numbers are the exit codes of <c>stele-verify fraud</c>.
/// </summary>
public enum FraudVerdict
{
    /// <summary>Both sides are genuine, and one history explains them.</summary>
    Consistent = 0,

    /// <summary>
    /// One side is not genuine, or not of this ledger and log: whatever it says proves nothing against anyone.
    /// </summary>
    NothingProven = 1,

    /// <summary>
    /// Both sides are genuine, and do not speak of the same leaves: nothing contradicts, nothing confirms.
    /// </summary>
    Undecided = 4,

    /// <summary>Both sides are genuine, and no honest log's key could have signed both.</summary>
    Proven = 6,
}

/// <summary>What a receipt and something else of the same log prove together.</summary>
public sealed record FraudReport(FraudVerdict Verdict, ImmutableArray<Contradiction> Contradictions,
    ImmutableArray<Finding> Findings, ImmutableArray<string> Notes)
{
    public Json ToJson() => Json.Object(
        ("result", Verdict switch
        {
            FraudVerdict.Consistent => "consistent",
            FraudVerdict.NothingProven => "nothing-proven",
            FraudVerdict.Undecided => "undecided",
            _ => "fraud-proven"
        }),
        ("exit", (int)Verdict),
        ("contradictions",
            Json.Array(Contradictions.Select(c => Json.Object(("name", c.Name), ("message", c.Message))))),
        ("findings", Json.Array(
            Findings.Select(f => Json.Object(("name", f.Name), ("where", f.Where), ("message", f.Message))))),
        ("notes", Json.Array(Notes.Select(Json.Of))));
}
