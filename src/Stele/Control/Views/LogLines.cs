using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control.Views;

/// <summary>The ledger as people read it: one line an entry.</summary>
static class LogLines
{
    public const int MaxLines = 10_000;

    public static Json Of(Replay replay, long from, int count) => Json.Object(
        ("size", replay.State.Size), ("from", from),
        ("lines", Json.Array(Range(replay, from, count).Select(One))));

    static IEnumerable<Folded> Range(Replay replay, long from, int count)
    {
        var all = replay.Entries;
        for (var i = from; i < all.Count && i < from + Math.Min(count, MaxLines); i++) yield return all[(int)i];
    }

    public static Json One(Folded f) => Json.Object(
        ("entry", f.Index), ("time", f.Entry.Time), ("kind", f.Statement.Kind),
        ("by", Json.Array(Signers(f).Select(Json.Of))), ("line", StatementKinds.Line(f)));

    /// <summary>Everything about one entry, its statement and envelope included.</summary>
    public static Json Whole(Folded f) => One(f)
        .With("leaf", f.Entry.LeafHash).With("identity", Digest.Of(f.Entry.Envelope.Payload))
        .With("statement", CanonicalJson.Parse(f.Entry.Envelope.Payload, Envelope.MaxPayload)).With("envelope",
            f.Entry.Envelope.ToJson());

    /// <summary>The members who signed, by the keys that are theirs after the entry.</summary>
    static IEnumerable<string> Signers(Folded f) =>
        f.Entry.Envelope.Signatures.Select(s => f.After.KeyOwners.TryGetValue(s.KeyId, out var m)
            ? m
            : s.KeyId.ToString());
}
