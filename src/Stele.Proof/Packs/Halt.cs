using System.Globalization;
using Stele.Proof.Governance;

namespace Stele.Proof.Packs;

/// <summary>
/// Why nothing can be judged from an entry on, though nothing contradicts. A closed set; the names stand in reports.
/// </summary>
public enum HaltReason
{
    /// <summary>A document that the entry names is not served.</summary>
    DocumentMissing,

    /// <summary>A kind of statement that this verifier does not know.</summary>
    UnknownKind,

    /// <summary>A fold version that this verifier does not know.</summary>
    UnknownFoldVersion,
}

/// <summary>Where the judging of a ledger stopped, and why.</summary>
/// <param name="Entry">The first entry that is not judged.</param>
/// <param name="Size">How many entries there are.</param>
public sealed record Halt(long Entry, HaltReason Reason, string Message, long Size)
{
    /// <summary>
    /// As reports say it, which is as the fold says it: <c>document-missing</c>, <c>unknown-kind</c>,
    /// <c>unknown-fold-version</c>.
    /// </summary>
    public string Code => Of(Reason).Name();

    /// <summary>The reason that a refusal by the fold is, if it says nothing against the entry.</summary>
    internal static HaltReason? ReasonOf(RefusalCode code) =>
        Enum.GetValues<HaltReason>().Where(r => Of(r) == code).Select(r => (HaltReason?)r).FirstOrDefault();

    static RefusalCode Of(HaltReason reason) => reason switch
    {
        HaltReason.DocumentMissing => RefusalCode.DocumentMissing,
        HaltReason.UnknownKind => RefusalCode.UnknownKind,
        _ => RefusalCode.UnknownFoldVersion,
    };

    string Advice => Reason == HaltReason.DocumentMissing ? "an audit pack has every document"
        : "a newer verifier may know it";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"stopped at entry {Entry}: {Code}: {Message}; entries {Entry} to {Size - 1} are not judged ({Advice})");

    public Json ToJson() => Json.Object(("entry", Entry), ("size", Size), ("code", Code), ("reason", Message));
}
