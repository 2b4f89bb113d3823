using System.Diagnostics;
using System.Globalization;
using Stele.Disk;
using Stele.Ledger;

namespace Stele.Tests.Ledger;

/// <summary>
/// The product's own binary as a process that appends to a log with several writers and tells on standard output what
/// was acknowledged, to be killed at any moment. A startup hook makes it one.
/// </summary>
static class SeparateLog
{
    public const string Variable = "STELE_TEST_LOG";
    const int Writers = 8;

    /// <summary>
    /// One line for each acknowledged entry: index, the writer's number and the number of its entry; with each a
    /// checkpoint size that was signed by then.
    /// </summary>
    public static async Task Run(string folder)
    {
        using var signer = NoteSigner.Parse(Ledgers.KeyText(Ledgers.Origin, 1));
        using var log = Log.Open(new FileStore(folder), Ledgers.Origin, signer, TimeProvider.System, new LogOptions
        {
            PublishEvery = TimeSpan.FromMilliseconds(1),
            SegmentBytes = 64 << 10
        });
        var run = Environment.ProcessId;
        using var output = Console.OpenStandardOutput();
        var gate = new Lock();
        Say($"open {log.Size} {log.Root}");
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
        {
            for (var n = 0; ; n++)
            {
                var entry = string.Create(CultureInfo.InvariantCulture,
                    $"{run}/{w}/{n}/{new string('.', n * 37 % 400)}");
                var index = await log.Append(System.Text.Encoding.UTF8.GetBytes(entry));
                Say(string.Create(CultureInfo.InvariantCulture, $"ack {index} {entry}"));
            }
        })));

        void Say(string line)
        {
            // One write each: what was begun is not told.
            lock (gate) output.Write(System.Text.Encoding.UTF8.GetBytes(line + "\n"));
        }
    }

    /// <summary>
    /// Starts it, kills it after <paramref name="acknowledged"/> entries and a moment, and gives what it said.
    /// </summary>
    public static List<string> RunAndKill(string folder, int acknowledged, TimeSpan moment)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath is { } p && Path.GetFileName(p) == "dotnet"
            ? p
            : "dotnet", ["exec", Path.Combine(AppContext.BaseDirectory, "stele.dll")])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        start.Environment["DOTNET_STARTUP_HOOKS"] = typeof(SeparateLog).Assembly.Location;
        start.Environment["DOTNET_TieredPGO"] = "0";
        start.Environment[Variable] = folder;
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var said = new List<string>();
        try
        {
            while (said.Count <= acknowledged && process.StandardOutput.ReadLine() is { } line) said.Add(line);
            if (moment > TimeSpan.Zero) Thread.Sleep(moment);
        }
        finally
        {
            Libc.Kill(process.Id, Libc.SIGKILL);
        }
        // What it said before it died is still in the pipe. A line without an end was not said.
        var rest = process.StandardOutput.ReadToEnd();
        foreach (var line in rest.Split('\n')[..^1]) said.Add(line);
        process.WaitForExit();
        Assert.True(said.Count > acknowledged, $"it ended by itself: {errors.GetAwaiter().GetResult()}");
        return said;
    }
}
