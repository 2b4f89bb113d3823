using System.Globalization;
using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// The cgroups of one sandbox, of version 1 (one for each of memory, pids and cpu) or 2 (one), made below or next to
/// this process's own. Where they can't be made, as for an ordinary user, there are none, and <see cref="Why"/> says
/// so.
/// </summary>
sealed class ControlGroup
{
    const string Name = "stele-";
    static readonly string[] Controllers = ["memory", "pids", "cpu"];
    static readonly Lazy<(IReadOnlyList<Place> Places, string? Why)> Known = new(Find);
    static int _made;

    /// <summary>Where groups are made, and the controllers that hold there.</summary>
    sealed record Place(string Directory, string[] Controllers, Generation Generation);

    /// <summary>Version 1 of the kernel's groups, one tree a controller; version 2, one tree for all.</summary>
    enum Generation { One, Two }

    readonly List<string> _directories = [];

    ControlGroup() { }

    /// <summary>The controllers that hold here: of memory, pids and cpu.</summary>
    public static IReadOnlyList<string> Holding => [.. Known.Value.Places.SelectMany(p => p.Controllers)];

    /// <summary>Why some or all of them do not hold; null when all do.</summary>
    public static string? Why => Known.Value.Why;

    /// <exception cref="SandboxException">A limit that holds here, as <see cref="Holding"/> says, could not be
    /// set.</exception>
    public static ControlGroup Create(Limits limits)
    {
        var group = new ControlGroup();
        var name = string.Create(CultureInfo.InvariantCulture,
            $"{Name}{Environment.ProcessId}-{Interlocked.Increment(ref _made)}");
        foreach (var place in Known.Value.Places)
        {
            var directory = Path.Combine(place.Directory, name);
            if (!KernelFiles.TryMake(directory)) throw Failed(directory);
            group._directories.Add(directory);
            foreach (var controller in place.Controllers)
                if (!Set(directory, controller, place.Generation, limits)) throw Failed(directory);
        }
        return group;
    }

    /// <summary>Moves a process in, with all that it will start.</summary>
    /// <returns>False: it is not in all of them.</returns>
    public bool Add(int pid) => _directories.All(d =>
        KernelFiles.TryWrite(Path.Combine(d, "cgroup.procs"), pid.ToString(CultureInfo.InvariantCulture)));

    static SandboxException Failed(string directory) => new(SandboxError.Failed,
        $"the limits of a sandbox could not be set in {directory}", "look at who changes cgroups on this machine");

    /// <summary>
    /// Removes the groups, once nothing is left in them. What can't be removed is by the next process that makes some.
    /// </summary>
    public async Task Remove()
    {
        foreach (var directory in _directories)
            for (var tries = 0; tries < 100 && !KernelFiles.TryRemove(directory); tries++) await Task.Delay(10);
    }

