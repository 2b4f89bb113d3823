using System.Text;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
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
        var told = string.Join('\n', report.Facts.Select(f => f.Sentence));
        foreach (var word in new[] { "signed its deployment: entry", "approves this", "declared in entry",
            "a check of it is stated", "built by a pipeline from 2 materials", "(deployer@mortgage)",
            "policy 'admission'", "policy 'service'", "verdict in entry", "of the ledger anchors it",
            "each in it under its signed checkpoint" }) Assert.Contains(word, told, StringComparison.Ordinal);
    }

    [Fact]
    public void An_open_comes_with_its_close()
    {
        var report = ReceiptVerifier.Verify(Lived.Receipt(3, close: 5), Lived.World.Trust);
        Assert.Equal(VerifyResult.Complete, report.Result);
        Assert.Contains(report.Facts, f => f.Sentence.Contains("closed by leaf 5", StringComparison.Ordinal));
    }

    [Fact]
    public void A_decision_that_is_not_anchored_yet_has_an_early_receipt()
    {
        var receipt = Lived.Receipt(Lived.Log.Leaves.Count - 1);
        var report = ReceiptVerifier.Verify(receipt, Lived.World.Trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal((VerifyResult.Early, 5), (report.Result, (int)report.Result));
        Assert.Equal("early", report.ToJson()["result"].AsString);
        Assert.Null(receipt.AnchoredBy);
        Assert.Equal(Lived.World.State.Logs[Lived.Log.Origin].Anchor!.Entry, Lived.Receipt(8).AnchoredBy);
        Assert.Contains(report.Facts, f => f.Sentence.Contains("EARLY receipt", StringComparison.Ordinal));
        Assert.Equal(VerifyResult.Unauthenticated, ReceiptVerifier.Verify(receipt, null).Result);
    }

    /// <summary>
    /// A receipt shows the newest entry for each scope: a record that names what that entry replaced, or leaves out
    /// what it put in force, does not agree with it.
    /// </summary>
    [Fact]
    public void A_record_that_names_a_policy_which_was_replaced_is_found()
    {
        var m = Mortgage.Released();
        var w = m.World;
        m.Deploy(m.V2);
        var (first, old) = (w.State.Policies[World.Sys].Entry, w.Decide());
        w.Add(w.PutPolicy(w.Policy("next", null, ("any", "deploy", "true"))), World.Owners);
        var candidate = w.Policy("candidate", null, ("any", "deploy", "false"));
        var entry = w.Add(w.PutPolicy(w.Policy("prod", null, ("any", "deploy", "1 < 2")), environment: World.Prod) with
        {
            Candidate = candidate,
            Share = 100
        }, World.Owners);
        var honest =
            w.Decide() with { Policies = w.State.PoliciesDeciding(World.Sys, World.Prod, w.Decide().Principal) };
        Assert.Equal(candidate, honest.Policies[1]);
        var lost = honest with { Policies = [honest.Policies[0],
            w.State.Policies[World.Sys + "/" + World.Prod].Policy!.Value, candidate] };
        w.Add(w.PutPolicy(null, environment: World.Prod), World.Owners);
        w.Add(w.PutPolicy(null), World.Owners);
        w.Add(w.PutPolicy(m.Policy, null), World.Owners);
        var none = w.Decide();
        Assert.Equal([m.Policy], none.Policies);

        // What a receipt can't tell from an honest record: whether the candidate had lost its force, and so whether the
        // policy decided beside it.
        Decision[] good = [old, honest, lost, none];
        Decision[] bad = [honest with { Policies = old.Policies }, honest with { Policies = [honest.Policies[0]] },
            honest with { Policies = [candidate, honest.Policies[0]] }, honest with { Policies = lost.Policies[..2] },
            none with { Policies = honest.Policies }, none with { Policies = [] }];
        foreach (var d in good.Concat(bad)) m.Log.Add(d);
        for (var i = 0; i < m.Log.Leaves.Count; i++)
        {
            var report = ReceiptVerifier.Verify(m.Receipt(i), w.Trust);
            Assert.Equal(i < good.Length ? [] : ["decision-policy"], report.Findings.Select(f => f.Name));
            if (i == 1)
                Assert.Contains(report.Facts,
                    n =>
                        n.Sentence.Contains(
                            $"policy 'candidate' {candidate}, which entry {entry} states for this place,",
                            StringComparison.Ordinal));
            if (i == 0)
                Assert.Contains(report.Facts,
                    n =>
                        n.Sentence.Contains(
                            $"policy 'admission' {m.Policy}, which entry {first} states for this place,",
                            StringComparison.Ordinal));
        }
    }

    /// <summary>
    /// Cosignatures are more lines under the same text: a receipt whose note carries them is anchored by an entry whose
    /// note does not.
    /// </summary>
    [Fact]
    public void The_logs_checkpoint_may_carry_cosignatures()
    {
        var receipt = Lived.Receipt(8);
        var cosigned = receipt with { LogCheckpoint = Lived.World.Witness.Sign(Note.Parse(receipt.LogCheckpoint),
            World.Start / 1000) };
        Assert.Equal(3, cosigned.LogCheckpoint.Split("\n\n")[1].Split('\n').Length);
        Assert.Equal(VerifyResult.Complete, ReceiptVerifier.Verify(cosigned.Encode(), Lived.World.Trust).Result);
        Assert.Contains(
            ReceiptVerifier.Verify(
                receipt with { Checkpoint = Lived.World.Witness.Sign(Note.Parse(receipt.Checkpoint),
                    World.Start / 1000 + 1) }, Lived.World.Trust).Facts,
            n => n.Sentence.StartsWith("witnesses: ", StringComparison.Ordinal));
    }

    [Fact]
    public void Every_flipped_byte_of_a_receipt_is_found()
    {
        var bytes = Lived.Receipt(8).Encode();
        var random = new Random(5);
        for (var n = 0; n < 300; n++)
        {
            var bad = (byte[])bytes.Clone();
            var i = random.Next(bad.Length);
            bad[i] ^= (byte)(1 << random.Next(8));
            var report = ReceiptVerifier.Verify(bad, Lived.World.Trust);
            Assert.True(report.Findings.Count > 0,
                $"byte {i}, flipped, is not found: {Encoding.UTF8.GetString(bad.AsSpan(Math.Max(0, i - 200), Math.Min(400, bad.Length - Math.Max(0, i - 200))))}");
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
