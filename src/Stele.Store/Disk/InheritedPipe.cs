using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

static partial class Libc
{
    const int F_SETFD = 2;
    public const int SIGTERM = 15, SIGKILL = 9;

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static unsafe partial int Pipe2(int* ends, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int FCntl(int fd, int command, int argument);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int KillCall(int pid, int signal);

    [LibraryImport("libc", EntryPoint = "close_range", SetLastError = true)]
    private static partial int CloseRange(uint first, uint last, uint flags);

    /// <summary>
    /// Keeps every descriptor but standard input, output and error from the children: also those this process was
    /// itself started with.
    /// </summary>
    public static void InheritNothing()
    {
        const uint CLOSE_RANGE_CLOEXEC = 4;
        if (CloseRange(3, uint.MaxValue, CLOSE_RANGE_CLOEXEC) != 0) throw Failed("close_range", "all descriptors");
    }

    /// <summary>Both ends of a pipe that no child inherits until <see cref="Inherit"/> says so.</summary>
    public static unsafe (SafeFileHandle Read, SafeFileHandle Write) Pipe()
    {
        var ends = stackalloc int[2];
        if (Pipe2(ends, O_CLOEXEC) != 0) throw Failed("pipe2", "a pipe");
        return (new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
    }

    /// <summary>
    /// The reading end of a pipe that already holds all it will ever give: at most what a pipe takes without a reader,
    /// 64 KiB.
    /// </summary>
    public static SafeFileHandle PipeOf(byte[] content)
    {
        var (read, write) = Pipe();
        using var to = new FileStream(write, FileAccess.Write, bufferSize: 0);
        to.Write(content);
        return read;
    }

    /// <summary>A pipe's writing end, as an unbuffered stream.</summary>
    public static Stream OpenWrite(SafeFileHandle pipe) => new FileStream(pipe, FileAccess.Write, bufferSize: 0);

    /// <summary>Lets children started from now on have this handle, under the number returned.</summary>
    public static int Inherit(SafeFileHandle handle)
    {
        var fd = (int)handle.DangerousGetHandle();
        return FCntl(fd, F_SETFD, 0) == 0 ? fd : throw Failed("fcntl", "a pipe");
    }

    /// <summary>Sends a signal; a process that is gone already is no failure.</summary>
    public static void Kill(int pid, int signal) => _ = KillCall(pid, signal);
}
