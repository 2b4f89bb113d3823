using System.Diagnostics;
using System.Text;
using Stele.Disk;
using Stele.Proof;

namespace Stele.Tests.Whole;

/// <summary><c>stele up</c> as its own process: started, told to stop, or killed.</summary>
sealed class Up : IAsyncDisposable
{
    readonly Process _process;
    readonly Task<string> _errors;

    Up(Process process, Task<string> errors, Json said) => (_process, _errors, Said) = (process, errors, said);

    /// <summary>What it printed once everything was up.</summary>
    public Json Said { get; }

    public int Pid => _process.Id;
    public Uri Server => new(Said["server"].AsString);
    public Uri Gateway => new(Said["gateway"].AsString);
    public bool Ended => _process.HasExited;

    public static Task<Up> Start(string data, string home, params string[] more) =>
        Start(Programs.Stele, [], data, home, more);

    /// <summary>The same, where it may have so many descriptors open and can't raise that.</summary>
    public static Task<Up> StartWith(int descriptors, string data, string home, params string[] more) =>
        Start("/bin/sh", Few(descriptors), data, home, more);

    /// <summary>What a shell is given before a program and its arguments, to run it with so few descriptors.</summary>
    public static string[] Few(int descriptors) =>
        ["-c", $"ulimit -n {descriptors}; exec \"$0\" \"$@\"", Programs.Stele];

    static async Task<Up> Start(string program, string[] before, string data, string home, string[] more)
    {
        var process = Process.Start(Programs.Start(program,
            [.. before, "up", "--data", data, "--home", home, "--json", .. more]))!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(3));
        var said = new StringBuilder();
        while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
        {
            said.Append(line);
            if (line != "}") continue;
            var json = CanonicalJson.Parse(Encoding.UTF8.GetBytes(said.ToString()), 1 << 20);
            if (json.Find("error") is null) return new Up(process, errors, json);
        }
        await process.WaitForExitAsync(limit.Token);
        throw new InvalidOperationException(
            $"stele up {string.Join(' ', more)} ended with {process.ExitCode}: {await errors}");
    }

    /// <summary>kill -9. What it started may take a moment longer to be gone.</summary>
    public void Kill()
    {
        Libc.Kill(_process.Id, Libc.SIGKILL);
        _process.WaitForExit();
    }

    /// <summary>Asks it to stop; its exit code and what it said on standard error.</summary>
    public async Task<(int Code, string Error)> Stop()
    {
        Libc.Kill(_process.Id, Libc.SIGTERM);
        using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await _process.WaitForExitAsync(limit.Token);
        return (_process.ExitCode, await _errors);
    }

    public ValueTask DisposeAsync()
    {
        if (!_process.HasExited) Kill();
        _process.Dispose();
        return ValueTask.CompletedTask;
    }
}
