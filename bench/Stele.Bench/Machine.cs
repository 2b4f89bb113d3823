using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Stele.Disk;

namespace Stele.Bench;

/// <summary>What this machine can do without us: the limits that everything is held against.</summary>
static partial class Machine
{
    [LibraryImport("libc", EntryPoint = "sync")]
    private static partial void SyncAll();

    /// <summary>Lets the disk finish what others left it to do.</summary>
    public static void Sync() => SyncAll();

    /// <summary>
    /// Writes and fdatasyncs again and again over a stretch of a file that was written before: the quickest way to make
    /// bytes durable here, since a flush that need not grow the file costs less.
    /// </summary>
    /// <param name="grow">Appends to an empty file instead, as a log that makes no room ahead does.</param>
    /// <returns>Entries a second, and how long a flush took.</returns>
    public static Task<Sample> Flushes(string folder, int entry, int batch, TimeSpan duration, bool grow = false)
    {
        var bytes = RandomNumberGenerator.GetBytes(entry * batch);
        var path = Path.Combine(folder, "flushes");
        var room = grow ? long.MaxValue : Math.Max(8 << 20, 32L * bytes.Length);
        using (var made = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            var zeros = new byte[1 << 20];
            for (var at = 0L; !grow && at < room; at += zeros.Length) RandomAccess.Write(made, zeros, at);
            Libc.SyncData(made, path);
        }
        // On a fresh thread, as a log's writer is one: where processors are short, one that computed just now is made
        // to wait when its flush is done.
        return Task.Factory.StartNew(() =>
        {
            using var file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
            var latencies = new List<double>();
            long offset = 0;
            var began = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                var start = Stopwatch.GetTimestamp();
                if (offset + bytes.Length > room) offset = 0;
                RandomAccess.Write(file, bytes, offset);
                offset += bytes.Length;
                Libc.SyncData(file, path);
                latencies.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            return Latencies.Sample(latencies.Count * (double)batch / Stopwatch.GetElapsedTime(began).TotalSeconds,
                latencies);
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>
    /// Makes small files and renames each, as tiles are made. ext4 steps, at every new file, over each one that was
    /// deleted in its block group in the last five minutes: where a disk has seen much of that, this falls from tens of
    /// thousands a second to hundreds, and so does whatever makes tiles.
    /// </summary>
    public static Task<Sample> FilesMade(string folder, TimeSpan duration)
    {
        var bytes = new byte[8 << 10];
        var made = 0;
        return Task.FromResult(new Sample(Rate(duration, () =>
        {
            Derived.Write(Path.Combine(folder, made++.ToString(System.Globalization.CultureInfo.InvariantCulture)),
                bytes);
        })));
    }

    /// <summary>Calls something on one thread until the time is up; calls a second.</summary>
    public static double Rate(TimeSpan duration, Action what, int group = 1)
    {
        long calls = 0;
        var began = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(began) < duration)
            for (var i = 0; i < group; i++, calls++) what();
        return calls / Stopwatch.GetElapsedTime(began).TotalSeconds;
    }

    /// <summary>
    /// ECDSA P-256 verifications a second on so many cores, by the runtime's own implementation with the key at hand:
    /// what a signature check can't be quicker than.
    /// </summary>
    public static double EcdsaVerifications(TimeSpan duration, int messageBytes, int cores = 1)
    {
        if (cores > 1)
            return Task.WhenAll(Enumerable.Range(0, cores)
                .Select(_ =>
                    Task.Factory.StartNew(() => EcdsaVerifications(duration, messageBytes), CancellationToken.None,
                        TaskCreationOptions.LongRunning, TaskScheduler.Default))).GetAwaiter().GetResult().Sum();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var message = RandomNumberGenerator.GetBytes(messageBytes);
        var signature = key.SignData(message, HashAlgorithmName.SHA256);
        return Rate(duration, () =>
        {
            if (!key.VerifyData(message, signature, HashAlgorithmName.SHA256))
                throw new InvalidOperationException("the runtime refuses its own signature");
        }, group: 16);
    }
}

/// <summary>Latencies of many calls as columns.</summary>
static class Latencies
{
    public static Sample Sample(double value, List<double> milliseconds)
    {
        milliseconds.Sort();
        return new(value, ("p50 ms", At(0.5)), ("p99 ms", At(0.99)));

        double At(double share) => milliseconds.Count == 0
            ? double.NaN
            : milliseconds[(int)((milliseconds.Count - 1) * share)];
    }

    /// <summary>
    /// Some callers at once, each calling again as soon as it was answered, until the time is up or so many were
    /// answered; calls a second, and what a call cost this process in processor time, which other processes disturb
    /// least.
    /// </summary>
    /// <param name="group">How many of what is counted one call does.</param>
    /// <param name="end">Given how many were done, waits for what must end before the clock stops.</param>
    public static async Task<Sample> Of(int callers, TimeSpan duration, Func<int, Task> call, long most = long.MaxValue,
        int group = 1, Func<long, Task>? end = null)
    {
        long begun = 0;
        var cpu = Environment.CpuUsage.TotalTime;
        var began = Stopwatch.GetTimestamp();
        var all = await Task.WhenAll(Enumerable.Range(0, callers).Select(caller => Task.Run(async () =>
        {
            var mine = new List<double>();
            while (Interlocked.Increment(ref begun) <= most && Stopwatch.GetElapsedTime(began) < duration)
            {
                var start = Stopwatch.GetTimestamp();
                await call(caller);
                mine.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
            return mine;
        })));
        if (end is not null) await end(all.Sum(l => (long)l.Count) * group);
        var took = Stopwatch.GetElapsedTime(began);
        cpu = Environment.CpuUsage.TotalTime - cpu;
        var latencies = all.SelectMany(l => l).ToList();
        var sample = Sample(latencies.Count * (double)group / took.TotalSeconds, latencies);
        return sample with { More = [.. sample.More, ("CPU µs", cpu.TotalMicroseconds / latencies.Count / group)] };
    }
}
