using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// Step 7: genuine papers of other acts prove nothing here, and would be read as if they did.
public sealed partial class ReceiptVerifier
{
    void Belongs()
    {
        if (_report.Findings.Count > 0 || Deployed is not { } deployment) return;
        var named = _receipt.State is { } opening
            ? new HashSet<(string, string)>(opening.Facts.Select(f => (f.Map, f.Path.Key))) : null;
        var signers = _receipt.Entries.SelectMany(e => e.Entry.Envelope.Signatures.Select(s => s.KeyId)).ToHashSet();
        var closure = Closure(deployment);
        foreach (var (index, statement) in _statements.Where(s =>
            !Belongs(s.Key, s.Value, deployment, named, signers, closure)).OrderBy(s => s.Key))
            _report.Find("entry-foreign", $"entry {N(index)}",
                $"this {statement.Kind} has no part in the decision: it is of another act, or came later");

        var documents = NamedDocuments();
        foreach (var digest in _documents.Keys.Where(d => !documents.Contains(d)).Order())
            _report.Find("document-foreign", digest.ToString(), "nothing in the receipt names this document");
    }

    bool Belongs(long index, Statement statement, Deployment deployment, HashSet<(string, string)>? named,
        HashSet<Digest> signers, HashSet<Digest> closure)
    {
        bool Named(string map, string key) => named?.Contains((map, key)) == true;
        bool Numbered(string map) => Named(map, N(index));
        // What came between the deployment and the state that the node signed, and changed a fact.
        var signed = Signed?.Size ?? 0;
        return statement switch
        {
            GenesisStatement or LogKeyStatement => true,
            MemberStatement m => Named("members", m.Member) || Numbered("statings")
                || m.Keys.Any(k => signers.Contains(k.Id)),
            SystemStatement s => Named("systems", s.System) && index < signed,
            PolicyStatement p => State.Scopes(Record.System, Record.Environment)
                .Contains(State.Scopes(p.System, p.Environment)[^1]) && index < Math.Max(Record.Size, signed),
            Origin o => o.Outputs.Any(x => closure.Contains(x.Digest) || Named("origins", x.Digest.ToString())),
            Release r => r.Digest == Record.Release || Named("releases", r.Digest.ToString()),
            Evaluation e => named is null ? e.Release == Record.Release && index < Record.Deployment
                : Numbered("evaluations") || (e.Supersedes is { } n && Named("evaluations", N(n)) && index < signed),
            Approval a => named is null ? Fits(index, a, deployment) : a.Replaces is { } n ? Named("approvals", N(n))
                && index < signed : Numbered("approvals"),
            Waiver w => w.Replaces is { } n ? Named("waivers", N(n)) && index < signed : Numbered("waivers"),
            Attestation => Numbered("attestations"),
            Deployment d => index == Record.Deployment
                || (named is not null && (d.System == deployment.System && index < signed)),
            Revocation r => Named("revocations", r.Digest.ToString()) && index < signed,
            LogStatement l => l.Origin == _receipt.Log || (Named("logs", l.Origin) && index < signed),
            Anchor a => index == _receipt.State?.Entry
                || (a.Log == _receipt.Log && Receipt.TreeOf(a.Checkpoint) == Receipt.TreeOf(_receipt.LogCheckpoint)),
            Observation => index == _receipt.State?.Entry,
            Erasure => index == _receipt.Erased?.Entry,
            Verdict v => v.Size == Record.Deployment && index > Record.Deployment,
            _ => false,
        };
    }

    /// <summary>
    /// Whether an approval is of this very deployment, as far as the two say; what its giver was shown, layout 1 does
    /// not tell.
    /// </summary>
    bool Fits(long index, Approval a, Deployment d) =>
        index < Record.Deployment && a.Replaces is null && a.Release == Record.Release
            && (a.System, a.Environment, a.Action, a.Head) == (d.System, d.Environment, d.Action, d.Replaces)
        && a.Routes.Length == d.Routes.Length && a.Routes.All(d.Routes.Contains)
            && a.Expires > At(Record.Deployment).Entry.Time
        && a.Policies.SequenceEqual(InForce(Record.Deployment).Select(p => p.Policy.Policy).OfType<Digest>());

    /// <summary>What the routed releases are made of, by the entries shown, all the way down.</summary>
    HashSet<Digest> Closure(Deployment deployment)
    {
        var seen = new HashSet<Digest>();
        var open = new Stack<Digest>();
        foreach (var release in deployment.Routes.Select(r => ReleaseOf(r.Release).Release).OfType<Release>())
        {
            open.Push(release.Digest);
            open.Push(release.Document);
            if (!_documents.TryGetValue(release.Document, out var bytes)) continue;
            var document = ReleaseDocument.Parse(bytes.ToBytes());
            foreach (var c in document.Components) open.Push(c.Digest);
            if (document.Policy is { } policy) open.Push(policy);
        }
        var origins = _statements.Values.OfType<Origin>().ToList();
        while (open.TryPop(out var digest))
            if (seen.Add(digest))
                foreach (var material in origins.Where(o => o.Outputs.Any(x => x.Digest == digest))
                    .SelectMany(o => o.Materials)) open.Push(material.Digest);
        return seen;
    }

    /// <summary>The documents that something in the receipt names.</summary>
    HashSet<Digest> NamedDocuments()
    {
        var named = new HashSet<Digest>(Record.Policies);
        foreach (var statement in _statements.Values)
            switch (statement)
            {
                case Release r:
                    named.Add(r.Document);
                    if (r.Digest == Record.Release) named.Add(r.Digest);
                    if (_documents.TryGetValue(r.Document, out var bytes)
                        && ReleaseDocument.Parse(bytes.ToBytes()).Policy is { } policy) named.Add(policy);
                    break;
                case PolicyStatement p:
                    named.UnionWith(new[] { p.Policy, p.Candidate }.OfType<Digest>());
                    break;
                case Evaluation e when _receipt.Layout == ReceiptLayout.Two:
                    named.Add(e.Report);
                    break;
                case Waiver w:
                    named.Add(w.Policy);
                    break;
            }
        return named;
    }
}
