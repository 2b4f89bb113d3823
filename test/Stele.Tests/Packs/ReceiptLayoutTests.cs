using System.Text;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>Receipts of layout 2: what is shown of the state that the decision's node signed, and the deployment executed again on it.</summary>
public sealed class ReceiptLayoutTests
{
    static readonly Mortgage Lived = Mortgage.Lived();

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(6)]
    [InlineData(8)]
    public void A_full_receipt_executes_its_deployment_again(long leaf)
    {
        var bytes = Lived.Receipt(leaf).Encode();
        TestContext.Current.TestOutputHelper!.WriteLine($"{bytes.Length} bytes; layout 1: {Lived.Receipt(leaf, form: ReceiptForm.One).Encode().Length}");
        Assert.Equal(bytes, Receipt.Parse(bytes).Encode());
        var report = ReceiptVerifier.Verify(bytes, Lived.World.Trust);
        foreach (var line in report.Lines()) TestContext.Current.TestOutputHelper!.WriteLine(line.Text);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.Complete, report.Result);
        Assert.Contains(report.Facts, f => f.Basis == Basis.Proven && f.Sentence.Contains("judged again here", StringComparison.Ordinal));
    }
}
