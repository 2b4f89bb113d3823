using System.Security.Cryptography;
using Stele.Ledger;

namespace Stele.Bench;

/// <summary>
/// Durable appends of 1 KiB entries to a log: each caller appends again when its entry is durable, in the tree, and under a signed checkpoint. Tiles and bundles are written meanwhile.
/// Beside it: the same bytes written and flushed by a loop that does nothing else, in batches of as many entries as there are callers.
/// </summary>
static class AppendBench
{
    const int EntryBytes = 1024;
    const long MostEntries = 100_000;
    static readonly int[] Writers = [1, 16, 64, 256, 1024];
    static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(350);

    public static Rounds Make(Scratch scratch)
    {
        var rounds = new Rounds("append", "durable appends of 1 KiB entries to a log (tree, tiles and signed checkpoint included), against the bare disk") { Disk = true };
        rounds.Limit("disk: append 1 KiB to a growing file + fdatasync", "/s", () => Machine.Flushes(scratch.Next(), EntryBytes, 1, Duration, grow: true));
        foreach (var n in Writers) rounds.Limit(Disk(n), "/s", () => Machine.Flushes(scratch.Next(), EntryBytes, n, Duration));
        foreach (var n in Writers) rounds.Add($"log: {n} {(n == 1 ? "writer" : "writers")}", "/s", Disk(n), () => Append(scratch.Next(), n));
        return rounds;
    }

    static string Disk(int batch) => $"disk: write {batch} × 1 KiB in place + fdatasync";

    static async Task<Sample> Append(string folder, int writers)
    {
        const string Origin = "bench.example/log";
        using var key = NoteSigner.Create(Path.Combine(folder, "key"), Origin);
        using var log = Log.Open(Path.Combine(folder, "log"), Origin, key, TimeProvider.System);
        var entries = Enumerable.Range(0, writers).Select(_ => RandomNumberGenerator.GetBytes(EntryBytes)).ToArray();
        var appended = await Latencies.Of(writers, Duration, writer => log.Append(entries[writer]), MostEntries);
        if (log.Size == 0) throw new InvalidOperationException("nothing was appended");
        return appended;
    }
}
