using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

// The ledger: folded again entry by entry, whose it is, and what its server and nodes say of it.
public sealed partial class Verifier
{
    readonly Dictionary<long, Digest> _stateDigests = [];

    /// <summary>
    /// Folds every entry that can be folded, and hashes them all. What takes no turn, signatures above all, is done
    /// ahead on every thread.
    /// </summary>
    (long Size, Digest Root, Digest First) Refold(Folding folding)
    {
        var (frontier, first) = (new Frontier(), (Digest?)null);
        Walk("ledger", part => (Entries: folding.Read(part.Leaves.Count, part.Leaf),
            Trees: Merkle.Subtrees(part.First, part.Hashes())),
        (part, done) =>
        {
            first ??= Merkle.Leaf(part.Leaf(0));
            foreach (var (level, tree) in done.Trees) frontier = frontier.Add(level, tree);
            for (var i = 0; i < part.Leaves.Count; i++)
            {
                var index = part.First + i;
                if (index % 1000 == 999) _progress?.Invoke($"folding the ledger: {Number(index + 1)} entries");
                folding.Add(index, done.Entries[i]);
            }
        });
        folding.End(frontier.Size);
        return (frontier.Size, frontier.Root, first ?? default);
    }

    /// <summary>
    /// Of a ledger whose very genesis can't be judged: whether it is the one that the trust file pins, and signed with
    /// its key.
    /// </summary>
    void Unfounded(string note, string where, long size, Digest root, Digest first)
    {
        if (_trust is null) return;
        _report.Authenticated = true;
        if (_trust.Genesis != first) _report.Find("trust-genesis", "genesis", $"the trust file pins " +
            $"{_trust.Genesis}, this begins with {first}", FindingKind.Stranger);
        Signed(note, _trust.Key.ToString(), where, size, root, "the entries that are here");
    }

    void Authenticate(Folding folding, Replay replay, string note, long? notOlderThan)
    {
        var state = replay.State;
        if (_trust is null)
        {
            _report.Note(
                $"consistent, unauthenticated: no trust file was given. This ledger's genesis is {state.Ledger}, its "
                + $"key {state.LogKeys[0].Key}: compare them with what you were told elsewhere.");
            _report.Limit(LimitName.NoWitness, "no trust file says whose cosignatures count: a split view, and a " +
                "tail that was cut off, are not ruled out");
            if (notOlderThan is not null)
                _report.Find("too-old", "ledger/checkpoint",
                    "without a trust file no witness is trusted, so nothing says how old it is");
            Times(folding, replay, null);
            return;
        }
        _report.Authenticated = true;
        if (_trust.Genesis != state.Ledger) _report.Find("trust-genesis", "genesis", $"the trust file pins " +
            $"{_trust.Genesis}, the pack begins with {state.Ledger}", FindingKind.Stranger);
        if (_trust.Origin != state.Origin) _report.Find("trust-origin", "genesis", $"the trust file pins " +
            $"'{_trust.Origin}', the pack is of '{state.Origin}'", FindingKind.Stranger);
        if (_trust.Key.ToString() != state.LogKeys[0].Key) _report.Find("trust-key", "genesis",
                "the ledger's key is not the one in the trust file", FindingKind.Stranger);

        var verdict = Note.Parse(note).VerifyCosigned(_trust.Witnesses, out var cosigned);
        if (verdict == NoteTrust.BadSignature)
            _report.Find("witness-signature", "ledger/checkpoint", "a cosignature by a trusted witness is not good");
        if (!_trust.Policy.IsQuorum(cosigned.Select(c => c.Key)))
            _report.Find("too-few-witnesses", "ledger/checkpoint",
                $"{cosigned.Length} of {_trust.Quorum} witnesses cosigned");
        if (cosigned.IsEmpty)
        {
            _report.Limit(LimitName.NoWitness,
                "witnesses: 0: a split view, and a tail that was cut off, are not ruled out");
            if (notOlderThan is not null)
                _report.Find("too-old", "ledger/checkpoint",
                    "no trusted witness cosigned it, so nothing says how old it is");
            Times(folding, replay, null);
            return;
        }
        var newest = cosigned.Max(c => c.Milliseconds);
        var oldest = cosigned.Min(c => c.Milliseconds);
        _report.Note($"witnesses: {cosigned.Length} cosigned, last at {Time(newest)}: what was added to the ledger " +
            $"after that is not shown here; the newest entry's time is {(oldest - folding.Time) / 1000} s before the " +
            $"first of them.");
        // An entry that a witness saw can't have been stamped after it, but for the clocks' skew.
        if (folding.Time > oldest + Fold.MaxSkew) _report.Find("time-after-cosignature", "ledger/checkpoint", $"the " +
            $"newest entry says {Time(folding.Time)}, which a witness cosigned at {Time(oldest)} already");
        if (notOlderThan is { } bound && newest < bound)
            _report.Find("too-old", "ledger/checkpoint",
                $"it was cosigned last at {Time(newest)}; {Time(Math.Clamp(bound, 0, Entry.MaxTime))} or later is "
                + $"demanded");
        Times(folding, replay, oldest);
    }

