using System.Collections.Immutable;
using System.Globalization;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// Judges one receipt, and says the decision's chain of custody in plain sentences, each under what it rests on
/// (<c>ReceiptWords</c>).
/// Steps: 1 the ledger's checkpoint and whose it is · 2 every entry stands there, in time and signed rightly, and what
/// it states is learned · 3 the leaf stands in the node's log, which is anchored ·
/// 4 the state that the node signed opens to the facts that are shown, and these are what the entries state · 5 the
/// deployment's judgement, executed again on them, accepts, and gives the verdict to the byte ·
/// 6 decision → deployment → release → origins → policies · 7 nothing else is in it.
/// Steps 4 and 5 are of layout 2. In layout 1 the server's verdict is held against itself and the policies alone, and
/// is told as the server's word.
/// </summary>
public sealed partial class ReceiptVerifier
{
    readonly Receipt _receipt;
    readonly Trust? _trust;
    readonly VerifyReport _report = new();
    readonly Dictionary<long, Statement> _statements = [];
    readonly Dictionary<Digest, Json> _documents = [];

    /// <summary>
    /// What the entries before the deployment state, those before the size of the state that is opened, and all.
    /// </summary>
    State? _before, _signed, _known;
    IReadOnlySet<(string Map, string Key)> _gaps = ImmutableHashSet<(string, string)>.Empty;

    ReceiptVerifier(Receipt receipt, Trust? trust) => (_receipt, _trust) = (receipt, trust);

    Decision Record => _receipt.Leaf.Decision;
    string Id => Decision.Id(_receipt.Log, _receipt.Leaf.Index);

    /// <param name="minSize">Fail if the ledger's checkpoint covers fewer entries.</param>
    /// <param name="notOlderThan">
    /// Fail if no witness that is trusted cosigned at or after this time, milliseconds since 1970 UTC.
    /// </param>
    public static VerifyReport Verify(Receipt receipt, Trust? trust, long minSize = 0, long? notOlderThan = null)
    {
        var verifier = new ReceiptVerifier(receipt, trust);
        verifier.Judge(v =>
        {
            if (v.Prove() is not { } proven) return;
            v.Fresh(proven, minSize, notOlderThan);
            v.Executed(proven);
            v.Agrees(proven);
            v.Belongs();
            v.Tell(proven);
            v.Erased();
        });
        return verifier._report;
    }

    public static VerifyReport Verify(ReadOnlySpan<byte> receipt, Trust? trust, long minSize = 0,
        long? notOlderThan = null)
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
    /// Steps 1 to 3 alone: what the receipt proves that its log's key signed, whether or not what the record says is
    /// true. Null = it proves nothing; the report says why. That it contradicts an anchor that it carries is no reason
    /// to disbelieve it: that is what there is to prove.
    /// </summary>
    internal static (ProvenRecord? Record, VerifyReport Report) Open(Receipt receipt, Trust trust)
    {
        var verifier = new ReceiptVerifier(receipt, trust);
        ProvenRecord? proven = null;
        verifier.Judge(v => proven = v.Prove());
        return (verifier._report.Findings.All(f => f.Kind == FindingKind.Fraud) ? proven : null, verifier._report);
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
        if (_receipt.Entries is not [{ Index: 0 } first, ..]
            || Fold.Apply(State.Empty, first.Entry, Documents.None) is not Outcome.Accepted { Next: var founded })
            throw new FormatException("the first entry is not a genesis that founds a ledger");
        foreach (var e in _receipt.Entries) _statements[e.Index] = Parse(e);
        var keys = _statements.Values.OfType<LogKeyStatement>()
            .Aggregate(founded.LogKeys, (all, k) => all.Add((k.FromSize, k.Key)));
        var size = Checkpoint.Parse(Note.Parse(_receipt.Checkpoint).Text).Size;
        if (!Checkpoint.TryOpen(_receipt.Checkpoint,
            VerifierKey.Parse(keys.Where(k => k.FromSize <= size).MaxBy(k => k.FromSize).Key), out var ledger,
            out var error))
        {
            _report.Find("checkpoint-signature", "ledger", error);
            return null;
        }
        var cosigned = Trusted(founded);

        // 2. Every entry. What the receipt shows before an entry is what its signatures are judged by.
        var part = Learn(founded, ledger);

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
            if (!Proofs.VerifyInclusion(
                leaf.Index, checkpoint.Size, Merkle.Leaf(leaf.Decision.Encode()), leaf.Proof.AsSpan(), checkpoint.Root))
                _report.Find("decision-inclusion", Decision.Id(_receipt.Log, leaf.Index),
                    "its proof does not lead to the root of the log's checkpoint");
        var anchor = Anchored(key, checkpoint);
        _report.Early = anchor is null;
        return new ProvenRecord(_receipt, founded.Ledger, founded.Origin, log, key, checkpoint, ledger.Size, cosigned,
            anchor is { } at ? (at, At(at).Entry.Time, (Anchor)_statements[at]) : null);
    }

