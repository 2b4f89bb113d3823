namespace Stele.Disk;

/// <summary>What a violation is of.</summary>
enum Damage
{
    /// <summary>The truth itself: only a copy repairs it.</summary>
    Truth,

    /// <summary>What can be made again out of what is there: <c>stele fsck --repair</c>.</summary>
    Derived,

    /// <summary>The remains of one write that was never acknowledged: the next start cuts them off.</summary>
    TornTail,
}

/// <summary>One thing that is wrong on the disk.</summary>
/// <param name="Path">The file, below the folder that was looked at.</param>
sealed record Violation(string Path, string Problem, Damage Damage)
{
    /// <summary>A journal whose end is not as it must be.</summary>
    /// <param name="end">One that has a problem.</param>
    public static Violation OfEnd(string path, JournalEnd end) =>
        OfEnd(path, end.Problem!, end.Tail == JournalTail.Torn ? Damage.TornTail : Damage.Truth);

    /// <summary>The same, of any records.</summary>
    /// <param name="damage">A torn tail, or of the truth.</param>
    public static Violation OfEnd(string path, string problem, Damage damage) =>
        new(path, $"{(damage == Damage.TornTail ? "a torn tail" : "damaged")} {problem}", damage);

    public override string ToString() => $"{Path}: {Problem}";
}
