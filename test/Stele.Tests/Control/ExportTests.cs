using Stele.Control;
using Stele.Control.Views;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;

namespace Stele.Tests.Control;

/// <summary>Packs of a real server, judged by the auditor's verifier with nothing but the trust file.</summary>
public sealed class ExportTests
{
    [Fact]
    public async Task A_pack_with_a_refused_deployment_and_an_anchored_decision_log_verifies_and_one_flipped_bit_does_not()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var biased = await town.Release("v1", 0.7, "biased");
        await town.Admit(town.Approval(biased), town.Approver);
        await town.Refuse(town.Deployment(biased), town.Deployer);
        var release = await town.Release("v2", 0.84, "good");
        var deployment = await town.Deploy(release);

        // A decision log of a node, opened in the ledger, with three decisions, anchored.
        var origin = Founding.NewOrigin("node");
        using var key = NoteSigner.Create(town.Path("node.key"), origin);
        using var decisions = Log.Open(new FileStore(town.Path("decisions")), origin, key, town.Time);
        await town.Admit(town.Act(new LogStatement(LogAction.Open, origin, key.Key.ToString(), town.Node.Id,
            Town.System, Town.Environment, null)
        {
            Nonce = Founding.NewNonce(),
            Issued = 0
        }), town.Owner);
        for (var i = 0; i < 3; i++)
            await decisions.Append(new Decision(DecisionKind.Whole, town.Now, null, Town.System, Town.Environment,
                deployment, release, ObservedStrength.VerifiedAtLoad, null,
                    town.State.PoliciesFor(Town.System, Town.Environment),
                DecisionOutcome.Allow, null, Citizen.New().Id, "http", "predict", 200,
                    Commitment.To("input", new byte[32],
                    "in"u8), Commitment.To("output", new byte[32], "out"u8), 1000, town.State.Size, 0).Encode());
        await town.Admit(
            town.Act(new Anchor(origin, decisions.Checkpoint, [], 0, 0, 3, town.State.Size, StateDigest.Of(town.State))
        {
            Nonce = Founding.NewNonce(),
            Issued = 0
        }), town.Node);

        var find = SmallDocuments.Of(town.Host.Blobs);
        var (digest, size) = Export.Write(town.Path("pack.zip"), town.Host.Log, town.Host.Admission, find,
            [Export.Of(decisions)]);
        var bytes = await File.ReadAllBytesAsync(town.Path("pack.zip"), TestContext.Current.CancellationToken);
        Assert.Equal((Digest.Of(bytes), bytes.LongLength), (digest, size));
        var report = Verifier.Verify(new MemoryStream(bytes), town.Trust);
        Assert.True(report.Result == VerifyResult.Complete, string.Join("\n", report.Findings));

        // A replica's pack is the same file.
        await using var replica = await Replica.Open(town.Path("replica"), town.Trust, town.Server, town.Time);
        await replica.Sync();
        var envelopes = SmallDocuments.Of(town.Host.Blobs);
        Assert.Equal(digest, Export.Write(town.Path("again.zip"), replica.Replay, replica.Checkpoint,
            d => replica.Replay.Documents.Find(d) ?? envelopes(d), [Export.Of(decisions)]).Digest);

        // From one of those decisions back to what its model was claimed to come from.
        var id = Decision.Id(origin, 1);
        var trace = Trace.OfDecision(replica.Replay, find, id, Decision.Parse(decisions.ReadEntry(1)));
        Assert.Equal((id, deployment, deployment + 1, "v2"), (trace.Asked!.Decision.Id,
            trace.Way!.Deployment.Line.Entry, trace.Way.Verdict!.Line.Entry, trace.Closure.Release.Name));
        Assert.Equal("https://example.org/weights",
            Assert.Single(trace.Closure.Sources).Parameters["origin"].AsString);
        Assert.Throws<FormatException>(() => Trace.OfDecision(replica.Replay, find, id,
            Decision.Parse(decisions.ReadEntry(1)) with { Deployment = deployment - 1 }));

        for (var i = 0; i < 40; i++)
        {
            var at = (int)((long)bytes.Length * i / 40);
            bytes[at] ^= 0x10;
            Assert.Equal(VerifyResult.Failed, Verifier.Verify(new MemoryStream(bytes), town.Trust).Result);
            bytes[at] ^= 0x10;
        }

        // Without the log that the ledger anchors there is no pack, and nothing on the disk.
        Assert.Throws<FormatException>(() =>
            Export.Write(town.Path("short.zip"), replica.Replay, replica.Checkpoint, find, []));
        Assert.False(File.Exists(town.Path("short.zip")));
        Assert.Empty(Directory.EnumerateFiles(Path.GetDirectoryName(town.Path("x"))!, "*.tmp"));
    }
}
