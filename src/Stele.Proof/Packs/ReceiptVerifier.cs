using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// Judges one receipt, and says the decision's chain of custody in plain sentences (<c>ReceiptWords</c>). It shows that these entries stand in the ledger and are signed by members who might;
/// that nothing between them says otherwise (a revocation, or another policy put in force) takes the whole ledger: an audit pack.
/// Steps: 1 the ledger's checkpoint and whose it is · 2 every entry stands there, signed rightly · 3 the leaf stands in the node's log, which is anchored · 4 decision → deployment → release → origins → policies → verdict.
/// </summary>
public sealed partial class ReceiptVerifier
{
    readonly Receipt _receipt;
    readonly Trust? _trust;
    readonly VerifyReport _report = new();
    readonly Dictionary<long, Statement> _statements = [];
    readonly Dictionary<Digest, Json> _documents = [];

    ReceiptVerifier(Receipt receipt, Trust? trust) => (_receipt, _trust) = (receipt, trust);

    /// <param name="minSize">Fail if the ledger's checkpoint covers fewer entries.</param>
    /// <param name="notOlderThan">Fail if no witness that is trusted cosigned at or after this time, milliseconds since 1970 UTC.</param>
    public static VerifyReport Verify(Receipt receipt, Trust? trust, long minSize = 0, long? notOlderThan = null)
    {
        var verifier = new ReceiptVerifier(receipt, trust);
        verifier.Judge(v =>
        {
            if (v.Prove() is not { } proven) return;
            v.Fresh(proven, minSize, notOlderThan);
            v.Agrees(proven);
            v.Tell(proven);
            v.Erased();
        });
        return verifier._report;
    }

    public static VerifyReport Verify(ReadOnlySpan<byte> receipt, Trust? trust, long minSize = 0, long? notOlderThan = null)
    {
        try
        {
            return Verify(Receipt.Parse(receipt), trust, minSize, notOlderThan);
        }
        catch (FormatException e)
        {
            var report = new VerifyReport();
            report.Find("receipt-malformed", "receipt", e.Message);
            return report;
        }
    }

    /// <summary>
    /// Steps 1 to 3 alone: what the receipt proves that its log's key signed, whether or not what the record says is true. Null = it proves nothing; the report says why.
    /// </summary>
    internal static (ProvenRecord? Record, VerifyReport Report) Open(Receipt receipt, Trust trust)
    {
        var verifier = new ReceiptVerifier(receipt, trust);
        ProvenRecord? proven = null;
        verifier.Judge(v => proven = v.Prove());
        return (verifier._report.Findings.Count == 0 ? proven : null, verifier._report);
    }

    void Judge(Action<ReceiptVerifier> steps)
    {
        try
        {
            steps(this);
        }
        catch (FormatException e)
        {
            _report.Find("receipt-malformed", "receipt", e.Message);
        }
    }

