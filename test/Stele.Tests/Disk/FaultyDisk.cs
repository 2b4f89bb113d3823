using System.Collections.Concurrent;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Tests.Disk;

/// <summary>How a step fails.</summary>
public enum Failing
{
    /// <summary>
    /// It is not done, and the disk says so; then the disk works again. A flush loses what it was to make durable.
    /// </summary>
    Lost,
    /// <summary>It is done, and the disk says that it is not; then the disk works again.</summary>
    Kept,
    /// <summary>
    /// The power fails before it: nothing more is done, and what was not flushed, or has a name that was not, is gone.
    /// </summary>
    PowerLost,
    /// <summary>
    /// The power fails before it, and names outlive what they name: what was not flushed reads as zeros.
    /// </summary>
    PowerZeros,
    /// <summary>The process is killed after it: all that was written is there.</summary>
    Killed,
}

/// <summary>
/// A folder whose disk fails at one step, counted among those of one name, and which keeps watch of its own: a full
/// tile or bundle is never other bytes than it was, a published checkpoint never smaller than one before. Steps are
/// named by what is done and to what: "flush journal", "rename tile".
/// </summary>
sealed class FaultyDisk : IDisposable
{
    static readonly ConcurrentDictionary<FaultyDisk, bool> Mounted = new();

    static FaultyDisk() => Failpoint.Listener = (act, path, done) =>
    {
        path = Path.GetFullPath(path);
        LackingDisk.Reached(act, path, done);
        foreach (var disk in Mounted.Keys)
            if ((path + "/").StartsWith(disk._root, StringComparison.Ordinal)) disk.Reached(act, path, done);
    };

    readonly Lock _gate = new();
    readonly string _root;
    // by present name: what a flush made durable of it
    readonly Dictionary<string, byte[]> _flushed = new(StringComparer.Ordinal);
    readonly Dictionary<string, byte[]> _durable = new(StringComparer.Ordinal);   // by durable name
    readonly Dictionary<string, byte[]> _full = new(StringComparer.Ordinal);
    readonly Dictionary<string, long> _checkpoints = new(StringComparer.Ordinal);
    (string Step, int Nth, Failing How)? _plan;
    bool _dead;

    /// <summary>Everything that is below the folder now is durable.</summary>
    public FaultyDisk(string root)
    {
        _root = Path.GetFullPath(root) + "/";
        Directory.CreateDirectory(_root);
        foreach (var file in Files()) _durable[file] = _flushed[file] = File.ReadAllBytes(file);
        Mounted[this] = true;
    }

    /// <summary>Every step, in order, up to the end or the fault.</summary>
    public List<string> Steps { get; } = [];

    public bool Failed { get; private set; }

    /// <summary>What no disk may be asked to do.</summary>
    public List<string> Outrages { get; } = [];

    public void Plan(string step, int nth, Failing how)
    {
        lock (_gate) (_plan, Failed) = ((step, nth, how), false);
    }

    IEnumerable<string> Files() =>
        Directory.EnumerateFiles(_root, "*", SearchOption.AllDirectories)
            .Where(f => !f.EndsWith(".lock", StringComparison.Ordinal));

    void Reached(DiskAct act, string path, bool done)
    {
        lock (_gate)
        {
            if (_dead)
            {
                // Another thread's rename may have been done just before: a file keeps what was flushed of it, whatever
                // its name.
                if (done && act == DiskAct.Rename) Note(act, path);
                throw new IOException("the disk is gone");
            }
            var step = Name(act, path);
            if (!done)
            {
                Steps.Add(step);
                if (_plan is not { How: not (Failing.Kept or Failing.Killed) } before || !Due(before, step)) return;
                Failed = true;
                if (before.How != Failing.Lost) _dead = true;
                else if (act == DiskAct.Flush && File.Exists(path)) Rewrite(path, _flushed.GetValueOrDefault(path, []));
                throw new IOException($"{step}: input/output error");
            }
            Note(act, path);
            if (_plan is not { How: Failing.Kept or Failing.Killed } after || !Due(after, step)) return;
            Failed = true;
            if (after.How == Failing.Killed) _dead = true;
            throw new IOException($"{step}: input/output error, though it is done");
        }
    }