    /// <summary>What bounds the times of entries, and which ones nothing bounds.</summary>
    /// <param name="cosigned">When the first trusted witness cosigned; null = none did.</param>
    void Times(Folding folding, Replay replay, long? cosigned)
    {
        var bound = cosigned is { } c
            ? $"; none is more than 5 minutes after {Time(c)}, when the first trusted witness cosigned"
            : "; no cosignature bounds them";
        _report.Remark(RemarkName.ServerTimes,
            "the times of entries are the server's word. None is before the entry it follows, nor more than 5 " +
                "minutes " +
            "before its signer's own time; none is more than 24 hours after it, except those of anchors, " +
                "observations " +
            $"and alerts, which may arrive at any later time{bound}.");
        var late = replay.Entries.Where(f =>
            StatementKinds.Of(f.Statement).MayComeLate && f.Entry.Time > f.Statement.Issued + Fold.MaxDelay).ToList();
        if (late.Count == 0) return;
        var widest = late.MaxBy(f => f.Entry.Time - f.Statement.Issued)!;
        _report.Limit(LimitName.NodeClock,
            $"{Number(late.Count)} anchors, observations or alerts are dated by their signer more than 24 hours " +
                $"before their entry's time (the widest: entry {Number(widest.Index)}, " +
            $"{Time(widest.Statement.Issued)} and {Time(widest.Entry.Time)}): they arrived late, or one of the two " +
                $"clocks was wrong");
        if (cosigned is null)
            _report.Remark(RemarkName.TimeBeyondCosignatures, $"nothing but the server's word bounds the time of " +
                $"entry {Number(late[^1].Index)} ({late[^1].Statement.Kind}), {Time(late[^1].Entry.Time)}: no " +
                $"cosignature was made after it.");
    }

    /// <param name="missing">What it means that a refused envelope is not to be had.</param>
    void Explanations(Replay replay, Func<Digest, byte[]?> find, MissingDocument missing)
    {
        int verdicts = 0, refusals = 0, unexecuted = 0, before = _report.Findings.Count;
        foreach (var folded in replay.Entries)
        {
            var where = $"entry {Number(folded.Index)}";
            switch (folded.Statement)
            {
                case Observation o: StateAgrees(replay, o.Size, o.State, where); break;
                case Anchor a: StateAgrees(replay, a.Size, a.State, where); break;
            }
            if (Reexecution.Of(folded.Statement) is not { } told) continue;
            if (Reexecution.Misplaced(replay, folded) is { } misplaced)
            {
                if (folded.Statement is Refusal) _report.Find("refusal-misplaced", where, misplaced);
                else _report.Find("verdict-misplaced", where, misplaced);
            }
            try
            {
                var withheld = _withheld;
                if (told.Judge(replay, find) is not var (state, entry, outcome))
                {
                    if (missing == MissingDocument.Contradicts) _report.Find("document-missing", where, $"the " +
                        $"envelope {told.Envelope} is neither in the ledger there nor among the documents");
                    unexecuted++;
                    continue;
                }
                if (withheld != _withheld)
                {
                    unexecuted++;
                    continue;
                }
                if (folded.Statement is Verdict) verdicts++;
                else refusals++;
                var again = new Reexecuted(folded, state, entry, outcome);
                if (!again.Agrees && folded.Statement is Verdict) _report.Find("verdict-differs", where,
                again.Contrast());
                else if (!again.Agrees) _report.Find("refusal-differs", where, again.Contrast());
                else if (folded.Statement is Refusal
                    && replay.State.Identities.TryGetValue(Digest.Of(entry.Envelope.Payload), out var admitted))
                    _report.Remark(RemarkName.RefusedThenAdmitted, $"what {where} says was refused " +
                        $"({((Outcome.Refused)outcome).Code.Name()}) was admitted later, as entry {Number(admitted)}.");
            }
            catch (FormatException e)
            {
                _report.Find("envelope-malformed", where, e.Message);
            }
        }
        if (unexecuted > 0 && missing == MissingDocument.Stops)
            _report.Limit(LimitName.NotExecuted, $"{Number(unexecuted)} verdicts and refusals were not executed " +
                $"again: documents that this takes are not served here");
        _report.Note(
            $"{verdicts} verdicts and {refusals} refusals executed "
            + $"again{(_report.Findings.Count == before ? ", to the same bytes" : "")}.");
    }

    void StateAgrees(Replay replay, long size, Digest stated, string where)
    {
        if (!_stateDigests.TryGetValue(size, out var digest))
            _stateDigests[size] = digest = StateDigest.Of(replay.At(size));
        if (digest != stated)
            _report.Find("state-differs", where,
                $"the node folded {size} entries to the state {stated}; here they give {digest}");
    }
}