    ProvenRecord? Prove()
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
            return null;
        }
        var cosigned = ImmutableArray<VerifiedSignature>.Empty;
        if (_trust is not null)
        {
            _report.Authenticated = true;
            if (_trust.Genesis != part.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins {_trust.Genesis}, the receipt begins with {part.Ledger}", FindingKind.Stranger);
            if (_trust.Origin != part.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins '{_trust.Origin}', the receipt is of '{part.Origin}'", FindingKind.Stranger);
            if (_trust.Key.ToString() != part.LogKeys[0].Key) _report.Find("trust-key", "genesis", "the ledger's key is not the one in the trust file", FindingKind.Stranger);
            if (Note.Parse(_receipt.Checkpoint).VerifyCosigned(_trust.Witnesses, out cosigned) == NoteTrust.BadSignature) _report.Find("witness-signature", "ledger", "a cosignature by a trusted witness is not good");
            if (!_trust.Policy.IsQuorum(cosigned.Select(c => c.Key))) _report.Find("too-few-witnesses", "ledger", $"{cosigned.Length} of {_trust.Quorum} witnesses cosigned");
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
        if (!part.Logs.TryGetValue(_receipt.Log, out var log))
        {
            _report.Find("log-unknown", _receipt.Log, "no entry of the receipt opens that log");
            return null;
        }
        var key = VerifierKey.Parse(log.Key);
        if (!Checkpoint.TryOpen(_receipt.LogCheckpoint, key, out var checkpoint, out error))
        {
            _report.Find("checkpoint-signature", _receipt.Log, error);
            return null;
        }
        foreach (var leaf in new[] { _receipt.Leaf, _receipt.Close }.OfType<ProvenLeaf>())
            if (!Proofs.VerifyInclusion(leaf.Index, checkpoint.Size, Merkle.Leaf(leaf.Decision.Encode()), leaf.Proof.AsSpan(), checkpoint.Root)) _report.Find("decision-inclusion", Decision.Id(_receipt.Log, leaf.Index), "its proof does not lead to the root of the log's checkpoint");
        // The anchor may carry cosignatures that the receipt's own note has not, or the other way round: what is signed is the same text.
        var anchor = _statements.Where(s => s.Value is Anchor a && a.Log == _receipt.Log && Checkpoint.TryOpen(a.Checkpoint, key, out var c, out _) && c.Size == checkpoint.Size && c.Root == checkpoint.Root).Select(s => (long?)s.Key).FirstOrDefault();
        _report.Early = anchor is null;
        return new ProvenRecord(_receipt, part.Ledger, part.Origin, log, key, checkpoint, ledger.Size, cosigned, anchor is { } at ? (at, At(at).Entry.Time, (Anchor)_statements[at]) : null);
    }

    /// <summary>Holds the ledger's checkpoint to what is demanded of it, and to its witnesses' clocks.</summary>
    void Fresh(ProvenRecord proven, long minSize, long? notOlderThan)
    {
        if (proven.LedgerSize < minSize) _report.Find("too-small", "ledger", $"the checkpoint covers {N(proven.LedgerSize)} entries; at least {N(minSize)} are demanded");
        if (proven.Cosigned.IsEmpty)
        {
            if (notOlderThan is not null) _report.Find("too-old", "ledger", "no trusted witness cosigned it, so nothing says how old it is");
            return;
        }
        var (newest, oldest, last) = (proven.Cosigned.Max(c => c.Milliseconds), proven.Cosigned.Min(c => c.Milliseconds), _receipt.Entries[^1].Entry.Time);
        // An entry that a witness saw can't have been stamped after it, but for the clocks' skew.
        if (last > oldest + Fold.MaxSkew) _report.Find("time-after-cosignature", "ledger", $"the newest entry says {Time(last)}, which a witness cosigned at {Time(oldest)} already");
        if (notOlderThan is { } bound && newest < bound) _report.Find("too-old", "ledger", $"it was cosigned last at {Time(newest)}; {Time(Math.Clamp(bound, 0, Entry.MaxTime))} or later is demanded");
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

    /// <summary>Step 4: whether the record says what the entries say.</summary>
    void Agrees(ProvenRecord proven)
    {
        var (d, id) = (_receipt.Leaf.Decision, Decision.Id(_receipt.Log, _receipt.Leaf.Index));
        if (d.Kind == Decision.CloseKind) _report.Find("decision-kind", id, "a close is no decision: its open is");
        if ((d.System, d.Environment) != (proven.Log.System, proven.Log.Environment)) _report.Find("decision-place", id, $"it is of {d.System}/{d.Environment}, the log of {proven.Log.System}/{proven.Log.Environment}");
        if (_receipt.Close is { } close && !(d.Kind == Decision.OpenKind && close.Decision.Open == _receipt.Leaf.Index && close.Decision.Deployment == d.Deployment && close.Decision.Release == d.Release && close.Decision.Principal == d.Principal))
            _report.Find("decision-close-differs", id, "the close is not this decision's");
        if (!(_statements.GetValueOrDefault(d.Deployment) is Deployment deployment && (deployment.System, deployment.Environment) == (d.System, d.Environment) && deployment.Routes.Any(r => r.Release == d.Release) && d.Deployment < d.Size))
        {
            _report.Find("decision-release", id, $"no entry {d.Deployment} of the receipt put {d.Release} into {d.System}/{d.Environment}");
            return;
        }

        var (released, release) = Released;
        if (release is null || Document(release.Digest, "the release's manifest") is not { } manifest || Document(release.Document, "the release document") is not { } bytes)
        {
            if (release is null) _report.Find("release-missing", id, $"no entry of the receipt declares {d.Release}");
            return;
        }
        var document = ReleaseDocument.Parse(bytes.ToBytes());
        if (manifest["config"]["digest"].AsDigest != release.Document || document.System != d.System || release.System != d.System) _report.Find("release-differs", $"entry {N(released)}", "manifest, document and statement do not belong together");
        if (document.Policy != d.ReleasePolicy) _report.Find("decision-policy", id, "it names another policy than the release's own");
        if (document.Policy is { } own) Policy(own);
        foreach (var c in document.Components.Where(c => Origins(c.Digest).Count == 0)) _report.Find("origin-missing", c.Name, $"no entry of the receipt says where {c.Digest} comes from");

        if (!Deciding) _report.Find("decision-policy", id, "it names other policies than the receipt's entries put in force there");
        foreach (var digest in d.Policies) Policy(digest);

        var envelope = Explain.EnvelopeDigest(At(d.Deployment).Entry.Envelope);
        foreach (var (index, v) in Verdicts)
            if (v.Envelope != envelope || !v.Passed || v.Time != At(d.Deployment).Entry.Time || !deployment.Routes.Select(r => r.Release).SequenceEqual(v.Releases)) _report.Find("verdict-differs", $"entry {N(index)}", "it explains something else than this deployment's admission");
    }

    ProvenEntry At(long index) => _receipt.Entries.First(e => e.Index == index);

    (long Index, Release? Release) Released =>
        _statements.Where(s => s.Value is Release r && r.Digest == _receipt.Leaf.Decision.Release && s.Key < _receipt.Leaf.Decision.Deployment).Select(s => (s.Key, (Release?)s.Value)).FirstOrDefault();

    List<(long Index, Origin Origin)> Origins(Digest artifact) =>
        [.. _statements.Where(s => s.Value is Origin o && s.Key < _receipt.Leaf.Decision.Deployment && o.Outputs.Any(x => x.Digest == artifact)).OrderBy(s => s.Key).Select(s => (s.Key, (Origin)s.Value))];

    /// <summary>The newest entry of the receipt for each scope around the decision's place, the widest first, as far as the node had folded the ledger: what came before it was replaced.</summary>
    IEnumerable<(long Index, PolicyStatement Policy)> InForce
    {
        get
        {
            var d = _receipt.Leaf.Decision;
            foreach (var (system, environment) in new (string?, string?)[] { (null, null), (d.System, null), (d.System, d.Environment) })
                if (_statements.Where(s => s.Value is PolicyStatement p && s.Key < d.Size && p.System == system && p.Environment == environment).Select(s => (long?)s.Key).Max() is { } newest)
                    yield return (newest, (PolicyStatement)_statements[newest]);
        }
    }

    /// <summary>
    /// Whether the record names the policies that had to decide for its principal, by the receipt's own entries: of each scope the policy in force, or the candidate where the principal is of its share, or both: as
    /// it is when the candidate has lost its force. Whether it had, and whether an entry that is not shown replaced one that is, a receipt can't prove.
    /// </summary>
    bool Deciding
    {
        get
        {
            var left = _receipt.Leaf.Decision.Policies.AsSpan();
            foreach (var (_, p) in InForce)
            {
                var chosen = p.Candidate is { } candidate && PolicyStatement.FallsInto(p.Share, candidate, _receipt.Leaf.Decision.Principal);
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

    /// <summary>The entry that put a policy in force for the decision's place, or that made it a candidate there.</summary>
    long? PutInForce(Digest policy) => InForce.Where(p => p.Policy.Policy == policy || p.Policy.Candidate == policy).Select(p => (long?)p.Index).Max();

    IEnumerable<(long Index, Verdict Verdict)> Verdicts => _statements.Where(s => s.Value is Verdict v && v.Size == _receipt.Leaf.Decision.Deployment).OrderBy(s => s.Key).Select(s => (s.Key, (Verdict)s.Value));

    Json? Document(Digest digest, string what)
    {
        if (_documents.TryGetValue(digest, out var document)) return document;
        _report.Find("document-missing", digest.ToString(), $"{what} is not in the receipt");
        return null;
    }

    Policy? Policy(Digest digest) => Document(digest, "the policy") is { } document ? Governance.Policy.Parse(document.ToBytes()) : null;

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
    static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
}

/// <summary>What a receipt proves of its record: that the log's key, which the ledger names, signed a tree with this leaf in it; and the entry that anchors the tree, if one does.</summary>
sealed record ProvenRecord(
    Receipt Receipt, Digest Ledger, string Origin, LogFact Log, VerifierKey Key, Checkpoint Checkpoint, long LedgerSize, ImmutableArray<VerifiedSignature> Cosigned, (long Entry, long Time, Anchor Statement)? Anchor);
