using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>
/// Builds a directory tree aside and gives it its name when it is whole. Disposed before <see cref="Publish"/>, it
/// leaves nothing behind. The content is not flushed to disk: a tree is a copy of blobs, and what uses one after a
/// restart digests it first.
/// Callers hand in relative names that are already known to stay inside; <see cref="Link"/> comes last, so that nothing
/// is ever written through a link.
/// </summary>
sealed class TreeWriter : IDisposable
{
    const UnixFileMode ReadOnly = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    const UnixFileMode Execute = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    readonly string _target;
    readonly string _root;
    bool _published;

    public TreeWriter(string target)
    {
        _target = Path.GetFullPath(target);
        if (Libc.StatOf(_target) is not null) throw new IOException($"{_target} is already there");
        Files.CreateDirectory(Path.GetDirectoryName(_target)!);
        _root = Files.Temporary(_target);
        Directory.CreateDirectory(_root);
        OpenUp(_root);
    }

    string At(string path) => Path.Combine(_root, path);

    /// <summary>The parent must be there.</summary>
    public void AddDirectory(string path)
    {
        Directory.CreateDirectory(At(path));
        OpenUp(At(path));
    }

    /// <summary>A new file, to be written and then sealed.</summary>
    public FileStream CreateFile(string path) => new(At(path), new FileStreamOptions
    {
        Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.Read, BufferSize = 0,
        UnixCreateMode = Files.Secret,
    });

    /// <summary>Takes write permission away and leaves one bit of choice: executable or not.</summary>
    public static void Seal(SafeFileHandle file, bool executable) =>
        File.SetUnixFileMode(file, executable ? ReadOnly | Execute : ReadOnly);

    public void Link(string path, string target) => File.CreateSymbolicLink(At(path), target);

    /// <summary>Gives the tree its name. Fails if the name was taken meanwhile.</summary>
    public void Publish()
    {
        Directory.Move(_root, _target);
        _published = true;
    }

    public void Dispose()
    {
        if (!_published) Files.DeleteDirectory(_root);
    }

    static void OpenUp(string directory) =>
        File.SetUnixFileMode(directory, ReadOnly | UnixFileMode.UserWrite | Execute);
}
