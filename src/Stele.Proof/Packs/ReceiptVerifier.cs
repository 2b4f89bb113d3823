using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// Judges one receipt, and says the decision's chain of custody in plain sentences. It shows that these entries stand in the ledger and are signed by members who might;
/// that nothing between them says otherwise (a revocation, say) takes the whole ledger: an audit pack.
/// Steps: 1 the ledger's checkpoint and whose it is · 2 every entry stands there, signed rightly · 3 the leaf stands in the node's log, which is anchored · 4 decision → deployment → release → origins → policies → verdict.
/// </summary>
public sealed class ReceiptVerifier
{
    readonly Receipt _receipt;
    readonly Trust? _trust;
    readonly VerifyReport _report = new();
    readonly Dictionary<long, Statement> _statements = [];
    readonly Dictionary<Digest, Json> _documents = [];

    ReceiptVerifier(Receipt receipt, Trust? trust) => (_receipt, _trust) = (receipt, trust);

    public static VerifyReport Verify(Receipt receipt, Trust? trust)
    {
        var verifier = new ReceiptVerifier(receipt, trust);
        try
        {
            verifier.Run();
        }
        catch (FormatException e)
        {
            verifier._report.Find("receipt-malformed", "receipt", e.Message);
        }
        return verifier._report;
    }

    public static VerifyReport Verify(ReadOnlySpan<byte> receipt, Trust? trust)
    {
        try
        {
            return Verify(Receipt.Parse(receipt), trust);
        }
        catch (FormatException e)
        {
            var report = new VerifyReport();
            report.Find("receipt-malformed", "receipt", e.Message);
            return report;
        }
    }

