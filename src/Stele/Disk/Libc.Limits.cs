using System.IO.Enumeration;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

static partial class Libc
{
    const int RLIMIT_NOFILE = 7;

    struct RLimit
    {
        public ulong Soft, Hard;
    }

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    private static partial int GetLimit(int resource, out RLimit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    private static partial int SetLimit(int resource, in RLimit limit);

    /// <summary>How many descriptors this process has open; 0 where the system does not say.</summary>
    public static long OpenDescriptors()
    {
        try
        {
            return new FileSystemEnumerable<int>("/proc/self/fd", static (ref _) => 0).LongCount();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return 0;
        }
    }

    /// <summary>Takes one descriptor, for nothing.</summary>
    /// <exception cref="IOException">There is none.</exception>
    public static SafeFileHandle OpenNull() => File.OpenHandle("/dev/null");

    /// <summary>
    /// How many descriptors this process may open. Raised to what the system allows it, if that was not done yet.
    /// </summary>
    public static long Descriptors()
    {
        if (GetLimit(RLIMIT_NOFILE, out var limit) != 0) throw Failed("getrlimit", "RLIMIT_NOFILE");
        if (limit.Soft < limit.Hard && SetLimit(RLIMIT_NOFILE, new RLimit { Soft = limit.Hard,
            Hard = limit.Hard }) == 0) limit.Soft = limit.Hard;
        return (long)Math.Min(limit.Soft, int.MaxValue);
    }
}
