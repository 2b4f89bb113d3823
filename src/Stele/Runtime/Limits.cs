using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// What all that runs in one sandbox may use of the machine. Memory, processors and processes are held by a cgroup
/// where there may be one; the rest, for each process, by the kernel's own limits.
/// </summary>
/// <param name="Memory">In bytes; what is written to the file systems in memory counts.</param>
/// <param name="Processors">How many at once.</param>
/// <param name="Processes">Processes and threads.</param>
/// <param name="Descriptors">Open files of one process.</param>
/// <param name="FileBytes">The size of one file.</param>
sealed record Limits(long Memory, double Processors, int Processes, int Descriptors, long FileBytes)
{
    /// <summary>
    /// How many processes and threads the user of a sandbox may have in all (RLIMIT_NPROC), which is what bounds them
    /// where no cgroup does. The kernel counts those outside of the sandbox too: a desktop has a few thousand, and
    /// beyond the limit nothing starts; the fewest process numbers that a kernel has are 32768, and half of those stay
    /// free. One number on every machine: a release can read it.
    /// </summary>
    public int UserProcesses { get; init; } = 16_384;

    /// <summary>
    /// Three quarters of the memory and of the processors: what governs a release goes on whatever the release does.
    /// </summary>
    public static Limits Default { get; } = new(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4 * 3,
        Math.Max(1, Environment.ProcessorCount * 0.75), 1024, 4096, 16L << 30);

    /// <summary>
    /// Sets every limit that the kernel has for a process, so that none depends on who started this one. A hard limit
    /// that this user can't raise stays.
    /// </summary>
    public void Set(int pid)
    {
        const ulong Unlimited = ulong.MaxValue;
        // In the order of their numbers (getrlimit(2)): cpu, fsize, data, stack, core, rss, nproc, nofile, memlock,
        // as, locks, sigpending, msgqueue, nice, rtprio, rttime.
        ulong[] values =
        [
            Unlimited, (ulong)FileBytes, Unlimited, 8 << 20, 0, Unlimited, (ulong)UserProcesses, (ulong)Descriptors,
            8 << 20, Unlimited, Unlimited, 4096, 819_200, 0, 0, Unlimited,
        ];
        for (var resource = 0; resource < values.Length; resource++) Libc.Limit(pid, resource, values[resource]);
    }
}
