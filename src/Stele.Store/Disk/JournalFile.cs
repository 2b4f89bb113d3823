using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>
/// One file under a journal. Abstract, because the tests' disk loses writes and lies about them.
/// Also the journal's lock (<c>…​.lock</c> next to it), which keeps a second process, or a second journal in this one,
/// out.
/// </summary>
abstract class JournalFile : IDisposable
{
    readonly SafeFileHandle _file;

    sealed class OnDisk(string path, Readers readers) : JournalFile(path, readers);

    sealed class Unwritable(string path) : JournalFile(path, File.OpenHandle(path, FileMode.Open, FileAccess.Read,
        FileShare.ReadWrite));

    /// <summary>Opens the file, making it first if need be. A writer holds the journal's lock.</summary>
    public static JournalFile Open(string path, Readers readers) => new OnDisk(path, readers);

    /// <summary>Opens the file, which is there, to be read: it takes no writes.</summary>
    public static JournalFile OpenToRead(string path) => new Unwritable(path);

    JournalFile(string path, SafeFileHandle file) => (Path, _file) = (path, file);

    protected JournalFile(string path, Readers readers = Readers.All)
    {
        Path = path;
        if (!File.Exists(path)) Files.Write(path, JournalFrame.NewFile(JournalFrame.NewSalt()), readers);
        _file = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
    }

    public string Path { get; }

    public virtual void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        Failpoint.Before(DiskAct.Write, Path);
        RandomAccess.Write(_file, bytes, offset);
        Failpoint.After(DiskAct.Write, Path);
    }

    /// <summary>Makes all that was written durable.</summary>
    public virtual void Sync()
    {
        Failpoint.Before(DiskAct.Flush, Path);
        Libc.SyncData(_file, Path);
        Failpoint.After(DiskAct.Flush, Path);
    }

    /// <summary>
    /// Has the next reads come from the disk: after a flush that failed, the kernel's memory may go on showing what
    /// never got there.
    /// </summary>
    public void Forget() => Libc.Forget(_file);

    public int Read(long offset, Span<byte> to) => Read(_file, offset, to);

    public long Length
    {
        get => RandomAccess.GetLength(_file);
        set
        {
            Failpoint.Before(DiskAct.Resize, Path);
            RandomAccess.SetLength(_file, value);
            Failpoint.After(DiskAct.Resize, Path);
        }
    }

    /// <summary>Reads until the span is full or the file ends; says how much.</summary>
    public static int Read(SafeFileHandle file, long offset, Span<byte> to)
    {
        var done = 0;
        while (done < to.Length)
        {
            var n = RandomAccess.Read(file, to[done..], offset + done);
            if (n == 0) break;
            done += n;
        }
        return done;
    }

    /// <exception cref="LockedException">Another process, or another part of this one, has it open.</exception>
    public static SafeFileHandle Lock(string path) =>
        TryLock(path) ?? throw new LockedException(path);

    public static SafeFileHandle? TryLock(string path)
    {
        SafeFileHandle handle;
        try
        {
            handle = File.OpenHandle(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            return null;   // the runtime asks for a shared lock itself, and the holder's is exclusive
        }
        if (Libc.TryLock(handle)) return handle;
        handle.Dispose();
        return null;
    }

    /// <summary>
    /// For readers, who make no lock of their own: holds the lock while they read, if there is one and it is free.
    /// </summary>
    public static SafeFileHandle? TryLockIfEverOpened(string path, out bool inUse)
    {
        var held = File.Exists(path + ".lock") ? TryLock(path) : null;
        inUse = held is null && File.Exists(path + ".lock");
        return held;
    }

    /// <summary>The same, for readers of what nobody may write meanwhile.</summary>
    /// <exception cref="LockedException">Another process, or another part of this one, has it open.</exception>
    public static SafeFileHandle? LockIfEverOpened(string path)
    {
        var held = TryLockIfEverOpened(path, out var inUse);
        return inUse ? throw new LockedException(path) : held;
    }

    const int WouldBlock = 11;

    public void Dispose()
    {
        _file.Dispose();
        GC.SuppressFinalize(this);
    }
}
