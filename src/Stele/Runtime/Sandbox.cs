using System.Collections.Immutable;
using System.Globalization;
using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// Something of the host made visible inside, at an absolute path below a mount point of the environment.
/// </summary>
readonly record struct Bind(string Host, string Inside, bool Writable = false);

enum SandboxError
{
    /// <summary>bubblewrap is not installed.</summary>
    Missing,
    /// <summary>The root has not the directories a sandbox mounts over, or the command is not in it.</summary>
    Unfit,
    /// <summary>bubblewrap could not build the sandbox; its own words are in the message.</summary>
    Failed,
}

sealed class SandboxException(SandboxError error, string message, string? hint = null) : Exception(message)
{
    public SandboxError Error { get; } = error;
    public string? Hint { get; } = hint;
}

/// <summary>How a command ended. Output beyond the limit was read and dropped.</summary>
sealed record Ran(int ExitCode, string Output, string Errors, bool TimedOut);

/// <summary>
/// A command in a root of its own, by bubblewrap: the materialised tree alone, read-only; own user, process, network
/// (nothing but its own loopback), IPC, host-name and cgroup namespaces and no way to make further ones; no capability,
/// the system calls of <see cref="SystemCalls"/> refused, no terminal, an environment of exactly <see cref="Env"/> (and
/// PWD); writable only /tmp, /run, /dev/shm, each a file system of its own in memory and of a size, and what is bound
/// so; bubblewrap is its init and reaps what the command leaves behind; it dies with this process.
/// <para>
/// Inside, everyone is <see cref="User"/>; for the host it is a user of its own where root runs this (<see
/// cref="HostUser"/>), else the user that runs this. It has <see cref="Limits"/>; <see cref="Enforcement"/> says which
/// of them hold on this machine.
/// </para>
/// </summary>
sealed record Sandbox(string Root, ImmutableArray<string> Args)
{
    public const int User = 10001;

    /// <summary>Directories it mounts over; every environment has them, empty.</summary>
    public static readonly string[] MountPoints = ["dev", "in", "out", "proc", "run", "tmp"];

    /// <summary>
    /// Directories that every Linux has, and that are of no use to a sandbox's making: one is mounted over while it is
    /// made.
    /// </summary>
    static readonly string[] StagePoints = ["/mnt", "/media", "/srv", "/opt", "/home"];
    static readonly string[] SearchPath = ["/usr/local/bin", "/usr/bin", "/bin"];

    public ImmutableSortedDictionary<string, string> Env { get; init; } =
        ImmutableSortedDictionary<string, string>.Empty;
    public string Directory { get; init; } = "/";
    public ImmutableArray<Bind> Binds { get; init; } = [];
    public Limits Limits { get; init; } = Limits.Default;
    /// <summary>
    /// Whose sandbox it is: those of one name are one user to the host. Without a name it is one of its own.
    /// </summary>
    public string? Tenant { get; init; }
    /// <summary>The size of /tmp, in bytes.</summary>
    public long ScratchBytes { get; init; } = 1L << 30;
    /// <summary>The size of /run, in bytes: a place for sockets and numbers of processes.</summary>
    public long RunBytes { get; init; } = 1L << 20;
    /// <summary>The size of /dev/shm, in bytes: podman's and Docker's default.</summary>
    public long SharedBytes { get; init; } = 64L << 20;
    /// <summary>How much of each of standard output and error is kept.</summary>
    public int OutputBytes { get; init; } = 1 << 20;

    /// <summary>Runs to the end; after <paramref name="timeout"/> everything inside is killed.</summary>
    public async Task<Ran> Run(TimeSpan timeout, CancellationToken stop = default)
    {
        await using var running = await Start(stop);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
        limit.CancelAfter(timeout);
        var timedOut = false;
        try
        {
            await running.Exited.WaitAsync(limit.Token);
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            timedOut = true;
            running.Kill();
        }
        var code = await running.Exited;
        return new Ran(code, running.Output, running.Errors, timedOut);
    }

    /// <summary>
    /// Starts and returns once the process inside exists (it may still be on its way to the command).
    /// </summary>
    /// <exception cref="SandboxException"/>
    public async Task<SandboxProcess> Start(CancellationToken stop = default)
    {
        if (!Available)
            throw new SandboxException(SandboxError.Missing,
                "bubblewrap (bwrap) is not installed, and nothing runs outside a sandbox here",
                "apt-get install bubblewrap");
        var command = Command();
        foreach (var point in MountPoints)
            if (Libc.StatOf(Path.Combine(Root, point)) is not { Type: NodeType.Directory })
                throw new SandboxException(SandboxError.Unfit,
                    $"{Root} is no root for a sandbox: it has no directory /{point}");
        return await SandboxProcess.Start(() => Prepare(command), stop);
    }

