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
sealed class Terminal(bool json, TextWriter output, TextWriter error)
{
    static readonly bool Colours = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));

    readonly bool _live = !Console.IsErrorRedirected && !json && ReferenceEquals(error, Console.Error);
    int _shown;

    public bool Json => json;

    /// <summary>Whether a person watches.</summary>
    public static bool Interactive => !Console.IsOutputRedirected && !Console.IsInputRedirected;

    public void Line(string text = "")
    {
        Clear();
        if (!json) output.WriteLine(text);
    }

    /// <summary>The command's result: JSON for machines, or what <paramref name="say"/> prints for people.</summary>
    public void Result(Json value, Action say)
    {
        Clear();
        if (json) output.WriteLine(Indented(value));
        else say();
    }

    /// <summary>Said on the way, to standard error; not with <c>--json</c>.</summary>
    public void Note(string text)
    {
        Clear();
        if (!json) error.WriteLine(text);
    }

    /// <summary>A line that is overwritten by the next one; on a terminal only.</summary>
    public void Progress(string text)
    {
        if (!_live) return;
        var width = Math.Max(20, Console.WindowWidth - 1);
        if (text.Length > width) text = text[..width];
        error.Write("\r" + text.PadRight(_shown));
        _shown = text.Length;
    }

    void Clear()
    {
        if (_shown == 0) return;
        error.Write("\r" + new string(' ', _shown) + "\r");
        _shown = 0;
    }

    /// <summary>How every failure is said: <c>stele: error: what failed</c>, then <c>stele: hint: what to type next</c>.</summary>
    public static void Failed(TextWriter error, string message, string? hint)
    {
        error.WriteLine("stele: error: " + message);
        if (hint is not null) error.WriteLine("stele: hint: " + hint);
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

    /// <summary>JSON as people read it; its members keep the canonical order.</summary>
    public static string Indented(Json value)
    {
        using var document = System.Text.Json.JsonDocument.Parse(value.ToBytes());
        using var buffer = new MemoryStream();
        using (var writer = new System.Text.Json.Utf8JsonWriter(buffer, new System.Text.Json.JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            document.WriteTo(writer);
        return System.Text.Encoding.UTF8.GetString(buffer.ToArray());
    }
}
