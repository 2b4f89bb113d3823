using System.Text;
using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;
using Stele.Runtime;

namespace Stele.Build;

/// <summary>
/// The root of a sandbox, collected from this machine: programs and what they load, nothing else. A file stands where
/// it stands here, reached through the same links (so /lib → usr/lib is kept where /usr is merged), because the
/// loader's path is written into every program. Freezing it gives the environment artifact.
/// What a program opens by name at run time can't be read from its file: such libraries, files and directories are
/// declared by adding them.
/// </summary>
sealed class EnvironmentClosure
{
    readonly Dictionary<string, PackEntry> _entries = new(StringComparer.Ordinal);
    readonly List<(string Here, string There)> _moved = [];
    readonly HashSet<string> _followed = new(StringComparer.Ordinal);
    readonly SortedSet<string> _unresolved = new(StringComparer.Ordinal);
    readonly LibraryPath _libraries = new();

    public EnvironmentClosure()
    {
        foreach (var point in Sandbox.MountPoints) _entries[point] = new PackEntry(point, EntryType.Directory);
        // Programs ask who they are; the sandbox runs everything as this user.
        AddText("etc/passwd", $"stele:x:{Sandbox.User}:{Sandbox.User}::/tmp:/nonexistent\n");
        AddText("etc/group", $"stele:x:{Sandbox.User}:\n");
    }

    /// <summary>
    /// Libraries that something in an added directory asks for and this machine does not have. Such a file can't be
    /// loaded in the sandbox, as it can't here.
    /// </summary>
    public IReadOnlyCollection<string> Unresolved => _unresolved;

    /// <summary>
    /// A file at its own path, and all that it loads. A program whose libraries are not all there is refused.
    /// </summary>
    public void AddFile(string path)
    {
        var real = Place(Path.GetFullPath(path));
        Follow(real, [], Lacking.Refused);
    }

    /// <summary>A library as the loader would find it by this name, with all that it loads.</summary>
    public void AddLibrary(string soname)
    {
        var found = _libraries.Find(soname, 0, null, "/", [])
            ?? throw new FileNotFoundException($"the library {soname} is not on this machine");
        Found(soname, found, [], Lacking.Refused);
    }

    /// <summary>
    /// A directory with all below it, at its own path or at another; links that lead out of it bring their target
    /// along.
    /// </summary>
    public void AddDirectory(string directory, string? at = null, Func<string, bool>? only = null)
    {
        var here = Path.GetFullPath(directory);
        if (at is null) here = "/" + PlaceDirectory(here);
        var there = at ?? here[1..];
        if (!Directory.Exists(here)) throw new DirectoryNotFoundException($"there is no directory {here}");
        if (at is not null) _moved.Add((here, at));
        var names = TreeDigest.Names(here, []).Where(n => n.Type == EntryType.Directory || only is null || only(n.Path))
            .ToArray();
        foreach (var name in names)
        {
            var (full, path) = (Path.Combine(here, name.Path), $"{there}/{name.Path}");
            switch (name.Type)
            {
                case EntryType.File:
                    _entries[path] = new PackEntry(path, EntryType.File, name.Executable, name.Size,
                        Open: () => Libc.OpenRead(full));
                    break;
                case EntryType.Link: AddLinked(here, full, path, name.Target); break;
                default: if (only is null) _entries.TryAdd(path, new PackEntry(path, EntryType.Directory)); break;
            }
        }
        foreach (var name in names)
            if (name.Type == EntryType.File) Follow(Path.Combine(here, name.Path), [], Lacking.Listed);
    }

    public void AddText(string path, string content)
    {
        var bytes = Encoding.UTF8.GetBytes(content);
        _entries[path] = new PackEntry(path, EntryType.File, Size: bytes.Length,
            Open: () => new MemoryStream(bytes, writable: false));
    }

    public void AddLink(string path, string target) =>
        _entries[path] = new PackEntry(path, EntryType.Link, Target: target);

    /// <summary>Whether a path of this machine leads to a file in the tree, links followed there.</summary>
    public bool Resolves(string path)
    {
        var shape = new TreeShape();
        foreach (var entry in _entries.Values.OrderBy(e => e.Path, TreeShape.ByBytes))
            shape.Add(entry.Path, entry.Type, entry.Target);
        return _entries.TryGetValue(shape.Resolve(path.TrimStart('/')), out var found) && found.Type == EntryType.File;
    }

    /// <exception cref="FormatException">Something in it would be hidden by what the sandbox mounts.</exception>
    public Task<Digest> Freeze(IBlobs blobs, About about, CancellationToken stop = default)
    {
        foreach (var path in _entries.Keys.Order(StringComparer.Ordinal))
            if (path.Split('/') is [var top, _, ..] && Sandbox.MountPoints.Contains(top))
                throw new FormatException(
                    $"/{path} lies where the sandbox mounts its own /{top}, and could not be seen there: "
                    + "put it elsewhere, as below /opt or /usr/local, and freeze it from there");
        return Pack.Tree(blobs, "environment", about, _entries.Values, stop);
    }