    /// <summary>Holds the ledger to the trust file. What comes back are the cosignatures that count.</summary>
    ImmutableArray<VerifiedSignature> Trusted(State founded)
    {
        if (_trust is null) return [];
        _report.Authenticated = true;
        if (_trust.Genesis != founded.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins " +
            $"{_trust.Genesis}, the receipt begins with {founded.Ledger}", FindingKind.Stranger);
        if (_trust.Origin != founded.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins " +
            $"'{_trust.Origin}', the receipt is of '{founded.Origin}'", FindingKind.Stranger);
        if (_trust.Key.ToString() != founded.LogKeys[0].Key) _report.Find("trust-key",
            "genesis", "the ledger's key is not the one in the trust file", FindingKind.Stranger);
        if (Note.Parse(_receipt.Checkpoint)
            .VerifyCosigned(_trust.Witnesses, out var cosigned) == NoteTrust.BadSignature)
            _report.Find("witness-signature",
            "ledger", "a cosignature by a trusted witness is not good");
        if (!_trust.Policy.IsQuorum(cosigned.Select(c => c.Key))) _report.Find("too-few-witnesses",
            "ledger", $"{cosigned.Length} of {_trust.Quorum} witnesses cosigned");
        return cosigned;
    }

    /// <summary>
    /// Step 2. What comes back is what all entries state; on the way it is kept as it was before the deployment, and at
    /// the size of the state that is opened.
    /// </summary>
    State Learn(State founded, Checkpoint ledger)
    {
        var part = new StatePart(
            founded, new Documents(Bytes), linked: _receipt.Layout == ReceiptLayout.Two ? Record.Deployment : null);
        var (signed, last) = (Signed?.Size, founded.Time);
        var identities = new Dictionary<Digest, long> { [Digest.Of(_receipt.Entries[0].Entry.Envelope.Payload)] = 0 };
        foreach (var e in _receipt.Entries)
        {
            var where = $"entry {N(e.Index)}";
            if (!Proofs.VerifyInclusion(
                e.Index, ledger.Size, e.Entry.LeafHash, e.Proof.AsSpan(), ledger.Root)) _report.Find("entry-inclusion",
                where, "its proof does not lead to the checkpoint's root");
            if (e.Index == 0) continue;
            if (_before is null && e.Index >= Record.Deployment) _before = part.State;
            if (_signed is null && e.Index >= signed) _signed = part.State;
            var statement = _statements[e.Index];
            if (statement.Ledger != founded.Ledger) _report.Find("entry-ledger",
                where, "it was made for another ledger");
            if (Fold.Untimely(last, e.Entry, statement) is { } untimely) _report.Find("entry-time",
                where, $"{untimely.Message} (it stands there since {Time(e.Entry.Time)})");
            last = Math.Max(last, e.Entry.Time);
            if (!identities.TryAdd(Digest.Of(e.Entry.Envelope.Payload), e.Index)) _report.Find("entry-repeated",
                where, $"the same statement stands in entry " +
                $"{N(identities[Digest.Of(e.Entry.Envelope.Payload)])}");
            if (part.Learn(e.Index, e.Entry, statement) is { } wrong) _report.Find("entry-signature", where, wrong);
        }
        _before ??= part.State;
        _signed ??= part.State;
        _gaps = part.Gaps;
        return _known = part.State;
    }

