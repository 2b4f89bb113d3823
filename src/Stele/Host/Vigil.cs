using System.Security.Cryptography;
using Stele.Blobs;
using Stele.Proof;

namespace Stele.Host;

/// <summary>
/// Watches the files of a running release: the kernel's word on every change (inotify), and a round over all files, little by little, for changes the kernel does not tell of
/// (through a mapping, another link, or below the file system). Speaks once for each sign; whether it means anything is for an <see cref="Inspection"/>.
/// </summary>
sealed class Vigil : IAsyncDisposable
{
    readonly FileSystemWatcher _watcher;
    readonly CancellationTokenSource _stop = new();
    readonly Task _round;

    /// <param name="suspect">Called, from any thread, with what was seen.</param>
    public Vigil(Materialised tree, TimeSpan round, TimeProvider time, Action<string> suspect)
    {
        _watcher = new FileSystemWatcher(tree.Directory)
        {
            IncludeSubdirectories = true,
            NotifyFilter = NotifyFilters.Attributes | NotifyFilters.CreationTime | NotifyFilters.DirectoryName | NotifyFilters.FileName | NotifyFilters.LastWrite | NotifyFilters.Security | NotifyFilters.Size,
        };
        void Seen(object _, FileSystemEventArgs e) => suspect($"{e.ChangeType.ToString().ToLowerInvariant()} {Path.GetRelativePath(tree.Directory, e.FullPath)}");
        _watcher.Changed += Seen;
        _watcher.Created += Seen;
        _watcher.Deleted += Seen;
        _watcher.Renamed += Seen;
        _watcher.Error += (_, e) => suspect($"the watch was interrupted: {e.GetException().Message}");
        _watcher.EnableRaisingEvents = true;
        _round = Task.Run(() => Rounds(tree, round, time, suspect));
    }

    async Task Rounds(Materialised tree, TimeSpan round, TimeProvider time, Action<string> suspect)
    {
        var files = tree.Tree.Entries.Where(e => e.Type == EntryType.File).ToArray();
        var total = Math.Max(1, files.Sum(f => Math.Max(1, f.Size)));
        try
        {
            while (files.Length > 0)
                foreach (var file in files)
                {
                    var began = time.GetTimestamp();
                    if (Wrong(Path.Combine(tree.Directory, file.Path), file)) suspect($"the round found {file.Path} changed");
                    var rest = round * (Math.Max(1, file.Size) / (double)total) - time.GetElapsedTime(began);
                    if (rest > TimeSpan.Zero) await Task.Delay(rest, time, _stop.Token);
                    _stop.Token.ThrowIfCancellationRequested();
                }
        }
        catch (OperationCanceledException)
        {
        }
    }

    static bool Wrong(string path, TreeEntry file)
    {
        try
        {
            using var content = File.OpenRead(path);
            return Digest.From(SHA256.HashData(content)) != file.Content;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _watcher.Dispose();
        await _round;
        _stop.Dispose();
    }
}
