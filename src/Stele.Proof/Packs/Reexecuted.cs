using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>
/// An act that was judged once, judged again here from the entries before it: what came of it, and what the server told
/// of it.
/// </summary>
/// <param name="Told">The verdict or refusal that explains it; null where none was written.</param>
public sealed record Reexecuted(Folded? Told, State Before, Entry Entry, Outcome Outcome)
{
    /// <param name="index">A verdict, a refusal, or an act that policies judged.</param>
    /// <param name="find">Documents by digest, the envelopes of refused acts among them.</param>
    /// <exception cref="FormatException">There is no such entry, or its envelope is not to be had.</exception>
    public static Reexecuted Of(Replay replay, Func<Digest, byte[]?> find, long index)
    {
        if (index < 0 || index >= replay.Entries.Count)
            throw new FormatException(
                $"there is no entry {index}: the ledger has {replay.Entries.Count}, from 0 to "
                + $"{replay.Entries.Count - 1}");
        var asked = replay.Entries[(int)index];
        if (Reexecution.Of(asked.Statement) is { } told)
        {
            var (before, entry, outcome) = told.Judge(replay, find) ?? throw new FormatException(
                $"the envelope {told.Envelope} that entry {index} speaks of is not to be had");
            return new(asked, before, entry, outcome) { Misplaced = Reexecution.Misplaced(replay, asked) };
        }
        var verdict = replay.Of<Verdict>(index + 1).FirstOrDefault(f => f.Statement is Verdict v
            && v.Size == index && v.Envelope == Explain.EnvelopeDigest(asked.Entry.Envelope));
        var state = replay.At(index);
        return new(verdict, state, asked.Entry, Fold.Apply(state, asked.Entry, replay.Documents));
    }

    /// <summary>Why what the server told stands where no server writes it; null where it stands as it must.</summary>
    public string? Misplaced { get; private init; }

    /// <summary>What the server must have written, to the byte; null when it had nothing to write.</summary>
    public byte[]? Payload => Told is null ? null : Reexecution.Payload(Told.Statement, Before, Entry, Outcome);

    /// <summary>Whether that is what it wrote.</summary>
    public bool Agrees =>
        Told is not null && Payload is { } payload && payload.AsSpan().SequenceEqual(Told.Entry.Envelope.Payload);

    public Explanation? Explanation => Explanation.Of(Before, Entry, Outcome);

    /// <summary>
    /// The members that what was written and what must have been written do not share, as JSON pointers; the first few.
    /// </summary>
    public IReadOnlyList<string> Differences()
    {
        return Told is null ? [] : [.. Compared(Told.Entry.Envelope.Payload, Payload).Select(d => d.At)];
    }

    /// <summary>What was written, and what must have been written, in one sentence.</summary>
    internal string Contrast()
    {
        if (Payload is null)
            return "executed again, there is nothing of the kind to write: " + Outcome switch
            {
                Outcome.Refused { Member: null } r =>
                    $"it was refused, {r.Code.Name()}, and no member's good signature stands behind it",
                Outcome.Refused r => $"it was refused, {r.Code.Name()}",
                Outcome.Already => "it had been admitted before",
                _ => "it was admitted",
            };
        return Told is null ? "" : Contrast(Told.Entry.Envelope.Payload, Payload);
    }

    internal static string Contrast(ReadOnlySpan<byte> told, byte[] again)
    {
        return "executed again, it does not give these bytes: " + string.Join("; ", Compared(told, again).Select(d =>
            $"{d.At} is {Short(d.Told)} here and {Short(d.Again)} when executed again"));

        static string Short(Json value)
        {
            const int most = 80;
            var text = value.Equals(Json.Null) ? "nothing" : value.ToString();
            return text.Length <= most ? text : text[..most] + "…";
        }
    }

    static List<(string At, Json Told, Json Again)> Compared(ReadOnlySpan<byte> written, byte[]? executed)
    {
        const int most = 16;
        var found = new List<(string At, Json Told, Json Again)>();
        Compare("", CanonicalJson.Parse(written, Envelope.MaxPayload), executed is { } p
            ? CanonicalJson.Parse(p, Envelope.MaxPayload) : Json.Null);
        return found;

        void Compare(string at, Json told, Json again)
        {
            if (found.Count == most || told.Equals(again)) return;
            if (told.Kind == JsonKind.Object && again.Kind == JsonKind.Object)
                foreach (var name in told.AsObject.Keys.Union(again.AsObject.Keys).Order(StringComparer.Ordinal))
                    Compare($"{at}/{name}", told.Find(name) ?? Json.Null, again.Find(name) ?? Json.Null);
            else if (told.Kind == JsonKind.Array && again.Kind == JsonKind.Array
                && told.AsArray.Length == again.AsArray.Length)
                for (var i = 0; i < told.AsArray.Length; i++)
                    Compare(string.Create(global::System.Globalization.CultureInfo.InvariantCulture, $"{at}/{i}"),
                        told.AsArray[i], again.AsArray[i]);
            else found.Add((at.Length == 0 ? "/" : at, told, again));
        }
    }

    public Json ToJson() => Json.Object(
        ("entry", Told is { } t ? Json.Of(t.Index) : null), ("kind", Told is { } k ? Json.Of(k.Statement.Kind) : null),
        ("size", Before.Size), ("time", Entry.Time), ("foldVersion", Before.FoldVersion),
        ("policies", Outcome is Outcome.Accepted { Judgement: { } j } ? Json.Array(j.Policies.Select(Json.Of))
            : Outcome is Outcome.Refused { Judgement: { } i } ? Json.Array(i.Policies.Select(Json.Of)) : null),
        ("input", Explanation is { } e ? Json.Of(Digest.Of(e.Judgement.Input.ToBytes())) : null),
        ("payload", Told is null ? null : Json.Of(Digest.Of(Told.Entry.Envelope.Payload))),
        ("again", Payload is { } p ? Json.Of(Digest.Of(p)) : null),
        ("same", Agrees), ("misplaced", Misplaced is { } m ? Json.Of(m) : null),
            ("differences", Agrees || Told is null ? null : Json.Array(Differences().Select(Json.Of))));
}
