using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// The ledger: folded again entry by entry, whose it is, and what its server and nodes say of it.
public sealed partial class Verifier
{
    readonly Dictionary<long, Digest> _stateDigests = [];

    /// <summary>Folds every entry that can be folded, and hashes them all. What takes no turn, signatures above all, is done ahead on every thread.</summary>
    (long Size, Digest Root) Refold(Replay replay)
    {
        var frontier = new Frontier();
        var keys = new KeyRing();
        Walk("ledger", part =>
        {
            var entries = new (Prepared? Entry, string? Error)[part.Leaves.Count];
            Parallel.For(0, entries.Length, i =>
            {
                try
                {
                    var prepared = Prepared.Parsed(Entry.Parse(part.Leaf(i)));
                    keys.Learn(prepared.Statement);
                    entries[i] = (prepared, null);
                }
                catch (FormatException e)
                {
                    entries[i] = (null, e.Message);
                }
            });
            // Keys that stand further on than this are verified in turn.
            Parallel.For(0, entries.Length, i => entries[i].Entry?.Verify(keys.Find));
            return (Entries: entries, Trees: Merkle.Subtrees(part.First, part.Hashes()));
        },
        (part, done) =>
        {
            foreach (var (level, tree) in done.Trees) frontier = frontier.Add(level, tree);
            for (var i = 0; i < part.Leaves.Count; i++)
            {
                var index = part.First + i;
                if (replay.Entries.Count != index) continue;   // the fold halted before; only the tree goes on
                if (index % 1000 == 999) _progress?.Invoke($"folding the ledger: {Number(index + 1)} entries");
                var where = $"entry {Number(index)}";
                if (done.Entries[i].Entry is not { } prepared) _report.Find("entry-malformed", where, done.Entries[i].Error!);
                else
                    switch (replay.Add(prepared))
                    {
                        case Outcome.Refused { Code: RefusalCode.UnknownKind or RefusalCode.UnknownFoldVersion } r: _report.Find("fold-halted", where, $"{r.Code.Name()}: {r.Message}; a newer verifier may know it"); break;
                        case Outcome.Refused r: _report.Find("entry-refused", where, $"{r.Code.Name()}: {r.Message}"); break;
                        case Outcome.Already a: _report.Find("entry-repeated", where, $"its payload stands in entry {a.Entry} already"); break;
                    }
            }
        });
        return (frontier.Size, frontier.Root);
    }

    void Authenticate(Replay replay, string note, long? notOlderThan)
    {
        var state = replay.State;
        if (_trust is null)
        {
            _report.Note($"consistent, unauthenticated: no trust file was given. This ledger's genesis is {state.Ledger}, its key {state.LogKeys[0].Key}: compare them with what you were told elsewhere.");
            if (notOlderThan is not null) _report.Find("too-old", "ledger/checkpoint", "without a trust file no witness is trusted, so nothing says how old it is");
            return;
        }
        _report.Authenticated = true;
        if (_trust.Genesis != state.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins {_trust.Genesis}, the pack begins with {state.Ledger}", FindingKind.Stranger);
        if (_trust.Origin != state.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins '{_trust.Origin}', the pack is of '{state.Origin}'", FindingKind.Stranger);
        if (_trust.Key.ToString() != state.LogKeys[0].Key) _report.Find("trust-key", "genesis", "the ledger's key is not the one in the trust file", FindingKind.Stranger);

        var verdict = Note.Parse(note).VerifyCosigned(_trust.Witnesses, out var cosigned);
        if (verdict == NoteTrust.BadSignature) _report.Find("witness-signature", "ledger/checkpoint", "a cosignature by a trusted witness is not good");
        if (!_trust.Policy.IsQuorum(cosigned.Select(c => c.Key))) _report.Find("too-few-witnesses", "ledger/checkpoint", $"{cosigned.Length} of {_trust.Quorum} witnesses cosigned");
        if (cosigned.IsEmpty)
        {
            _report.Note("witnesses: 0: a split view and truncation are not excluded.");
            if (notOlderThan is not null) _report.Find("too-old", "ledger/checkpoint", "no trusted witness cosigned it, so nothing says how old it is");
            return;
        }
        var newest = cosigned.Max(c => c.Milliseconds);
        var oldest = cosigned.Min(c => c.Milliseconds);
        _report.Note($"witnesses: {cosigned.Length} cosigned, last at {Time(newest)}; the newest entry's time is {(oldest - state.Time) / 1000} s before the first of them.");
        // An entry that a witness saw can't have been stamped after it, but for the clocks' skew.
        if (state.Time > oldest + Fold.MaxSkew) _report.Find("time-after-cosignature", "ledger/checkpoint", $"the newest entry says {Time(state.Time)}, which a witness cosigned at {Time(oldest)} already");
        if (notOlderThan is { } bound && newest < bound) _report.Find("too-old", "ledger/checkpoint", $"it was cosigned last at {Time(newest)}; {Time(Math.Clamp(bound, 0, Entry.MaxTime))} or later is demanded");
    }

    void Explanations(Replay replay, Func<Digest, byte[]?> find)
    {
        int verdicts = 0, refusals = 0, before = _report.Findings.Count;
        foreach (var folded in replay.Entries)
        {
            var where = $"entry {Number(folded.Index)}";
            switch (folded.Statement)
            {
                case Observation o: StateAgrees(replay, o.Size, o.State, where); break;
                case Anchor a: StateAgrees(replay, a.Size, a.State, where); break;
            }
            if (Reexecution.Of(folded.Statement) is not { } told) continue;
            var name = folded.Statement.Kind;
            if (name == "verdict") verdicts++;
            else refusals++;
            try
            {
                if (told.Judge(replay, find) is not { } again) _report.Find("document-missing", where, $"the envelope {told.Envelope} is neither in the ledger there nor among the documents");
                else if (Reexecution.Payload(folded.Statement, again.Before, again.Entry, again.Outcome) is not { } payload || !payload.AsSpan().SequenceEqual(folded.Entry.Envelope.Payload))
                    _report.Find($"{name}-differs", where, "executed again, it does not give these bytes");
            }
            catch (FormatException e)
            {
                _report.Find("envelope-malformed", where, e.Message);
            }
        }
        _report.Note($"{verdicts} verdicts and {refusals} refusals executed again{(_report.Findings.Count == before ? ", to the same bytes" : "")}.");
    }

    void StateAgrees(Replay replay, long size, Digest stated, string where)
    {
        if (!_stateDigests.TryGetValue(size, out var digest)) _stateDigests[size] = digest = StateDigest.Of(replay.At(size));
        if (digest != stated) _report.Find("state-differs", where, $"the node folded {size} entries to the state {stated}; here they give {digest}");
    }
}
