namespace Stele.Proof.Packs;

/// <summary>What was not shown, though nothing contradicts. Names are permanent; the set only grows.</summary>
public enum LimitName
{
    /// <summary>
    /// No trusted witness cosigned the checkpoint: a split view, and a tail that was cut off, are not ruled out.
    /// </summary>
    NoWitness,

    /// <summary>For longer than the system allows, no observation says what ran.</summary>
    ObservationGap,

    /// <summary>Decisions at a log's end that no entry anchors yet.</summary>
    UnanchoredDecisions,

    /// <summary>A decision log that is known to the ledger and of which nothing is shown.</summary>
    LogNotShown,

    /// <summary>Decisions by a node that had not seen the ledger for longer than was allowed.</summary>
    StaleDecisions,

    /// <summary>Decisions by an earlier deployment than the newest that the node knew.</summary>
    EarlierDeployment,

    /// <summary>Requests that were let through, and of whose end there is no record.</summary>
    UnclosedDecisions,

    /// <summary>A node's own times disagree with each other or with the server's.</summary>
    NodeClock,

    /// <summary>A reconciliation states records that are missing or surplus.</summary>
    ReconciliationDifference,

    /// <summary>Something that a statement counts can't be counted again here.</summary>
    NotCounted,

    /// <summary>A verdict or refusal was not executed again here.</summary>
    NotExecuted,

    /// <summary>A receipt could not be compared with what is here.</summary>
    NotCompared,

    /// <summary>A short form leaves out what it takes to execute a verdict again.</summary>
    Brief,

    /// <summary>A signature of a kind that could not be checked: by the page, in a browser without Ed25519.</summary>
    SignaturesUnchecked,
}

/// <summary>A limit, and the sentence that says what exactly is not shown.</summary>
public sealed record Limit(LimitName Name, string Sentence)
{
    public override string ToString() => $"{Name.Name()}: {Sentence}";
}

/// <summary>
/// What is only somebody's word, or harmless and worth knowing. It does not change the headline. Names are permanent;
/// the set only grows.
/// </summary>
public enum RemarkName
{
    /// <summary>Times of entries are the server's word, within the bounds that are told.</summary>
    ServerTimes,

    /// <summary>
    /// An entry's time lies beyond every cosignature, and far after its signer's own time: nothing bounds it.
    /// </summary>
    TimeBeyondCosignatures,

    /// <summary>An envelope that was refused was admitted later.</summary>
    RefusedThenAdmitted,

    /// <summary>Records under a hold were erased by a node that says it did not know of the hold.</summary>
    ErasedUnderHold,
}

/// <summary>A remark, and its sentence.</summary>
public sealed record Remark(RemarkName Name, string Sentence)
{
    public override string ToString() => $"{Name.Name()}: {Sentence}";
}

/// <summary>What a fact rests on.</summary>
public enum Basis
{
    /// <summary>
    /// Signatures by keys that the ledger or the trust file names, and hashes under what they signed.
    /// </summary>
    Proven,

    /// <summary>The node that decided says so, and signed it.</summary>
    NodeWord,

    /// <summary>The ledger's server says so, and signed it.</summary>
    ServerWord,

    /// <summary>What is shown here does not tell.</summary>
    NotShown,
}

/// <summary>One fact in a sentence, and what it rests on.</summary>
public sealed record Fact(Basis Basis, string Sentence);

/// <summary>The permanent names of limits and remarks, and the labels of facts.</summary>
public static class ReportNames
{
    static readonly Dictionary<LimitName, string> Limits = new()
    {
        [LimitName.NoWitness] = "no-witness",
        [LimitName.ObservationGap] = "observation-gap",
        [LimitName.UnanchoredDecisions] = "unanchored-decisions",
        [LimitName.LogNotShown] = "log-not-shown",
        [LimitName.StaleDecisions] = "stale-decisions",
        [LimitName.EarlierDeployment] = "earlier-deployment",
        [LimitName.UnclosedDecisions] = "unclosed-decisions",
        [LimitName.NodeClock] = "node-clock",
        [LimitName.ReconciliationDifference] = "reconciliation-difference",
        [LimitName.NotCounted] = "not-counted",
        [LimitName.NotExecuted] = "not-executed",
        [LimitName.NotCompared] = "not-compared",
        [LimitName.Brief] = "brief",
        [LimitName.SignaturesUnchecked] = "signatures-unchecked",
    };

    static readonly Dictionary<RemarkName, string> Remarks = new()
    {
        [RemarkName.ServerTimes] = "server-times",
        [RemarkName.TimeBeyondCosignatures] = "time-beyond-cosignatures",
        [RemarkName.RefusedThenAdmitted] = "refused-then-admitted",
        [RemarkName.ErasedUnderHold] = "erased-under-hold",
    };

    static readonly Dictionary<Basis, (string Name, string Label)> Bases = new()
    {
        [Basis.Proven] = ("proven", "proven by signatures and hashes"),
        [Basis.NodeWord] = ("node-word", "on the node's word"),
        [Basis.ServerWord] = ("server-word", "on the server's word"),
        [Basis.NotShown] = ("not-shown", "not shown here"),
    };

    public static string Name(this LimitName name) => Limits[name];
    public static string Name(this RemarkName name) => Remarks[name];

    /// <summary>As JSON says it: <c>proven</c>, <c>node-word</c>, <c>server-word</c>, <c>not-shown</c>.</summary>
    public static string Name(this Basis basis) => Bases[basis].Name;

    /// <summary>As people read it.</summary>
    public static string Label(this Basis basis) => Bases[basis].Label;
}
