using System.Globalization;
using System.Text;
using Stele.Disk;

namespace Stele.Host;

/// <summary>A file mapped into a process, by the path it has inside, and its inode.</summary>
readonly record struct Mapping(string Path, ulong Inode, bool Executable);

/// <summary>The network of a sandbox.</summary>
/// <param name="Own">It is not this machine's.</param>
/// <param name="Listening">By protocol and address, ascending.</param>
sealed record NetworkView(bool Own, IReadOnlyList<string> Listening);

/// <summary>
/// What the kernel says of the processes of one sandbox. Their own user, and root, may read this; a process can't
/// change what is here, except its own memory: its arguments and its environment are in it.
/// Processes come and go while they are looked at: one that is gone, or has ended and waits for its parent (a zombie),
/// is none of the population. Only the end of the first process is the end of all.
/// </summary>
/// <param name="pid">The release's own first process.</param>
/// <param name="init">The first process of the sandbox, which is bubblewrap and not the release's.</param>
sealed class ProcessView(int pid, int init)
{
    public string Root => At(pid, "root");

    /// <summary>
    /// Every process that shares the process-id namespace of the first, but the init: the sandbox's whole population. A
    /// process whose first thread has ended shows nothing under its own number; it is listed under the number of a
    /// thread that runs.
    /// </summary>
    /// <exception cref="IOException">The first process is gone.</exception>
    public IReadOnlyList<int> Population()
    {
        var space = Link(At(pid, "ns/pid"));
        if (space is null || Alive(pid) is null) throw new IOException($"process {pid} is gone");
        var found = new List<int>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
            if (Number(directory) is { } id && id != init && Link(At(id, "ns/pid")) == space && Alive(id) is { } thread)
                found.Add(thread);
        return found;
    }

    /// <summary>A thread of the process that has not ended: its first if that one runs; null when none does.</summary>
    public static int? Alive(int id)
    {
        if (Runs(At(id, "stat"))) return id;
        try
        {
            foreach (var task in Directory.EnumerateDirectories(At(id, "task")))
                if (Number(task) is { } thread && thread != id && Runs(Path.Combine(task, "stat"))) return thread;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // it is gone
        return null;
    }

    static bool Runs(string stat) => Fields(stat) is [not ("Z" or "X" or "x"), ..];

    /// <summary>The columns of a process's <c>stat</c> from its third on, the state (proc_pid_stat(5)); none when it is
    /// gone.</summary>
    static string[] Fields(string stat)
    {
        try
        {
            // The name before them, in parentheses, may hold anything.
            var line = File.ReadAllText(stat);
            return line[(line.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    static int? Number(string directory) =>
        int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? id : null;

    /// <summary>How many bytes of environment the first process was started with. It can't change this by writing over
    /// them.</summary>
    public long EnvironmentBytes()
    {
        const int EnvStart = 50 - 3, EnvEnd = 51 - 3;
        return Fields(At(pid, "stat")) is { Length: > EnvEnd } fields ? Address(EnvEnd) - Address(EnvStart) : 0;

        long Address(int field) => long.Parse(fields[field], CultureInfo.InvariantCulture);
    }

    /// <summary>The arguments of the first process as its memory has them now, each ended by a zero byte.</summary>
    public byte[] Arguments() => File.ReadAllBytes(At(pid, "cmdline"));

    /// <summary>The environment of the first process as its memory has it now.</summary>
    public IReadOnlyDictionary<string, string> Environment()
    {
        var found = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var variable in Encoding.UTF8.GetString(File.ReadAllBytes(At(pid, "environ"))).Split('\0',
            StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = variable.IndexOf('=', StringComparison.Ordinal);
            found[equals < 0 ? variable : variable[..equals]] = equals < 0 ? "" : variable[(equals + 1)..];
        }
        return found;
    }

    /// <summary>
    /// The path of a process's executable inside, and a handle on what really runs, whatever has that name now.
    /// </summary>
    public static (string Path, FileStream Content) Executable(int id) =>
        (Link(At(id, "exe")) ?? throw new IOException($"process {id} is gone"), File.OpenRead(At(id, "exe")));

    /// <summary>
    /// Files mapped into a process, a mapping at a time, read as they are asked for. Memory without a file, and files
    /// without a name (memfd, which just-in-time compilers write code to) are left out.
    /// </summary>
    public static IEnumerable<Mapping> Mapped(int id)
    {
        foreach (var line in File.ReadLines(At(id, "maps")))
        {
            var parts = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 6 || parts[4] == "0") continue;
            var path = parts[5].TrimStart();
            if (path.StartsWith("/memfd:", StringComparison.Ordinal) || path == "/dev/zero (deleted)") continue;
            yield return new Mapping(path, ulong.Parse(parts[4], CultureInfo.InvariantCulture),
                parts[1].Contains('x', StringComparison.Ordinal));
        }
    }

    /// <summary>Files mapped into a process, each once, in the order of their paths.</summary>
    /// <param name="which">Those that are kept: a process can have more than anyone should hold in memory.</param>
    public static IReadOnlyList<Mapping> Mappings(int id, Func<Mapping, bool> which)
    {
        var found = new Dictionary<(string, ulong), bool>();
        foreach (var mapping in Mapped(id).Where(which))
        {
            var key = (mapping.Path, mapping.Inode);
            found[key] = found.GetValueOrDefault(key) || mapping.Executable;
        }
        return [.. found.Select(f => new Mapping(f.Key.Item1, f.Key.Item2, f.Value)).OrderBy(m => m.Path,
            StringComparer.Ordinal)];
    }

    /// <summary>Whether the sandbox has a network of its own.</summary>
    public bool HasOwnNetwork => Link(At(pid, "ns/net")) is { } space && space != Link("/proc/self/ns/net");

    /// <summary>What listens in the sandbox's network, by protocol and address, read as it is asked for.</summary>
    /// <param name="most">So many sockets of each protocol are looked at.</param>
    public IEnumerable<string> Listening(int most = int.MaxValue)
    {
        foreach (var columns in Table("net/unix", most))
            if (columns.Length >= 7 && columns[3] == "00010000")
                yield return "unix:" + (columns.Length > 7 ? columns[7] : "");
        foreach (var protocol in (string[])["tcp", "tcp6"])
            foreach (var columns in Table("net/" + protocol, most))
                if (columns.Length > 3 && columns[3] == "0A") yield return $"{protocol}:{columns[1]}";
        foreach (var protocol in (string[])["udp", "udp6", "raw", "raw6"])
            foreach (var columns in Table("net/" + protocol, most))
                if (columns.Length > 3) yield return $"{protocol}:{columns[1]}";
    }

    /// <summary>
    /// The lines of a process's status that say what it may do: capabilities, and whether it can gain any.
    /// </summary>
    public static IReadOnlyList<string> Powers(int id) => [.. File.ReadLines(At(id, "status"))
        .Where(l => l.StartsWith("Cap", StringComparison.Ordinal) || l.StartsWith("NoNewPrivs:",
            StringComparison.Ordinal)).Select(l => l.Replace("\t", "", StringComparison.Ordinal))];

    IEnumerable<string[]> Table(string name, int most) => File.Exists(At(pid, name))
        ? File.ReadLines(At(pid, name)).Skip(1).Take(most)
            .Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)) : [];

    static string At(int id, string name) => string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/{name}");

    static string? Link(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The inode a path inside leads to, following its links there; null when nothing is there.</summary>
    public ulong? InodeOf(string inside) => Libc.StatOf(Root + inside)?.Inode;
}
