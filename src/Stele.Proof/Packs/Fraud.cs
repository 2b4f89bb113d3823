using System.Collections.Immutable;
using Stele.Proof.Decisions;

namespace Stele.Proof.Packs;

/// <summary>
/// Whether a receipt, early or full, together with another receipt or with an audit pack proves that a node's log key
/// signed two histories. Each side is first held to the trust file by itself: that the ledger names the key as this
/// log's, and that the key signed the tree that the record stands in. What the record says need not be true for that. A
/// side that fails proves nothing against anyone.
/// </summary>
public static class Fraud
{
    public static FraudReport Judge(ReadOnlySpan<byte> receipt, ReadOnlySpan<byte> other, Trust trust)
    {
        if (Open(receipt, "the receipt", trust, out var findings) is not { } held) return Nothing(findings);
        if (Open(other, "the other receipt", trust, out findings) is not { } second) return Nothing(findings);
        if ((held.Receipt.Log, held.Key.ToString()) != (second.Receipt.Log, second.Key.ToString()))
            return Nothing([new Finding("log-unknown", "the other receipt",
                $"it is of the log '{second.Receipt.Log}', the receipt of '{held.Receipt.Log}'")]);
        var compared = new HeldReceipt(held);
        compared.Against(second, "the other receipt");
        if (held.Anchor is { } anchor && second.Anchor is null)
        {
            // The other one is the early one: the same question the other way round.
            var back = new HeldReceipt(second);
            back.Anchored(anchor.Entry, anchor.Statement, held.Checkpoint.Size);
            back.End(held.Checkpoint.Size);
            return Answer(held, compared.Contradictions.Concat(back.Contradictions),
                compared.Confirmed || Confirms(second, held), "the other receipt");
        }
        return Answer(held, compared.Contradictions, compared.Confirmed, "the other receipt");
    }

    /// <param name="pack">A seekable stream over the zip.</param>
    public static FraudReport Judge(ReadOnlySpan<byte> receipt, Stream pack, Trust trust)
    {
        if (Open(receipt, "the receipt", trust, out var findings) is not { } held) return Nothing(findings);
        var report = Verifier.Verify(pack, trust, held, out var compared);
        var unsound = report.Findings.Where(f => f.Name != "log-forked").ToImmutableArray();
        return unsound.IsEmpty
            ? Answer(held, compared.Contradictions, compared.Confirmed, "the pack")
            : Nothing(unsound);
    }

    static bool Confirms(ProvenRecord one, ProvenRecord other)
    {
        var turned = new HeldReceipt(one);
        turned.Against(other, "");
        return turned.Confirmed;
    }

    static ProvenRecord? Open(ReadOnlySpan<byte> bytes, string name, Trust trust, out ImmutableArray<Finding> findings)
    {
        try
        {
            var (record, report) = ReceiptVerifier.Open(Receipt.Parse(bytes), trust);
            findings = [.. report.Findings.Select(f => f with { Where = $"{name}, {f.Where}" })];
            return record;
        }
        catch (FormatException e)
        {
            findings = [new Finding("receipt-malformed", name, e.Message)];
            return null;
        }
    }

    static FraudReport Nothing(ImmutableArray<Finding> findings) => new(FraudVerdict.NothingProven, [], findings,
        ["nothing is proven against anyone: what is not genuine itself, or not of this ledger and log, is no evidence."]);

    static FraudReport Answer(ProvenRecord held, IEnumerable<Contradiction> contradictions, bool confirmed,
        string other)
    {
        var all = contradictions.DistinctBy(c => c.Kind).OrderBy(c => c.Kind).ToImmutableArray();
        var who =
            $"the key of the decision log '{held.Receipt.Log}', which the ledger '{held.Origin}' opened for node "
            + $"{held.Log.Node} of {held.Log.System}/{held.Log.Environment}";
        return all switch
        {
            { IsEmpty: false } => new(FraudVerdict.Proven, all, [], [
                $"both sides are genuine: each was signed with {who}.",
                "no honest holder of that key can have signed both: the node shows, or showed, different logs to "
                + "different people. Who used the key, these two do not say; the holder answers for it."]),
            _ when confirmed =>
                new(FraudVerdict.Consistent, [], [],
                    [$"both sides are genuine, signed with {who}, and {other} has the receipt's record just as the "
                        + $"receipt shows it."]),
            _ => new(FraudVerdict.Undecided, [], [], [
                $"both sides are genuine, signed with {who}; {other} speaks of other leaves than the receipt, so "
                + $"nothing contradicts and nothing confirms. A pack made after the receipt's record was anchored "
                + $"decides it."]),
        };
    }
}
