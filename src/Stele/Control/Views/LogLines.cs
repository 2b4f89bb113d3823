using System.Collections.Immutable;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>An entry of the ledger in one line.</summary>
/// <param name="Time">The entry's own, milliseconds since 1970 UTC.</param>
/// <param name="By">The members who signed, by the keys that are theirs after the entry.</param>
sealed record LogLine(long Entry, long Time, string Kind, ImmutableArray<string> By, string Line) : IView
{
    public static LogLine Of(Folded f) =>
        new(f.Index, f.Entry.Time, f.Statement.Kind, [.. LogLines.Signers(f)], StatementKinds.Line(f));
}

/// <summary>Everything about one entry, its statement and envelope included.</summary>
/// <param name="Leaf">The entry's hash in the ledger's tree.</param>
/// <param name="Identity">The SHA-256 of the signed payload.</param>
sealed record WholeEntry([Inline] LogLine Line, Digest Leaf, Digest Identity, Json Statement, Envelope Envelope)
    : IView
{
    public static WholeEntry Of(Folded f) => new(LogLine.Of(f), f.Entry.LeafHash,
        Digest.Of(f.Entry.Envelope.Payload), CanonicalJson.Parse(f.Entry.Envelope.Payload, Envelope.MaxPayload),
        f.Entry.Envelope);
}

/// <summary>The ledger as people read it: one line an entry.</summary>
/// <param name="From">The first entry that was asked for.</param>
sealed record LogLines(long Size, long From, ImmutableArray<LogLine> Lines) : IView
{
    public const int MaxLines = 10_000;

    public static LogLines Of(Replay replay, long from, int count) =>
        new(replay.State.Size, from, [.. Range(replay, from, count).Select(LogLine.Of)]);

    static IEnumerable<Folded> Range(Replay replay, long from, int count)
    {
        var all = replay.Entries;
        for (var i = from; i < all.Count && i < from + Math.Min(count, MaxLines); i++) yield return all[(int)i];
    }

    /// <summary>The members who signed: whose a key is never changes.</summary>
    internal static IEnumerable<string> Signers(Folded f) =>
        f.Entry.Envelope.Signatures.Select(s => f.Names.KeyOwners.TryGetValue(s.KeyId, out var m)
            ? m
            : s.KeyId.ToString());
}
