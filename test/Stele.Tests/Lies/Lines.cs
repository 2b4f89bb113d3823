using System.Text.RegularExpressions;

namespace Stele.Tests.Lies;

/// <summary>
/// Every sentence that a verifier's report can have, by a fragment of the source that makes it, and the lie that would
/// have
/// it say what is not so. A new one is added with its lie.
/// </summary>
static partial class Lines
{
    public static readonly (string Fragment, string Lie)[] All =
    [
        // Receipts.
        ("the decision: at ", "it was denied"),
        ("how it ended: no close is shown", "nobody knows how it ended"),
        ("where it is written: ", "it is another leaf"),
        ("whether the ledger anchors it: ", "the ledger does not anchor it"),
        ("which entry {N(entry)} states for this place", "a policy that the fold refused was in force"),
        ("frozen in the release itself", "the release had no rules of its own"),
        ("that these rules were asked", "another policy decided"),
        ("what this rests on: ", "an entry stands elsewhere in the ledger"),
        ("admitted each of these entries", "another deployer's attempt, which was refused, was admitted"),
        ("times: the server stamps entries", "it was deployed ten months after it was decided"),
        ("whose ledger this is: ", "it is of another ledger"),
        ("no witness that you trust cosigned", "a witness cosigned it"),
        ("that you trust cosigned the ledger's checkpoint, last at", "a witness cosigned it a year ago"),
        ("whether the deployment was still the newest", "the data was imported by one member alone"),
        ("what the record says answered: ", "another builder declared the release"),
        (" made of the ", "the data was built by a pipeline, from what has no origin"),
        (" a check of it is stated", "the check of another release is its own"),
        ("who signed its deployment: ", "the deployer's key is another member's"),
        ("approval: entry {N(index)} approves", "the approval of a rollback approved the deployment"),
        ("that these approvals counted", "an approval that was taken back counts"),
        ("how it passed the rules: the verdict", "99 rules passed"),
        ("what the rules saw: ", "nobody explained the deployment"),
        ("how it passed the rules: judged again", "a deployment that was refused, as a rule failed, passed"),
        ("says the same, to the byte", "the ratio was 0.99"),
        ("approval: entry {N(a.By.Entry)} approves", "its approver is no author of the release"),
        ("that the ledger's own fold let it pass", "a state from before the deployment shows it"),
        ("that no other policy, head, system or member", "a policy that had been replaced was in force"),
        ("the verdict has the digest of all that the rules saw",
            "no check of it failed, and nothing was waived, says the verdict too"),
        ("no signature here binds these lists", "no check of it failed, and nothing was waived"),
        ("was revoked before the deployment too",
            "an approval by a key that was revoked counts, and nobody had revoked it by then"),
        ("what is gone: ", "its keys were erased, though a hold forbade it"),
        ("that the deployment passed its rules is the server's word\")",
            "a deployment that was refused, as nobody had approved it, passed"),
        ("is the server's word so far", "its node had signed no state since the deployment"),
        ("; not executed here: ", "its reports have groups, which a brief receipt leaves out"),
        ("and its deployment {Time(deployed)}", "it was decided in 1990"),
        ("and it was anchored at {Time(anchored.Time)}", "it was decided next year"),
        // Packs and ledgers.
        ("unjudged: ", "entries behind a withheld document are in order"),
        ("entries folded again by fold version", "the ledger has one entry more"),
        ("who was root on a node may have lied", "the node folded another state"),
        ("consistent, unauthenticated: ", "it is of another ledger"),
        ("no trust file says whose cosignatures count", "a witness cosigned it"),
        ("witnesses: 0: ", "a witness cosigned it"),
        ("witnesses: {cosigned.Length} cosigned", "a witness cosigned it a year ago"),
        ("the times of entries are the server's word", "all of it came half an hour later"),
        ("are dated by their signer more than 24 hours", "its log's anchor came next year"),
        ("nothing but the server's word bounds", "its log's anchor came next year"),
        ("was admitted later, as entry", "what was admitted had been refused before"),
        ("verdicts and refusals were not executed again", "something was refused that nobody sent"),
        ("refusals executed again", "one refusal is two"),
        ("entries hashed, ", "nothing else is to be judged"),
        ("it extends the ", "this is the ledger that was seen before"),
        ("others another ledger, unless witnesses", "this is the ledger that was seen before"),
        ("': lost, as the ledger declares", "the log is lost, says the server"),
        ("no leaf was ever anchored", "the pack needs no decision log"),
        ("nobody said what ran", "it was seen running when nobody looked"),
        ("whether its node recorded anything after its last anchor", "no record was made after the last anchor"),
        ("what observations say is the word of their nodes", "it was seen running when nobody looked"),
        ("No silence between the observations", "it was seen running when nobody looked"),
        ("this pack is from before it", "the pack has what a receipt promised"),
        ("anchored leaves were lost", "the last records that were anchored were never made"),
        ("leaves ({wholes} whole", "a record was never made"),
        ("{Number(count)} {what}", "no record was made after the last anchor"),
        ("leaves at its end are not anchored", "no record was made after the last anchor"),
        ("let through and never closed", "an operation was closed that was not open"),
        ("served on a ledger older", "the ledger it knew was fresh"),
        ("served by an earlier deployment", "a later deployment put it there"),
        ("NodeClock, $\"decision log '{log.Origin}': {off}", "the records are dated a year before"),
        ("was compared with the pack's", "the pack has what a receipt promised"),
        ("decision logs and reconciliations are not judged", "entries behind a withheld document are in order"),
        ("are not here to be reckoned again\")", "the reckoning's anchors were others"),
        ("ReconciliationDifference, ", "the reckoning counted other records"),
        ("reconciliation in {where}, '{row.Log}' from", "the reckoning counted other records"),
        ("leaves were pruned, below the floor", "its records may be pruned, says the server"),
        ("which were pruned since", "its records may be pruned, says the server"),
        ("records were erased, as", "keys were erased, though a hold forbade it, in a pack"),
        ("': held by entry", "a hold was released, says the server"),
        ("records within it were erased by entry", "keys were erased, though a hold forbade it, in a pack"),
    ];

    /// <summary>The calls in a source that add a sentence to a report, each as one line with its literals
    /// joined.</summary>
    public static IEnumerable<string> CallsIn(string source)
    {
        foreach (Match call in Call().Matches(source))
        {
            var (end, open) = (call.Index + call.Length, 1);
            for (; open > 0; end++) open += source[end] switch { '(' => 1, ')' => -1, _ => 0 };
            yield return Space().Replace(Joint().Replace(source[call.Index..end], ""), " ");
        }
    }

    const string Facts = @"(?<![\w.])(?<!void )(Proven|Node|Server|Missing)\(",
        Others = @"(?<=report\.)(Note|Limit|Remark|Fact(?!\(Basis\.\w+, sentence\)))\(",
        Counts = @"(?<![\w.])Short\(LimitName\.";

    [GeneratedRegex(Facts + "|" + Others + "|" + Counts)]
    private static partial Regex Call();

    [GeneratedRegex("\"\\s*\\+\\s*\\$?\"")]
    private static partial Regex Joint();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
