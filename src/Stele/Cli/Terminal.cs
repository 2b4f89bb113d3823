using System.Globalization;
using Stele.Proof;

namespace Stele.Cli;

/// <summary>What the user can fix: what failed, and what to type next. Ends the command with an exit code.</summary>
sealed class CliError(string message, string? hint = null, int exit = CliError.Failed) : Exception(message)
{
    /// <summary>1: it failed or was refused. 2: it was asked for wrongly.</summary>
    public const int Failed = 1, Usage = 2;

    public string? Hint => hint;
    public int Exit => exit;

    /// <summary>
    /// The message as lines of ours, where it has several: what was written, with a caret below it. A line break inside
    /// of one is somebody else's.
    /// </summary>
    public IReadOnlyList<string> Lines { get; init; } = [message];

    /// <summary>What the server said, where it refused.</summary>
    public Problem? Problem { get; init; }
}

/// <summary>What standard output has: lines for people, or one JSON value.</summary>
enum OutputForm { Text, Json }

/// <summary>
/// Everything for people goes through <see cref="PrintedLine"/>, in which every value is escaped: what others wrote
/// can't act on a terminal.
/// Standard output for results, standard error for everything said on the way. With <c>--json</c> standard output is
/// exactly one JSON value. Colours only on a terminal, and never when NO_COLOR is set.
/// </summary>
sealed class Terminal(OutputForm form, Stage stage)
{
    static readonly bool Colours = !Console.IsOutputRedirected
        && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR"));
    static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    readonly bool _live = !Console.IsErrorRedirected && form == OutputForm.Text
        && ReferenceEquals(stage.Error, Console.Error);
    readonly Lock _gate = new();
    string? _doing;
    long _since;
    int _shown;
    ITimer? _ticks;

    public bool Json => form == OutputForm.Json;

    /// <summary>
    /// Whether the result was given: after it nothing more goes to standard output with <c>--json</c>.
    /// </summary>
    public bool Answered { get; private set; }

    /// <summary>Whether a person watches.</summary>
    public static bool Interactive => !Console.IsOutputRedirected && !Console.IsInputRedirected;

    public void Line() => Line(PrintedLine.Own(""));

    public void Line(PrintedLine text)
    {
        Clear();
        if (!Json) stage.Output.WriteLine(text.Printed);
    }

    /// <summary>
    /// A file that is handed out on standard output, byte for byte; with <c>--json</c> too. Where a person looks at it,
    /// it is escaped, each line by itself.
    /// </summary>
    public void Document(string text)
    {
        Clear();
        Answered = true;
        stage.Output.Write(Interactive && ReferenceEquals(stage.Output, Console.Out)
            ? string.Join('\n', ForeignText.Lines(text)) : text);
    }

    /// <summary>The command's result: JSON for machines, or what <paramref name="say"/> prints for people.</summary>
    public void Result(Json value, Action say)
    {
        Clear();
        Answered = true;
        if (Json) stage.Output.WriteLine(Indented(value));
        else say();
    }

    /// <summary>Said on the way, to standard error; not with <c>--json</c>.</summary>
    public void Note(PrintedLine text)
    {
        Clear();
        if (!Json) stage.Error.WriteLine(text.Printed);
    }

    /// <summary>What a part that goes on running says, to standard error, also with <c>--json</c>.</summary>
    public void Report(string text)
    {
        foreach (var line in Quoted(text)) stage.Error.WriteLine(ForeignText.Line(line));
    }

    /// <summary>
    /// Text that ends with what another program wrote: the lines below the first are indented, so that none of them can
    /// be taken for one of ours.
    /// </summary>
    public static IEnumerable<string> Quoted(string text) =>
        text.TrimEnd().Split('\n').Select((line, i) => (i == 0 ? "" : "  ") + line.TrimEnd('\r'));

    /// <summary>
    /// What is being done, on a line that is overwritten by the next one; on a terminal only. After a second it says
    /// for how long, so that one sees it live.
    /// </summary>
    public void Progress(PrintedLine text)
    {
        if (!_live) return;
        lock (_gate)
        {
            if (_doing is null) _since = stage.Clock.GetTimestamp();
            _doing = text.ToString();
            Draw();
            _ticks ??= stage.Clock.CreateTimer(_ =>
            {
                lock (_gate) if (_doing is not null) Draw();
            }, null, Second, Second);
        }
    }

