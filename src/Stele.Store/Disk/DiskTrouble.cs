using System.ComponentModel;
using System.Net.Sockets;

namespace Stele.Disk;

/// <summary>What the system says when no file in particular is the matter, but the disk or the process.</summary>
static class DiskTrouble
{
    public enum Kind { Full, ReadOnly, Broken }

    const int EIO = 5, ENFILE = 23, EMFILE = 24, ENOSPC = 28, EROFS = 30, EDQUOT = 122;

    /// <summary>
    /// Null where an exception tells of something else. The runtime puts the system's error number in
    /// <see cref="Exception.HResult"/>.
    /// </summary>
    public static Kind? Of(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            if (e is IOException && e.HResult switch
            {
                ENOSPC or EDQUOT => Kind.Full,
                EROFS => Kind.ReadOnly,
                EIO => Kind.Broken,
                _ => (Kind?)null
            } is { } kind) return kind;
        return null;
    }

    /// <summary>
    /// Whether no descriptor was left, in the process or in the system, for what failed: a file, a socket, a pipe or a
    /// process. It is no word on what was to be opened, and passes: try again.
    /// </summary>
    public static bool LacksDescriptors(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            if (e switch
            {
                SocketException s => s.SocketErrorCode is SocketError.TooManyOpenSockets,
                Win32Exception w => w.NativeErrorCode is ENFILE or EMFILE,
                IOException => e.HResult is ENFILE or EMFILE,
                _ => false,
            }) return true;
        return false;
    }

    public static string Says(Kind kind) => kind switch
    {
        Kind.Full => "is full",
        Kind.ReadOnly => "is read-only",
        _ => "fails",
    };
}