    bool Due((string Step, int Nth, Failing How) plan, string step) =>
        !Failed && step == plan.Step && Steps.Count(s => s == step) == plan.Nth;

    void Note(DiskAct act, string path)
    {
        switch (act)
        {
            case DiskAct.Flush:
                _flushed[path] = File.ReadAllBytes(path);
                if (_durable.ContainsKey(path)) _durable[path] = _flushed[path];
                break;
            case DiskAct.Rename:
                // A temporary file's content goes along with it.
                foreach (var temporary in _flushed.Keys
                    .Where(f =>
                        f.EndsWith(".tmp", StringComparison.Ordinal) && f.StartsWith(path + ".",
                            StringComparison.Ordinal) || f.Contains("/ingest/", StringComparison.Ordinal)
                    || (IsSegment(path) && Path.GetDirectoryName(f) == Path.GetDirectoryName(path)
                        && Path.GetFileName(f).StartsWith("journal.", StringComparison.Ordinal)
                        && f.EndsWith(".tmp", StringComparison.Ordinal))).Where(f => !File.Exists(f)).ToList())
                {
                    _flushed[path] = _flushed[temporary];
                    _flushed.Remove(temporary);
                }
                Watch(path);
                break;
            case DiskAct.FlushAll:
                foreach (var file in Files()) _durable[file] = _flushed[file] = File.ReadAllBytes(file);
                foreach (var gone in _durable.Keys.Where(f => !File.Exists(f)).ToList()) _durable.Remove(gone);
                break;
            case DiskAct.SyncDirectory:
                foreach (var file in Directory.EnumerateFiles(path))
                    _durable[file] = _flushed.GetValueOrDefault(file, []);
                foreach (var gone in _durable.Keys.Where(f => Path.GetDirectoryName(f) == path.TrimEnd('/')
                    && !File.Exists(f)).ToList()) _durable.Remove(gone);
                break;
        }
    }

    void Watch(string path)
    {
        if (!File.Exists(path)) return;
        if (Path.GetFileName(path) == "checkpoint")
        {
            if (!IsCheckpoint(File.ReadAllText(path), out var size)) return;
            if (_checkpoints.GetValueOrDefault(path) > size)
                Outrages.Add($"{path}: a checkpoint of {size} entries after one of {_checkpoints[path]}");
            _checkpoints[path] = size;
        }
        else if (path.IndexOf("/tile/", StringComparison.Ordinal) is >= 0 and var at
            && Tile.TryParse(path[(at + 1)..], out var tile) && !tile.IsPartial)
        {
            var bytes = File.ReadAllBytes(path);
            if (_full.TryGetValue(path, out var before) && !before.AsSpan().SequenceEqual(bytes))
                Outrages.Add($"{path}: a full tile of other bytes than before");
            _full[path] = bytes;
        }
    }

    static bool IsCheckpoint(string text, out long size)
    {
        try
        {
            size = Checkpoint.Parse(global::Stele.Proof.Note.Parse(text).Text).Size;
            return true;
        }
        catch (FormatException)
        {
            size = 0;
            return false;
        }
    }

