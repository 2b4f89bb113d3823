namespace Stele.Disk;

/// <summary>
/// Files that can be made again from something durable. A reader sees the old file or the whole new one, as long as the
/// machine stays up; after a power loss they may be missing or hold anything, so their owner compares or rebuilds them
/// at start.
/// </summary>
static class Derived
{
    /// <summary>
    /// The same for what nothing hangs on: the disk may refuse it, or the process have no descriptor left, and all is
    /// well.
    /// </summary>
    /// <returns>Whether it was written.</returns>
    public static bool TryWrite(string path, ReadOnlySpan<byte> content)
    {
        try
        {
            Write(path, content);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        FileStream file;
        try
        {
            file = Files.CreateTemporary(path);
        }
        catch (DirectoryNotFoundException)
        {
            var directory = Path.GetDirectoryName(path)!;
            Failpoint.Before(DiskAct.CreateDirectory, directory);
            Directory.CreateDirectory(directory);
            Failpoint.After(DiskAct.CreateDirectory, directory);
            file = Files.CreateTemporary(path);
        }
        try
        {
            using (file) Files.Fill(file, content);
            Files.Rename(file.Name, path);
        }
        catch
        {
            Files.Abandon(file.Name);
            throw;
        }
    }
}
