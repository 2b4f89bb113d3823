namespace Stele.Disk;

/// <summary>What this room does to a disk, one act at a time.</summary>
enum DiskAct
{
    CreateDirectory,
    Create,
    Write,
    /// <summary>Sets a file's length: cuts a tail off, or makes room.</summary>
    Resize,
    /// <summary>fsync or fdatasync of a file.</summary>
    Flush,
    Rename,
    /// <summary>fsync of a directory: its names are durable.</summary>
    SyncDirectory,
    Delete,
    /// <summary>syncfs: all that was written to the file system is durable, names too.</summary>
    FlushAll,
}

/// <summary>
/// Where the tests' disk fails: before an act, which is then lost, or after it, which is then kept and reported as
/// failed. Every act of this room on what must survive passes here. Nobody listens in a running program.
/// </summary>
static class Failpoint
{
    /// <summary>Told of the act, the path, and whether it is done. What it throws is what the disk said.</summary>
    internal static Action<DiskAct, string, bool>? Listener;

    public static void Before(DiskAct act, string path) => Listener?.Invoke(act, path, false);

    public static void After(DiskAct act, string path) => Listener?.Invoke(act, path, true);
}
