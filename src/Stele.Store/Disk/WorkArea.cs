namespace Stele.Disk;

/// <summary>
/// A directory for the length of one piece of work, readable by nobody else and gone afterwards. Its path is short,
/// because the path of a Unix socket must be.
/// </summary>
sealed class WorkArea : IDisposable
{
    /// <param name="parent">Null = the system's temporary directory.</param>
    public WorkArea(string? parent = null)
    {
        if (parent is null)
        {
            Path = Directory.CreateTempSubdirectory("stele-").FullName;
            return;
        }
        Path = Files.Temporary(System.IO.Path.Combine(System.IO.Path.GetFullPath(parent), "work"));
        Files.CreateDirectory(parent);
        Directory.CreateDirectory(Path, Files.Secret | UnixFileMode.UserExecute);
    }

    public string Path { get; }

    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A new directory inside.</summary>
    public string Create(string name) => Directory.CreateDirectory(At(name)).FullName;

    /// <summary>A new file inside, which who is shown it may read.</summary>
    public string Create(string name, ReadOnlySpan<byte> content)
    {
        File.WriteAllBytes(At(name), content);
        File.SetUnixFileMode(At(name), Files.Public);
        return At(name);
    }

    /// <summary>Lets everyone whom it is shown connect to a socket inside.</summary>
    public static void Open(string socket) => File.SetUnixFileMode(socket,
        Files.Public | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite);

    public void Dispose() => Files.Discard(Path);
}
