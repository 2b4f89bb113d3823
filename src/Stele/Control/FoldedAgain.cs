using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Control;

/// <summary>
/// A ledger that is folded from its first entry as it is read, to hold what is kept of earlier folds to it. What comes
/// after an entry that does not fold can't be judged.
/// </summary>
/// <param name="documents">The documents that the fold reads.</param>
sealed class FoldedAgain(Func<Digest, byte[]?> documents)
{
    readonly List<Digest> _roots = [Merkle.EmptyRoot];
    Frontier _tree = new();

    public Replay Replay { get; } = new(new Documents(documents));

    /// <summary>Why an entry does not fold; null: all do.</summary>
    public string? Halted { get; private set; }

    /// <returns>Whether this is the first entry that does not fold.</returns>
    public bool Stops(byte[] entry)
    {
        _roots.Add((_tree = _tree.Add(Merkle.Leaf(entry))).Root);
        if (Halted is not null) return false;
        try
        {
            if (Replay.Add(Entry.Parse(entry)) is Outcome.Refused refused)
                Halted = $"{refused.Code.Name()}: {refused.Message}";
        }
        catch (Exception e) when (e is FormatException or UnknownKindException)
        {
            Halted = e.Message;
        }
        return Halted is not null;
    }

    /// <summary>Holds the snapshots in a folder to this fold.</summary>
    public void Check(KeptFold kept, Trust trust, Findings found)
    {
        if (Halted is not null || Replay.State.Size == 0) return;
        foreach (var (file, problem) in Snapshots.Check(kept, trust.Genesis, Replay, size => _roots[(int)size]))
            found.WrongDerived(file, problem);
    }

    /// <summary>Takes the snapshots in a folder away, if something is wrong with them: they are made again.</summary>
    /// <param name="found">What a check found.</param>
    public static void Repair(KeptFold kept, Findings found, Findings repaired)
    {
        if (!Directory.Exists(kept.Folder) || !found.IsWrongIn(kept.Folder)) return;
        foreach (var file in Snapshots.Repair(kept)) repaired.Did(file, "taken away: the next start makes it again");
    }
}