    void Draw()
    {
        var elapsed = stage.Clock.GetElapsedTime(_since);
        var text = elapsed < Second
            ? _doing!
            : string.Create(CultureInfo.InvariantCulture, $"{_doing}  {(int)elapsed.TotalSeconds} s");
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
    public async Task<bool> Confirm(PrintedLine question, CancellationToken stop)
    {
        Clear();
        stage.Error.Write(question.Printed + " [y/N] ");
        // The read itself can't be broken off; it dies with the process.
        try
        {
            return (await Task.Run(Console.ReadLine, CancellationToken.None).WaitAsync(stop))?.Trim() is "y" or "Y"
                or "yes";
        }
        catch (OperationCanceledException)
        {
            stage.Error.WriteLine();   // what is said next begins a line
            throw;
        }
    }

    /// <summary>
    /// How every failure is said: <c>stele: error: what failed</c>, then <c>stele: hint: what to type next</c>; with
    /// <c>--json</c> also as
    /// <c>{"error","hint"?,"code"?,"rules"?,"refusal"?,"exit"}</c>, the code and the rest being the server's.
    /// </summary>
    public static void Failed(Call? call, Stage stage, CliError failure, OutputForm form)
    {
        call?.Terminal.Clear();
        foreach (var (i, line) in failure.Lines.Index()) stage.Error.WriteLine((i == 0 ? "stele: error: " : "")
            + ForeignText.Line(line));
        if (failure.Hint is not null) stage.Error.WriteLine("stele: hint: " + ForeignText.Line(failure.Hint));
        if (form == OutputForm.Text) return;
        var problem = failure.Problem?.ToJson();
        stage.Output.WriteLine(Indented(Proof.Json.Object(
            ("error", failure.Message), ("hint", failure.Hint is null ? null : Proof.Json.Of(failure.Hint)),
            ("code", problem?.Find("code")), ("rules", problem?.Find("rules")), ("refusal", problem?.Find("refusal")),
            ("exit", failure.Exit))));
    }

    public static PrintedLine Bold(PrintedLine s) => Paint(s, "\e[1m");
    public static PrintedLine Dim(PrintedLine s) => Paint(s, "\e[2m");
    public static PrintedLine Green(PrintedLine s) => Paint(s, "\e[32m");
    public static PrintedLine Red(PrintedLine s) => Paint(s, "\e[31m");
    public static PrintedLine Yellow(PrintedLine s) => Paint(s, "\e[33m");

    static PrintedLine Paint(PrintedLine s, string on) => Colours ? s.Painted(on, "\e[0m") : s;

    /// <summary>Rows under each other in columns; the last column runs free.</summary>
    public void Table(IEnumerable<string[]> rows, string indent = "  ") =>
        Table(rows.Select(r => Array.ConvertAll(r, c => (PrintedLine)c)), indent);

    /// <inheritdoc cref="Table(IEnumerable{string[]}, string)"/>
    public void Table(IEnumerable<PrintedLine[]> rows, string indent = "  ")
    {
        var all = rows.ToArray();
        if (all.Length == 0) return;
        var widths = Enumerable.Range(0, all.Max(r => r.Length))
            .Select(i => all.Max(r => i < r.Length ? r[i].Width : 0))
            .ToArray();
        foreach (var row in all)
        {
            // Empty cells at the end leave no spaces behind.
            var cells = row.AsSpan(0, Array.FindLastIndex(row, c => c.Width > 0) + 1).ToArray();
            Line(PrintedLine.Own(indent) + PrintedLine.Join("  ",
                cells.Select((cell, i) => i == cells.Length - 1 ? cell : cell.PadRight(widths[i]))));
        }
    }

    public static string Time(long milliseconds) => Rfc3339.Seconds(milliseconds);

    /// <summary>
    /// How long something lasts, in its largest whole unit: <c>24 h</c>, <c>90 s</c>, <c>1500 ms</c>.
    /// </summary>
    public static string Lasting(long milliseconds) => milliseconds switch
    {
        _ when milliseconds % 86_400_000 == 0 && milliseconds > 86_400_000 => $"{milliseconds / 86_400_000} days",
        _ when milliseconds % 3_600_000 == 0 => $"{milliseconds / 3_600_000} h",
        _ when milliseconds % 60_000 == 0 => $"{milliseconds / 60_000} min",
        _ when milliseconds % 1000 == 0 => $"{milliseconds / 1000} s",
        _ => $"{milliseconds} ms",
    };

    public static string Size(long bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1 << 20 => $"{bytes / 1024.0:F1} KiB",
        < 1 << 30 => $"{bytes / (1024.0 * 1024):F1} MiB",
        _ => $"{bytes / (1024.0 * 1024 * 1024):F1} GiB",
    };

    /// <summary>
    /// JSON as people read it; its members keep the canonical order. Whatever the value is, it can be shown; what could
    /// act on a terminal or hide stands as <c>\uXXXX</c>, which is the same value.
    /// </summary>
    public static string Indented(Json value)
    {
        using var document = System.Text.Json.JsonDocument.Parse(CanonicalJson.EncodeShown(value),
            new System.Text.Json.JsonDocumentOptions { MaxDepth = 1000 });
        using var buffer = new MemoryStream();
        using (var writer = new System.Text.Json.Utf8JsonWriter(buffer, new System.Text.Json.JsonWriterOptions
        {
            Indented = true,
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping
        }))
            document.WriteTo(writer);
        return ForeignText.Json(System.Text.Encoding.UTF8.GetString(buffer.ToArray()));
    }
}
