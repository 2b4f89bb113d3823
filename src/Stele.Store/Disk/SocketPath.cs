using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

static partial class Libc
{
    const int O_PATH = 0x200000;

    /// <summary>
    /// A handle on a name itself, whatever it is, for use as <c>/proc/self/fd/N</c>: a path that is short enough for
    /// any socket and stays with this very inode, also when the name is given to another, or to a symbolic link that
    /// leads elsewhere.
    /// </summary>
    public static SafeFileHandle OpenName(string path)
    {
        var fd = Open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? throw Failed("open", path) : new SafeFileHandle(fd, ownsHandle: true);
    }
}
