using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Stele.Tests.Stories;

/// <summary>
/// One story being told: the real program, in a folder of its own. Whatever was started is ended with it.
/// </summary>
sealed class Telling : IDisposable
{
    static readonly TimeSpan Timeout = TimeSpan.FromSeconds(120);

    readonly Scratch _scratch = new();
    readonly Dictionary<string, string> _names = new(StringComparer.Ordinal);
    readonly Dictionary<string, string> _snapshots = new(StringComparer.Ordinal);
    readonly Stack<Daemon> _running = new();
    readonly Story _story;

    public Telling(Story story)
    {
        _story = story;
        foreach (var (name, content) in story.Files) _scratch.File(name, content);
        foreach (var program in new[] { "stele", "stele-verify" })
            _scratch.File("bin/" + program,
                $"#!/bin/sh\nexec '{Path.Combine(AppContext.BaseDirectory, program)}' \"$@\"\n", executable: true);
    }

    public void Tell()
    {
        foreach (var step in _story.Steps)
        {
            switch (step.Act)
            {
                case Story.Act.Run:
                    Run(step);
                    break;
                case Story.Act.Start:
                    // anyone who runs the tests in the background has it ignored
                    _running.Push(new Daemon(Shell("exec env --default-signal=INT " + step.Text)));
                    Await(step, _running.Peek());
                    break;
                case Story.Act.Interrupt:
                    using (var daemon = _running.Pop())
                    {
                        var code = daemon.Interrupt(Timeout);
                        if (code != step.Exit) Fail(step, $"it ended with {code}, not {step.Exit}", daemon.Said);
                    }
                    break;
                case Story.Act.Request:
                    Check(step, Request(step.Text), "", 0);
                    break;
                case Story.Act.Snapshot:
                    _snapshots[step.Text] = Settled(step.Text);
                    break;
                case Story.Act.Unchanged:
                    if (Tree(step.Text) != _snapshots[step.Text])
                        Fail(step, $"{step.Text} was changed", Tree(step.Text) + "\nbefore:\n" + _snapshots[step.Text]);
                    break;
            }
        }
        while (_running.TryPop(out var daemon))
            using (daemon)
                if (daemon.Interrupt(Timeout) is var code and not 0)
                    Assert.Fail($"{_story.Name}: what was started ended with {code}\n{daemon.Said}");
    }