    /// <summary>
    /// The entry that anchors the leaf's tree. An anchor may carry cosignatures that the receipt's own note has not, or
    /// the other way round: what is signed is the same text.
    /// </summary>
    long? Anchored(VerifierKey key, Checkpoint checkpoint)
    {
        long? found = null;
        foreach (var (index, statement) in _statements.OrderBy(s => s.Key))
            if (statement is not Anchor a || a.Log != _receipt.Log
                || !Checkpoint.TryOpen(a.Checkpoint, key, out var c, out _) || c.Size != checkpoint.Size) continue;
            else if (c.Root == checkpoint.Root) found ??= index;
            else
                _report.Find("log-forked", _receipt.Log, $"the log's key signed two different trees of {N(c.Size)} " +
                    $"leaves: root {checkpoint.Root.Short} in the receipt, root {c.Root.Short} in the anchor of " +
                    $"entry {N(index)}",
                    FindingKind.Fraud);
        return found;
    }

    /// <summary>Holds the ledger's checkpoint to what is demanded of it, and to its witnesses' clocks.</summary>
    void Fresh(ProvenRecord proven, long minSize, long? notOlderThan)
    {
        if (proven.LedgerSize < minSize)
            _report.Find("too-small", "ledger",
                $"the checkpoint covers {N(proven.LedgerSize)} entries; at least {N(minSize)} are demanded");
        if (proven.Cosigned.IsEmpty)
        {
            if (notOlderThan is not null)
                _report.Find("too-old", "ledger", "no trusted witness cosigned it, so nothing says how old it is");
            return;
        }
        var (newest, oldest, last) = (proven.Cosigned.Max(c => c.Milliseconds),
            proven.Cosigned.Min(c => c.Milliseconds), _receipt.Entries[^1].Entry.Time);
        // An entry that a witness saw can't have been stamped after it, but for the clocks' skew.
        if (last > oldest + Fold.MaxSkew)
            _report.Find("time-after-cosignature", "ledger",
                $"the newest entry says {Time(last)}, which a witness cosigned at {Time(oldest)} already");
        if (notOlderThan is { } bound && newest < bound)
            _report.Find("too-old", "ledger",
                $"it was cosigned last at {Time(newest)}; {Time(Math.Clamp(bound, 0, Entry.MaxTime))} or later is "
                + $"demanded");
    }

    static Statement Parse(ProvenEntry e)
    {
        try
        {
            return StatementKinds.Parse(e.Entry.Envelope.Payload);
        }
        catch (UnknownKindException x)
        {
            throw new FormatException(x.Message, x);
        }
    }

    byte[]? Bytes(Digest digest) => _documents.TryGetValue(digest, out var document) ? document.ToBytes() : null;

    ProvenEntry At(long index) => _receipt.Entries.First(e => e.Index == index);

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
    static string Time(long milliseconds) => Rfc3339.Format(milliseconds);
}

/// <summary>
/// What a receipt proves of its record: that the log's key, which the ledger names, signed a tree with this leaf in it;
/// and the entry that anchors the tree, if one does.
/// </summary>
sealed record ProvenRecord(
    Receipt Receipt, Digest Ledger, string Origin, LogFact Log, VerifierKey Key, Checkpoint Checkpoint, long LedgerSize,
    ImmutableArray<VerifiedSignature> Cosigned, (long Entry, long Time, Anchor Statement)? Anchor);
