using Stele.Proof;

namespace Stele.Ledger;

/// <summary>What the owner of a log may choose.</summary>
sealed record LogOptions
{
    /// <summary>
    /// How often at most the partial tiles and the checkpoint are stored as objects. Default 100 ms. What the
    /// properties of the log say is never behind.
    /// </summary>
    public TimeSpan PublishEvery { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>
    /// How often at most a checkpoint is signed. Default zero: one for each group of appends that shared a flush, so
    /// that nobody waits for a timer.
    /// </summary>
    public TimeSpan SignEvery { get; init; }

    /// <summary>
    /// How many bytes may wait, from the call until they are under a checkpoint, before the answer is "busy". Default
    /// 64 MiB.
    /// </summary>
    public long QueueBytes { get; init; } = 64 << 20;

    /// <summary>How many entries may wait so. Default 131,072.</summary>
    public long QueueEntries { get; init; } = 1 << 17;

    /// <summary>The records go on in a new segment when one has reached this. Default 64 MiB.</summary>
    public long SegmentBytes { get; init; } = 64 << 20;

    /// <summary>
    /// How many full tiles, of at most 8 KiB or a bundle's size, may wait for a store that will not take them now: they
    /// are read from memory until then. One more ends the log. Default 1,024.
    /// </summary>
    public int UnwrittenTiles { get; init; } = 1024;

    /// <summary>
    /// Whether a note has the cosignatures that the policy asks for; null: nobody witnesses this log.
    /// </summary>
    public Func<Note, bool>? Quorum { get; init; }
}
