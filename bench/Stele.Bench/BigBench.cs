using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Stele.Ledger;

namespace Stele.Bench;

/// <summary>
/// A log of ten million entries of 200 bytes: how it grows, what it holds in memory, how long it takes to open, and to
/// prove any entry of it. Made once, then opened and read in rounds.
/// </summary>
static class BigBench
{
    const long Entries = 10_000_000;
    const int EntryBytes = 200, Group = 2000, Proofs = 500;
    const string Origin = "bench.example/big";
    const string Node = "SHA-256 of 64 bytes, as often as a proof has nodes to hash";

    public static async Task<Rounds> Make(Scratch scratch)
    {
        var folder = scratch.Next();
        var key = NoteSigner.Create(Path.Combine(folder, "key"), Origin);
        Log Open() => Log.Open(new FileStore(Path.Combine(folder, "log")), Origin, key, TimeProvider.System);

        // Half of it first: what memory grows with shows between the two.
        var began = Stopwatch.GetTimestamp();
        double half, full;
        using (var log = Open())
        {
            await Fill(log, Entries / 2);
            half = Memory();
            await Fill(log, Entries);
            full = Memory();
        }
        var rate = Entries / Stopwatch.GetElapsedTime(began).TotalSeconds;
        var big = Open();

        var rounds = new Rounds("big",
            string.Create(CultureInfo.InvariantCulture,
                $"a log of {Entries:N0} entries of {EntryBytes} bytes, made at {rate:N0} entries/s by one writer in batches of {Group}"))
        {
            Budget = TimeSpan.FromSeconds(20),
            End = () =>
            {
                big.Dispose();
                key.Dispose();
                return Task.CompletedTask;
            },
        };
        rounds.Limit(Node, "ms", () => Task.FromResult(new Sample(Hashes())));
        rounds.Add("proof of a random entry, warm", "ms", Node, () => Task.FromResult(Prove(big)));
        rounds.Add("memory of the process at 5 million entries", "MiB", null, () => Task.FromResult(new Sample(half)));
        rounds.Add("memory of the process at 10 million entries", "MiB", null, () => Task.FromResult(new Sample(full)));
        rounds.Add("closing and opening it", "ms", null, () =>
        {
            big.Dispose();
            var start = Stopwatch.GetTimestamp();
            big = Open();
            if (big.Size != Entries) throw new InvalidOperationException($"it has {big.Size} entries");
            return Task.FromResult(new Sample(Stopwatch.GetElapsedTime(start).TotalMilliseconds,
                ("memory MiB", Memory())));
        });
        return rounds;
    }

    static async Task Fill(Log log, long to)
    {
        var entries = Enumerable.Range(0, Group)
            .Select(_ => (ReadOnlyMemory<byte>)RandomNumberGenerator.GetBytes(EntryBytes)).ToArray();
        for (var size = log.Size; size < to; size += Group) await log.Append(entries, Await.Durable);
        await log.WaitBeyond(to - 1, default);
    }

    /// <summary>What the process holds of the machine's memory, after a collection.</summary>
    static double Memory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return Environment.WorkingSet / 1048576.0;
    }

    static Sample Prove(Log log)
    {
        var latencies = new List<double>();
        for (var i = 0; i < 2 * Proofs; i++)
        {
            // A step that meets every part of the tree; each proof needs tiles that the one before it did not, of which
            // the page cache has the bytes.
            var index = i * 7_919_311L % Entries;
            var start = Stopwatch.GetTimestamp();
            var proof = log.InclusionProof(index, Entries);
            if (i >= Proofs) latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            if (i % 50 == 0
                && !Stele.Proof.Proofs.VerifyInclusion(index, Entries, Stele.Proof.Merkle.Leaf(log.ReadEntry(index)),
                    proof, log.Root)) throw new InvalidOperationException($"the proof of entry {index} does not hold");
        }
        return Latencies.Sample(latencies.Average(), latencies);
    }

    /// <summary>
    /// A proof in a tree of this size meets three tiles, each of whose 255 inner nodes are hashed at most once.
    /// </summary>
    static double Hashes()
    {
        var bytes = new byte[65];
        var rate = Machine.Rate(TimeSpan.FromMilliseconds(100), () => SHA256.HashData(bytes), 255);
        return 3 * 255 / rate * 1000;
    }
}
