using System.Collections.Concurrent;
using System.Threading.Channels;
using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;
using Stele.Runtime;

namespace Stele.Host;

/// <summary>Who is told what a <see cref="Watcher"/> saw; each may be called from any thread.</summary>
/// <param name="Differs">A file, link or directory is not the release's.</param>
/// <param name="Unsure">Something happened that one look at one name does not settle.</param>
/// <param name="Nothing">There was a sign of change, and nothing has changed.</param>
/// <param name="Ended">The files are not watched any more, for a reason that nobody foresaw.</param>
sealed record WatcherReports(
    Action<string> Differs, Action<string> Unsure, Action Nothing, Action<Exception> Ended);

/// <summary>
/// Watches the files of a running release: the kernel's word on every change (inotify), and a round over all files,
/// little by little, for changes the kernel does not tell of (through a mapping, another link, or below the file
/// system). A sign of change is looked into at once, at the name that was touched: its type, size and content are
/// compared with the release.
/// </summary>
sealed class Watcher : IAsyncDisposable
{
    /// <summary>Files up to this size don't wait for larger ones to be digested.</summary>
    const long Small = 4 << 20;

    /// <summary>With more names touched at once than this, it is one look at everything.</summary>
    const int MaxTouched = 4096;

    readonly Materialised _tree;
    readonly Dictionary<string, TreeEntry> _entries;
    readonly WatcherReports _reports;
    readonly FileSystemWatcher _watcher;
    readonly CancellationTokenSource _stop = new();
    readonly ConcurrentDictionary<string, WatcherChangeTypes> _touched = new(StringComparer.Ordinal);
    readonly Channel<string> _small = Channel.CreateUnbounded<string>(), _large = Channel.CreateUnbounded<string>();
    readonly Task _all;

    public Watcher(Materialised tree, TimeSpan round, TimeProvider time, WatcherReports reports)
    {
        (_tree, _reports) = (tree, reports);
        _entries = tree.Tree.Entries.ToDictionary(e => e.Path, StringComparer.Ordinal);
        _watcher = new FileSystemWatcher(tree.Directory)
        {
            IncludeSubdirectories = true,
            NotifyFilter = NotifyFilters.Attributes | NotifyFilters.CreationTime | NotifyFilters.DirectoryName
                | NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Security | NotifyFilters.Size,
        };
        _watcher.Changed += (_, e) => Touched(e.FullPath, e.ChangeType);
        _watcher.Created += (_, e) => Touched(e.FullPath, e.ChangeType);
        _watcher.Deleted += (_, e) => Touched(e.FullPath, e.ChangeType);
        _watcher.Renamed += (_, e) =>
        {
            Touched(e.OldFullPath, e.ChangeType);
            Touched(e.FullPath, e.ChangeType);
        };
        _watcher.Error += (_, e) => reports.Unsure($"the watch was interrupted: {e.GetException().Message}");
        _watcher.EnableRaisingEvents = true;
        _all = Task.WhenAll(
            Task.Run(() => Watching(() => Round(round, time))), Task.Run(() => Watching(() => LookAt(_small.Reader))),
            Task.Run(() => Watching(() => LookAt(_large.Reader))));
    }

    /// <summary>Invariant: no watch ends unnoticed while it is not told to.</summary>
    async Task Watching(Func<Task> loop)
    {
        try
        {
            await loop();
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            _reports.Ended(e);
        }
    }

    void Touched(string full, WatcherChangeTypes what)
    {
        var path = Path.GetRelativePath(_tree.Directory, full);
        if (_touched.Count >= MaxTouched)
        {
            _reports.Unsure("many files were touched at once");
            return;
        }
        // One look is enough for all that happened before it.
        if (!_touched.TryAdd(path, what)) return;
        (_entries.GetValueOrDefault(path) is { Size: > Small } ? _large : _small).Writer.TryWrite(path);
    }

    async Task LookAt(ChannelReader<string> paths)
    {
        await foreach (var path in paths.ReadAllAsync(_stop.Token))
        {
            _touched.TryRemove(path, out var what);
            var sign = $"{what.ToString().ToLowerInvariant()} {path}";
            switch (Wrong(path))
            {
                case null:
                    _reports.Unsure($"{sign}, and no descriptor is left to look at it");
                    break;
                case true:
                // What is below a directory that came from elsewhere was never looked at.
                case false when what != WatcherChangeTypes.Changed
                    && _entries.GetValueOrDefault(path) is { Type: EntryType.Directory }:
                    _reports.Differs(sign);
                    break;
                default:
                    _reports.Nothing();
                    break;
            }
        }
    }

    async Task Round(TimeSpan round, TimeProvider time)
    {
        var files = _tree.Tree.Entries.Where(e => e.Type == EntryType.File).ToArray();
        var total = Math.Max(1, files.Sum(f => Math.Max(1, f.Size)));
        while (files.Length > 0)
            foreach (var file in files)
            {
                var began = time.GetTimestamp();
                // What could not be opened is looked at in the next round.
                if (Wrong(file.Path) is true) _reports.Differs($"the round found {file.Path} changed");
                var rest = round * (Math.Max(1, file.Size) / (double)total) - time.GetElapsedTime(began);
                if (rest > TimeSpan.Zero) await Task.Delay(rest, time, _stop.Token);
                _stop.Token.ThrowIfCancellationRequested();
            }
    }

    /// <summary>Whether the name is not as the release has it: there or not, type, executable bit, size, and then every
    /// byte. Null: no descriptor is left to see it.</summary>
    bool? Wrong(string path)
    {
        try
        {
            var full = Path.Combine(_tree.Directory, path);
            var stat = Libc.StatOf(full);
            if (!_entries.TryGetValue(path, out var entry))
                return stat is not null && !Sandbox.MountPoints.Contains(path.Split('/')[0], StringComparer.Ordinal);
            return (entry.Type, stat?.Type) switch
            {
                (EntryType.File, NodeType.File) =>
                    stat!.Value.Executable != entry.Executable || stat.Value.Size != entry.Size
                    || TreeDigest.ContentOf(full, _stop.Token) != entry.Content,
                (EntryType.Link, NodeType.Link) => new FileInfo(full).LinkTarget != entry.Target,
                (EntryType.Directory, NodeType.Directory) => false,
                _ => true,
            };
        }
        catch (Exception e) when (DiskTrouble.LacksDescriptors(e))
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    /// <summary>Watches no more; what is being digested ends a moment later.</summary>
    public void Stop()
    {
        _stop.Cancel();
        _watcher.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        Stop();
        await _all;
        _stop.Dispose();
    }
}
