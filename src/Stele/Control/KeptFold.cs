namespace Stele.Control;

/// <summary>Where a fold begins.</summary>
enum FoldFrom
{
    /// <summary>After the newest snapshot that may be used.</summary>
    Snapshot,
    /// <summary>At the first entry; snapshots that are there are discarded.</summary>
    Zero,
}

/// <summary>How a fold is kept from one opening to the next.</summary>
/// <param name="Folder">Where its snapshots are.</param>
/// <param name="Secret">
/// The file with the secret under which this machine knows its own snapshots; outside of <paramref name="Folder"/>.
/// </param>
sealed record KeptFold(string Folder, string Secret, FoldFrom From)
{
    /// <summary>
    /// Whether so few entries are new that they are folded again rather than kept: each snapshot takes some 10 KB and
    /// more of the disk, which is not given back.
    /// </summary>
    public static bool IsFew(long added, long size) => added < Math.Clamp(size / 512, 16, 128);
}
