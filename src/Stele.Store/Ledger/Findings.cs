using Stele.Disk;

namespace Stele.Ledger;

/// <summary>One thing that is wrong on the disk.</summary>
/// <param name="Path">The file, below the data folder.</param>
/// <param name="Derived">
/// Whether it can be made again out of what is there: <c>stele fsck --repair</c>. Else it is the truth itself, and only
/// a copy repairs it.
/// </param>
sealed record Violation(string Path, string Problem, bool Derived)
{
    public override string ToString() => $"{Path}: {Problem}";
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

    public void Wrong(string path, string problem, bool derived = false) =>
        Violations.Add(new(Below(path), problem, derived));

    public void Remark(string path, string what) => Remarks.Add($"{Below(path)}: {what}");

    public void Did(string path, string what) => Repaired.Add($"{Below(path)}: {what}");

    /// <summary>A whole log, by <see cref="Fsck"/>; whether all of its truth is sound.</summary>
    public bool Log(string folder, Proof.VerifierKey key, Action<long, byte[]>? entry = null)
    {
        Logs++;
        var wrong = Fsck.Check(folder, key, (index, bytes) =>
        {
            Entries++;
            entry?.Invoke(index, bytes);
        });
        foreach (var line in wrong) Named(folder, line, (path, problem) => Wrong(path, problem, Fsck.IsDerived(line)));
        return wrong.All(Fsck.IsDerived);
    }

    /// <summary>
    /// Makes the derived files of a log again, unless its truth is not sound: then nothing of it is touched.
    /// </summary>
    public void Repair(string folder, Proof.VerifierKey key, NoteSigner? signer)
    {
        if (Disk.Journal.Segments(Ledger.Log.JournalPath(folder)).Count == 0
            || Fsck.Check(folder, key).Any(w => !Fsck.IsDerived(w))) return;
        foreach (var line in Fsck.Repair(folder, key, signer)) Named(folder, line, Did);
    }

    /// <summary>
    /// A journal that is no log's. One that is open has an end that moves: what it holds is checked, its end is not.
    /// </summary>
    public void Journal(string path, Func<JournalEnd> scan)
    {
        using var held = JournalFile.TryLockIfEverOpened(path, out var inUse);
        var end = scan();
        if (end.Problem is not null && !inUse)
            Wrong(path, $"{(end.Tail == JournalTail.Torn ? "a torn tail " : "damaged ")}{end.Problem}");
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

    /// <summary>
    /// What <see cref="Fsck"/> says begins with the file in the log's folder, or with an entry, which is in the
    /// journal.
    /// </summary>
    static void Named(string folder, string line, Action<string, string> say)
    {
        var colon = line.IndexOf(": ", StringComparison.Ordinal);
        if (line.StartsWith("entry ", StringComparison.Ordinal)) say(Ledger.Log.JournalPath(folder), line);
        else say(System.IO.Path.Combine(folder, line[..colon]), line[(colon + 2)..]);
    }
}
