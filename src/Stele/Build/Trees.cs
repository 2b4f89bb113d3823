using Stele.Blobs;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Build;

/// <summary>
/// Artifacts materialised for one piece of work, each once; sandboxes bind them read-only, so they may be shared. All
/// gone when disposed.
/// </summary>
/// <param name="directory">
/// Where to put them: on the store's filesystem, so that reflinks work. Null = the system's temporary directory.
/// </param>
sealed class Trees(IBlobs blobs, string? directory = null) : IDisposable
{
    readonly WorkArea _area = new(directory);
    readonly Dictionary<Digest, string> _made = [];
    readonly SemaphoreSlim _one = new(1);
    int _work;

    public IBlobs Blobs => blobs;

    public async Task<string> Of(Digest artifact, CancellationToken stop = default)
    {
        await _one.WaitAsync(stop);
        try
        {
            if (!_made.TryGetValue(artifact, out var path))
                _made[artifact] = path = (await Materialise.Artifact(blobs, artifact, _area.At(artifact.Hex),
                    stop: stop)).Directory;
            return path;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>A fresh, empty directory that lives as long as the trees.</summary>
    public string Empty() => _area.Create($"work-{Interlocked.Increment(ref _work)}");

    public void Dispose()
    {
        _area.Dispose();
        _one.Dispose();
    }
}
