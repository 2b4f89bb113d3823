using System.Globalization;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>What the user can mend: what failed, and what to type next. Ends the command with an exit code.</summary>
sealed class CliError(string message, string? hint = null, int exit = CliError.Failed) : Exception(message)
{
    /// <summary>1: it failed or was refused. 2: it was asked for wrongly.</summary>
    public const int Failed = 1, Usage = 2;

    public string? Hint => hint;
    public int Exit => exit;

    /// <summary>What the server said, where it refused.</summary>
    public Control.Problem? Problem { get; init; }
}

/// <summary>
/// Standard output for results, standard error for everything said on the way. With <c>--json</c> standard output is exactly one JSON value.
/// Colours only on a terminal, and never when NO_COLOR is set.
/// </summary>
sealed class Terminal(bool json, Stage stage)
{
    static readonly bool Colours = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
    static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    readonly bool _live = !Console.IsErrorRedirected && !json && ReferenceEquals(stage.Error, Console.Error);
    readonly Lock _gate = new();
    string? _doing;
    long _since;
    int _shown;
    ITimer? _ticks;

    public bool Json => json;

    /// <summary>Whether the result was given: after it nothing more goes to standard output with <c>--json</c>.</summary>
    public bool Answered { get; private set; }

    /// <summary>Whether a person watches.</summary>
    public static bool Interactive => !Console.IsOutputRedirected && !Console.IsInputRedirected;

    public void Line(string text = "")
    {
        Clear();
        if (!json) stage.Output.WriteLine(text);
    }

    /// <summary>The command's result: JSON for machines, or what <paramref name="say"/> prints for people.</summary>
    public void Result(Json value, Action say)
    {
        Clear();
        Answered = true;
        if (json) stage.Output.WriteLine(Indented(value));
        else say();
    }

    /// <summary>Said on the way, to standard error; not with <c>--json</c>.</summary>
    public void Note(string text)
    {
        Clear();
        if (!json) stage.Error.WriteLine(text);
    }

    /// <summary>What is being done, on a line that is overwritten by the next one; on a terminal only. After a second it says for how long, so that one sees it live.</summary>
    public void Progress(string text)
    {
        if (!_live) return;
        lock (_gate)
        {
            if (_doing is null) _since = stage.Clock.GetTimestamp();
            _doing = text;
            Draw();
            _ticks ??= stage.Clock.CreateTimer(_ => { lock (_gate) if (_doing is not null) Draw(); }, null, Second, Second);
        }
    }

    void Draw()
    {
        var elapsed = stage.Clock.GetElapsedTime(_since);
        var text = elapsed < Second ? _doing! : string.Create(CultureInfo.InvariantCulture, $"{_doing}  {(int)elapsed.TotalSeconds} s");
        var width = Math.Max(20, Console.WindowWidth - 1);
        if (text.Length > width) text = text[..width];
        stage.Error.Write("\r" + text.PadRight(_shown));
        _shown = text.Length;
    }

    /// <summary>Takes the line of progress away.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _ticks?.Dispose();
            (_ticks, _doing) = (null, null);
            if (_shown == 0) return;
            stage.Error.Write("\r" + new string(' ', _shown) + "\r");
            _shown = 0;
        }
    }

    /// <summary>Asks the person at the terminal; false when the answer is not yes.</summary>
    public async Task<bool> Confirm(string question, CancellationToken stop)
    {
        Clear();
        stage.Error.Write(question + " [y/N] ");
        // The read itself can't be broken off; it dies with the process.
        try
        {
            return (await Task.Run(Console.ReadLine, CancellationToken.None).WaitAsync(stop))?.Trim() is "y" or "Y" or "yes";
        }
        catch (OperationCanceledException)
        {
            stage.Error.WriteLine();   // what is said next begins a line
            throw;
        }
    }

    /// <summary>
    /// How every failure is said: <c>stele: error: what failed</c>, then <c>stele: hint: what to type next</c>; with <c>--json</c> also as
    /// <c>{"error","hint"?,"code"?,"rules"?,"refusal"?,"exit"}</c>, the code and the rest being the server's.
    /// </summary>
    public static void Failed(Call? call, Stage stage, CliError failure, bool json)
    {
        call?.Terminal.Clear();
        stage.Error.WriteLine("stele: error: " + failure.Message);
        if (failure.Hint is not null) stage.Error.WriteLine("stele: hint: " + failure.Hint);
        if (!json) return;
        var problem = failure.Problem?.ToJson();
        stage.Output.WriteLine(Indented(Proof.Json.Object(
            ("error", failure.Message), ("hint", failure.Hint is null ? null : Proof.Json.Of(failure.Hint)), ("code", problem?.Find("code")), ("rules", problem?.Find("rules")), ("refusal", problem?.Find("refusal")),
            ("exit", failure.Exit))));
    }

    public static string Bold(string s) => Colours ? $"\e[1m{s}\e[0m" : s;
    public static string Dim(string s) => Colours ? $"\e[2m{s}\e[0m" : s;
    public static string Green(string s) => Colours ? $"\e[32m{s}\e[0m" : s;
    public static string Red(string s) => Colours ? $"\e[31m{s}\e[0m" : s;
    public static string Yellow(string s) => Colours ? $"\e[33m{s}\e[0m" : s;

    /// <summary>Rows under each other in columns; the last column runs free.</summary>
    public void Table(IEnumerable<string[]> rows, string indent = "  ")
    {
        var all = rows.ToArray();
        if (all.Length == 0) return;
        var widths = Enumerable.Range(0, all.Max(r => r.Length)).Select(i => all.Max(r => i < r.Length ? r[i].Length : 0)).ToArray();
        foreach (var row in all) Line(indent + string.Join("  ", row.Select((cell, i) => i == row.Length - 1 ? cell : cell.PadRight(widths[i]))).TrimEnd());
    }

    public static string Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds).ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Size(long bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1 << 20 => $"{bytes / 1024.0:F1} KiB",
        < 1 << 30 => $"{bytes / (1024.0 * 1024):F1} MiB",
        _ => $"{bytes / (1024.0 * 1024 * 1024):F1} GiB",
    };

    /// <summary>JSON as people read it; its members keep the canonical order. Whatever the value is, it can be shown.</summary>
    public static string Indented(Json value)
    {
        using var document = System.Text.Json.JsonDocument.Parse(CanonicalJson.EncodeShown(value), new System.Text.Json.JsonDocumentOptions { MaxDepth = 1000 });
        using var buffer = new MemoryStream();
        using (var writer = new System.Text.Json.Utf8JsonWriter(buffer, new System.Text.Json.JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            document.WriteTo(writer);
        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }
}
