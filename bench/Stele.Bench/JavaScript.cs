using System.Diagnostics;
using Stele.Proof;

namespace Stele.Bench;

/// <summary>
/// The CEL evaluators that npm has, in one process of node that measures itself: its line <c>{"ns","value"}</c> answers
/// ours. The packages are those that the lock file beside
/// <c>javascript/cel.mjs</c> pins, under <c>out/bench/javascript</c>.
/// </summary>
sealed class JavaScript : IDisposable
{
    readonly Process _node;

    JavaScript(Process node) => _node = node;

    /// <summary>
    /// Null where there is no node, or npm can't install the packages; <paramref name="why"/> says so.
    /// </summary>
    public static JavaScript? Start(string root, out string why)
    {
        var (from, to) = (Path.Combine(root, "bench", "Stele.Bench", "javascript"),
            Path.Combine(root, "out", "bench", "javascript"));
        why = "node and npm are not installed, or the sources of the peers are not beside the bench";
        if (!Directory.Exists(from)) return null;
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
        try
        {
            using (var install = Process.Start(Said("npm", to, "ci", "--no-audit", "--no-fund", "--ignore-scripts",
                "--loglevel=error"))!)
            {
                var output = install.StandardOutput.ReadToEnd();
                install.WaitForExit();
                why = $"npm can't install the pinned packages: {output.Trim()}";
                if (install.ExitCode != 0) return null;
            }
            return new JavaScript(Process.Start(Said("node", to, "cel.mjs"))!);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    static ProcessStartInfo Said(string program, string folder, params string[] arguments) =>
        new(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true
        };

    /// <summary>Nanoseconds of one evaluation.</summary>
    public async Task<Sample> Measure(string engine, string source, Json types, Json input, bool expected,
        TimeSpan duration)
    {
        await _node.StandardInput.WriteLineAsync(Json.Object(("engine", engine), ("source", source), ("types", types),
            ("input", input), ("ms", (long)duration.TotalMilliseconds)).ToString());
        await _node.StandardInput.FlushAsync();
        var answer = System.Text.Json.JsonDocument.Parse(await _node.StandardOutput.ReadLineAsync()
            ?? throw new InvalidOperationException($"{engine} ended")).RootElement;
        if (answer.GetProperty("value").GetBoolean() != expected)
            throw new InvalidOperationException($"{engine}: the rule came out otherwise");
        return new Sample(answer.GetProperty("ns").GetDouble());
    }

    public void Dispose()
    {
        _node.StandardInput.Close();
        if (!_node.WaitForExit(TimeSpan.FromSeconds(10))) _node.Kill();
        _node.Dispose();
    }
}