    /// <summary>
    /// How bubblewrap is started. Where root runs this, bubblewrap itself runs as another user from its first moment;
    /// as that user can't reach into folders that are private, what is mounted is put in reach before, in a mount
    /// namespace of its own.
    /// </summary>
    Launch Prepare(string command)
    {
        string[] sources = [Root, .. Binds.Select(b => Path.GetFullPath(b.Host))];
        if (HostUser.Of(Tenant ?? Root) is not { } user) return new Launch("/bin/sh",
            ["-c", Launch.Script, "sh", Launch.PlainSignals, Program!, command, .. Args.Skip(1)], [.. Flags(sources)],
            Limits, OutputBytes);
        foreach (var bind in Binds.Where(b => b.Writable)) Libc.GiveTo(bind.Host, user);
        var stage = StagePoints.FirstOrDefault(p => System.IO.Directory.Exists(p) && !sources.Append(Program!)
            .Any(s => s.StartsWith(p + "/", StringComparison.Ordinal)))
            ?? throw new SandboxException(SandboxError.Unfit,
                $"none of {string.Join(", ", StagePoints)} can be mounted over: all hold what is to be mounted");
        return new Launch("unshare",
            ["--mount", "--propagation", "private", "/bin/sh", "-c", Launch.RootScript, "sh", stage, Number(user),
                Launch.PlainSignals, Number(sources.Length), .. sources, Program!, command, .. Args.Skip(1)],
            [.. Flags([.. sources.Select((_, i) => $"{stage}/{Number(i)}")])], Limits, OutputBytes);
    }

    public static bool Available => Program is not null;

    /// <summary>bubblewrap's path on the host.</summary>
    public static string? Program => (Environment.GetEnvironmentVariable("PATH") ?? "/usr/bin").Split(':')
        .Select(d => Path.Combine(d, "bwrap")).FirstOrDefault(p => Path.IsPathRooted(p) && File.Exists(p));

    /// <summary>The program's path inside: bubblewrap would look it up in the PATH of the host.</summary>
    string Command()
    {
        if (Args[0].Contains('/', StringComparison.Ordinal)) return Args[0];
        return SearchPath.Select(d => $"{d}/{Args[0]}").FirstOrDefault(p => Libc.StatOf(Root + p) is not null)
            ?? throw new SandboxException(SandboxError.Unfit,
                $"the environment has no program '{Args[0]}' in {string.Join(", ", SearchPath)}");
    }

    /// <param name="sources">Where on the host the root and each of the binds is.</param>
    List<string> Flags(string[] sources)
    {
        var user = Number(User);
        List<string> flags =
        [
            "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts",
            "--unshare-cgroup-try", "--disable-userns",
            "--uid", user, "--gid", user, "--hostname", "stele", "--cap-drop", "ALL", "--new-session",
                "--die-with-parent", "--clearenv",
            "--ro-bind", sources[0], "/", "--dev", "/dev", .. Memory(SharedBytes, "/dev/shm"), "--remount-ro", "/dev",
            // Read-only as a whole: to a process whose user is the host's root, with or without capabilities, the
            // kernel's settings below /proc/sys are writable.
            "--proc", "/proc", "--remount-ro", "/proc",
            .. Memory(ScratchBytes, "/tmp"), .. Memory(RunBytes, "/run"),
        ];
        if (Binds.Any(b => b.Inside.StartsWith("/in/", StringComparison.Ordinal))) flags.AddRange(["--tmpfs", "/in"]);
        for (var i = 0; i < Binds.Length; i++) flags.AddRange(
            [Binds[i].Writable ? "--bind" : "--ro-bind", sources[i + 1], Binds[i].Inside]);
        if (flags.Contains("/in")) flags.AddRange(["--remount-ro", "/in"]);
        foreach (var (name, value) in Env) flags.AddRange(["--setenv", name, value]);
        flags.AddRange(["--chdir", Directory]);
        return flags;

        static string[] Memory(long bytes, string inside) => ["--size", Number(bytes), "--tmpfs", inside];
    }

    static string Number(long n) => n.ToString(CultureInfo.InvariantCulture);
}
