using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// The chain of custody in words, for someone who has never seen any of this: what was decided, where that is written, what answered and who let it, what it was made of, and what all of this rests on.
public sealed partial class ReceiptVerifier
{
    void Tell(ProvenRecord proven)
    {
        var (d, id) = (_receipt.Leaf.Decision, Decision.Id(_receipt.Log, _receipt.Leaf.Index));
        _report.Note($"decision {id} at {Time(d.Time)}, by its node's clock: {d.System}/{d.Environment} was asked for '{d.Operation}' ({d.Protocol}) by someone whom the record knows by the pseudonym {d.Principal} alone. {Outcome(d)}");
        _report.Note(proven.Anchor is { } anchor
            ? $"where it is written: as leaf {N(_receipt.Leaf.Index)} of the decision log of node {Short(proven.Log.Node)}. The node signed that log at {N(proven.Checkpoint.Size)} leaves, and it is anchored in entry {N(anchor.Entry)} of the ledger since {Time(anchor.Time)}: whoever changed or dropped this record after that would contradict the ledger."
            : $"where it is written: as leaf {N(_receipt.Leaf.Index)} of the decision log of node {Short(proven.Log.Node)}, which the node signed at {N(proven.Checkpoint.Size)} leaves. This is an EARLY receipt: the ledger does not anchor that yet, so it is the node's signed word and no more. Ask again for the full one (a node anchors about once a minute); " +
              "keep this one: if the log ever says otherwise, the two together prove that the node cheated (stele-verify fraud).");

        if (_statements.GetValueOrDefault(d.Deployment) is Deployment deployment && Released is (var released, { } release))
        {
            var name = _documents.TryGetValue(release.Document, out var bytes) ? ReleaseDocument.Parse(bytes.ToBytes()) : null;
            _report.Note($"what answered: its release is '{name?.Name}' {release.Digest}, declared in entry {N(released)} by {Signers(released)}{Told<Evaluation>("; checked by", e => e.Release == d.Release)}.");
            foreach (var c in name?.Components ?? [])
                _report.Note($"  made of the {c.Kind} '{c.Name}' {c.Digest}{(c.Role == c.Kind ? "" : $", as its {c.Role}")}: {string.Join("; ", Origins(c.Digest).Select(o => $"{How(o.Origin)}, says {Signers(o.Index)} in entry {N(o.Index)}"))}.");
            _report.Note($"who let it answer: its deployment is entry {N(d.Deployment)} ({deployment.Action}) at {Time(At(d.Deployment).Entry.Time)}, signed by {Signers(d.Deployment)}{Told<Approval>("; approved by", a => a.Release == d.Release && a.Environment == d.Environment)}.");
        }
        foreach (var digest in d.Policies)
            if (PutInForce(digest) is { } entry && Policy(digest) is { } policy) _report.Note($"under which rules: policy '{policy.Name}' {digest}, put in force by entry {N(entry)}, signed by {Signers(entry)}.");
        if (d.ReleasePolicy is { } own && Policy(own) is { } frozen) _report.Note($"under which rules: policy '{frozen.Name}' {own}, frozen in the release itself.");
        foreach (var (index, v) in Verdicts)
            _report.Note($"how it passed them: the verdict in entry {N(index)} names {v.Rules.Length} rule{(v.Rules.Length == 1 ? "" : "s")} that its deployment had to pass, and did{(v.Rules.Count(r => r.Waiver is not null) is > 0 and var waived ? $", {waived} of them by a waiver" : "")}.");
        if (!Verdicts.Any()) _report.Note("how it passed them: no verdict explains that here; whoever folds the whole ledger judges it anew.");

        _report.Note($"what this rests on: {_receipt.Entries.Length} entries of the ledger '{proven.Origin}', each signed by members who had the right to, and each proven to stand in it under its signed checkpoint of {N(proven.LedgerSize)} entries.");
        if (_trust is null) _report.Note($"consistent, unauthenticated: no trust file was given, so whose ledger this is, nobody has said. Its genesis is {proven.Ledger}, its key {Genesis.LogKey}: compare them with what you were told elsewhere.");
        else
            _report.Note($"witnesses: {proven.Cosigned.Length} that you trust cosigned the ledger's checkpoint{(proven.Cosigned.IsEmpty ? ": that its operator shows others another ledger is not excluded" : $", last at {Time(proven.Cosigned.Max(c => c.Milliseconds))}; the newest entry here is {N(proven.Cosigned.Min(c => c.Milliseconds) / 1000 - _receipt.Entries[^1].Entry.Time / 1000)} s older than the first of them")}.");
        _report.Note("not promised by a receipt alone: that nothing between these entries, such as a revocation or another policy put in force, says otherwise. The audit pack of the ledger shows that.");
    }

    GenesisStatement Genesis => (GenesisStatement)_statements[0];

    string Outcome(Decision d) => d switch
    {
        { Kind: Decision.OpenKind } when _receipt.Close is { } c => $"It was let through, and closed by leaf {N(c.Index)} with '{c.Decision.Outcome}', status {c.Decision.Status}.",
        { Kind: Decision.OpenKind } => "It was let through; how it ended is unknown: no close is shown.",
        { Outcome: Decision.Deny } => $"It was denied by rule '{d.Rule}', with status {d.Status}; the release was not asked.",
        { Outcome: Decision.Hold } => $"It was held by rule '{d.Rule}' for a person's approval, and so refused, with status {d.Status}; the release was not asked.",
        { Outcome: Decision.Error } => $"It was let through, and the release gave no answer that could be passed on: status {d.Status}.",
        { Masked: not null } => $"It was let through with values masked by rule '{d.Rule}', and answered '{d.Outcome}', with status {d.Status}.",
        _ => $"It was let through and answered '{d.Outcome}', with status {d.Status}.",
    };

    static string How(Origin o) => o.BuildType switch
    {
        Origin.Pipeline => $"built by a pipeline from {o.Materials.Length} materials",
        Origin.Import => "imported from elsewhere",
        _ => "frozen as it was found",
    };

    string Told<T>(string words, Func<T, bool> about) where T : Statement =>
        string.Concat(_statements.Where(s => s.Value is T t && about(t)).OrderBy(s => s.Key).Select(s => $"{words} {Signers(s.Key)} (entry {N(s.Key)})"));

    static string Short(string member) => member.Length > 8 ? member[..8] + "…" : member;

    /// <summary>The members who signed, with the roles that the receipt's own member statements give them.</summary>
    string Signers(long index) => string.Join(" and ", At(index).Entry.Envelope.Signatures.Select(s =>
        _statements.Where(m => m.Key <= index).OrderByDescending(m => m.Key).Select(m => m.Value switch
        {
            MemberStatement x when x.Keys.Any(k => k.Id == s.KeyId) => $"member {Short(x.Member)} ({string.Join(", ", x.Roles)})",
            GenesisStatement g when g.ServerKey.Id == s.KeyId => "the server",
            GenesisStatement g => g.Owners.FirstOrDefault(o => o.Keys.Any(k => k.Id == s.KeyId)) is { } founder ? $"member {Short(founder.Member)} (owner, a founder)" : null,
            _ => null,
        }).FirstOrDefault(m => m is not null) ?? $"key {s.KeyId.Short}"));
}
