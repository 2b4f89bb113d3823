using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

static partial class Libc
{
    const int SYS_pidfd_send_signal = 424, SYS_pidfd_open = 434; // the same on every architecture

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, nint first, nint second, nint third, nint fourth);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint GetEffectiveUser();

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);

    public static uint EffectiveUser => GetEffectiveUser();

    /// <summary>
    /// A handle on a process, which stays with that very process also when its number is given to another
    /// (pidfd_open(2)). Null when no process has the number.
    /// </summary>
    /// <exception cref="IOException">There is no descriptor for it: that says nothing of the process.</exception>
    public static SafeFileHandle? OpenProcess(int pid)
    {
        var fd = SystemCall(SYS_pidfd_open, pid, 0, 0, 0);
        if (fd >= 0) return new SafeFileHandle((nint)fd, ownsHandle: true);
        var failed = Failed("pidfd_open", $"process {pid}");
        return DiskTrouble.LacksDescriptors(failed) ? throw failed : null;
    }

    /// <summary>Sends a signal to the process of a handle; one that has ended is no failure.</summary>
    public static void Signal(SafeFileHandle process, int signal)
    {
        var added = false;
        try
        {
            process.DangerousAddRef(ref added);
            _ = SystemCall(SYS_pidfd_send_signal, process.DangerousGetHandle(), signal, 0, 0);
        }
        catch (ObjectDisposedException) { } // it ended, and its handle was given back
        finally
        {
            if (added) process.DangerousRelease();
        }
    }

    public static void GiveTo(string path, uint user)
    {
        if (ChangeOwner(path, user, user) != 0) throw Failed("lchown", path);
    }

    /// <summary>The inode of what a handle is open on, as <c>/proc/[pid]/fd</c> shows it: <c>pipe:[4711]</c>.</summary>
    public static string NameOf(SafeFileHandle handle) =>
        new FileInfo(string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"/proc/self/fd/{handle.DangerousGetHandle()}")).LinkTarget ?? throw Failed("readlink", "a pipe");
}
