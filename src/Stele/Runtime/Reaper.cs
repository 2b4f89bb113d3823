using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Stele.Disk;

namespace Stele.Runtime;

/// <summary>
/// Sees to it that no sandbox outlives this process, however it ends. Once a sandbox runs, bubblewrap itself does
/// (PR_SET_PDEATHSIG); but a process that is killed while bubblewrap is still starting leaves one behind whose parent
/// is gone before that was asked for. So:
/// 1 every bubblewrap waits, before it begins the command, for a byte from here (--block-fd), which is given once its
///   process is known;
/// 2 every bubblewrap, and the init inside for as long as it lives (--sync-fd), holds a pipe of this process open, of
/// which
///   nothing is ever read. Only what this process started can have it: it has no name, and the command never gets it;
/// 3 a shell waits for this process to end, then kills what has that pipe open. It also holds the gate open, so that
/// what
///   waits for its byte waits on, and not till the end of the file.
/// Invariant: a command in a sandbox is begun only by a process that was alive when bubblewrap had made its namespaces.
/// Invariant: nothing is killed for what it says of itself: a command line can be copied, an open pipe can't.
/// </summary>
sealed class Reaper
{
    // The newest first: what waits for its byte must go before the bubblewrap that would otherwise die first and leave
    // it. Ten looks that find nothing: a process that is changing its user namespace can't be looked into for a moment.
    const string Script = """
        trap '' INT TERM HUP QUIT
        read -r mark
        read -r _
        quiet=0
        while [ $quiet -lt 10 ]; do
            found=$(find /proc/[0-9]*/fd -maxdepth 1 -lname "pipe:\[$mark\]" 2>/dev/null |
                sed 's|^/proc/\([0-9]*\)/.*|\1|' | sort -rnu)
            if [ -n "$found" ]; then kill -9 $found; quiet=0; else quiet=$((quiet + 1)); fi
            sleep 0.02
        done
        """;

    readonly SafeFileHandle _gate, _mark;
    readonly Stream _leave;

    // Kept: closing its standard input is what tells it, and only the end of this process is to close it. So is the
    // other end of the mark, which nobody else has.
    readonly Process _shell;
    readonly SafeFileHandle _otherEnd;

    Reaper(SafeFileHandle gate, Stream leave, Process shell, SafeFileHandle mark, SafeFileHandle otherEnd) =>
        (_gate, _leave, _shell, _mark, _otherEnd) = (gate, leave, shell, mark, otherEnd);

    /// <summary>
    /// Starts it; by the one thread that starts sandboxes, so that no two starts inherit each other's pipes.
    /// </summary>
    public static Reaper Start()
    {
        var (gate, leave) = Libc.Pipe();
        var (mark, otherEnd) = Libc.Pipe();
        Libc.InheritNothing();
        Libc.Inherit(leave);
        var start = new ProcessStartInfo("/bin/sh", ["-c", Script])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
                WorkingDirectory = "/",
        };
        start.Environment.Clear();
        start.Environment["PATH"] = "/usr/bin:/bin";
        var shell = Process.Start(start)!;
        shell.StandardInput.Write(Libc.NameOf(mark)["pipe:[".Length..^1] + "\n");
        shell.StandardInput.Flush();
        return new(gate, Libc.OpenWrite(leave), shell, mark, otherEnd);
    }

    /// <summary>The number under which a bubblewrap that is started now has the gate, for its --block-fd.</summary>
    public int InheritGate() => Libc.Inherit(_gate);

    /// <summary>The number under which a bubblewrap that is started now has the mark, for its --sync-fd.</summary>
    public int InheritMark() => Libc.Inherit(_mark);

    /// <summary>Lets one bubblewrap begin its command.</summary>
    public void LetGo() => _leave.WriteByte(0);
}
