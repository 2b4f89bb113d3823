using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>What a verdict or a refusal speaks of: an envelope, judged at a size of the ledger and a time. Judged again here, it must give the same payload bytes.</summary>
sealed record Reexecution(Digest Envelope, long Size, long Time)
{
    public static Reexecution? Of(Statement statement) => statement switch
    {
        Verdict v => new(v.Envelope, v.Size, v.Time),
        Refusal r => new(r.Envelope, r.Size, r.Time),
        _ => null,
    };

    /// <summary>Whether the envelope was admitted at that very place; otherwise it is kept as a document.</summary>
    public bool Stands(Replay replay) => Size < replay.Entries.Count && replay.Entries[(int)Size].Entry is var e && e.Time == Time && Explain.EnvelopeDigest(e.Envelope) == Envelope;

    /// <summary>Null when the envelope is not to be had. The statement's size is within the ledger: the fold saw to that.</summary>
    /// <exception cref="FormatException">The document is not an envelope.</exception>
    public (State Before, Entry Entry, Outcome Outcome)? Judge(Replay replay, Func<Digest, byte[]?> find)
    {
        Entry entry;
        if (Stands(replay)) entry = replay.Entries[(int)Size].Entry;
        else if (find(Envelope) is { } bytes && Digest.Of(bytes) == Envelope) entry = new Entry(Time, Proof.Envelope.Parse(bytes));
        else return null;
        var before = replay.At(Size);
        return (before, entry, Fold.Apply(before, entry, replay.Documents));
    }

    /// <summary>What the server must have written for this outcome, as payload bytes; null when it had no business to write anything.</summary>
    public static byte[]? Payload(Statement told, State before, Entry entry, Outcome outcome) => told switch
    {
        Verdict => Explain.Verdict(before, entry, outcome)?.Encode(),
        _ => outcome is Outcome.Refused { Member: not null } refused ? Explain.Refusal(before, entry, refused).Encode() : null,
    };
}
