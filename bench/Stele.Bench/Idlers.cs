using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Stele.Bench;

/// <summary>
/// One process a processor that runs only when nothing else wants to (SCHED_IDLE). Without it a virtual processor halts
/// between the requests of a single caller and takes tens of microseconds to come back, more often the more processes a
/// request visits; what is then measured is the sleep, not the work.
/// </summary>
sealed partial class Idlers : IDisposable
{
    public const string Verb = "idle";
    const int SCHED_IDLE = 5;

    readonly Process[] _all = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ =>
        Process.Start(new ProcessStartInfo(Environment.ProcessPath!, Verb) { RedirectStandardInput = true })!)];

    [LibraryImport("libc", EntryPoint = "sched_setscheduler", SetLastError = true)]
    private static partial int SetScheduler(int pid, int policy, in int priority);

    /// <summary>Burns what is left over until its parent is gone.</summary>
    public static int Burn()
    {
        if (SetScheduler(0, SCHED_IDLE, 0) != 0) return 1;
        new Thread(() =>
        {
            while (Console.In.Read() >= 0) { }
            Environment.Exit(0);
        }) { IsBackground = true }.Start();
        while (true) Thread.SpinWait(1000);
    }

    public void Dispose()
    {
        foreach (var process in _all)
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }
}
