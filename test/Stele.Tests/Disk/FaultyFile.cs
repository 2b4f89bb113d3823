using Stele.Disk;

namespace Stele.Tests.Disk;

public enum Fault
{
    None,
    /// <summary>The write fails and nothing of it is kept.</summary>
    WriteLost,
    /// <summary>The write fails half way.</summary>
    WriteTorn,
    /// <summary>The write is kept, but the caller is told that it failed.</summary>
    WriteKeptReportedLost,
    /// <summary>The flush fails and the writes since the last one are gone.</summary>
    SyncLost,
    /// <summary>The flush fails, though everything is on the disk.</summary>
    SyncKeptReportedLost,
}

/// <summary>A disk that fails once on command, counts its flushes, and remembers where the last frame ended.</summary>
sealed class FaultyFile : JournalFile
{
    readonly List<(long Offset, byte[] Before)> _unflushed = [];
    long _lengthAtFlush;

    public FaultyFile(string path) : base(path) => _lengthAtFlush = Length;

    public Fault Next { get; set; }
    public int Syncs { get; private set; }
    public long FrameEnd { get; private set; }
    public ManualResetEventSlim Gate { get; } = new(initialState: true);

    public override void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        var before = new byte[bytes.Length];
        _unflushed.Add((offset, before[..Read(offset, before)]));
        switch (Next)
        {
            case Fault.WriteLost:
                Next = Fault.None;
                throw new IOException("no space left");
            case Fault.WriteTorn:
                base.Write(offset, bytes[..(bytes.Length / 2)]);
                Next = Fault.None;
                throw new IOException("no space left");
            case Fault.WriteKeptReportedLost:
                base.Write(offset, bytes);
                Next = Fault.None;
                throw new IOException("input/output error");
        }
        base.Write(offset, bytes);
        if (bytes.StartsWith(JournalFrame.Mark)) FrameEnd = offset + bytes.Length;
    }

    public override void Sync()
    {
        Gate.Wait();
        Syncs++;
        if (Next == Fault.SyncLost)
        {
            for (var i = _unflushed.Count - 1; i >= 0; i--) base.Write(_unflushed[i].Offset, _unflushed[i].Before);
            Length = _lengthAtFlush;
        }
        var failing = Next is Fault.SyncLost or Fault.SyncKeptReportedLost;
        if (failing) Next = Fault.None;
        if (failing) throw new IOException("fdatasync: input/output error");
        base.Sync();
        _unflushed.Clear();
        _lengthAtFlush = Length;
    }
}
