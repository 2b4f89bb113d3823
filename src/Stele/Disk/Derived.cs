namespace Stele.Disk;

/// <summary>
/// Files that can be made again from something durable. A reader sees the old file or the whole new one, as long as the machine stays up;
/// after a power loss they may be missing or hold anything, so whoever owns them compares or rebuilds them at start.
/// </summary>
static class Derived
{
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        var temporary = Files.Temporary(path);
        try
        {
            Create(temporary, content);
        }
        catch (DirectoryNotFoundException)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            Create(temporary, content);
        }
        File.Move(temporary, path, overwrite: true);
    }

    static void Create(string temporary, ReadOnlySpan<byte> content)
    {
        using var file = Files.CreateNew(temporary);
        file.Write(content);
    }
}
