using Microsoft.Win32.SafeHandles;

namespace Stele.Disk;

/// <summary>
/// Overwrites what a file held, after another has durably taken its name: so that no second name, and no process that
/// still has it open, finds what was to be destroyed. What this does not promise: a file system or disk that writes
/// elsewhere than in place keeps old blocks until it uses them again.
/// </summary>
sealed class Scrub(string path) : IDisposable
{
    readonly SafeFileHandle _old = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite,
        FileShare.ReadWrite | FileShare.Delete);

    public void Overwrite()
    {
        var zeros = new byte[64 << 10];
        var length = RandomAccess.GetLength(_old);
        for (long at = 0; at < length; at += zeros.Length)
            RandomAccess.Write(_old, zeros.AsSpan(0, (int)Math.Min(zeros.Length, length - at)), at);
        RandomAccess.FlushToDisk(_old);
    }

    public void Dispose() => _old.Dispose();
}