    void AddLinked(string root, string full, string path, string target)
    {
        var aim = Path.GetFullPath(target, Path.GetDirectoryName(full)!);
        if ((aim + "/").StartsWith(root + "/", StringComparison.Ordinal))
        {
            AddLink(path, Path.GetRelativePath(Path.GetDirectoryName(full)!, aim));
            return;
        }
        switch (Libc.StatOf(aim)?.Type)
        {
            case null or NodeType.Special: return; // leads nowhere here, so it may lead nowhere there
            case NodeType.Directory: AddDirectory(aim); break;
            default: Follow(Place(aim), [], Lacking.Listed); break;
        }
        AddLink(path, Path.GetRelativePath("/" + Path.GetDirectoryName(path), aim));
    }

    /// <summary>Puts a file at its own path, with every link on the way to it; returns where it really is.</summary>
    string Place(string path)
    {
        var real = "/" + PlaceDirectory(path);
        var stat = Libc.StatOf(real);
        if (stat is not { Type: NodeType.File }) throw new FileNotFoundException($"{path} is not a file", path);
        if (!_moved.Any(m => real.StartsWith(m.Here + "/", StringComparison.Ordinal)))
            _entries[real[1..]] = new PackEntry(real[1..], EntryType.File, stat.Value.Executable, stat.Value.Size,
                Open: () => Libc.OpenRead(real));
        return real;
    }

    /// <summary>
    /// Follows a path as the kernel does, copying each link met (made relative) into the tree; returns the real path
    /// without its first slash.
    /// </summary>
    string PlaceDirectory(string path)
    {
        var at = new List<string>();
        var rest = new Stack<string>(path.Split('/').Reverse());
        var hops = 0;
        while (rest.TryPop(out var part))
        {
            if (part is "" or ".") continue;
            if (part == "..")
            {
                if (at.Count > 0) at.RemoveAt(at.Count - 1);
                continue;
            }
            at.Add(part);
            var here = "/" + string.Join('/', at);
            if (Libc.StatOf(here) is not { Type: NodeType.Link }) continue;
            if (++hops > TreeShape.MaxHops) throw new IOException($"{path}: too many links");
            var target = new FileInfo(here).LinkTarget!;
            var parent = "/" + string.Join('/', at.SkipLast(1));
            AddLink(here[1..], target[0] == '/' ? Path.GetRelativePath(parent, target) : target);
            if (target[0] == '/') at.Clear();
            else at.RemoveAt(at.Count - 1);
            foreach (var step in target.Split('/').Reverse()) rest.Push(step);
        }
        return string.Join('/', at);
    }

    /// <summary>What is done about a library that is not on this machine.</summary>
    enum Lacking
    {
        Refused,
        /// <summary>In <see cref="Unresolved"/>.</summary>
        Listed,
    }

    void Follow(string real, IReadOnlyList<string> inherited, Lacking lacking)
    {
        if (!_followed.Add(real)) return;
        if (ElfFile.Read(real) is not { } elf)
        {
            if (lacking is Lacking.Refused && Script(real) is { } interpreter) AddFile(interpreter);
            return;
        }
        if (elf.Interpreter is { } loader)
        {
            if (File.Exists(loader)) Place(loader);
            else if (lacking is Lacking.Refused)
                throw new FileNotFoundException($"{real} needs the loader {loader}, which is not on this machine");
            else _unresolved.Add(loader);
        }
        var origin = Path.GetDirectoryName(real)!;
        string[] chain = elf.RunPath.Count > 0 ? [] : [.. LibraryPath.Expand(elf.RPath, origin), .. inherited];
        foreach (var name in elf.Needed)
        {
            if (_libraries.Find(name, elf.Machine, elf, origin, inherited) is { } found)
                Found(name, found, chain, lacking);
            else if (lacking is Lacking.Refused)
                throw new FileNotFoundException($"{real} needs {name}, which is not on this machine");
            else _unresolved.Add(name);
        }
    }

    void Found(string name, (string Path, bool ByDefault) found, IReadOnlyList<string> chain, Lacking lacking)
    {
        var real = Place(found.Path);
        Follow(real, chain, lacking);
        if (found.ByDefault || _libraries.Find("libc.so.6", 0, null, "/", []) is not { } libc) return;
        // Found here only by /etc/ld.so.conf; the sandbox has none, so the library gets a name where any loader looks.
        var folder = PlaceDirectory(Path.GetDirectoryName(libc.Path)!);
        _entries.TryAdd($"{folder}/{name}",
            new PackEntry($"{folder}/{name}", EntryType.Link, Target: Path.GetRelativePath("/" + folder, real)));
    }

    static string? Script(string path)
    {
        using var reader = new StreamReader(Libc.OpenRead(path));
        var buffer = new char[256];
        var line = new string(buffer, 0, reader.ReadBlock(buffer)).Split('\n')[0];
        return line.StartsWith("#!", StringComparison.Ordinal) ? line[2..].Trim().Split(' ')[0] : null;
    }
}
