namespace Stele.Disk;

/// <summary>Settings of the kernel that are files: written in place, at once, and never on a disk.</summary>
static class KernelFiles
{
    /// <summary>False where this user may not, or the kernel does not take it.</summary>
    public static bool TryWrite(string path, string text)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            file.Write(System.Text.Encoding.ASCII.GetBytes(text));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Makes a directory whose parent is there.</summary>
    public static bool TryMake(string directory)
    {
        try
        {
            return Directory.CreateDirectory(directory).Exists;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Removes a directory, which goes with the files that the kernel shows in it.</summary>
    public static bool TryRemove(string directory)
    {
        try
        {
            if (Directory.Exists(directory)) Directory.Delete(directory);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
