using System.Text;
using System.Text.RegularExpressions;

namespace Stele.Tests.Stories;

/// <summary>
/// A story of the command line, as a text file. What stands at the beginning of a line says what the line is:
/// <code>
/// # words for the reader
/// needs PROGRAM…              the story is skipped where one of them is not installed
/// $ COMMAND                   run by /bin/sh in the story's own folder, with STELE_HOME=me and STELE_DATA=data below it
///   a line of its output      two spaces before it; "  ..." is any number of lines; without any the output must be empty
/// ! a line of its errors      the same for standard error; not looked at without any, except that no stack may be in it
/// ? 1                         its exit code; 0 unless given
/// &amp; COMMAND                   started and left running; the story goes on when its output has shown the lines below
/// ^C                          interrupts what was started last, which must then end with 0, or what "? N" says below
/// % METHOD URL [name=value]…  an HTTP request: token=, file= (the body), declare= (a Content-Length; nothing of it is sent); its output is the status, then the body
/// snapshot DIR                remembers every byte below DIR (lock files aside)
/// unchanged DIR               it is still just that
/// -- PATH --                  from here to the next such line: a file, written before the story begins
/// </code>
/// In expected lines <c>&lt;digest&gt; &lt;short&gt; &lt;id&gt; &lt;n&gt; &lt;time&gt; &lt;token&gt; &lt;key&gt;
/// &lt;url&gt; &lt;any&gt;</c> match what they are called; <c>&lt;NAME=digest&gt;</c> also keeps it, for commands as
/// <c>$NAME</c> and for later lines as <c>&lt;NAME&gt;</c>. Two or more spaces match any such gap: columns move.
/// A command with --json prints exactly one JSON value, whatever its end: that is held without saying.
/// </summary>
sealed record Story(string Name, IReadOnlyList<string> Needs, IReadOnlyList<Story.Step> Steps,
    IReadOnlyDictionary<string, string> Files)
{
    public enum Act { Run, Start, Interrupt, Request, Snapshot, Unchanged }

    public sealed class Step
    {
        public required Act Act { get; init; }
        public required string Text { get; init; }
        public required int Line { get; init; }
        public List<string> Output { get; } = [];
        public List<string> Errors { get; } = [];
        public int Exit { get; set; }
    }

    public static Story Parse(string name, string text)
    {
        var steps = new List<Step>();
        var needs = new List<string>();
        var files = new Dictionary<string, string>(StringComparer.Ordinal);
        StringBuilder? file = null;
        var path = "";
        foreach (var (index, line) in text.Split('\n').Index())
        {
            if (line is ['-', '-', ' ', .. var inner, ' ', '-', '-'])
            {
                if (file is not null) files.Add(path, file.ToString());
                (path, file) = (inner, new StringBuilder());
            }
            else if (file is not null) file.Append(line).Append('\n');
            else if (line.Length == 0 || line[0] == '#') continue;
            else if (line.StartsWith("needs ", StringComparison.Ordinal)) needs.AddRange(line[6..].Split(' '));
            else if (line.StartsWith("  ", StringComparison.Ordinal)) Last().Output.Add(line[2..]);
            else if (line.StartsWith("! ", StringComparison.Ordinal)) Last().Errors.Add(line[2..]);
            else if (line.StartsWith("? ", StringComparison.Ordinal))
                Last().Exit = int.Parse(line[2..], System.Globalization.CultureInfo.InvariantCulture);
            else if (line == "^C") Add(Act.Interrupt, "", index);
            else if (line.StartsWith("$ ", StringComparison.Ordinal)) Add(Act.Run, line[2..], index);
            else if (line.StartsWith("& ", StringComparison.Ordinal)) Add(Act.Start, line[2..], index);
            else if (line.StartsWith("% ", StringComparison.Ordinal)) Add(Act.Request, line[2..], index);
            else if (line.StartsWith("snapshot ", StringComparison.Ordinal)) Add(Act.Snapshot, line[9..], index);
            else if (line.StartsWith("unchanged ", StringComparison.Ordinal)) Add(Act.Unchanged, line[10..], index);
            else throw new FormatException($"{name}:{index + 1}: what is '{line}'?");
        }
        if (file is not null) files.Add(path, file.ToString());
        return steps.Count > 0
            ? new Story(name, needs, steps, files)
            : throw new FormatException($"{name} tells nothing");

        Step Last() => steps.Count > 0
            ? steps[^1]
            : throw new FormatException($"{name}: a line of output before the first command");
        void Add(Act act, string what, int index) => steps.Add(new Step { Act = act, Text = what, Line = index + 1 });
    }

    /// <summary>
    /// How the lines differ from what was expected; null when they do not. What they name is added to
    /// <paramref name="names"/>.
    /// </summary>
    public static string? Differ(IReadOnlyList<string> expected, IReadOnlyList<string> got,
        Dictionary<string, string> names)
    {
        var at = 0;
        var free = false;
        foreach (var line in expected)
        {
            if (line == "...")
            {
                free = true;
                continue;
            }
            var pattern = Pattern(line, names);
            while (free && at < got.Count && !pattern.IsMatch(got[at])) at++;
            if (at >= got.Count) return $"expected: {line}\nand there is no {(free ? "such line" : "more")}";
            if (pattern.Match(got[at]) is not { Success: true } match) return $"expected: {line}\ngot:      {got[at]}";
            foreach (var group in match.Groups.Values) if (char.IsAsciiLetterUpper(group.Name[0]))
                names[group.Name] = group.Value;
            (at, free) = (at + 1, false);
        }
        return free || at == got.Count ? null : $"not expected: {got[at]}";
    }

    static readonly Dictionary<string, string> Known = new()
    {
        ["digest"] = "sha256:[0-9a-f]{64}", ["short"] = "[0-9a-f]{12}", ["id"] = "[0-9a-f]{32}", ["n"] = "[0-9]+",
            ["time"] = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z",
        ["token"] = "stele_[A-Za-z0-9_-]+", ["key"] = "[A-Za-z0-9+/]{100,}=*",
        ["url"] = "http://127\\.0\\.0\\.1:[0-9]+/", ["any"] = ".+", ["word"] = "[^ ]+",
    };

    static Regex Pattern(string line, Dictionary<string, string> names)
    {
        var pattern = new StringBuilder("^");
        foreach (var part in Regex.Split(line, "(<[A-Za-z0-9_]+(?:=[a-z]+)?>| {2,})"))
        {
            if (part.StartsWith("  ", StringComparison.Ordinal)) pattern.Append(" {2,}");
            else if (part is ['<', .. var inner, '>'])
            {
                if (inner.Split('=') is [var name, var kind]) pattern.Append($"(?<{name}>{Known[kind]})");
                else if (Known.TryGetValue(inner, out var known)) pattern.Append(known);
                else pattern.Append(Regex.Escape(names.TryGetValue(inner, out var value) ? value : part));
            }
            else pattern.Append(Regex.Escape(part));
        }
        return new Regex(pattern.Append('$').ToString(), RegexOptions.CultureInvariant, TimeSpan.FromSeconds(5));
    }
}
