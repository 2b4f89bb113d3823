using System.Text;
using Stele.Proof;

namespace Stele.Verify;

/// <summary>
/// Standard output and standard error of this program. What it tells is full of what others wrote (names of files,
/// messages, keys), so each line is escaped on its way out
/// (<see cref="ForeignText"/>). Invariant: a line that is handed over comes out as one line, and LF is the only control
/// character that does; JSON stays the same value.
/// </summary>
sealed class Printer(TextWriter terminal) : TextWriter
{
    public override Encoding Encoding => terminal.Encoding;

    /// <summary>From here on everything that is written to the console is.</summary>
    public static void Install()
    {
        Console.SetOut(new Printer(Console.Out));
        Console.SetError(new Printer(Console.Error));
    }

    /// <summary>Text of several lines of which every line is our own.</summary>
    public static void Lines(string text)
    {
        foreach (var line in text.Split('\n')) Console.WriteLine(line);
    }

    public override void WriteLine() => terminal.WriteLine();

    public override void WriteLine(string? value) => terminal.WriteLine(ForeignText.Line(value ?? ""));

    public override void WriteLine(object? value) => terminal.WriteLine(value is Json json
        ? ForeignText.Json(json.ToString()) : ForeignText.Line(value?.ToString() ?? ""));

    public override void Write(string? value) => terminal.Write(ForeignText.Line(value ?? ""));

    public override void Write(char value) => Write(value.ToString());

    public override void Flush() => terminal.Flush();

    /// <summary>A line that the next one overwrites.</summary>
    public static void Progress(string text)
    {
        if (Console.IsErrorRedirected) return;
        using var terminal = new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false), leaveOpen: true);
        terminal.Write($"\r\e[K{ForeignText.Line(text)}\r");
    }
}
