using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Stele.Proof;
using Stele.Runtime;

namespace Stele.Tests.Whole;

/// <summary>How a program ended.</summary>
sealed record Ran(int Code, string Output, string Error, TimeSpan Took)
{
    /// <summary>What it printed, as the one JSON value that <c>--json</c> promises.</summary>
    public Json Json => Succeeded().Value();

    public Ran Succeeded()
    {
        Assert.True(Code == 0, $"exit code {Code}\n{Error}\n{Output}");
        return this;
    }

    Json Value() => CanonicalJson.Parse(Encoding.UTF8.GetBytes(Output), 64 << 20);
}

/// <summary>The built programs, each run as its own process, as anyone runs them.</summary>
static class Programs
{
    public static string Configuration { get; } =
        Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd('/')))!;

    public static string Stele { get; } = Built("Stele", "stele");
    public static string Verify { get; } = Built("Stele.Verify", "stele-verify");

    static string Built(string project, string program)
    {
        var path = Path.Combine(Repository.Root, "src", project, "bin", Configuration, "net10.0", program);
        return File.Exists(path)
            ? path
            : throw new FileNotFoundException($"{project} was not built ({Configuration})", path);
    }

    /// <summary>
    /// Trees of releases are made in the data folder or the temporary one, where they are given: <see cref="About"/>
    /// knows what runs by the folder that it comes from.
    /// </summary>
    public static ProcessStartInfo Start(string program, IEnumerable<string> given, string? temporary = null)
    {
        string[] arguments = [.. given];
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        // The member who runs the tests has a home and data of their own: no test may touch them.
        start.Environment["STELE_HOME"] = start.Environment["STELE_DATA"] = "/nonexistent/stele-test";
        var data = Array.IndexOf(arguments, "--data");
        if ((data >= 0 && data + 1 < arguments.Length ? arguments[data + 1] : temporary) is { } folder)
            start.Environment[TreePlace.Variable] = Path.Combine(folder, "trees");
        if (temporary is not null) start.Environment["TMPDIR"] = temporary;
        return start;
    }

    /// <summary>Runs to the end. What a process that outlives it holds open counts as not having ended.</summary>
    public static async Task<Ran> Run(string program, IEnumerable<string> arguments, TimeSpan? patience = null,
        string? temporary = null)
    {
        var began = Stopwatch.GetTimestamp();
        using var limit = new CancellationTokenSource(patience ?? TimeSpan.FromMinutes(2));
        using var process = Process.Start(Start(program, arguments, temporary))!;
        process.StandardInput.Close();
        try
        {
            var both = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(limit.Token),
                process.StandardError.ReadToEndAsync(limit.Token));
            await process.WaitForExitAsync(limit.Token);
            return new Ran(process.ExitCode, both[0], both[1], Stopwatch.GetElapsedTime(began));
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException(
                $"{Path.GetFileName(program)} {string.Join(' ', arguments)} did not end in time");
        }
    }

    public static Task<Ran> Cli(string home, params string[] arguments) => Run(Stele, [.. arguments, "--home", home]);

    /// <summary>A command that must succeed, and its JSON.</summary>
    public static async Task<Json> Say(string home, params string[] arguments) =>
        (await Cli(home, [.. arguments, "--json"])).Json;

    /// <summary>
    /// A port that is free now and is not among those the kernel gives out by itself: for what must come back at the
    /// same address.
    /// </summary>
    public static int FreePort()
    {
        for (var port = 20_000 + Environment.ProcessId % 5_000; ; port++)
        {
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException) when (port < 32_000) { }
        }
    }

    /// <summary>
    /// Processes that have to do with a folder: by their command line, or by what is mounted in them (a release's own
    /// command line knows nothing of where its files lie).
    /// </summary>
    public static IReadOnlyList<string> About(string folder)
    {
        var found = new List<string>();
        foreach (var process in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || id == Environment.ProcessId) continue;
            try
            {
                var command = File.ReadAllText(process + "/cmdline").Replace('\0', ' ');
                if (command.Contains(folder, StringComparison.Ordinal) || File.ReadAllText(process + "/mountinfo")
                    .Contains(folder, StringComparison.Ordinal)) found.Add($"{id} {command}");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { } // it ended meanwhile
        }
        return found;
    }
}
