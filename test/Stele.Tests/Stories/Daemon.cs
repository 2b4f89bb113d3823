using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Stele.Tests.Stories;

/// <summary>A program that a story started and left running.</summary>
sealed partial class Daemon : IDisposable
{
    const int SigInt = 2;

    readonly Process _process;
    readonly StringBuilder _output = new(), _errors = new();

    public Daemon(ProcessStartInfo start)
    {
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(_errors, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    static void Keep(StringBuilder into, string? line)
    {
        lock (into) if (line is not null) into.Append(line).Append('\n');
    }

    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    public string Said
    {
        get { lock (_errors) return Output + _errors; }
    }

    public bool Ended => _process.HasExited;

    /// <summary>What Ctrl-C does; the exit code.</summary>
    public int Interrupt(TimeSpan patience)
    {
        if (!_process.HasExited) _ = Kill(_process.Id, SigInt);
        return _process.WaitForExit(patience) ? _process.ExitCode : -1;
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }
}
