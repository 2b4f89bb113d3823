using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>An act that was judged once, judged again here from the entries before it: what came of it, and what the server told of it.</summary>
/// <param name="Told">The verdict or refusal that explains it; null where none was written.</param>
public sealed record Reexecuted(Folded? Told, State Before, Entry Entry, Outcome Outcome)
{
    /// <param name="index">A verdict, a refusal, or an act that policies judged.</param>
    /// <param name="find">Documents by digest, the envelopes of refused acts among them.</param>
    /// <exception cref="FormatException">There is no such entry, or its envelope is not to be had.</exception>
    public static Reexecuted Of(Replay replay, Func<Digest, byte[]?> find, long index)
    {
        if (index < 0 || index >= replay.Entries.Count) throw new FormatException($"there is no entry {index}: the ledger has {replay.Entries.Count}, from 0 to {replay.Entries.Count - 1}");
        var asked = replay.Entries[(int)index];
        if (Reexecution.Of(asked.Statement) is { } told)
        {
            var (before, entry, outcome) = told.Judge(replay, find) ?? throw new FormatException($"the envelope {told.Envelope} that entry {index} speaks of is not to be had");
            return new(asked, before, entry, outcome);
        }
        var verdict = replay.Entries.Skip((int)index + 1).FirstOrDefault(f => f.Statement is Verdict v && v.Size == index && v.Envelope == Explain.EnvelopeDigest(asked.Entry.Envelope));
        var state = replay.At(index);
        return new(verdict, state, asked.Entry, Fold.Apply(state, asked.Entry, replay.Documents));
    }

    /// <summary>What the server must have written, to the byte; null when it had nothing to write.</summary>
    public byte[]? Payload => Told is null ? null : Reexecution.Payload(Told.Statement, Before, Entry, Outcome);

    /// <summary>Whether that is what it wrote.</summary>
    public bool Agrees => Told is not null && Payload is { } payload && payload.AsSpan().SequenceEqual(Told.Entry.Envelope.Payload);

    public Explanation? Explanation => Explanation.Of(Before, Entry, Outcome);

    /// <summary>The members that what was written and what must have been written do not share, as JSON pointers; the first few.</summary>
    public IReadOnlyList<string> Differences() => Told is null ? [] : Differences(Told.Entry.Envelope.Payload, Payload);

    /// <param name="again">Null: there was nothing to write.</param>
    internal static IReadOnlyList<string> Differences(ReadOnlySpan<byte> told, byte[]? again)
    {
        const int most = 16;
        var found = new List<string>();
        Compare("", CanonicalJson.Parse(told, Envelope.MaxPayload), again is { } p ? CanonicalJson.Parse(p, Envelope.MaxPayload) : Json.Null);
        return found;

        void Compare(string at, Json one, Json other)
        {
            if (found.Count == most || one.Equals(other)) return;
            if (one.Kind == JsonKind.Object && other.Kind == JsonKind.Object)
                foreach (var name in one.AsObject.Keys.Union(other.AsObject.Keys).Order(StringComparer.Ordinal)) Compare($"{at}/{name}", one.Find(name) ?? Json.Null, other.Find(name) ?? Json.Null);
            else if (one.Kind == JsonKind.Array && other.Kind == JsonKind.Array && one.AsArray.Length == other.AsArray.Length)
                for (var i = 0; i < one.AsArray.Length; i++) Compare(string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{at}/{i}"), one.AsArray[i], other.AsArray[i]);
            else found.Add(at.Length == 0 ? "/" : at);
        }
    }

    public Json ToJson() => Json.Object(
        ("entry", Told is { } t ? Json.Of(t.Index) : null), ("kind", Told is { } k ? Json.Of(k.Statement.Kind) : null), ("size", Before.Size), ("time", Entry.Time), ("foldVersion", Before.FoldVersion),
        ("policies", Outcome is Outcome.Accepted { Judgement: { } j } ? Json.Array(j.Policies.Select(Json.Of)) : Outcome is Outcome.Refused { Judgement: { } i } ? Json.Array(i.Policies.Select(Json.Of)) : null),
        ("input", Explanation is { } e ? Json.Of(Digest.Of(e.Judgement.Input.ToBytes())) : null),
        ("payload", Told is null ? null : Json.Of(Digest.Of(Told.Entry.Envelope.Payload))), ("again", Payload is { } p ? Json.Of(Digest.Of(p)) : null),
        ("same", Agrees), ("differences", Agrees || Told is null ? null : Json.Array(Differences().Select(Json.Of))));
}
