namespace Stele.Tests.Packs;

/// <summary>
/// A file of many gigabytes that holds one large block again and again, and small writes in between: what is written of
/// the block is not kept twice.
/// </summary>
sealed class SparseStream(byte[] block) : Stream
{
    readonly List<(long At, byte[] Bytes)> _writes = [];
    long _length;

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        _writes.Add((_length, bytes.Length == block.Length ? block : bytes.ToArray()));
        _length += bytes.Length;
        Position = _length;
    }

    public override int Read(Span<byte> to)
    {
        int low = 0, high = _writes.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_writes[middle].At + _writes[middle].Bytes.Length <= Position) low = middle + 1;
            else high = middle;
        }
        if (low == _writes.Count) return 0;
        var from = _writes[low].Bytes.AsSpan((int)(Position - _writes[low].At));
        var n = Math.Min(from.Length, to.Length);
        from[..n].CopyTo(to);
        Position += n;
        return n;
    }

    public override long Position { get; set; }
    public override long Length => _length;
    public override bool CanRead => true;
    public override bool CanSeek => true;
    public override bool CanWrite => true;
    public override long Seek(long offset, SeekOrigin origin) => Position = origin switch
    {
        SeekOrigin.Begin => offset,
        SeekOrigin.Current => Position + offset,
        _ => _length + offset
    };
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));
    public override void Flush() { }
    public override void SetLength(long value) => throw new NotSupportedException();
}
