using System.IO.MemoryMappedFiles;
using System.Text;

namespace Stele.Disk;

/// <summary>
/// A few counters in a file that is mapped into memory: counting costs no system call, and what was counted stays when
/// the process is killed. What was not flushed is lost when the machine goes down; then the counters are not
/// <see cref="Intact"/>. The file: <c>"stele counters\n"</c>, 37 bytes boot id or <c>"closed"</c>, and from byte 64 on
/// a u64 each, as this machine writes it; 4096 bytes in all.
/// </summary>
sealed unsafe class Counters : IDisposable
{
    const int Length = 4096, BootAt = 16, BootBytes = 37, First = 64;
    static ReadOnlySpan<byte> Magic => "stele counters\n"u8;

    readonly object _gate = new();
    readonly MemoryMappedFile _file;
    readonly MemoryMappedViewAccessor _view;
    byte* _at;

    /// <param name="boot">What this run of the machine is called: /proc/sys/kernel/random/boot_id.</param>
    public Counters(string path, string boot)
    {
        Files.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!, Readers.Owner);
        if (!File.Exists(path) || new FileInfo(path).Length != Length)
            Files.Write(path, new byte[Length], Readers.Owner);
        _file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, Length);
        _view = _file.CreateViewAccessor(0, Length);
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref _at);
        var header = new Span<byte>(_at, First);
        var last = Encoding.ASCII.GetString(header.Slice(BootAt, BootBytes)).TrimEnd('\0');
        Intact = header[..Magic.Length].SequenceEqual(Magic) && (last == "closed" || last == boot);
        Magic.CopyTo(header);
        Name(boot);
    }

    /// <summary>Whether nothing that was counted can have been lost.</summary>
    public bool Intact { get; }

    /// <summary>One counter; 0 once this is closed.</summary>
    public long this[int counter]
    {
        get { lock (_gate) return _at is null ? 0 : ((long*)(_at + First))[counter]; }
        set { lock (_gate) if (_at is not null) ((long*)(_at + First))[counter] = value; }
    }

    /// <summary>Counts one more. Nothing happens once this is closed.</summary>
    public void Add(int counter)
    {
        lock (_gate) if (_at is not null) ((long*)(_at + First))[counter]++;
    }

    /// <summary>Makes what was counted durable.</summary>
    public void Flush()
    {
        lock (_gate) if (_at is not null) _view.Flush();
    }

    void Name(string boot)
    {
        var name = new Span<byte>(_at + BootAt, BootBytes);
        name.Clear();
        Encoding.ASCII.GetBytes(boot.AsSpan()[..Math.Min(boot.Length, BootBytes)], name);
        _view.Flush();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_at is null) return;
            _view.Flush();
            Name("closed");
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _at = null;
        }
        _view.Dispose();
        _file.Dispose();
    }
}
