using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// Step 6: whether the record says what the entries say.
public sealed partial class ReceiptVerifier
{
    Deployment? Deployed => _statements.GetValueOrDefault(Record.Deployment) as Deployment;

    void Agrees(ProvenRecord proven)
    {
        var d = Record;
        if (d.Kind == DecisionKind.Close) _report.Find("decision-kind", Id, "a close is no decision: its open is");
        if ((d.System, d.Environment) != (proven.Log.System, proven.Log.Environment)) _report.Find("decision-place",
            Id, $"it is of {d.System}/{d.Environment}, the log of " +
            $"{proven.Log.System}/{proven.Log.Environment}");
        if (_receipt.Close is { } close
            && !(d.Kind == DecisionKind.Open && close.Index > _receipt.Leaf.Index
            && close.Decision.Open == _receipt.Leaf.Index
            && DecisionLeaf.OperationOf(close.Decision).AsSpan().SequenceEqual(DecisionLeaf.OperationOf(d))))
            _report.Find("decision-close-differs", Id, "the close is not this decision's");
        if (d.Size > proven.LedgerSize) _report.Find("decision-range", Id, $"it names the ledger at size " +
            $"{N(d.Size)}; the checkpoint covers {N(proven.LedgerSize)} entries");
        if (proven.Anchor is { } anchor && (anchor.Entry < d.Size || anchor.Statement.Size < d.Size))
            _report.Find("decision-range", Id, $"its node had folded {N(d.Size)} entries, it says; the anchor over " +
                $"it stands in entry {N(anchor.Entry)} and says {N(anchor.Statement.Size)}");
        if (!(Deployed is { } deployment && (deployment.System, deployment.Environment) == (d.System, d.Environment)
            && deployment.Routes.Any(r => r.Release == d.Release) && d.Deployment < d.Size))
        {
            _report.Find("decision-release", Id,
                $"no entry {N(d.Deployment)} of the receipt put {d.Release} into {d.System}/{d.Environment}");
            return;
        }
        var deployed = At(d.Deployment).Entry.Time;
        if (d.Time < deployed - Fold.MaxSkew)
            _report.Limit(LimitName.NodeClock, $"the record says {Time(d.Time)} by its node's clock, and its " +
                $"deployment {Time(deployed)}: one of the two clocks was wrong");
        if (proven.Anchor is { } anchored && d.Time > anchored.Time + Fold.MaxSkew)
            _report.Limit(LimitName.NodeClock, $"the record says {Time(d.Time)} by its node's clock, and it was " +
                $"anchored at {Time(anchored.Time)}: one of the two clocks was wrong");

        var (released, release) = Released;
        if (release is null || Document(release.Digest, "the release's manifest") is not { } manifest
            || Document(release.Document, "the release document") is not { } bytes)
        {
            if (release is null) _report.Find("release-missing", Id, $"no entry of the receipt declares {d.Release}");
            return;
        }
        var document = ReleaseDocument.Parse(bytes.ToBytes());
        if (manifest["config"]["digest"].AsDigest != release.Document || document.System != d.System
            || release.System != d.System)
            _report.Find("release-differs", $"entry {N(released)}",
                "manifest, document and statement do not belong together");
        if (document.Policy != d.ReleasePolicy) _report.Find("decision-policy",
            Id, "it names another policy than the release's own");
        if (document.Policy is { } own) Policy(own);
        foreach (var c in document.Components.Where(c => Origins(c.Digest).Count == 0)) _report.Find("origin-missing",
            c.Name, $"no entry of the receipt says where {c.Digest} comes from");

        if (!Deciding) _report.Find("decision-policy",
            Id, "it names other policies than the receipt's entries put in force there");
        foreach (var digest in d.Policies) Policy(digest);
        if (d.RulePolicy is { } of && of != d.ReleasePolicy
            && !d.Policies.Contains(of)) _report.Find("decision-policy",
            Id, $"it rests on a rule '{d.Rule}' of {of.Short}, a policy that did not decide there");
        if (_outcome is null) foreach (var (index, v) in Verdicts) Holds(index, v, deployment);
    }

    (long Index, Release? Release) Released => ReleaseOf(Record.Release);

    (long Index, Release? Release) ReleaseOf(Digest release) =>
        _statements.Where(s => s.Value is Release r && r.Digest == release && s.Key < Record.Deployment)
            .OrderBy(s => s.Key).Select(s => (s.Key, (Release?)s.Value)).FirstOrDefault();

    List<(long Index, Origin Origin)> Origins(Digest artifact) =>
        [.. _statements.Where(s =>
            s.Value is Origin o && s.Key < Record.Deployment && o.Outputs.Any(x => x.Digest == artifact))
            .OrderBy(s => s.Key).Select(s => (s.Key, (Origin)s.Value))];

    /// <summary>
    /// The newest entry of the receipt for each scope around the decision's place, the widest first, among the first so
    /// many of the ledger: what came before it was replaced.
    /// </summary>
    IEnumerable<(long Index, PolicyStatement Policy)> InForce(long size)
    {
        foreach (var (system, environment) in new (
            string?, string?)[] { (null, null), (Record.System, null), (Record.System, Record.Environment) })
            if (_statements.Where(s =>
                s.Value is PolicyStatement p && s.Key < size && p.System == system && p.Environment == environment)
                .Select(s => (long?)s.Key).Max() is { } newest)
                yield return (newest, (PolicyStatement)_statements[newest]);
    }

    /// <summary>
    /// Whether the record names the policies that had to decide for its principal, by the receipt's own entries: of
    /// each scope the policy in force, or the candidate where the principal is of its share, or both: as
    /// it is when the candidate has lost its force. Whether it had, and whether an entry that is not shown replaced one
    /// that is, a receipt can't prove.
    /// </summary>
    bool Deciding
    {
        get
        {
            var left = Record.Policies.AsSpan();
            foreach (var (_, p) in InForce(Record.Size))
            {
                var chosen = p.Candidate is { } candidate
                    && PolicyStatement.FallsInto(p.Share, candidate, Record.Principal);
                if (p.Policy is { } policy)
                {
                    if (left is [var first, ..] && first == policy) left = left[1..];
                    else if (!chosen) return false;
                }
                if (!chosen) continue;
                if (left is not [var next, ..] || next != p.Candidate) return false;
                left = left[1..];
            }
            return left.IsEmpty;
        }
    }

    /// <summary>
    /// The entry that put a policy in force for the decision's place, or that made it a candidate there.
    /// </summary>
    long? PutInForce(Digest policy) =>
        InForce(Record.Size).Where(p => p.Policy.Policy == policy || p.Policy.Candidate == policy)
        .Select(p => (long?)p.Index).Max();

    IEnumerable<(long Index, Verdict Verdict)> Verdicts =>
        _statements.Where(s => s.Value is Verdict v && v.Size == Record.Deployment).OrderBy(s => s.Key)
            .Select(s => (s.Key, (Verdict)s.Value));

    Json? Document(Digest digest, string what)
    {
        if (_documents.TryGetValue(digest, out var document)) return document;
        _report.Find("document-missing", digest.ToString(), $"{what} is not in the receipt");
        return null;
    }

    Policy? Policy(Digest digest) =>
        Document(digest, "the policy") is { } document ? Governance.Policy.Parse(document.ToBytes()) : null;
}