    void Run(Story.Step step)
    {
        using var process = Process.Start(Shell(step.Text))!;
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Timeout) || !Task.WaitAll([errors, output], Timeout))
        {
            process.Kill(entireProcessTree: true);
            Fail(step, "it did not end in time", "");
        }
        Check(step, output.Result, errors.Result, process.ExitCode);
    }

    void Check(Story.Step step, string output, string errors, int code)
    {
        var whole = $"{output}{errors}exit {code}";
        if (code != step.Exit) Fail(step, $"it ended with {code}, not {step.Exit}", whole);
        foreach (var bad in (string[])["Unhandled exception", "\n   at ", "this is a bug"])
            if (whole.Contains(bad, StringComparison.Ordinal)) Fail(step, $"nobody is to see '{bad.Trim()}'", whole);
        if (step.Text.Contains(" --json", StringComparison.Ordinal) && !step.Text.Contains('|',
            StringComparison.Ordinal) && !IsJson(output)) Fail(step, "that is not one JSON value", whole);
        if (Story.Differ(step.Output, Lines(output), _names) is { } difference) Fail(step, difference, whole);
        if (step.Errors.Count > 0 && Story.Differ(step.Errors, Lines(errors), _names) is { } other)
            Fail(step, other, whole);
    }

    void Fail(Story.Step step, string why, string whole) =>
        Assert.Fail($"{_story.Name}:{step.Line}: {step.Text}\n{why}\n---- all of it:\n{whole}");

    static bool IsJson(string text)
    {
        try
        {
            using var _ = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    static string[] Lines(string text) => text.Length == 0 ? [] : text.TrimEnd('\n').Split('\n');

    ProcessStartInfo Shell(string command)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", command])
        {
            WorkingDirectory = _scratch.Path,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        };
        start.Environment["PATH"] = _scratch.At("bin") + ":" + Environment.GetEnvironmentVariable("PATH");
        start.Environment["DOTNET_ROOT"] =
            Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        start.Environment["HOME"] = _scratch.Path;
        start.Environment["STELE_HOME"] = _scratch.At("me");
        start.Environment["STELE_DATA"] = _scratch.At("data");
        foreach (var (name, value) in _names) start.Environment[name] = value;
        return start;
    }

    /// <summary>Waits until the started program has shown the expected lines.</summary>
    void Await(Story.Step step, Daemon daemon)
    {
        for (var until = Stopwatch.StartNew(); ;)
        {
            if (Story.Differ([.. step.Output, "..."], Lines(daemon.Output), _names) is not { } missing) return;
            if (daemon.Ended || until.Elapsed > Timeout)
                Fail(step, daemon.Ended ? $"it ended; {missing}" : missing, daemon.Said);
            Thread.Sleep(50);
        }
    }

    /// <summary>Sends a request as it is told, byte by byte, and gives the status and the body, a line each.</summary>
    string Request(string text)
    {
        var words = text.Split(' ').Select(Filled).ToArray();
        var (method, url) = (words[0], new Uri(words[1]));
        var given = words[2..].Select(w => w.Split('=', 2)).ToDictionary(w => w[0], w => w[1], StringComparer.Ordinal);
        var body = given.TryGetValue("file", out var file) ? File.ReadAllBytes(_scratch.At(file)) : [];
        var head =
            $"{method} {words[1][url.GetLeftPart(UriPartial.Authority).Length..]} HTTP/1.1\r\nHost: {url.Authority}\r\nConnection: close\r\n";
        if (given.TryGetValue("token", out var token)) head += $"Authorization: Bearer {token}\r\n";
        if (file is not null && file.EndsWith(".json", StringComparison.Ordinal))
            head += "Content-Type: application/json\r\n";
        head += $"Content-Length: {(given.TryGetValue("declare", out var size) ? size : body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture))}\r\n\r\n";
        using var client = new TcpClient(url.Host, url.Port) { ReceiveTimeout = (int)Timeout.TotalMilliseconds };
        using var stream = client.GetStream();
        using var answer = new MemoryStream();
        try
        {
            stream.Write(Encoding.ASCII.GetBytes(head));
            stream.Write(body);
            stream.CopyTo(answer);
        }
        catch (IOException) when (answer.Length > 0) { } // it answered, and closed while this side was still sending
        var whole = Encoding.UTF8.GetString(answer.ToArray());
        var gap = whole.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        return $"{whole[9..12]}\n{whole[(gap + 4)..]}";
    }

    string Filled(string word)
    {
        foreach (var (name, value) in _names.OrderByDescending(n => n.Key.Length)) word = word.Replace("$" + name,
            value, StringComparison.Ordinal);
        return word;
    }

    /// <summary>
    /// What is below a folder, once it has stopped changing: a ledger publishes its last tiles a moment after an
    /// append.
    /// </summary>
    string Settled(string folder)
    {
        for (var last = Tree(folder); ;)
        {
            Thread.Sleep(400);
            var now = Tree(folder);
            if (now == last) return now;
            last = now;
        }
    }

    string Tree(string folder)
    {
        var text = new StringBuilder();
        foreach (var path in Directory.EnumerateFiles(_scratch.At(folder), "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal))
        {
            if (path.EndsWith(".lock", StringComparison.Ordinal)) continue;
            using var content = new FileStream(path, FileMode.Open, FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete);
            text.Append(Convert.ToHexStringLower(SHA256.HashData(content))).Append(' ')
                .Append(path[(_scratch.Path.Length + 1)..]).Append('\n');
        }
        return text.ToString();
    }

    public void Dispose()
    {
        while (_running.TryPop(out var daemon)) daemon.Dispose();
        _scratch.Dispose();
    }
}
