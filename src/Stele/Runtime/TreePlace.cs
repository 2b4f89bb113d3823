using Microsoft.Win32.SafeHandles;
using Stele.Disk;
using Stele.Identity;

namespace Stele.Runtime;

/// <summary>
/// A place on disk for the tree of one release that is to be started; gone when disposed. The kernel shows a process
/// where in its file system each of its mounts comes from (/proc/self/mountinfo, fields 3 and 4). So all places of one
/// user are in one folder, no matter who makes them, and differ by a random name.
/// Invariant: which folder that is depends on the user, never on whether a check or a node asks.
/// Invariant: who made a place holds its lock (flock(2)) until it is removed. One that is not locked was left by a
/// process that was killed; the next to make a place removes it. Cleaners of caches leave what is locked.
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

    /// <summary>The folder of this user's places.</summary>
    public static string Folder => FolderOf(Environment.GetEnvironmentVariable(Variable), Libc.EffectiveUser,
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify));

    /// <summary>
    /// Not below $XDG_CACHE_HOME, which a shell may have and a service of the same user has not; nor below a temporary
    /// folder, where hardened machines let nothing be executed.
    /// </summary>
    internal static string FolderOf(string? given, uint user, string home) =>
        !string.IsNullOrEmpty(given) ? Path.GetFullPath(given)
        : user == 0 ? "/var/cache/stele/trees" : Path.Combine(home, ".cache/stele/trees");

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
            Files.CreateDirectory(directory, secret: true);
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
    /// Makes the folder; fails if it is another user's, or others may write in it. That others may list it is no harm,
    /// and changing the mode of a folder that was named to us might be some: places are private.
    /// </summary>
    static void Open(string folder)
    {
        try
        {
            Files.CreateDirectory(folder, secret: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException
            && DiskTrouble.Of(e) is null or DiskTrouble.Kind.ReadOnly)
        {
            throw Unusable(e.Message.TrimEnd('.'));
        }
        if (Objection(folder) is { } objection) throw Unusable(objection);

        IOException Unusable(string why) => new($"no release can be laid out in {folder}: {why}. Make that a folder "
            + $"of this user alone, or name another in {Variable}, the same for nodes and for checks");
    }

    /// <summary>Why nothing in it may be used or removed; null where it is this user's alone.</summary>
    static string? Objection(string folder) =>
        Libc.StatOf(folder) is not { Type: NodeType.Directory } stat ? "it is no directory"
        : stat.Owner != Libc.EffectiveUser ? "it is another user's"
        : (File.GetUnixFileMode(folder) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != 0
            ? "others may write in it" : null;

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
