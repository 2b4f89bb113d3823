using System.CommandLine;
using System.Text;

namespace Stele.Cli;

/// <summary>
/// Help as it is printed: the usage, the prose, the verbs below, the flags, what it needs; wrapped to the terminal.
/// </summary>
static class HelpText
{
    /// <summary>Nobody reads lines longer than this.</summary>
    const int Widest = 100;

    const string Common = """
        Everywhere: --json prints one JSON value, also for an error; --home DIR (STELE_HOME) is your own configuration; --data DIR (STELE_DATA) is
        the data folder of a server and node on this machine; --from-zero folds the ledger from its first entry and uses nothing that was
        kept of earlier folds. Exit codes: 0 done, 1 failed or refused, 2 asked for wrongly, 130 interrupted.
        `stele VERB --help` explains a verb.
        """;

    /// <summary>How a paragraph begins that is printed as it stands: something to type or to write.</summary>
    const string Example = "    ";

    /// <param name="of">Of the whole program it says which verbs there are.</param>
    public static string Of(Verb verb, HelpOf of)
    {
        var width = Console.IsOutputRedirected || Console.WindowWidth <= 0
            ? Widest
            : Math.Clamp(Console.WindowWidth - 1, 30, Widest);
        var text = new StringBuilder();
        var paragraphs = verb.Help.Trim('\n').Split("\n\n");
        foreach (var (i, paragraph) in paragraphs.Index())
        {
            if (i > 0) text.Append('\n');
            // A group's help begins with prose, a verb's with how it is typed: one line a form.
            if (i == 0 && verb.Run is not null) foreach (var form in paragraph.Split('\n'))
                Wrap(text, form, width, "", "      ");
            else if (paragraph.StartsWith(Example, StringComparison.Ordinal)) text.Append(paragraph).Append('\n');
            else Wrap(text, paragraph.Replace('\n', ' '), width, "", "");
        }
        if (verb.Verbs.Length > 0)
        {
            text.Append('\n');
            Columns(text, verb.Verbs.Select(v => (v.Name, v.Summary)), width);
        }
        var flags = verb.Shape.OfType<Option>()
            .Select(o => (o.Name + (o.ValueType == typeof(bool) ? "" : " " + (o.HelpName ?? "VALUE")),
                o.Description ?? "")).ToArray();
        if (flags.Length > 0)
        {
            text.Append('\n');
            Columns(text, flags, width);
        }
        if (verb.Run is not null)
        {
            text.Append('\n');
            Wrap(text, $"Needs {verb.Needs}.", width, "", "");
        }
        if (of == HelpOf.Program)
        {
            text.Append('\n');
            Wrap(text, Common.Replace('\n', ' '), width, "", "");
        }
        return text.ToString();
    }

    static void Columns(StringBuilder text, IEnumerable<(string Name, string Said)> rows, int width)
    {
        var all = rows.ToArray();
        var column = Math.Min(all.Max(r => r.Name.Length) + 4, width / 2);
        foreach (var (name, said) in all) Wrap(text, said, width, ("  " + name).PadRight(column - 1) + " ",
            new string(' ', column));
    }

    static void Wrap(StringBuilder text, string prose, int width, string first, string rest)
    {
        var line = new StringBuilder(first);
        var empty = true;
        foreach (var word in prose.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (!empty && line.Length + 1 + word.Length > width)
            {
                text.Append(line.ToString().TrimEnd()).Append('\n');
                line.Clear().Append(rest);
                empty = true;
            }
            if (!empty) line.Append(' ');
            line.Append(word);
            empty = false;
        }
        text.Append(line.ToString().TrimEnd()).Append('\n');
    }
}

enum HelpOf { Verb, Program }
