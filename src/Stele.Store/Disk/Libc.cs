using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Stele.Disk;

/// <summary>
/// The few system calls .NET has no name for. Every failure is an <see cref="IOException"/> that names the call and the
/// path.
/// </summary>
static partial class Libc
{
    const int O_RDONLY = 0, O_DIRECTORY = 0x10000, O_CLOEXEC = 0x80000;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(int fd);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FDataSync(int fd);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int SyncFs(int fd);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(int fd, long offset, long length, int advice);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int fd);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(int fd, int operation);

    /// <summary>Makes names created, renamed or removed in a directory durable.</summary>
    public static void SyncDirectory(string path)
    {
        Failpoint.Before(DiskAct.SyncDirectory, path);
        var fd = Open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) throw Failed("open", path);
        try
        {
            if (FSync(fd) != 0) throw Failed("fsync", path);
        }
        finally
        {
            _ = Close(fd);
        }
        Failpoint.After(DiskAct.SyncDirectory, path);
    }

    /// <summary>Makes everything that was written to the file system of a directory durable.</summary>
    public static void SyncFileSystem(string path)
    {
        Failpoint.Before(DiskAct.FlushAll, path);
        var fd = Open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) throw Failed("open", path);
        try
        {
            if (SyncFs(fd) != 0) throw Failed("syncfs", path);
        }
        finally
        {
            _ = Close(fd);
        }
        Failpoint.After(DiskAct.FlushAll, path);
    }

    /// <summary>Makes a file's data and length durable; its times may be lost.</summary>
    public static void SyncData(Microsoft.Win32.SafeHandles.SafeFileHandle file, string path)
    {
        if (FDataSync((int)file.DangerousGetHandle()) != 0) throw Failed("fdatasync", path);
    }

    /// <summary>
    /// Drops the kernel's copy in memory of a file, as far as it is flushed. Advice: where it is not taken, reads come
    /// from memory as before.
    /// </summary>
    public static void Forget(Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        const int POSIX_FADV_DONTNEED = 4;
        _ = Advise((int)file.DangerousGetHandle(), 0, 0, POSIX_FADV_DONTNEED);
    }

    /// <summary>Takes the exclusive advisory lock of an open file, or says that another process has it.</summary>
    public static bool TryLock(Microsoft.Win32.SafeHandles.SafeFileHandle file)
    {
        const int LOCK_EX = 2, LOCK_NB = 4;
        return Flock((int)file.DangerousGetHandle(), LOCK_EX | LOCK_NB) == 0;
    }

    public static IOException Failed(string call, string path)
    {
        var error = Marshal.GetLastPInvokeError();
        return new IOException($"{call} {path}: {new Win32Exception(error).Message}", error);
    }
}
