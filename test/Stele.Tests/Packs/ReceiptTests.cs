using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

public sealed class ReceiptTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(8)]
    public void An_anchored_decision_has_a_full_receipt(long leaf)
    {
        var receipt = Lived.Receipt(leaf);
        Assert.Equal(receipt.Encode(), Receipt.Parse(receipt.Encode()).Encode());
        var report = ReceiptVerifier.Verify(receipt.Encode(), Lived.World.Trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.Complete, report.Result);
        var told = string.Join('\n', report.Notes);
        foreach (var word in new[] { "deployment is entry", "approved by", "release is", "checked by", "model", "pipeline", "policy 'admission'", "verdict in entry", "anchored in entry" }) Assert.Contains(word, told, StringComparison.Ordinal);
    }

    [Fact]
    public void An_open_comes_with_its_close()
    {
        var report = ReceiptVerifier.Verify(Lived.Receipt(3, close: 5), Lived.World.Trust);
        Assert.Equal(VerifyResult.Complete, report.Result);
        Assert.Contains(report.Notes, n => n.Contains("closed by leaf 5", StringComparison.Ordinal));
    }

    [Fact]
    public void A_decision_that_is_not_anchored_yet_has_an_early_receipt()
    {
        var receipt = Lived.Receipt(Lived.Log.Leaves.Count - 1);
        var report = ReceiptVerifier.Verify(receipt, Lived.World.Trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.DeclaredGaps, report.Result);
        Assert.Equal(VerifyResult.Unauthenticated, ReceiptVerifier.Verify(receipt, null).Result);
    }

    [Fact]
    public void Two_receipts_of_a_forked_log_prove_it()
    {
        var m = Mortgage.Lived();
        var honest = m.Receipt(8);
        var fork = new DecisionLog(m.Log.Key);
        foreach (var leaf in m.Log.Leaves.Take(8)) fork.Add(Decision.Parse(leaf));
        fork.Add(m.World.Decide() with { Status = 403 });
        var early = m.Receipt(8, fork);
        Assert.Equal(VerifyResult.DeclaredGaps, ReceiptVerifier.Verify(early, m.World.Trust).Result);
        Assert.Equal(["log-forked"], ReceiptVerifier.Compare(honest, early, m.Log.Key.Key).Findings.Select(f => f.Name));
        var pack = m.World.Pack();
        Assert.Equal(["log-forked"], Verifier.Verify(new MemoryStream(pack), m.World.Trust, receipt: early).Findings.Select(f => f.Name));
        Assert.Empty(Verifier.Verify(new MemoryStream(pack), m.World.Trust, receipt: honest).Findings);
        Assert.Empty(ReceiptVerifier.Compare(honest, m.Receipt(2), m.Log.Key.Key).Findings);
        Assert.NotNull(ReceiptVerifier.Contradiction(m.Log.Key.Key, m.Log.Checkpoint(9), fork.Checkpoint(9)));
        Assert.Null(ReceiptVerifier.Contradiction(m.Log.Key.Key, m.Log.Checkpoint(8), fork.Checkpoint(8)));
    }

    [Fact]
    public void Every_flipped_byte_of_a_receipt_is_found()
    {
        var bytes = Lived.Receipt(8).Encode();
        var random = new Random(5);
        for (var i = 0; i < 300; i++)
        {
            var bad = (byte[])bytes.Clone();
            bad[random.Next(bad.Length)] ^= (byte)(1 << random.Next(8));
            Assert.Equal(VerifyResult.Failed, ReceiptVerifier.Verify(bad, Lived.World.Trust).Result);
        }
    }

    [Fact]
    public void Another_trust_file_does_not_accept_it()
    {
        var other = Mortgage.Founded("other.example").World.Trust;
        Assert.Contains(ReceiptVerifier.Verify(Lived.Receipt(8), other).Findings, f => f.Name == "trust-genesis");
        Assert.Equal(VerifyResult.Failed, ReceiptVerifier.Verify(Encoding.UTF8.GetBytes("{}"), other).Result);
    }
}
