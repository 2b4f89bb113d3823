using System.Diagnostics;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Worlds;

namespace Stele.Bench;

/// <summary>
/// The auditor's verifier over a whole pack on the disk: layout, every digest, every ledger entry folded again with its
/// signatures, verdicts executed again, every decision read and held to the ledger, every anchor. Two packs, one with a
/// long ledger and one with a long decision log beside it, so that signatures and leaves are told apart. Beside it:
/// SHA-256 over
/// as many leaves and their tree, and signatures alone; each on one core.
/// </summary>
static class VerifyBench
{
    const int Decisions = 1_000_000, Statements = 10_000;
    const string Trees = "SHA-256 of its leaves and trees, one core",
        Signatures = "ECDSA P-256 verify, every processor";

    public static Rounds Make(Scratch scratch)
    {
        var folder = scratch.Next();
        // A world in which things happened and much was stated; then a busy day of its decision log with an anchor
        // every so often.
        var mortgage = Mortgage.Lived();
        var world = mortgage.World;
        for (var i = 0; world.Entries.Count < Statements - 4; i++)
        {
            if (i % 20 == 0) world.Add(world.Observe(), World.Node);
            else
                world.Add(World.OriginOf(World.Builder, Origin.Freeze, Digest.Of(BitConverter.GetBytes(i))),
                    World.Builder);
        }
        var statements = Write("statements.zip");
        var signatures = world.Entries.Sum(e => Entry.Parse(e).Envelope.Signatures.Length);
        var decision = world.Decide();
        for (var i = 1; i <= Decisions; i++)
        {
            mortgage.Log.Add(decision with { Time = decision.Time + i, Duration = 1000 + i % 977 });
            if (i % (Decisions / 4) != 0) continue;
            mortgage.Anchor();
            decision = world.Decide();
        }
        var whole = Write("whole.zip");
        var trust = world.Trust;
        var leaves = mortgage.Log.Leaves.Count;
        var bytes = new FileInfo(whole).Length;
        var block = mortgage.Log.Leaves[^1];

        var rounds = new Rounds("verify",
            $"an audit pack of {world.Entries.Count} ledger entries ({signatures} signatures) and {leaves} decisions, {bytes / 1e6:0} MB, by all {Environment.ProcessorCount} cores") { Budget = TimeSpan.FromSeconds(60) };
        rounds.Limit(Trees, "leaves/s", () => Task.FromResult(Timed(200_000, 0, () =>
        {
            var frontier = new Frontier();
            for (var i = 0; i < 200_000; i++) frontier = frontier.Add(Merkle.Leaf(block));
        })));
        // By the runtime itself: an envelope remembers that it was verified.
        rounds.Limit(Signatures, "/s",
            () =>
                Task.FromResult(new Sample(Machine.EcdsaVerifications(TimeSpan.FromMilliseconds(300), 800,
                    Environment.ProcessorCount))));
        rounds.Add("a ledger: signatures", "/s", Signatures,
            () => Task.FromResult(Timed(signatures, new FileInfo(statements).Length, () => Judge(statements, trust))));
        rounds.Add("the whole pack: leaves of both", "/s", Trees,
            () => Task.FromResult(Timed(leaves + world.Entries.Count, bytes, () => Judge(whole, trust))));
        // The same ledger is in both packs; so what the second takes longer, it takes for the decision log.
        rounds.Derive("decision log alone: leaves", "/s", r =>
            leaves / (r["the whole pack: leaves of both"].More[1].Value - r["a ledger: signatures"].More[1].Value));
        return rounds;

        string Write(string name)
        {
            using var file = File.Create(Path.Combine(folder, name), 1 << 20);
            Pack.Write(file, world.Entries, world.Checkpoint(), world.Find, world.Logs.Values.Select(l => l.Packed()));
            return file.Name;
        }
    }

    static void Judge(string file, Trust trust)
    {
        using var pack = File.OpenRead(file);
        if (Verifier.Verify(pack, trust) is { Result: not VerifyResult.Complete } report)
            throw new InvalidOperationException($"the pack does not verify: {report.Findings[0]}");
    }

    /// <summary>Repeats for at least a fifth of a second.</summary>
    static Sample Timed(int things, long bytes, Action run)
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
        return new Sample(things / seconds, ("MB/s", bytes / 1e6 / seconds), ("seconds", seconds),
            ("CPU µs", (Environment.CpuUsage.TotalTime - cpu).TotalMicroseconds / times / things));
    }
}
