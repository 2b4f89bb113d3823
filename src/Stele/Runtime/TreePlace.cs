using System.Text;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Identity;
using Stele.Proof;

namespace Stele.Runtime;

/// <summary>
/// A place on disk for the tree of one release that is to be started; gone when disposed. The kernel shows a process
/// where in its file system each of its mounts comes from (/proc/self/mountinfo, fields 3 and 4). So all places of one
/// user on one machine are in one folder, no matter who makes them, and differ by a random name.
/// Invariant: which folder that is depends on the user and the machine, never on whether a check or a node asks.
/// Invariant: who made a place holds its lock (flock(2)) until it is removed. One that is not locked was left by a
/// process that was killed; the next to make a place removes it. Cleaners of caches leave what is locked.
/// Invariant: no two machines have one folder. On a network file system such a lock may be known to one machine alone,
/// and another would take the place for one that was left.
/// </summary>
sealed class TreePlace : IDisposable
{
    /// <summary>Names another folder. Checks and nodes on one machine are to be given the same.</summary>
    public const string Variable = "STELE_TREES";

    readonly string _directory;
    readonly SafeFileHandle _lock;

    TreePlace(string directory, SafeFileHandle held) => (_directory, _lock) = (directory, held);

    /// <summary>Where to make the tree: nothing has that name yet.</summary>
    public string Tree => Path.Combine(_directory, "tree");

    /// <summary>The folder of this user's places on this machine.</summary>
    public static string Folder => Path.Combine(
        FolderOf(Environment.GetEnvironmentVariable(Variable), Libc.EffectiveUser, Environment.GetFolderPath(
            Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify)),
        MachineOf(MachineId(), Environment.MachineName));

    /// <summary>
    /// Not below $XDG_CACHE_HOME, which a shell may have and a service of the same user has not; nor below a temporary
    /// folder, where hardened machines let nothing be executed.
    /// </summary>
    internal static string FolderOf(string? given, uint user, string home) =>
        !string.IsNullOrEmpty(given) ? Path.GetFullPath(given)
        : user == 0 ? "/var/cache/stele/trees" : Path.Combine(home, ".cache/stele/trees");

    /// <summary>
    /// Which machine this is, in 16 hexadecimal digits; the same after each boot. The id itself is not for others to
    /// see (machine-id(5)), and releases see where their tree is: so it is hashed, with a word of ours.
    /// </summary>
    /// <param name="id">What /etc/machine-id holds; where it holds no id, the host's name is taken.</param>
    internal static string MachineOf(string? id, string host)
    {
        id = id?.Trim() is { Length: 32 } text && text.All(char.IsAsciiHexDigit) ? text : null;
        return Digest.Of(Encoding.UTF8.GetBytes($"stele trees {(id is null ? "host" : "machine")} {id ?? host}"))
            .Hex[..16];
    }

    static string? MachineId()
    {
        const string file = "/etc/machine-id";
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <param name="folder">Null: the user's. Another one is for tests that look at what is in it.</param>
    /// <exception cref="IOException">The folder can't be made, is not this user's, or takes no more.</exception>
    public static TreePlace New(string? folder = null)
    {
        folder ??= Folder;
        Open(folder);
        Sweep(folder);
        for (var tries = 0; tries < 1000; tries++)
        {
            var directory = Path.Combine(folder, RandomId.New());
            Files.CreateDirectory(directory, Readers.Owner);
            if (Libc.TryLockDirectory(directory) is not { } held)
            {
                Files.Discard(directory); // another's sweep was faster
                continue;
            }
            if (Directory.Exists(directory)) return new TreePlace(directory, held);
            held.Dispose();
        }
        throw new IOException($"no folder below {folder} can be locked: name another in {Variable}, the same for nodes "
            + "and for checks");
    }

    /// <summary>
    /// Makes the folder and those above it that are missing, all for this user alone; fails if it, the one that it is
    /// in, or one that was made for it is another user's, or others may write in it. That others may list it is no
    /// harm, and changing the mode of a folder that was named to us might be some: places are private.
    /// </summary>
    static void Open(string folder)
    {
        string? why;
        try
        {
            why = Make(folder) ?? Objection(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            && DiskTrouble.Of(e) is null or DiskTrouble.Kind.ReadOnly)
        {
            why = e.Message.TrimEnd('.');
        }
        if (why is not null) throw new IOException($"no release can be laid out in {folder}: {why}. Make that a folder "
            + $"of this user alone, or name another in {Variable}, the same for nodes and for checks");
    }

    /// <returns>Why what had to be made can't be used: another was faster. Null: nothing is wrong with it.</returns>
    static string? Make(string folder)
    {
        if (Directory.Exists(folder)) return null;
        if (Make(Path.GetDirectoryName(folder)!) is { } objection) return objection;
        Files.CreateDirectory(folder, Readers.Owner);
        return ObjectionTo(folder);
    }

    /// <summary>Why nothing in it may be used or removed; null where it is this user's alone.</summary>
    static string? Objection(string folder) => ObjectionTo(Path.GetDirectoryName(folder)!) ?? ObjectionTo(folder);

    static string? ObjectionTo(string folder) =>
        Libc.StatOf(folder) is not { Type: NodeType.Directory } stat ? $"{folder} is no directory"
        : stat.Owner != Libc.EffectiveUser ? $"{folder} is another user's"
        : (File.GetUnixFileMode(folder) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0
            ? $"others may write in {folder}" : null;

    /// <summary>Removes the places that processes which were killed have left. What can't be removed stays.</summary>
    public static void Sweep(string? folder = null)
    {
        folder ??= Folder;
        if (Objection(folder) is not null) return;
        foreach (var directory in Directory.EnumerateDirectories(folder))
            try
            {
                if (IsPlace(Path.GetFileName(directory)) && Libc.TryLockDirectory(directory) is { } held)
                    using (held) Files.Discard(directory);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
            }
    }

    static bool IsPlace(string name) => name.Length == 32 && name.All(char.IsAsciiHexDigitLower);

    public void Dispose()
    {
        if (_lock.IsClosed) return;
        Files.Discard(_directory);
        _lock.Dispose();
    }
}
