using Stele.Blobs;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>
/// Which refusals are in the ledger: one for each envelope and reason. The admitting loop's alone.
/// </summary>
sealed class RecordedRefusals(LedgerFold ledger, BlobStore blobs, TimeProvider time)
{
    /// <summary>Recorded refusals a minute for one member.</summary>
    public const int PerMinute = 30;

    /// <summary>So many are held before those that the fold has by now are let go of.</summary>
    const int Most = 4096;

    readonly Dictionary<Reason, long> _staged = [];     // also what the fold does not have yet

    readonly RefusalBudget _budget = new(time, PerMinute);

    readonly record struct Reason(Digest Envelope, string Code, string? Rule, Digest? RulePolicy)
    {
        public static Reason Of(Refusal refusal) =>
            new(refusal.Envelope, refusal.Code, refusal.Rule, refusal.RulePolicy);
    }

    /// <summary>The entry that says the same; null: none does.</summary>
    public long? EntryOf(Refusal refusal)
    {
        var reason = Reason.Of(refusal);
        return _staged.TryGetValue(reason, out var staged) ? staged : ledger.Replay.RefusalsOf(refusal.Envelope)
            .FirstOrDefault(f => Reason.Of((Refusal)f.Statement) == reason)?.Index;
    }

    public bool TrySpend(string member) => _budget.TrySpend(member);

    /// <summary>
    /// Stages a refusal, where a member's good signature stands behind what was refused and anyone can execute it
    /// again. The same envelope refused again for the same reason is told where it was recorded first.
    /// </summary>
    /// <returns>Its entry; null: it can't be recorded.</returns>
    public async Task<long?> Record(State before, Entry entry, Outcome.Refused refused, Staging staging)
    {
        // The envelope is durable before the entry that names it. Where it can't be kept, it is refused all the same,
        // and not recorded.
        try
        {
            await blobs.Put(entry.Envelope.ToJson().ToBytes());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
        try
        {
            var refusal = Explain.Refusal(before, entry, refused);
            if (Explain.Verdict(before, entry, refused) is { } verdict) staging.Sign(verdict, entry.Time);
            var recorded = staging.Sign(refusal, entry.Time);
            if (_staged.Count >= Most)
                foreach (var (old, at) in _staged.ToArray()) if (at < ledger.Replay.State.Size) _staged.Remove(old);
            _staged[Reason.Of(refusal)] = recorded;
            return recorded;
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            return null;
        }
    }
}