    /// <summary>The disk as it is found afterwards: it works again, and holds what the fault left on it.</summary>
    public void Recover()
    {
        lock (_gate)
        {
            if (_plan is { How: Failing.PowerLost or Failing.PowerZeros } plan && Failed)
            {
                foreach (var file in Files().ToList())
                {
                    if (plan.How == Failing.PowerLost && !_durable.ContainsKey(file)) File.Delete(file);
                    else if (plan.How == Failing.PowerLost) Rewrite(file, _durable[file]);
                    else
                    {
                        // As long as it was, with zeros where nothing was flushed.
                        var kept = _flushed.GetValueOrDefault(file, []);
                        var length = (int)Math.Max(new FileInfo(file).Length, kept.Length);
                        var bytes = new byte[length];
                        kept.CopyTo(bytes, 0);
                        Rewrite(file, bytes);
                    }
                }
                foreach (var (file, bytes) in _durable)
                    if (!File.Exists(file)) Rewrite(file, bytes);
            }
            (_plan, _dead) = (null, false);
        }
    }

    static void Rewrite(string path, byte[] bytes)
    {
        if (File.Exists(path) && (File.GetUnixFileMode(path) & UnixFileMode.UserWrite) == 0)
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
    }

    /// <summary>The act, and the kind of file it is done to.</summary>
    string Name(DiskAct act, string path)
    {
        var words = new StringBuilder();
        foreach (var c in act.ToString())
            words.Append(char.IsAsciiLetterUpper(c) && words.Length > 0 ? " " : "").Append(char.ToLowerInvariant(c));
        var relative = path[Math.Min(path.Length, _root.Length)..];
        if (relative.EndsWith(".tmp", StringComparison.Ordinal))
        {
            var parts = relative.Split('.');
            relative = string.Join('.', parts[..^(parts[^2].Length < 12 && long.TryParse(parts[^2], out _) ? 2 : 1)]);
        }
        if (act is DiskAct.CreateDirectory && relative.Contains("/tile/", StringComparison.Ordinal))
            return "create directory tile";
        if (act is DiskAct.CreateDirectory or DiskAct.SyncDirectory or DiskAct.FlushAll)
            return words.Append(relative.Length == 0 ? " root" : $" {relative}").ToString();
        var name = Path.GetFileName(relative);
        if (name.EndsWith(".p", StringComparison.Ordinal)) name = "partials";
        else if (relative.IndexOf("tile/", StringComparison.Ordinal) is >= 0 and var at
            && Tile.TryParse(relative[at..], out var tile))
            name = $"{(tile.IsPartial ? "partial" : "full")} {(tile.Level == Tile.Entries ? "bundle" : "tile")}";
        else if (Digest.TryParseHex(name, out _)) name = "blob";
        else if (IsSegment(name)) name = "segment";
        else if (name.StartsWith("nodes.", StringComparison.Ordinal)) name = "nodes";
        else if (name.EndsWith(".basis", StringComparison.Ordinal)) name = "basis";
        return $"{words} {name}";
    }

    /// <summary>Whether a file is one that a journal goes on in.</summary>
    static bool IsSegment(string path) =>
        Path.GetFileName(path).Split('.') is ["journal", { Length: 12 } number] && number.All(char.IsAsciiDigit);

    public void Dispose() => Mounted.TryRemove(this, out _);
}

/// <summary>A folder in which nothing can be created for a while: no descriptor is left for it.</summary>
sealed class LackingDisk : IDisposable
{
    const int EMFILE = 24;

    static readonly ConcurrentDictionary<LackingDisk, bool> Mounted = new();

    readonly string _root;
    int _met;

    public LackingDisk(string root)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.RunClassConstructor(typeof(FaultyDisk).TypeHandle);
        _root = Path.GetFullPath(root) + "/";
        Mounted[this] = true;
    }

    /// <summary>How often it was tried.</summary>
    public int Met => Volatile.Read(ref _met);

    internal static void Reached(DiskAct act, string path, bool done)
    {
        if (done || act is not DiskAct.Create) return;
        foreach (var disk in Mounted.Keys)
            if (path.StartsWith(disk._root, StringComparison.Ordinal))
            {
                Interlocked.Increment(ref disk._met);
                throw new IOException($"{path}: Too many open files", EMFILE);
            }
    }

    public void Dispose() => Mounted.TryRemove(this, out _);
}
