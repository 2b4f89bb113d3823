using System.Collections.Immutable;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// The chain of custody in words, for someone who has never seen any of this: what was decided, where that is written,
// what answered and who let it, what it was made of, and what each of this rests on.
public sealed partial class ReceiptVerifier
{
    void Proven(string sentence) => _report.Fact(Basis.Proven, sentence);
    void Node(string sentence) => _report.Fact(Basis.NodeWord, sentence);
    void Server(string sentence) => _report.Fact(Basis.ServerWord, sentence);
    void Missing(string sentence) => _report.Fact(Basis.NotShown, sentence);

    void Tell(ProvenRecord proven)
    {
        // Nothing of what contradicts is told as if it were so.
        if (_report.Findings.Count > 0) return;
        var d = Record;
        var node = $"node {Short(proven.Log.Node)}";
        Node($"the decision: at {Time(d.Time)}, by its node's clock, {d.System}/{d.Environment} was asked for " +
            $"'{d.Operation}' ({d.Protocol}) by someone whom the record knows by the pseudonym {d.Principal} alone. " +
            $"{Outcome(d)} " +
            $"The release was known by '{Dimension.Strengths[d.Strength]}', and the node had folded "
            + $"{N(d.Size)} entries.");
        if (d.Kind == DecisionKind.Open && _receipt.Close is null) Missing("how it ended: no close is shown.");
        var anchored = proven.Anchor is { } anchor
            ? $"; entry {N(anchor.Entry)} of the ledger anchors it: if this record is changed or dropped, the log " +
                "contradicts the ledger" : "";
        Proven($"where it is written: {Id} is leaf {N(_receipt.Leaf.Index)} of the decision log of {node}, which the " +
            $"node signed at {N(proven.Checkpoint.Size)} leaves{anchored}.");
        if (proven.Anchor is null)
            Missing("whether the ledger anchors it: this is an EARLY receipt, and no entry shown here anchors that " +
                "tree. Ask again for the full one (a node anchors about once a minute), and keep this one: if the " +
                    "log " +
                "ever says otherwise, the two together prove that the node cheated (stele-verify fraud).");

        if (Deployed is { } deployment) Custody(deployment);
        foreach (var digest in d.Policies)
            if (PutInForce(digest) is { } entry && Policy(digest) is { } policy) Proven(
                $"which rules the record names: policy '{policy.Name}' {digest}, which entry {N(entry)} states for " +
                $"this place, signed by {Signers(entry)}.");
        if (d.ReleasePolicy is { } own && Policy(own) is { } frozen) Proven($"which rules the record names: policy " +
            $"'{frozen.Name}' {own}, frozen in the release itself.");
        Node("that these rules were asked, and what they came to, is the node's record; a reader who has the bodies " +
            "can decide it again (stele policy replay).");
        if (Deployed is { } judged) Judged(judged, node);

        Proven($"what this rests on: {_receipt.Entries.Length} entries of the ledger '{proven.Origin}', each in it " +
            $"under its signed checkpoint of {N(proven.LedgerSize)} entries, each signed with keys that the entries " +
            $"shown give to members with that role.");
        var deployed = _outcome is null ? "" :
            ", nor that the node folded this very deployment and no other one with the same routes";
        Server("that the ledger's fold admitted each of these entries, where it stands: their signatures alone do " +
            $"not say so{deployed}. The audit pack shows it.");
        Server($"times: the server stamps entries. Here they go forward, and each is from 5 minutes before to 24 " +
            $"hours after its signer's own time; an anchor's or an observation's may be later. The deployment's is " +
            $"{Time(At(d.Deployment).Entry.Time)}" +
            $"{(proven.Anchor is { } a ? $", the anchor's {Time(a.Time)}" : "")}.");
        if (_trust is null) Missing($"whose ledger this is: no trust file was given. Its genesis is {proven.Ledger}, " +
            $"its key {Genesis.LogKey}: compare them with what you were told elsewhere.");
        else if (proven.Cosigned.IsEmpty) _report.Limit(LimitName.NoWitness, "no witness that you trust cosigned the " +
            "ledger's checkpoint: that its operator shows others another ledger is not ruled out");
        else Proven($"witnesses: {proven.Cosigned.Length} that you trust cosigned the ledger's checkpoint, last at " +
            $"{Time(proven.Cosigned.Max(c => c.Milliseconds))}; the newest entry here is " +
            $"{N(proven.Cosigned.Min(c => c.Milliseconds) / 1000 - _receipt.Entries[^1].Entry.Time / 1000)} s older " +
            $"than the first of them.");
        Missing($"whether the deployment was still the newest when the node decided, and whether an entry " +
            $"{(Signed is { } s && _outcome is not null ? $"from {N(s.Size)} on" : "that is not here")}, such as a " +
            $"revocation or another policy put in force, says otherwise. The audit pack of the ledger shows that.");
    }

    void Custody(Deployment deployment)
    {
        if (Released is (var released, { } release))
        {
            var name = _documents.TryGetValue(release.Document, out var bytes)
                ? ReleaseDocument.Parse(bytes.ToBytes())
                : null;
            Proven($"what the record says answered: release '{name?.Name}' {release.Digest}, declared in entry " +
                $"{N(released)} by {Signers(released)}.");
            foreach (var c in name?.Components ?? [])
            {
                var origins = Origins(c.Digest).Select(o =>
                    $"{How(o.Origin)}, says {Signers(o.Index)} in entry {N(o.Index)}");
                Proven($"  made of the {c.Kind} '{c.Name}' {c.Digest}" +
                    $"{(c.Role == c.Kind ? "" : $", as its {c.Role}")}: {string.Join("; ", origins)}.");
            }
            foreach (var (index, _) in _statements.Where(x =>
                x.Value is Evaluation e && e.Release == release.Digest && x.Key < Record.Deployment)
                .OrderBy(x => x.Key).Select(x => (x.Key, x.Value)))
                Proven($"  a check of it is stated in entry {N(index)} by {Signers(index)}.");
        }
        Proven($"who signed its deployment: entry {N(Record.Deployment)} ({Deployment.Actions[deployment.Action]}), " +
            $"by {Signers(Record.Deployment)}.");
    }

    /// <summary>How the deployment passed its rules, and on whose word.</summary>
    void Judged(Deployment deployment, string node)
    {
        if (_outcome is not { } accepted)
        {
            foreach (var (index, a) in Papers<Approval>().Where(x => Fits(x.Index, x.Statement, deployment))
                .DistinctBy(x => At(x.Index).Entry.Envelope.Signatures[0].KeyId))
                Proven($"approval: entry {N(index)} approves this {Deployment.Actions[a.Action]}, signed by " +
                    $"{Signers(index)}.");
            if (Papers<Approval>().Any()) Missing("that these approvals counted, and what their givers were shown.");
            foreach (var (index, v) in Verdicts)
                Server($"how it passed the rules: the verdict in entry {N(index)} says that it passed " +
                    $"{Rules(v.Rules.Length)}{Waived(v.Rules, v.Waivers.Select(w => $"entry {N(w)}"))}. Not executed " +
                    $"here: {_notExecuted}.");
            Missing(Verdicts.Any() ? "what the rules saw: a receipt of layout 2 carries it, and the audit pack of " +
                "the ledger has all of it."
                : "how the deployment passed its rules: no verdict explains it here. A fold of the whole ledger " +
                    "judges it again.");
            return;
        }
        var judgement = accepted.Judgement!;
        var waivers = judgement.Rules.Select(r => r.Waiver).OfType<long>().Distinct().Order()
            .Select(w => $"entry {N(w)}, signed by {Signers(w)}");
        var policies = judgement.Rules.Select(r => r.Policy).Distinct().Select(p => $"'{Policy(p)?.Name}' {p.Short}");
        Proven("how it passed the rules: judged again here on the facts that the receipt shows, it passes " +
            $"{Rules(judgement.Rules.Length)} of {string.Join(", ", policies)}{Waived(judgement.Rules, waivers)}.");
        foreach (var (index, _) in Verdicts) Proven(
            $"the server's verdict in entry {N(index)} says the same, to the byte.");
        foreach (var a in _counting)
            Proven($"approval: entry {N(a.By.Entry)} approves this {Deployment.Actions[a.Approval.Action]}, signed " +
                $"by {Signers(a.By.Entry)}, whom no origin that is shown makes an author of the release. Its giver " +
                    $"signed " +
                "the digest of what was shown then: exactly the evaluations, waivers and words on controls that are " +
                "here.");
        var (opening, signed) = (_receipt.State!, Signed!);
        var absent = opening.Facts.Count(f => f.Map == "revocations" && f.Path.Value is null) +
            (opening.DigestOf("revocations") == Merkle.EmptyRoot ? _asked.Count(x => x.Map == "revocations") : 0);
        Node($"that the ledger's own fold let it pass: {node} judged every entry up to {N(signed.Size)} itself, and " +
            $"signed the state in entry {N(opening.Entry)}. That state has this deployment among its heads and all " +
            $"of the facts that the judgement asked for; of {N(absent)} artifacts and keys in question it has no " +
            $"revocation.");
        Node("that no other policy, head, system or member statement stood then, and no other origin of what the " +
            "release is made of: the same signature.");
        Lists(deployment);
        foreach (var fact in opening.Facts.Where(f => f.Map == "revocations" && f.Path.Value is not null))
            Missing($"whether {fact.Path.Key}, which was revoked by the time of that state, was revoked before the " +
                $"deployment too.");
    }

    /// <summary>
    /// Who says that nothing is left out of what the judgement lists and does not ask for by its key. A state's digest
    /// shows that a fact is there, or is not, and never that there are no others. The server's verdict has the digest
    /// of all that the rules saw; an approver signed the lists of one release, as they were then.
    /// </summary>
    void Lists(Deployment deployment)
    {
        var approved = deployment.Routes.All(r => _counting.Any(a => a.Approval.Release == r.Release));
        var sentence = (approved
            ? "that no evaluation, waiver or word on a control was added or taken back between these approvals and " +
                "the deployment, that there was no further approval"
            : "that no further evaluation, waiver, approval or word on a control counted") +
            ", and that its releases ran nowhere else before";
        if (Verdicts.Any()) Server(sentence + ": the verdict has the digest of all that the rules saw.");
        else Missing(sentence + ": no signature here binds these lists.");
    }

    IEnumerable<(long Index, T Statement)> Papers<T>() where T : Statement =>
        _statements.Where(s => s.Value is T).OrderBy(s => s.Key).Select(s => (s.Key, (T)s.Value));

    static string Waived(ImmutableArray<RuleOutcome> rules, IEnumerable<string> waivers) =>
        rules.Count(r => r.Waiver is not null) is > 0 and var n
            ? $", of them {N(n)} by the waivers of {string.Join(", ", waivers)}" : "";

    static string Rules(int count) => $"{N(count)} rule{(count == 1 ? "" : "s")}";

    GenesisStatement Genesis => (GenesisStatement)_statements[0];

    string Outcome(Decision d) => d switch
    {
        { Kind: DecisionKind.Open } when _receipt.Close is { } c =>
            $"It was let through, and closed by leaf {N(c.Index)} with '{Decision.Outcomes[c.Decision.Outcome]}', "
            + $"status {c.Decision.Status}.",
        { Kind: DecisionKind.Open } => "It was let through.",
        { Outcome: DecisionOutcome.Deny } =>
            $"It was denied by rule '{d.Rule}', with status {d.Status}; the release was not asked.",
        { Outcome: DecisionOutcome.Hold } =>
            $"It was held by rule '{d.Rule}' for a person's approval, and so refused, with status {d.Status}; the "
            + $"release was not asked.",
        { Outcome: DecisionOutcome.Error } =>
            $"It was let through, and the release gave no answer that could be passed on: status {d.Status}.",
        { Masked: not null } =>
            $"It was let through with values masked by rule '{d.Rule}', and answered "
            + $"'{Decision.Outcomes[d.Outcome]}', with status {d.Status}.",
        _ => $"It was let through and answered '{Decision.Outcomes[d.Outcome]}', with status {d.Status}.",
    };

    static string How(Origin o) => o.BuildType switch
    {
        Origin.Pipeline => $"built by a pipeline from {o.Materials.Length} materials",
        Origin.Import => "imported from elsewhere",
        _ => "frozen as it was found",
    };

    static string Short(string member) => member.Length > 8 ? member[..8] + "…" : member;

    /// <summary>The members who signed, with the roles that the receipt's own member statements give them.</summary>
    string Signers(long index) => string.Join(" and ", At(index).Entry.Envelope.Signatures.Select(s =>
        _statements.Where(m => m.Key <= index).OrderByDescending(m => m.Key).Select(m => m.Value switch
        {
            MemberStatement x when x.Keys.Any(k => k.Id == s.KeyId) =>
                $"member {Short(x.Member)} ({string.Join(", ", x.Roles)})",
            GenesisStatement g when g.ServerKey.Id == s.KeyId => "the server",
            GenesisStatement g => g.Owners.FirstOrDefault(o => o.Keys.Any(k => k.Id == s.KeyId)) is { } founder
                ? $"member {Short(founder.Member)} (owner, a founder)"
                : null,
            _ => null,
        }).FirstOrDefault(m => m is not null) ?? $"key {s.KeyId.Short}"));
}
