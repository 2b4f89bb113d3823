using System.Diagnostics;

namespace Stele.Runtime;

/// <summary>How bubblewrap is started for a sandbox.</summary>
/// <param name="Program">What is started first, and becomes bubblewrap without another process in between.</param>
/// <param name="Settings">bubblewrap's options, but for the descriptors that it gets.</param>
sealed record Launch(string Program, IReadOnlyList<string> Arguments, IReadOnlyList<string> Settings, Limits Limits,
    int OutputBytes)
{
    /// <summary>
    /// Becomes bubblewrap, with the same marks from whatever it was started: a plain umask and signals, an empty
    /// environment, and its own settings by a pipe, as its command line and environment can be read inside (it is the
    /// init).
    /// Arguments: <see cref="PlainSignals"/>, bubblewrap's path, the command and its arguments. Standard input: a line,
    /// once limits are set; then bubblewrap's settings. The stack's limit is set here, as the kernel puts back what it
    /// was while a program is being loaded. Nothing is started besides: a user with too many processes is to be told so
    /// by bubblewrap.
    /// </summary>
    public const string Script = """
        read -r _
        ulimit -s 8192 2>/dev/null || :
        umask 022
        exec 3<&0 0</dev/null
        signals=$1 bubblewrap=$2
        shift 2
        exec env -i $signals "$bubblewrap" --args 3 -- "$@"
        """;

    /// <summary>
    /// The same for root, in a mount namespace of its own: makes a small file system in memory where everyone may go,
    /// mounts there what the sandbox mounts, and goes on as another user. Arguments before those of <see
    /// cref="Script"/>: where that file system is made; the user's number; <see cref="PlainSignals"/>; how many things
    /// are mounted; each of them. Then without <see cref="PlainSignals"/>.
    /// </summary>
    public const string RootScript = """
        set -e
        read -r _
        ulimit -s 8192 2>/dev/null || :
        umask 022
        stage=$1 user=$2 signals=$3 count=$4
        shift 4
        mount -t tmpfs -o size=1m,mode=0755 stele "$stage"
        n=0
        while [ $n -lt $count ]; do
            if [ -d "$1" ]; then mkdir "$stage/$n"; else : > "$stage/$n"; fi
            mount --bind "$1" "$stage/$n"
            n=$((n + 1))
            shift
        done
        bubblewrap=$1
        shift
        # The namespace has a copy of every mount of the host, and a copy keeps a disk busy that the host unmounts.
        for at in $(cut -d ' ' -f 5 /proc/self/mountinfo); do
            case $at in
                / | /proc | /proc/* | /sys | /sys/* | /dev | /dev/* | /usr | /usr/* | /bin | /lib* | "$stage" | "$stage"/*) ;;
                *) case $bubblewrap in "$at"/*) ;; *) umount -l "$at" 2>/dev/null || : ;; esac ;;
            esac
        done
        exec 3<&0 0</dev/null
        exec setpriv --reuid "$user" --regid "$user" --clear-groups env -i $signals "$bubblewrap" --args 3 -- "$@"
        """;

    /// <summary>env's option that puts every signal back to what it does by itself; "" where env is older than it
    /// (coreutils 8.31).</summary>
    public static string PlainSignals => Signals.Value;

    static readonly Lazy<string> Signals = new(() =>
    {
        const string Option = "--default-signal";
        using var probe = Process.Start(new ProcessStartInfo("env", [Option, "true"])
        {
            RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/",
        })!;
        probe.WaitForExit();
        return probe.ExitCode == 0 ? Option : "";
    }, LazyThreadSafetyMode.PublicationOnly);   // what failed once is tried again
}
