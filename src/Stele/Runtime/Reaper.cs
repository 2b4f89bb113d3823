using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// Sees to it that no sandbox outlives this process, however it ends. Once a sandbox runs, bubblewrap itself does (PR_SET_PDEATHSIG); but a process that is killed while bubblewrap is still starting
/// leaves one behind whose parent is gone before that was asked for. So:
/// 1 every bubblewrap waits, before it begins the command, for a byte from here (--block-fd), which is given once its process is known; its command line carries this process's own mark until then;
/// 2 a shell waits for this process to end, then kills whatever carries the mark. It also holds the pipe open, so that what waits for its byte waits for ever and not till the end of the file.
/// Invariant: a command in a sandbox is begun only by a process that was alive when bubblewrap had made its namespaces.
/// </summary>
sealed class Reaper
{
    // The newest first: what waits for its byte must go before the bubblewrap that would otherwise die first and leave it.
    // The mark comes by standard input, as nothing else than a sandbox may carry it on its command line.
    const string Script = """
        trap '' INT TERM HUP QUIT
        read -r mark
        read -r _
        while found=$(printf %s "$mark" | grep -lsaF -f - /proc/[0-9]*/cmdline | sed 's|[^0-9]||g' | sort -rn) && [ -n "$found" ]; do
            kill -9 $found
            sleep 0.02
        done
        """;

    readonly SafeFileHandle _gate;
    readonly Stream _leave;

    // Kept: closing its standard input is what tells it, and only the end of this process is to close it.
    readonly Process _shell;

    Reaper(SafeFileHandle gate, Stream leave, Process shell, string mark) => (_gate, _leave, _shell, Mark) = (gate, leave, shell, mark);

    /// <summary>Stands on the command line of each bubblewrap of this process.</summary>
    public string Mark { get; }

    /// <summary>Starts it; by the one thread that starts sandboxes, so that no two starts inherit each other's pipes.</summary>
    public static Reaper Start()
    {
        var (gate, leave) = Libc.Pipe();
        Libc.InheritNothing();
        Libc.Inherit(leave);
        var start = new ProcessStartInfo("/bin/sh", ["-c", Script]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/bin:/bin";
        var shell = Process.Start(start)!;
        var mark = "stele-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        shell.StandardInput.Write(mark + "\n");
        shell.StandardInput.Flush();
        return new(gate, Libc.OpenWrite(leave), shell, mark);
    }

    /// <summary>The number under which a bubblewrap that is started now has the gate, for its --block-fd.</summary>
    public int InheritGate() => Libc.Inherit(_gate);

    /// <summary>Lets one bubblewrap begin its command.</summary>
    public void LetGo() => _leave.WriteByte(0);
}
