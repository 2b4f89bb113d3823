using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>
/// A file that is only added to, by one process at a time (<see cref="TryLock"/> of a name that the owner
/// chooses), and read by any number meanwhile. It holds what can be made again: its owner knows its content by digests.
/// </summary>
sealed class GrowingFile : IDisposable
{
    readonly SafeFileHandle _file;

    GrowingFile(string path, SafeFileHandle file) => (Path, _file) = (path, file);

    public string Path { get; }

    /// <summary>Null: it is not there, or this process may not read it.</summary>
    public static GrowingFile? TryOpen(string path)
    {
        try
        {
            return new(path, File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Opens it, made first if it is not there; only its owner may read it.</summary>
    public static GrowingFile OpenOrCreate(string path)
    {
        if (TryOpen(path) is { } there) return there;
        Failpoint.Before(DiskAct.Create, path);
        Files.CreateNew(path, Readers.Owner).Dispose();
        Failpoint.After(DiskAct.Create, path);
        Files.SyncNames(path);
        return TryOpen(path) ?? throw new IOException($"{path} was made, and can't be opened");
    }

    /// <summary>Null: another has it.</summary>
    public static SafeFileHandle? TryLock(string path) => JournalFile.TryLock(path);

    public long Length => RandomAccess.GetLength(_file);

    public int Read(long offset, Span<byte> to) => JournalFile.Read(_file, offset, to);

    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        Failpoint.Before(DiskAct.Write, Path);
        RandomAccess.Write(_file, bytes, offset);
        Failpoint.After(DiskAct.Write, Path);
    }

    /// <summary>Cuts off what a failed write left.</summary>
    public void Cut(long length)
    {
        Failpoint.Before(DiskAct.Resize, Path);
        RandomAccess.SetLength(_file, length);
        Failpoint.After(DiskAct.Resize, Path);
    }

    public void Sync()
    {
        Failpoint.Before(DiskAct.Flush, Path);
        Libc.SyncData(_file, Path);
        Failpoint.After(DiskAct.Flush, Path);
    }

    public void Dispose() => _file.Dispose();
}
