using System.Diagnostics;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Bench;

/// <summary>
/// The auditor's verifier over a whole pack in memory: layout, every digest, every ledger entry folded again with its signatures, verdicts executed again, every decision parsed and held
/// to the ledger, every anchor. Beside it: SHA-256 over the same bytes, and as the leaves of the same trees.
/// </summary>
static class VerifyBench
{
    const int Decisions = 20_000, Origins = 300;
    const string Bytes = "SHA-256 of the pack, one core", Trees = "SHA-256 of its leaves and trees, one core";

    public static Rounds Make()
    {
        // A world in which things happened, then a busy day of its decision log with an anchor every so often.
        var mortgage = Mortgage.Lived();
        var world = mortgage.World;
        for (var i = 0; i < Origins; i++) world.Add(World.OriginOf(World.Builder, Origin.Freeze, Digest.Of(BitConverter.GetBytes(i))), World.Builder);
        for (var i = 1; i <= Decisions; i++)
        {
            world.Now++;
            mortgage.Log.Add(world.Decide());
            if (i % (Decisions / 4) == 0) mortgage.Anchor();
        }
        var pack = world.Pack();
        var trust = world.Trust;
        var leaves = world.Entries.Concat(mortgage.Log.Leaves).ToArray();
        var signatures = world.Entries.Sum(e => Entry.Parse(e).Envelope.Signatures.Length);

        var rounds = new Rounds("verify", $"an audit pack of {world.Entries.Count} ledger entries ({signatures} signatures) and {mortgage.Log.Leaves.Count} decisions, {pack.Length / 1e6:0.0} MB; entries and decisions a second");
        rounds.Limit(Bytes, "/s", () => Task.FromResult(Timed(leaves.Length, pack.Length, () => Digest.Of(pack))));
        rounds.Limit(Trees, "/s", () => Task.FromResult(Timed(leaves.Length, pack.Length, () => _ = Merkle.Root(world.Entries.Select(e => Merkle.Leaf(e))) == Merkle.Root(mortgage.Log.Leaves.Select(l => Merkle.Leaf(l))))));
        rounds.Add("verifier", "/s", Trees, () => Task.FromResult(Timed(leaves.Length, pack.Length, () =>
        {
            if (Verifier.Verify(new MemoryStream(pack), trust) is { Result: not VerifyResult.Complete } report) throw new InvalidOperationException($"the pack does not verify: {report.Findings[0]}");
        })));
        return rounds;
    }

    /// <summary>Repeats for at least a fifth of a second.</summary>
    static Sample Timed(int leaves, int bytes, Action run)
    {
        var times = 0;
        var cpu = Environment.CpuUsage.TotalTime;
        var began = Stopwatch.GetTimestamp();
        do
        {
            run();
            times++;
        }
        while (Stopwatch.GetElapsedTime(began) < TimeSpan.FromMilliseconds(200));
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds / times;
        return new Sample(leaves / seconds, ("MB/s", bytes / 1e6 / seconds), ("seconds", seconds), ("CPU µs", (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / times / leaves));
    }
}
