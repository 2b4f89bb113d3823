using Stele.Disk;

namespace Stele.Ledger;

/// <summary>A file that was made again, or taken away.</summary>
/// <param name="Path">Below the folder that was repaired.</param>
sealed record Repaired(string Path, string What)
{
    public override string ToString() => $"{Path}: {What}";
}

/// <summary>What an inspection of a data folder finds: all of it, however much is wrong.</summary>
sealed class Findings(string root)
{
    public List<Violation> Violations { get; } = [];

    /// <summary>What may be so, and is worth knowing.</summary>
    public List<string> Remarks { get; } = [];

    public List<string> Repaired { get; } = [];

    public long Entries { get; set; }
    public long Decisions { get; set; }
    public int Logs { get; set; }
    public int Blobs;   // counted by many threads

    string Below(string path) => System.IO.Path.GetRelativePath(root, path);

    public void Wrong(string path, string problem) => Wrong(new(path, problem, Damage.Truth));

    /// <param name="violations">By their paths below <paramref name="folder"/>.</param>
    public void Wrong(string folder, IEnumerable<Violation> violations)
    {
        foreach (var one in violations) Wrong(one with { Path = System.IO.Path.Combine(folder, one.Path) });
    }

    /// <summary>Whether anything is wrong below a folder.</summary>
    public bool IsWrongIn(string folder) =>
        Violations.Any(v => v.Path.StartsWith(Below(folder) + "/", StringComparison.Ordinal));

    /// <summary>Something that can be made again.</summary>
    public void WrongDerived(string path, string problem) => Wrong(new(path, problem, Damage.Derived));

    void Wrong(Violation violation) => Violations.Add(violation with { Path = Below(violation.Path) });

    public void Remark(string path, string what) => Remarks.Add($"{Below(path)}: {what}");

    public void Did(string path, string what) => Repaired.Add($"{Below(path)}: {what}");

    /// <summary>A whole log, by <see cref="Fsck"/>; whether all of its truth is sound.</summary>
    public bool Log(ILedgerStore store, Proof.VerifierKey key, Action<long, byte[]>? entry = null)
    {
        Logs++;
        var wrong = Fsck.Check(store, key, (index, bytes) =>
        {
            Entries++;
            entry?.Invoke(index, bytes);
        });
        Wrong(store.Place, wrong);
        return wrong.All(v => v.Damage == Damage.Derived);
    }

    /// <summary>
    /// Makes the derived files of a log again, unless its truth is not sound: then nothing of it is touched.
    /// </summary>
    public void Repair(ILedgerStore store, Proof.VerifierKey key, NoteSigner? signer)
    {
        if (store.Segments().Count == 0 || Fsck.Check(store, key).Any(v => v.Damage != Damage.Derived)) return;
        foreach (var done in Fsck.Repair(store, key, signer))
            Did(System.IO.Path.Combine(store.Place, done.Path), done.What);
    }

    /// <summary>Something that is wrong with the records of a log.</summary>
    public void WrongRecord(ILedgerStore store, string problem) => Wrong(RecordsOf(store), problem);

    static string RecordsOf(ILedgerStore store) => System.IO.Path.Combine(store.Place, Fsck.Records);

    /// <summary>
    /// A journal that is no log's. One that is open has an end that moves: what it holds is checked, its end is not.
    /// </summary>
    public void Journal(string path, Func<JournalEnd> scan)
    {
        using var held = JournalFile.TryLockIfEverOpened(path, out var inUse);
        var end = scan();
        if (end.Problem is not null && !inUse)
            Wrong(Violation.OfEnd(path, end));
    }

    /// <summary>A file that has to be there and be read without complaint.</summary>
    public T? Read<T>(string path, Func<T> read) where T : class
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException
            or System.Security.Cryptography.CryptographicException or ArgumentException)
        {
            Wrong(path,
                e is FileNotFoundException or DirectoryNotFoundException ? "not there" : e.Message.TrimEnd('.'));
            return null;
        }
    }
}
