using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stele.Bench;

/// <summary>
/// What a command cost the machine, by the kernel's own account. A process of this program runs it alone, because the
/// account of children is kept for all of a process's together.
/// </summary>
/// <param name="Cpu">Seconds of all processors.</param>
/// <param name="Peak">MiB of memory at most.</param>
/// <param name="Wall">Seconds.</param>
sealed partial record Measured(double Cpu, double Peak, double Wall)
{
    public const string Verb = "run-alone";

    public Sample Sample => new(Cpu, ("peak MiB", Peak), ("wall s", Wall));

    /// <exception cref="InvalidOperationException">It failed; the message has what it said.</exception>
    public static async Task<Measured> Of(string program, params IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, [Verb, program, .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        })!;
        var (said, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        // status answers 1 where something is not as it should be: this year's node is silent.
        if (process.ExitCode > 1 || (await said).Length == 0)
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {await said}{await error}");
        var figures = (await error).TrimEnd().Split('\n')[^1].Split(' ')
            .Select(f => double.Parse(f, CultureInfo.InvariantCulture)).ToArray();
        return new(figures[0], figures[1], figures[2]);
    }

    /// <summary>Runs a command, and says on the last line of standard error what it cost.</summary>
    public static int Run(string program, string[] arguments)
    {
        var began = Stopwatch.GetTimestamp();
        using var process = Process.Start(new ProcessStartInfo(program, arguments))!;
        process.WaitForExit();
        var usage = new long[18];   // struct rusage: 16 longs
        if (getrusage(RUSAGE_CHILDREN, usage) != 0) throw new InvalidOperationException("getrusage failed");
        var cpu = usage[0] + usage[2] + (usage[1] + usage[3]) / 1e6;
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{cpu} {usage[4] / 1024.0} {Stopwatch.GetElapsedTime(began).TotalSeconds}"));
        return process.ExitCode;
    }

    /// <summary>What a process that runs has cost so far.</summary>
    public static Measured Now(Process process)
    {
        process.Refresh();
        var status = File.ReadAllLines($"/proc/{process.Id}/status");
        double Line(string name) => double.Parse(
            status.First(l => l.StartsWith(name, StringComparison.Ordinal)).Split([' ', '\t'],
                StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        return new(process.TotalProcessorTime.TotalSeconds, Line("VmHWM:"),
            (DateTime.Now - process.StartTime).TotalSeconds) { Resident = Line("VmRSS:") };
    }

    /// <summary>MiB of memory now.</summary>
    public double Resident { get; init; }

    const int RUSAGE_CHILDREN = -1;

    [LibraryImport("libc")]
    private static partial int getrusage(int who, long[] usage);
}
