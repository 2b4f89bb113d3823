namespace Stele.Proof.Packs;

/// <summary>
/// The exit codes of <c>stele-verify</c>. Numbers are permanent; 2 is a usage error or an unreadable file.
/// </summary>
public enum VerifyResult
{
    /// <summary>Nothing contradicts. There may be limits, which are named.</summary>
    Complete = 0,

    /// <summary>Something was changed, is damaged, missing or untrue.</summary>
    Failed = 1,

    /// <summary>All agrees, but no trust file says whose ledger this is.</summary>
    Unauthenticated = 3,

    /// <summary>All agrees, with gaps that the ledger itself declares (pruned, erased or lost records).</summary>
    DeclaredGaps = 4,

    /// <summary>
    /// All agrees, and no entry shown here anchors it: a receipt that is its node's signed word so far.
    /// </summary>
    Early = 5,

    /// <summary>One key signed two things that exclude each other.</summary>
    FraudProven = 6,

    /// <summary>What was judged agrees; from some entry on nothing could be judged.</summary>
    Stopped = 7,
}

/// <summary>
/// What a verification comes to, as a closed set: the same in program, page and JSON. The first that applies is the
/// headline: findings (proof of fraud before the others), then stopped,
/// unauthenticated, early, declared gaps, limits, complete. Limits and remarks are listed under every headline.
/// </summary>
public enum Headline
{
    FraudProven, Contradicted, Stopped, Unauthenticated, Early, DeclaredGaps, CompleteWithLimits, Complete,
}

/// <summary>One row a headline: its permanent name, its exit code, and its sentence.</summary>
public static class Headlines
{
    static readonly Dictionary<Headline,
        (string Name, VerifyResult Exit, Func<VerifyReport, string> Sentence)> Table = new()
    {
        [Headline.FraudProven] = ("fraud-proven", VerifyResult.FraudProven, r =>
            $"FRAUD PROVEN: one key signed two things that exclude each other; {Findings(r)}"),
        [Headline.Contradicted] = ("contradicted", VerifyResult.Failed, r => $"FAILED: contradicted: {Findings(r)}"),
        [Headline.Stopped] = ("stopped", VerifyResult.Stopped, r => r.Stopped!.ToString()),
        [Headline.Unauthenticated] = ("consistent-unauthenticated", VerifyResult.Unauthenticated, _ =>
            "consistent, unauthenticated: no trust file says whose ledger this is"),
        [Headline.Early] = ("early", VerifyResult.Early, _ =>
            "early: all agrees, and it is its node's signed word alone: no entry shown here anchors it"),
        [Headline.DeclaredGaps] = ("declared-gaps", VerifyResult.DeclaredGaps, _ =>
            "complete, except for gaps that the ledger itself declares"),
        [Headline.CompleteWithLimits] = ("complete-with-limits", VerifyResult.Complete,
            r => "complete, with limits: " +
                string.Join(", ", r.Limits.Select(l => l.Name).Distinct().Select(n => n.Name()))),
        [Headline.Complete] = ("complete", VerifyResult.Complete, _ => "complete: everything is there and agrees"),
    };

    static string Findings(VerifyReport r) => $"{r.Findings.Count} finding{(r.Findings.Count == 1 ? "" : "s")}";

    /// <summary>As reports say it in <c>result</c>; permanent.</summary>
    public static string Name(this Headline headline) => Table[headline].Name;

    public static VerifyResult Exit(this Headline headline) => Table[headline].Exit;

    /// <summary>The sentence that people read, of this very report.</summary>
    internal static string SentenceOf(VerifyReport report) => Table[report.Headline].Sentence(report);
}
