namespace Stele.Proof.Packs;

/// <summary>One thing that is not as it must be: its permanent name, where it is, and what is wrong.</summary>
public sealed record Finding(string Name, string Where, string Message)
{
    public override string ToString() => $"{Name}: {Where}: {Message}";
}

/// <summary>How a verification ended. The numbers are the exit codes of <c>stele-verify</c>.</summary>
public enum VerifyResult
{
    /// <summary>Everything is there and agrees.</summary>
    Complete = 0,

    /// <summary>Something was tampered with, damaged or is missing.</summary>
    Failed = 1,

    /// <summary>All agrees, but no trust file says whose ledger this is.</summary>
    Unauthenticated = 3,

    /// <summary>All agrees, with gaps that the ledger itself declares (pruned, erased or lost records).</summary>
    DeclaredGaps = 4,

    /// <summary>All agrees, and the ledger does not anchor it yet: a receipt that is its node's signed word so far.</summary>
    Early = 5,
}

/// <summary>What a verification found, for people and as JSON.</summary>
public sealed class VerifyReport
{
    /// <summary>Collecting stops here; a pack with this much wrong needs no longer list.</summary>
    const int MaxFindings = 1000;

    readonly List<Finding> _findings = [];
    readonly HashSet<Finding> _seen = [];
    readonly List<string> _notes = [];

    public IReadOnlyList<Finding> Findings => _findings;

    /// <summary>Plain sentences on what was checked and what is not promised.</summary>
    public IReadOnlyList<string> Notes => _notes;

    public bool Authenticated { get; internal set; }
    public int DeclaredGaps { get; internal set; }

    /// <summary>Of a receipt: its node's signed word alone, not anchored yet.</summary>
    public bool Early { get; internal set; }

    public VerifyResult Result =>
        _findings.Count > 0 ? VerifyResult.Failed : !Authenticated ? VerifyResult.Unauthenticated : Early ? VerifyResult.Early : DeclaredGaps > 0 ? VerifyResult.DeclaredGaps : VerifyResult.Complete;

    internal void Find(string name, string where, string message)
    {
        var finding = new Finding(name, where, message);
        if (_findings.Count < MaxFindings && _seen.Add(finding)) _findings.Add(finding);
    }

    internal void Note(string sentence) => _notes.Add(sentence);

    public Json ToJson() => Json.Object(
        ("result", Result switch { VerifyResult.Complete => "complete", VerifyResult.Failed => "failed", VerifyResult.Unauthenticated => "consistent-unauthenticated", VerifyResult.Early => "early", _ => "declared-gaps" }),
        ("exit", (int)Result),
        ("findings", Json.Array(_findings.Select(f => Json.Object(("name", f.Name), ("where", f.Where), ("message", f.Message))))),
        ("notes", Json.Array(_notes.Select(Json.Of))));
}
