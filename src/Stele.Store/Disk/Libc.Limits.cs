using System.IO.Enumeration;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

static unsafe partial class Libc
{
    const int RLIMIT_NOFILE = 7;

    /// <summary><c>struct rlimit64</c> of sys/resource.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    struct ResourceLimit
    {
        public ulong Soft, Hard;
    }

    /// <param name="pid">0: this process.</param>
    [LibraryImport("libc", EntryPoint = "prlimit64", SetLastError = true)]
    private static partial int ProcessLimit(int pid, int resource, ResourceLimit* set, ResourceLimit* was);

    /// <summary>How many descriptors this process has open; 0 where the system does not say.</summary>
    public static long OpenDescriptors()
    {
        try
        {
            return new FileSystemEnumerable<int>("/proc/self/fd", static (ref _) => 0).LongCount();
        }
        catch (IOException e) when (DiskTrouble.LacksDescriptors(e))
        {
            return Descriptors();
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
        ResourceLimit was;
        if (ProcessLimit(0, RLIMIT_NOFILE, null, &was) != 0) throw Failed("prlimit", "RLIMIT_NOFILE");
        var set = new ResourceLimit { Soft = was.Hard, Hard = was.Hard };
        var raised = was.Soft < was.Hard && ProcessLimit(0, RLIMIT_NOFILE, &set, null) == 0;
        return (long)Math.Min(raised ? set.Soft : was.Soft, int.MaxValue);
    }

    /// <summary>
    /// Sets both values of a limit (setrlimit(2)) of another process, or the most that its hard limit allows where that
    /// can't be raised.
    /// </summary>
    /// <returns>What is in force now.</returns>
    public static ulong Limit(int pid, int resource, ulong value)
    {
        var set = new ResourceLimit { Soft = value, Hard = value };
        if (ProcessLimit(pid, resource, &set, null) == 0) return value;
        ResourceLimit was;
        if (ProcessLimit(pid, resource, null, &was) != 0) throw Failed("prlimit", "a sandbox");
        set.Soft = set.Hard = Math.Min(value, was.Hard);
        return ProcessLimit(pid, resource, &set, null) == 0 ? set.Hard : throw Failed("prlimit", "a sandbox");
    }
}
