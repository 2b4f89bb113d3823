namespace Stele.Disk;

/// <summary>A directory for the length of one piece of work, readable by nobody else and gone afterwards. Its path is short, because the path of a Unix socket must be.</summary>
sealed class WorkArea : IDisposable
{
    public WorkArea() => Path = Directory.CreateTempSubdirectory("stele-").FullName;

    public string Path { get; }

    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>A new directory inside.</summary>
    public string Create(string name) => Directory.CreateDirectory(At(name)).FullName;

    public void Dispose()
    {
        try
        {
            Files.DeleteDirectory(Path);
        }
        catch (IOException) { } // what a program left with names .NET can't say stays for the system's own sweep of temporary files
    }
}
