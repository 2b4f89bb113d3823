namespace Stele.Disk;

/// <summary>A file that another process, or another part of this one, has open for itself.</summary>
sealed class LockedException(string path) : IOException($"{path} is open in another process")
{
    /// <summary>The folder it lies in: what is in use.</summary>
    public string Folder => System.IO.Path.GetDirectoryName(path)!;
}
