using System.Globalization;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Proof.Packs;

/// <summary>What it means that a document is not to be had.</summary>
enum MissingDocument
{
    /// <summary>All documents belong to what is judged, as in a pack: something is missing.</summary>
    Contradicts,

    /// <summary>Documents may be withheld, as by a server that opens its log alone: judging stops there.</summary>
    Stops,
}

/// <summary>
/// The one loop that folds a ledger's entries, for packs and for ledgers. From the first entry on that can't be folded,
/// entries are no longer judged, but held to all that takes no judgement: their form and size,
/// times that never go back and lie within their signers' windows, the ledger's id, payloads that stand once, and
/// signatures by the keys that were known by then. What fails that is a finding.
/// </summary>
sealed class Folding(Replay replay, VerifyReport report, MissingDocument missing)
{
    readonly Preparation _preparation = new();
    readonly Dictionary<Digest, long> _unjudged = [];
    readonly List<(long FromSize, string Key)> _logKeys = [];
    long? _halted;
    (HaltReason Reason, string Message)? _why;
    long _unread, _unknownKinds, _unknownSigners;

    /// <summary>The newest time of any entry, milliseconds since 1970 UTC.</summary>
    public long Time { get; private set; }

    /// <summary>Parses entries and verifies their signatures, on every thread.</summary>
    public Ahead[] Read(int count, Preparation.Leaf leaf) => _preparation.Read(count, leaf);

    /// <summary>Takes the next entry.</summary>
    public void Add(long index, Ahead entry)
    {
        var where = $"entry {N(index)}";
        if (_halted is not null) Check(index, where, entry);
        else if (entry.Entry is not { } prepared)
        {
            _halted = index;
            report.Find("entry-malformed", where, entry.Error!);
        }
        else
            switch (replay.Add(prepared))
            {
                case Outcome.Refused r when Halt.ReasonOf(r.Code) is { } reason
                    && (reason != HaltReason.DocumentMissing || missing == MissingDocument.Stops):
                    (_halted, _why) = (index, (reason, r.Message));
                    Check(index, where, entry);
                    break;
                case Outcome.Refused r:
                    _halted = index;
                    report.Find("entry-refused", where, $"{r.Code.Name()}: {r.Message}");
                    break;
                case Outcome.Already a:
                    _halted = index;
                    report.Find("entry-repeated", where, $"its payload stands in entry {a.Entry} already");
                    break;
                default:
                    Time = prepared.Entry.Time;
                    break;
            }
    }

    /// <summary>Tells where the judging stopped, if it did.</summary>
    public void End(long size)
    {
        if (_halted is not { } at) return;
        if (_why is var (reason, message)) report.Stop(new Halt(at, reason, message, size));
        var parts = new List<string>();
        if (_unread > 0) parts.Add($"{N(_unread)} are in a form that is not known here");
        if (_unknownKinds > 0) parts.Add($"{N(_unknownKinds)} are of a kind that is not known here");
        if (_unknownSigners > 0) parts.Add(
            $"{N(_unknownSigners)} are signed by a key that no entry before entry {N(at)} gives to a member");
        report.Note($"unjudged: {N(size - at)} entries, from entry {N(at)} on: form, times and the signatures of " +
            $"known members were checked, what they do was not" +
            $"{(parts.Count > 0 ? $" ({string.Join("; ", parts)})" : "")}.");
    }

    /// <summary>
    /// The log's verifier key for a tree size: of the entries that were folded; and of unjudged ones if owners signed
    /// them, as many as it takes and with keys that were known before.
    /// </summary>
    public string LogKeyAt(long size) =>
        _logKeys.Where(k => k.FromSize <= size).Select(k => k.Key).LastOrDefault()
            ?? replay.State.LogKeyAt(Math.Min(replay.State.Size, size));

    /// <summary>An entry that is not judged any more.</summary>
    void Check(long index, string where, Ahead ahead)
    {
        var state = replay.State;
        // Formats may be others under a fold version that is not known. Nothing else excuses what is no entry: it would
        // hide behind whatever stopped the fold.
        var strict = _why is not { Reason: HaltReason.UnknownFoldVersion };
        if (ahead.Entry is not { } prepared)
        {
            if (strict) report.Find("entry-malformed", where, ahead.Error!);
            else _unread++;
            return;
        }
        var entry = prepared.Entry;
        var statement = prepared.Statement;
        if (statement is null)
            try
            {
                statement = StatementKinds.Parse(entry.Envelope.Payload);
            }
            catch (UnknownKindException)
            {
                _unknownKinds++;
            }
            catch (FormatException e)
            {
                if (strict) report.Find("entry-malformed", where, e.Message);
                else _unread++;
            }
        var wrong = statement switch
        {
            null => Fold.Backwards(Time, entry, null),
            GenesisStatement when index > 0 =>
                new Outcome.Refused(RefusalCode.NotGenesis, "the ledger has its genesis", null, statement, null),
            GenesisStatement => null,
            _ => Fold.Untimely(Time, entry, statement)
                ?? (state.Size > 0 ? Fold.Foreign(state.Ledger, statement) : null),
        };
        if (wrong is not null) report.Find("entry-refused", where, $"{wrong.Code.Name()}: {wrong.Message}");
        Time = Math.Max(Time, entry.Time);

        var identity = Digest.Of(entry.Envelope.Payload);
        if (state.Identities.TryGetValue(identity, out var first)
            || (!_unjudged.TryAdd(identity, index) && _unjudged.TryGetValue(identity, out first)))
            report.Find("entry-repeated", where, $"its payload stands in entry {N(first)} already");

        var strangers = false;
        foreach (var signature in entry.Envelope.Signatures)
            if (Fold.KeyOf(state, signature.KeyId) is not { } key) strangers = true;
            else if (!prepared.IsGood(signature) && !entry.Envelope.Verify(signature, key))
                report.Find("entry-refused", where,
                    $"{RefusalCode.BadSignature.Name()}: the signature by {signature.KeyId} is not good");
        if (strangers) _unknownSigners++;
        else if (statement is LogKeyStatement k && state.Size > 0 && k.FromSize > state.Size
            && VerifierKey.TryParse(k.Key, out var key) && Fold.IsLogKey(key, state.Origin)
            && Fold.SignedRightly(state, entry, k, out _) is null)
            _logKeys.Add((k.FromSize, k.Key));
    }

    static string N(long n) => n.ToString(CultureInfo.InvariantCulture);
}
