using System.Security.Cryptography;
using Stele.Ledger;

namespace Stele.Bench;

/// <summary>
/// What a log takes, in one table with the bare disk. Raw: durable appends of 1 KiB entries, which is what a decision
/// log does; each caller appends again when its entry is on the disk. Hashes, tiles, bundles and signed checkpoints are
/// made meanwhile on the same processors, and a run ends only when the tree has caught up with the disk and everything
/// is under a checkpoint.
/// In batches: entries that stand or fall together. Awaited: each caller waits for the signed checkpoint over its
/// entry. Admitted: signed statements through the whole of admission. Beside each: the same number of entries of the
/// same size written in place and flushed by a loop that does nothing else; and for statements the signature checks
/// that two processors can do.
/// </summary>
static class AppendBench
{
    const int EntryBytes = 1024, Group = 1000;
    const long MostEntries = 150_000;
    static readonly int[] Writers = [1, 16, 64, 256, 1024];
    static readonly TimeSpan Duration = TimeSpan.FromMilliseconds(500);

    public static Rounds Make(Scratch scratch)
    {
        var rounds = new Rounds("append",
            "entries into a log: raw (durable, 1 KiB), in batches, awaited under a signed checkpoint, and admitted; against the bare disk and bare signature checks")
        {
            Disk = true,
            Budget = TimeSpan.FromSeconds(60)
        };
        rounds.Limit("disk: append 1 KiB to a growing file + fdatasync", "/s",
            () => Machine.Flushes(scratch.Next(), EntryBytes, 1, Duration, grow: true));
        rounds.Limit("disk: make and rename a file of 8 KiB", "/s",
            () => Machine.FilesMade(scratch.Next(), Duration / 4));
        foreach (var n in Writers)
            rounds.Limit(Disk(n), "/s", () => Machine.Flushes(scratch.Next(), EntryBytes, n, Duration));
        rounds.Limit(Disk(Group), "/s", () => Machine.Flushes(scratch.Next(), EntryBytes, Group, Duration));
        rounds.Limit(Verify, "/s",
            () => Task.FromResult(new Sample(Machine.EcdsaVerifications(Duration, 800, Environment.ProcessorCount))));
        foreach (var n in Writers)
            rounds.Add($"raw: {n} {(n == 1 ? "writer" : "writers")}", "/s", Disk(n),
                () => Append(scratch.Next(), n, Await.Durable));
        rounds.Add($"raw: batches of {Group} from 1 writer", "/s", Disk(Group), () => Batches(scratch.Next(), 1));
        rounds.Add($"raw: batches of {Group} from 4 writers", "/s", Disk(Group), () => Batches(scratch.Next(), 4));
        rounds.Add("awaited under a signed checkpoint: 256 writers", "/s", Disk(256),
            () => Append(scratch.Next(), 256, Await.Integrated));
        foreach (var n in new[] { 1, 64, 256 })
            rounds.Add($"admitted: {n} {(n == 1 ? "caller" : "callers")}", "/s", Verify,
                () => AdmissionBench.Admit(scratch.Next(), n, overHttp: false));
        return rounds;
    }

    static string Disk(int batch) => $"disk: write {batch} × 1 KiB in place + fdatasync";

    const string Verify = "ECDSA P-256 verify, every processor";

    static async Task<Sample> Append(string folder, int writers, Await until)
    {
        using var log = Open(folder, out var key);
        using var signer = key;
        var entries = Enumerable.Range(0, writers).Select(_ => RandomNumberGenerator.GetBytes(EntryBytes)).ToArray();
        return await Latencies.Of(writers, Duration, writer => log.Append(entries[writer], until), MostEntries,
            end: CaughtUp(log));
    }

    static async Task<Sample> Batches(string folder, int writers)
    {
        using var log = Open(folder, out var key);
        using var signer = key;
        var entries = Enumerable.Range(0, writers).Select(_ => Enumerable.Range(0, Group)
            .Select(_ => (ReadOnlyMemory<byte>)RandomNumberGenerator.GetBytes(EntryBytes)).ToArray()).ToArray();
        return await Latencies.Of(writers, Duration, writer => log.Append(entries[writer], Await.Durable),
            MostEntries / Group, Group, CaughtUp(log));
    }

    /// <summary>The last entry may be durable and not integrated yet: the clock runs until it is.</summary>
    static Func<long, Task> CaughtUp(Log log) => entries => log.WaitBeyond(entries - 1, default);

    static Log Open(string folder, out NoteSigner key)
    {
        const string Origin = "bench.example/log";
        key = NoteSigner.Create(Path.Combine(folder, "key"), Origin);
        return Log.Open(new FileStore(Path.Combine(folder, "log")), Origin, key, TimeProvider.System);
    }
}
