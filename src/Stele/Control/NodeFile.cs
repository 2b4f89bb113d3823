using Stele.Disk;
using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Control;

/// <summary>
/// Nodes one after the other in a file that only grows. What was added and not written yet is read from memory, so that
/// a full disk takes nothing away. One thread adds, any number read.
/// </summary>
sealed class NodeFile(GrowingFile file, Action<string> broken) : INodes, IDisposable
{
    /// <summary>A node is a fact, a part of a list, an index or a filter: a filter of 10⁸ identities has so many
    /// bytes.</summary>
    const int MaxNode = 128 << 20;

    readonly Lock _gate = new();
    MemoryStream _added = new();
    long _written = file.Length;

    public byte[] Read(NodeRef at)
    {
        if (at.Length is < 1 or > MaxNode || at.At < 0) throw Broken(at);
        var bytes = new byte[at.Length];
        lock (_gate)
            if (at.At >= _written)
            {
                var from = at.At - _written;
                if (from + at.Length > _added.Length) throw Broken(at);
                _added.GetBuffer().AsSpan((int)from, at.Length).CopyTo(bytes);
                return bytes;
            }
        int read;
        try
        {
            read = file.Read(at.At, bytes);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            throw Broken(at, e);    // closed: the ledger was folded again meanwhile
        }
        return read == bytes.Length && Digest.Of(bytes) == at.Digest ? bytes : throw Broken(at);
    }

    NodeException Broken(NodeRef at, Exception? inner = null)
    {
        var message = $"{file.Path} does not hold, at {at.At}, what was kept there"
            + (inner is null ? "" : $": {inner.Message}");
        broken(message);
        return new NodeException(message, inner);
    }

    public NodeRef Add(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            var at = _written + _added.Length;
            _added.Write(bytes);
            return new(at, bytes.Length, Digest.Of(bytes));
        }
    }

    /// <summary>Writes what was added, durably. The adding thread's; if it fails, it is in memory until the next time.
    /// </summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Flush()
    {
        file.Write(_written, _added.GetBuffer().AsSpan(0, (int)_added.Length));
        file.Sync();
        lock (_gate) (_written, _added) = (_written + _added.Length, new());
    }

    /// <summary>Another process added nodes since: the next go after those.</summary>
    /// <returns>Whether that can be: nothing waits here to be written.</returns>
    public bool TryGoOn()
    {
        lock (_gate)
        {
            if (_added.Length > 0) return file.Length == _written || file.Length < _written + _added.Length;
            _written = file.Length;
            return true;
        }
    }

    public void Dispose() => file.Dispose();
}
