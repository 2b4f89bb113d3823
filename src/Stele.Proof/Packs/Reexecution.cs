using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// What a verdict or a refusal speaks of: an envelope, judged at a size of the ledger and a time. Judged again here, it
/// must give the same payload bytes.
/// </summary>
sealed record Reexecution(Digest Envelope, long Size, long Time)
{
    public static Reexecution? Of(Statement statement) => statement switch
    {
        Verdict v => new(v.Envelope, v.Size, v.Time),
        Refusal r => new(r.Envelope, r.Size, r.Time),
        _ => null,
    };

    /// <summary>Whether the envelope was admitted at that very place; otherwise it is kept as a document.</summary>
    public bool Stands(Replay replay) =>
        Size < replay.Entries.Count && replay.Entries[(int)Size].Entry is var e && e.Time == Time
        && Explain.EnvelopeDigest(e.Envelope) == Envelope;

    /// <summary>
    /// Null when the envelope is not to be had. The statement's size is within the ledger: the fold saw to that.
    /// </summary>
    /// <exception cref="FormatException">The document is not an envelope.</exception>
    public (State Before, Entry Entry, Outcome Outcome)? Judge(Replay replay, Func<Digest, byte[]?> find)
    {
        Entry entry;
        if (Stands(replay)) entry = replay.Entries[(int)Size].Entry;
        else if (find(Envelope) is { } bytes && Digest.Of(bytes) == Envelope)
            entry = new Entry(Time, Proof.Envelope.Parse(bytes));
        else return null;
        var before = replay.At(Size);
        return (before, entry, Fold.Apply(before, entry, replay.Documents));
    }

    /// <summary>
    /// Why an explanation stands where no server writes one; null where it stands as it must. A failed verdict is the
    /// entry at the size it names, and a refusal the same or the next after the failed verdict
    /// of the same envelope, both at the time of that entry; a passed verdict explains what was admitted at that size.
    /// Anywhere else it would be a judgement of something that nobody submitted then.
    /// </summary>
    public static string? Misplaced(Replay replay, Folded folded)
    {
        var at = folded.Index;
        bool Dated(long size, long time) => replay.Entries[(int)size].Entry.Time == time;
        return folded.Statement switch
        {
            Verdict { Passed: false } v when at != v.Size || !Dated(at, v.Time) =>
                $"the server's key signed here that an act failed at size {v.Size}, time {v.Time}: a server writes " +
                    $"that as entry {v.Size} itself, at that time",
            Verdict { Passed: true } v when !Of(v)!.Stands(replay) =>
                $"the server's key signed here that an act passed as entry {v.Size}, at time {v.Time}: that entry is " +
                    $"another act, or has another time",
            Refusal r when !(at == r.Size
                || (at == r.Size + 1 && replay.Entries[(int)r.Size].Statement is Verdict { Passed: false } v
                && v.Envelope == r.Envelope && v.Size == r.Size)) || !Dated(r.Size, r.Time) =>
                $"the server's key signed here that an act was refused at size {r.Size}, time {r.Time}: a server " +
                    $"writes that as entry {r.Size} itself, or as the next after the failed verdict, at that entry's " +
                    $"time",
            _ => null,
        };
    }

    /// <summary>
    /// What the server must have written for this outcome, as payload bytes; null when it had no business to write
    /// anything.
    /// </summary>
    public static byte[]? Payload(Statement told, State before, Entry entry, Outcome outcome) => told switch
    {
        Verdict => Explain.Verdict(before, entry, outcome)?.Encode(),
        _ => outcome is Outcome.Refused { Member: not null } refused
            ? Explain.Refusal(before, entry, refused).Encode()
            : null,
    };
}