    /// <summary>Whether the limit was set. That swap counts too is not known to every kernel.</summary>
    static bool Set(string directory, string controller, Generation generation, Limits limits)
    {
        var unified = generation is Generation.Two;
        const int Period = 100_000; // microseconds
        var quota = Number((long)(limits.Processors * Period));
        if (controller == "memory") // after the limit itself, which it may not be below
        {
            var memory = KernelFiles.TryWrite(Path.Combine(directory, unified ? "memory.max"
                : "memory.limit_in_bytes"), Number(limits.Memory));
            KernelFiles.TryWrite(Path.Combine(directory, unified ? "memory.swap.max"
                : "memory.memsw.limit_in_bytes"), unified ? "0" : Number(limits.Memory));
            return memory;
        }
        (string File, string Value)[] values = (controller, unified) switch
        {
            ("pids", _) => [("pids.max", Number(limits.Processes))],
            (_, true) => [("cpu.max", $"{quota} {Number(Period)}")],
            _ => [("cpu.cfs_period_us", Number(Period)), ("cpu.cfs_quota_us", quota)],
        };
        return values.All(v => KernelFiles.TryWrite(Path.Combine(directory, v.File), v.Value));
    }

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);

    static (IReadOnlyList<Place>, string?) Find()
    {
        var places = new List<Place>();
        var missing = new List<string>();
        var own = File.ReadLines("/proc/self/cgroup").Select(l => l.Split(':', 3)).Where(p => p.Length == 3).ToArray();
        foreach (var controller in Controllers)
        {
            if (own.FirstOrDefault(p => p[1].Split(',').Contains(controller)) is not { } line) continue;
            var directory = Mounted(o => o is ["cgroup", _, var options] && options.Split(',').Contains(controller),
                line[2]);
            if (directory is not null && Holds(directory, [controller], Generation.One)) places.Add(
                new Place(directory, [controller], Generation.One));
        }
        var rest = Controllers.Except(places.SelectMany(p => p.Controllers)).ToArray();
        if (rest.Length > 0 && own.FirstOrDefault(p => p[0] == "0") is { } whole
            && Mounted(o => o[0] == "cgroup2", whole[2]) is { } home)
        {
            // Processes and subgroups under limits can't be in one group, but for the root: a group next to our own.
            var parent = File.Exists(Path.Combine(home, "cgroup.type")) ? Path.GetDirectoryName(home)! : home;
            foreach (var controller in rest) KernelFiles.TryWrite(Path.Combine(parent, "cgroup.subtree_control"),
                "+" + controller);
            var held = rest.Where(c => Holds(parent, [c], Generation.Two)).ToArray();
            if (held.Length > 0) places.Add(new Place(parent, held, Generation.Two));
        }
        foreach (var place in places) Sweep(place.Directory);
        missing.AddRange(Controllers.Except(places.SelectMany(p => p.Controllers)));
        return (places, missing.Count == 0 ? null : $"no cgroup may be made here for {string.Join(", ", missing)}");
    }

    /// <summary>Whether a group made there has the files of these controllers, and they take values.</summary>
    static bool Holds(string parent, string[] controllers, Generation generation)
    {
        var unified = generation is Generation.Two;
        var directory = Path.Combine(parent, string.Create(CultureInfo.InvariantCulture,
            $"{Name}{Environment.ProcessId}-probe"));
        if (!KernelFiles.TryMake(directory)) return false;
        var held = controllers.All(c => c switch
        {
            "memory" => KernelFiles.TryWrite(Path.Combine(directory, unified ? "memory.max" : "memory.limit_in_bytes"),
                Number(1L << 30)),
            "pids" => KernelFiles.TryWrite(Path.Combine(directory, "pids.max"), "100"),
            _ => KernelFiles.TryWrite(Path.Combine(directory, unified ? "cpu.max" : "cpu.cfs_quota_us"), unified
                ? "100000 100000" : "100000"),
        });
        KernelFiles.TryRemove(directory);
        return held;
    }

    /// <summary>The directory that shows this process's own group; null when no mount shows it.</summary>
    static string? Mounted(Func<string[], bool> which, string path)
    {
        foreach (var line in File.ReadLines("/proc/self/mountinfo"))
        {
            // ID PARENT DEVICE ROOT POINT OPTIONS [FIELDS...] - TYPE SOURCE SUPER-OPTIONS
            var halves = line.Split(" - ", 2);
            if (halves.Length != 2 || !which(halves[1].Split(' ', 3))) continue;
            var fields = halves[0].Split(' ');
            var (root, point) = (fields[3].TrimEnd('/'), fields[4]);
            if (!path.StartsWith(root + "/", StringComparison.Ordinal) && path != root) continue;
            var directory = Path.Combine(point, path[root.Length..].TrimStart('/'));
            if (Directory.Exists(directory)) return directory.TrimEnd('/');
        }
        return null;
    }

    /// <summary>Removes groups of processes that were killed. Those that anything is left in stay.</summary>
    static void Sweep(string parent)
    {
        foreach (var directory in Directory.EnumerateDirectories(parent, Name + "*"))
            if (int.TryParse(Path.GetFileName(directory)[Name.Length..].Split('-')[0], CultureInfo.InvariantCulture,
                out var pid) && !Directory.Exists($"/proc/{Number(pid)}"))
                KernelFiles.TryRemove(directory);
    }
}
