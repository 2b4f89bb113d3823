namespace Stele.Disk;

/// <summary>What a disk says when it is the disk that is in trouble, and no file in particular.</summary>
static class DiskTrouble
{
    public enum Kind { Full, ReadOnly, Broken }

    const int EIO = 5, ENOSPC = 28, EROFS = 30, EDQUOT = 122;

    /// <summary>Null where an exception tells of something else. The runtime puts the system's error number in <see cref="Exception.HResult"/>.</summary>
    public static Kind? Of(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
            if (e is IOException && e.HResult switch { ENOSPC or EDQUOT => Kind.Full, EROFS => Kind.ReadOnly, EIO => Kind.Broken, _ => (Kind?)null } is { } kind) return kind;
        return null;
    }

    public static string Says(Kind kind) => kind switch
    {
        Kind.Full => "is full",
        Kind.ReadOnly => "is read-only",
        _ => "fails",
    };
}