    void Run()
    {
        foreach (var document in _receipt.Documents) _documents[Digest.Of(document.ToBytes())] = document;

        // 1. The ledger's checkpoint. Entry 0 is judged by the fold itself.
        if (_receipt.Entries is not [{ Index: 0 } first, ..] || Fold.Apply(State.Empty, first.Entry, Documents.None) is not Outcome.Accepted founded) throw new FormatException("the first entry is not a genesis that founds a ledger");
        var part = founded.Next;
        foreach (var e in _receipt.Entries) _statements[e.Index] = Parse(e);
        var keys = _statements.Values.OfType<LogKeyStatement>().Aggregate(part.LogKeys, (all, k) => all.Add((k.FromSize, k.Key)));
        var size = Checkpoint.Parse(Note.Parse(_receipt.Checkpoint).Text).Size;
        if (!Checkpoint.TryOpen(_receipt.Checkpoint, VerifierKey.Parse(keys.Where(k => k.FromSize <= size).MaxBy(k => k.FromSize).Key), out var ledger, out var error))
        {
            _report.Find("checkpoint-signature", "ledger", error);
            return;
        }
        if (_trust is null) _report.Note($"consistent, unauthenticated: no trust file was given. This ledger's genesis is {part.Ledger}, its key {part.LogKeys[0].Key}: compare them with what you were told elsewhere.");
        else
        {
            _report.Authenticated = true;
            if (_trust.Genesis != part.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins {_trust.Genesis}, the receipt begins with {part.Ledger}");
            if (_trust.Origin != part.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins '{_trust.Origin}', the receipt is of '{part.Origin}'");
            if (_trust.Key.ToString() != part.LogKeys[0].Key) _report.Find("trust-key", "genesis", "the ledger's key is not the one in the trust file");
            if (Note.Parse(_receipt.Checkpoint).Verify(_trust.Witnesses, out var cosigned) == NoteTrust.BadSignature) _report.Find("witness-signature", "ledger", "a cosignature by a trusted witness is not good");
            if (cosigned.Length < _trust.Quorum) _report.Find("too-few-witnesses", "ledger", $"{cosigned.Length} of {_trust.Quorum} witnesses cosigned");
            _report.Note($"witnesses: {cosigned.Length} cosigned the ledger's checkpoint over {ledger.Size} entries{(cosigned.IsEmpty ? ": a split view is not excluded" : "")}.");
        }

        // 2. Every entry. What members and releases the receipt shows is what later signatures are judged by.
        foreach (var e in _receipt.Entries)
        {
            var where = $"entry {N(e.Index)}";
            if (!Proofs.VerifyInclusion(e.Index, ledger.Size, e.Entry.LeafHash, e.Proof.AsSpan(), ledger.Root)) _report.Find("entry-inclusion", where, "its proof does not lead to the checkpoint's root");
            if (e.Index == 0) continue;
            var statement = _statements[e.Index];
            if (statement.Ledger != part.Ledger) _report.Find("entry-ledger", where, "it was made for another ledger");
            part = part with { Size = e.Index };
            if (Fold.SignedRightly(part, e.Entry, statement) is { } wrong) _report.Find("entry-signature", where, $"{wrong.Code.Name()}: {wrong.Message}");
            else part = Learn(part, e.Index, statement);
        }

        // 3. The leaf.
        Leaf(part);

        Erased();

        // 4. What it rests on.
        Custody();
        _report.Note("not promised by a receipt alone: that nothing between these entries, such as a revocation, says otherwise. The audit pack of the ledger shows that.");
    }

    static Statement Parse(ProvenEntry e)
    {
        try
        {
            return Statement.Parse(e.Entry.Envelope.Payload);
        }
        catch (UnknownKindException x)
        {
            throw new FormatException(x.Message, x);
        }
    }

    /// <summary>The part of the state that says who may sign.</summary>
    static State Learn(State part, long index, Statement statement) => statement switch
    {
        MemberStatement m => part with
        {
            Members = part.Members.SetItem(m.Member, new MemberFact(m.Member, index, [], m.Keys, m.Roles, m.Name)),
            KeyOwners = m.Keys.Aggregate(part.KeyOwners, (owners, k) => owners.ContainsKey(k.Id) ? owners : owners.Add(k.Id, m.Member)),
        },
        Release r => part with { Releases = part.Releases.SetItem(r.Digest, new ReleaseFact(r.Digest, [new Signed(index, "", default)], r.System, "", r.Document, [], null)) },
        LogStatement { Action: LogStatement.Open, Key: { } key, Node: { } node, System: { } system, Environment: { } environment } l =>
            part with { Logs = part.Logs.SetItem(l.Origin, new LogFact(l.Origin, key, node, system, environment, l.Predecessor, index, LogStatement.Open, null, 0)) },
        _ => part,
    };

    void Leaf(State part)
    {
        var (d, id) = (_receipt.Leaf.Decision, Decision.Id(_receipt.Log, _receipt.Leaf.Index));
        if (d.Kind == Decision.CloseKind) _report.Find("decision-kind", id, "a close is no decision: its open is");
        if (!part.Logs.TryGetValue(_receipt.Log, out var log))
        {
            _report.Find("log-unknown", _receipt.Log, "no entry of the receipt opens that log");
            return;
        }
        if ((d.System, d.Environment) != (log.System, log.Environment)) _report.Find("decision-place", id, $"it is of {d.System}/{d.Environment}, the log of {log.System}/{log.Environment}");
        if (!Checkpoint.TryOpen(_receipt.LogCheckpoint, VerifierKey.Parse(log.Key), out var checkpoint, out var error))
        {
            _report.Find("checkpoint-signature", _receipt.Log, error);
            return;
        }
        foreach (var leaf in new[] { _receipt.Leaf, _receipt.Close }.OfType<ProvenLeaf>())
            if (!Proofs.VerifyInclusion(leaf.Index, checkpoint.Size, Merkle.Leaf(leaf.Decision.Encode()), leaf.Proof.AsSpan(), checkpoint.Root)) _report.Find("decision-inclusion", Decision.Id(_receipt.Log, leaf.Index), "its proof does not lead to the root of the log's checkpoint");
        if (_receipt.Close is { } close && !(d.Kind == Decision.OpenKind && close.Decision.Open == _receipt.Leaf.Index && close.Decision.Deployment == d.Deployment && close.Decision.Release == d.Release && close.Decision.Principal == d.Principal))
            _report.Find("decision-close-differs", id, "the close is not this decision's");

        _report.Note($"decision {id} at {Time(d.Time)}: {d.Protocol} '{d.Operation}' for {d.Principal} was answered '{d.Outcome}' with status {d.Status}{(d.Rule is null ? "" : $" by rule '{d.Rule}'")}; " +
            $"{(d.Kind != Decision.OpenKind ? "whole in one leaf" : _receipt.Close is { } c ? $"closed by leaf {c.Index} with '{c.Decision.Outcome}'" : "how it ended is unknown")}.");
        var anchor = _statements.Where(s => s.Value is Anchor a && a.Log == _receipt.Log && a.Checkpoint == _receipt.LogCheckpoint).Select(s => (long?)s.Key).FirstOrDefault();
        if (anchor is { } at) _report.Note($"it stands in node {log.Node}'s log of {checkpoint.Size} leaves, anchored in entry {at}.");
        else
        {
            _report.DeclaredGaps++;
            _report.Note($"early receipt: node {log.Node} signed its log of {checkpoint.Size} leaves with it; the ledger does not anchor that yet. Ask again for the anchored one; if they contradict each other, this one proves the fraud.");
        }
    }

    /// <summary>That what was asked and answered can't be opened any more, if the receipt says so.</summary>
    void Erased()
    {
        if (_receipt.Erased is not { } erased) return;
        if (_statements.GetValueOrDefault(erased.Entry) is Erasure e && e.Log == _receipt.Log && _receipt.Leaf.Index >= e.From && _receipt.Leaf.Index < e.To && erased.Record.Shows(_receipt.Leaf.Index, e.List, e.Count))
            _report.Note($"its keys and salts were erased, as entry {erased.Entry} states ({(e.Cause == Erasure.Retention ? "the time to keep them was over" : "by request")}), signed by {Signers(erased.Entry)}: what was asked and answered can't be opened any more; this proof stands without it.");
        else _report.Find("erasure-differs", Decision.Id(_receipt.Log, _receipt.Leaf.Index), $"no entry {erased.Entry} of the receipt states that its keys were erased");
    }

    void Custody()
    {
        var d = _receipt.Leaf.Decision;
        var id = Decision.Id(_receipt.Log, _receipt.Leaf.Index);
        if (!(_statements.GetValueOrDefault(d.Deployment) is Deployment deployment && (deployment.System, deployment.Environment) == (d.System, d.Environment) && deployment.Routes.Any(r => r.Release == d.Release) && d.Deployment < d.Size))
        {
            _report.Find("decision-release", id, $"no entry {d.Deployment} of the receipt put {d.Release} into {d.System}/{d.Environment}");
            return;
        }
        _report.Note($"its deployment is entry {d.Deployment} ({deployment.Action}), {Time(At(d.Deployment).Entry.Time)}, signed by {Signers(d.Deployment)}{Told<Approval>("; approved by", a => a.Release == d.Release && a.Environment == d.Environment)}.");

        var (released, release) = _statements.Where(s => s.Value is Release r && r.Digest == d.Release && s.Key < d.Deployment).Select(s => (s.Key, (Release)s.Value)).FirstOrDefault();
        if (release is null || Document(release.Digest, "the release's manifest") is not { } manifest || Document(release.Document, "the release document") is not { } bytes)
        {
            if (release is null) _report.Find("release-missing", id, $"no entry of the receipt declares {d.Release}");
            return;
        }
        var document = ReleaseDocument.Parse(bytes.ToBytes());
        if (manifest["config"]["digest"].AsDigest != release.Document || document.System != d.System || release.System != d.System) _report.Find("release-differs", $"entry {N(released)}", "manifest, document and statement do not belong together");
        if (document.Policy != d.ReleasePolicy) _report.Find("decision-policy", id, "it names another policy than the release's own");
        if (document.Policy is { } own) Policy(own);
        _report.Note($"its release is '{document.Name}' {release.Digest}, declared in entry {released} by {Signers(released)}{Told<Evaluation>("; checked by", e => e.Release == d.Release)}.");
        foreach (var c in document.Components)
        {
            var origins = _statements.Where(s => s.Value is Origin o && s.Key < d.Deployment && o.Outputs.Any(x => x.Digest == c.Digest)).OrderBy(s => s.Key).ToList();
            if (origins.Count == 0) _report.Find("origin-missing", c.Name, $"no entry of the receipt says where {c.Digest} comes from");
            else _report.Note($"  {c.Role} {c.Kind} '{c.Name}' {c.Digest}: {string.Join("; ", origins.Select(o => $"entry {o.Key}, {((Origin)o.Value).BuildType.Split('/')[^2]} by {Signers(o.Key)} from {((Origin)o.Value).Materials.Length} materials"))}.");
        }

        foreach (var digest in d.Policies)
        {
            var put = _statements.Where(s => s.Value is PolicyStatement p && p.Policy == digest && s.Key < d.Size && (p.System ?? d.System) == d.System && (p.Environment ?? d.Environment) == d.Environment).Select(s => (long?)s.Key).Max();
            if (put is not { } entry) _report.Find("decision-policy", id, $"no entry of the receipt puts {digest} in force there");
            else if (Policy(digest) is { } policy) _report.Note($"policy '{policy.Name}' {digest}: in force by entry {entry}, signed by {Signers(entry)}.");
        }

        var envelope = Explain.EnvelopeDigest(At(d.Deployment).Entry.Envelope);
        var verdicts = _statements.Where(s => s.Value is Verdict v && v.Size == d.Deployment).ToList();
        foreach (var (index, statement) in verdicts)
        {
            var v = (Verdict)statement;
            if (v.Envelope != envelope || !v.Passed || v.Time != At(d.Deployment).Entry.Time || deployment.Routes.All(r => r.Release != v.Release)) _report.Find("verdict-differs", $"entry {N(index)}", "it explains something else than this deployment's admission");
            else _report.Note($"verdict in entry {index}: the deployment passed {v.Rules.Length} rules{(v.Rules.Any(r => r.Waiver is not null) ? $", {v.Rules.Count(r => r.Waiver is not null)} of them waived" : "")}.");
        }
        if (verdicts.Count == 0) _report.Note("no verdict explains the deployment here; whoever folds the whole ledger judges it anew.");
    }

    ProvenEntry At(long index) => _receipt.Entries.First(e => e.Index == index);

    string Told<T>(string words, Func<T, bool> about) where T : Statement =>
        string.Concat(_statements.Where(s => s.Value is T t && about(t)).OrderBy(s => s.Key).Select(s => $"{words} {Signers(s.Key)} (entry {N(s.Key)})"));

    /// <summary>The members who signed, as the receipt's own member statements name them.</summary>
    string Signers(long index) => string.Join(", ", At(index).Entry.Envelope.Signatures.Select(s => "member " + (
        _statements.Where(m => m.Key <= index).OrderByDescending(m => m.Key).Select(m => m.Value switch
        {
            MemberStatement x when x.Keys.Any(k => k.Id == s.KeyId) => x.Member,
            GenesisStatement g => g.Owners.FirstOrDefault(o => o.Keys.Any(k => k.Id == s.KeyId))?.Member,
            _ => null,
        }).FirstOrDefault(m => m is not null) ?? s.KeyId.Short)));

    Json? Document(Digest digest, string what)
    {
        if (_documents.TryGetValue(digest, out var document)) return document;
        _report.Find("document-missing", digest.ToString(), $"{what} is not in the receipt");
        return null;
    }

    Policy? Policy(Digest digest) => Document(digest, "the policy") is { } document ? Governance.Policy.Parse(document.ToBytes()) : null;

    /// <summary>
    /// Whether two receipts of one log prove that its node shows different logs to different people: both checkpoints are signed by the log's key, and they differ at one size, or in one leaf.
    /// A finding names the fraud; none means that these two don't prove any.
    /// </summary>
    public static VerifyReport Compare(Receipt one, Receipt other, VerifierKey logKey)
    {
        var report = new VerifyReport { Authenticated = true };
        foreach (var r in new[] { one, other })
            if (!(Checkpoint.TryOpen(r.LogCheckpoint, logKey, out var c, out _) && Proofs.VerifyInclusion(r.Leaf.Index, c.Size, Merkle.Leaf(r.Leaf.Decision.Encode()), r.Leaf.Proof.AsSpan(), c.Root)))
            {
                report.Note("one of the two is not a receipt of this log: nothing can be said.");
                return report;
            }
        if (Contradiction(logKey, one.LogCheckpoint, other.LogCheckpoint) is { } forked) report.Find("log-forked", logKey.Name, forked);
        else if (one.Leaf.Index == other.Leaf.Index && !one.Leaf.Decision.Encode().AsSpan().SequenceEqual(other.Leaf.Decision.Encode()))
            report.Find("log-forked", Decision.Id(logKey.Name, one.Leaf.Index), "the log's key signed two trees with different leaves there");
        else report.Note("the two do not contradict each other.");
        return report;
    }

    /// <summary>Adds to a report on one receipt what another of the same log proves beside it.</summary>
    public static VerifyReport Against(VerifyReport report, ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        try
        {
            var first = Receipt.Parse(one);
            var key = first.Entries.Select(Parse).OfType<LogStatement>().First(l => l.Origin == first.Log && l.Key is not null).Key!;
            var compared = Compare(first, Receipt.Parse(other), VerifierKey.Parse(key));
            foreach (var f in compared.Findings) report.Find(f.Name, f.Where, f.Message);
            foreach (var n in compared.Notes) report.Note(n);
        }
        catch (FormatException e)
        {
            report.Find("receipt-malformed", "the other receipt", e.Message);
        }
        return report;
    }

    /// <summary>In words, what two checkpoints of one log prove: null unless both are signed and name different trees of one size.</summary>
    public static string? Contradiction(VerifierKey logKey, string one, string other) =>
        Checkpoint.TryOpen(one, logKey, out var a, out _) && Checkpoint.TryOpen(other, logKey, out var b, out _) && a.Size == b.Size && a.Root != b.Root
            ? $"the log's key signed two different trees of {a.Size} leaves" : null;

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
    static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}
