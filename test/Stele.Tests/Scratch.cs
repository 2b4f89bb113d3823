namespace Stele.Tests;

/// <summary>A directory of a test's own, gone afterwards.</summary>
sealed class Scratch : IDisposable
{
    public string Path { get; }

    /// <param name="quick">
    /// In memory where the system has such a place: for tests whose own disk is a made one, and whose flushes need not
    /// reach any.
    /// </param>
    public Scratch(bool quick = false)
    {
        const string memory = "/dev/shm";
        Path = quick && Directory.Exists(memory)
            ? Directory.CreateDirectory($"{memory}/stele-test-{Guid.NewGuid():n}").FullName
            : Directory.CreateTempSubdirectory("stele-test-").FullName;
    }

    public string At(params ReadOnlySpan<string> parts) => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Writes a small file, making its directories.</summary>
    public string File(string name, string content = "", bool executable = false)
    {
        var path = At(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllText(path, content);
        if (executable) System.IO.File.SetUnixFileMode(path, (UnixFileMode)0x1ed);
        return path;
    }

    public void Dispose()
    {
        // .NET can't remove names that are not UTF-8
        using var remove = System.Diagnostics.Process.Start("/bin/rm", ["-rf", Path]);
        remove.WaitForExit();
    }
}
