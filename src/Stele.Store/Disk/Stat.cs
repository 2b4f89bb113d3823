using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

enum NodeType { File, Directory, Link, Special }

/// <summary>
/// What a name on disk is, without following a link: .NET alone can't tell a device, socket or pipe from a file.
/// </summary>
readonly record struct Stat(
    NodeType Type, bool Executable, long Size, bool Immutable, ulong Inode, long ModifiedNanoseconds, uint Owner);

static partial class Libc
{
    const int O_NOFOLLOW = 0x20000, O_NONBLOCK = 0x800, AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100;
    const uint STATX_BASIC_STATS = 0x7ff;
    const ulong STATX_ATTR_IMMUTABLE = 0x10;
    const nuint FICLONE = 0x40049409;
    const int LOCK_EX = 2, ENOENT = 2, ENOTDIR = 20;

    /// <summary><c>struct statx</c> of linux/stat.h: the same on every architecture.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    struct StatX
    {
        [FieldOffset(0x08)] public ulong Attributes;
        [FieldOffset(0x14)] public uint Owner;
        [FieldOffset(0x1c)] public ushort Mode;
        [FieldOffset(0x20)] public ulong Inode;
        [FieldOffset(0x28)] public ulong Size;
        [FieldOffset(0x70)] public long ModifiedSeconds;
        [FieldOffset(0x78)] public uint ModifiedNanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatXCall(int directory, string path, int flags, uint mask, out StatX result);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int IoCtl(int fd, nuint request, int argument);

    /// <summary>Null when nothing has that name.</summary>
    public static Stat? StatOf(string path)
    {
        if (StatXCall(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, out var s) != 0)
            return Marshal.GetLastPInvokeError() is ENOENT or ENOTDIR ? null : throw Failed("statx", path);
        var type = (s.Mode & 0xf000) switch
        {
            0x8000 => NodeType.File,
            0x4000 => NodeType.Directory,
            0xa000 => NodeType.Link,
            _ => NodeType.Special
        };
        return new Stat(type, (s.Mode & 0x40) != 0, (long)s.Size, (s.Attributes & STATX_ATTR_IMMUTABLE) != 0, s.Inode,
            s.ModifiedSeconds * 1_000_000_000 + s.ModifiedNanoseconds, s.Owner);
    }

    /// <summary>
    /// Opens a file for reading; fails on a symbolic link and does not wait for the writer of a pipe.
    /// </summary>
    public static SafeFileHandle OpenFile(string path)
    {
        var fd = Open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        return fd < 0 ? throw Failed("open", path) : new SafeFileHandle(fd, ownsHandle: true);
    }

    /// <summary>The content of a file that is no link; see <see cref="OpenFile"/>.</summary>
    public static FileStream OpenRead(string path) => new(OpenFile(path), FileAccess.Read, bufferSize: 0);

    /// <summary>The reading end of a pipe.</summary>
    public static Stream OpenRead(SafeFileHandle pipe) => new FileStream(pipe, FileAccess.Read, bufferSize: 0);

    /// <summary>
    /// Makes <paramref name="to"/> share the blocks of <paramref name="from"/> until one of them is written; false
    /// where the filesystem can't.
    /// </summary>
    public static bool TryClone(SafeFileHandle from, SafeFileHandle to) =>
        IoCtl((int)to.DangerousGetHandle(), FICLONE, (int)from.DangerousGetHandle()) == 0;

    /// <summary>
    /// Waits for the exclusive advisory lock of a directory; disposing lets go. Other processes and other threads are
    /// both kept out.
    /// </summary>
    public static SafeFileHandle LockDirectory(string path)
    {
        var fd = Open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) throw Failed("open", path);
        var handle = new SafeFileHandle(fd, ownsHandle: true);
        if (Flock(fd, LOCK_EX) == 0) return handle;
        handle.Dispose();
        throw Failed("flock", path);
    }

    /// <summary>
    /// The exclusive advisory lock of a directory, held until disposed; null where another has it, or there is no such
    /// directory any more.
    /// </summary>
    public static SafeFileHandle? TryLockDirectory(string path)
    {
        var fd = Open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) return Marshal.GetLastPInvokeError() == ENOENT ? null : throw Failed("open", path);
        var handle = new SafeFileHandle(fd, ownsHandle: true);
        if (TryLock(handle)) return handle;
        handle.Dispose();
        return null;
    }
}
