namespace Stele.Bench;

/// <summary>
/// Fresh directories, one a run, all removed at the very end: on a disk that is mounted with discard, removing a large
/// file slows the flushes of the next run. They lie beside the results, so that what is measured is the disk of the
/// working copy and not a file system in memory.
/// </summary>
sealed class Scratch(string path) : IDisposable
{
    int _made;

    public string Next()
    {
        var directory = Path.Combine(path, (++_made).ToString("D4", System.Globalization.CultureInfo.InvariantCulture));
        Directory.CreateDirectory(directory);
        return directory;
    }

    public void Dispose()
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
    }
}
