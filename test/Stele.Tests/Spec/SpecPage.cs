using System.Text;
using System.Text.RegularExpressions;
using Stele.Proof;

namespace Stele.Tests.Spec;

/// <summary>A table of a page, under the nearest heading above it.</summary>
sealed record SpecTable(string Heading, string[] Columns, List<string[]> Rows)
{
    /// <summary>The words in code style in one column of a row.</summary>
    public static string[] Words(string cell) => [.. Regex.Matches(cell, "`([^`]+)`").Select(m => m.Groups[1].Value)];
}

/// <summary>Worked bytes of a page, with the digests that stand below them.</summary>
sealed record SpecBytes(string Name, string Heading, byte[] Bytes, Digest? Sha256, Digest? Leaf)
{
    public override string ToString() => Name;
}

/// <summary>A page of the specification, taken apart: its tables, its worked bytes, and the text under each
/// heading.</summary>
sealed class SpecPage
{
    public static string Folder => Path.Combine(Repository.Root, "docs", "spec");

    public string Text { get; }
    public List<SpecTable> Tables { get; } = [];
    public List<SpecBytes> Blocks { get; } = [];

    /// <summary>The text below each heading, up to the next heading of whatever level.</summary>
    public Dictionary<string, string> Sections { get; } = new(StringComparer.Ordinal);

    SpecPage(string text)
    {
        Text = text;
        var lines = text.Split('\n');
        var (heading, section) = ("", new StringBuilder());
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            if (Regex.Match(line, "^#+ (.+)$") is { Success: true } title)
            {
                Sections[heading] = section.ToString();
                section.Clear();
                heading = title.Groups[1].Value.Replace("`", "", StringComparison.Ordinal);
            }
            else if (Regex.Match(line, "^```(bytes|hex|text) (\\S+)$") is { Success: true } fence)
            {
                var end = Array.IndexOf(lines, "```", i);
                var body = lines[(i + 1)..end];
                byte[] bytes = fence.Groups[1].Value switch
                {
                    "hex" => Convert.FromHexString(string.Concat(body)),
                    "text" => Encoding.UTF8.GetBytes(string.Concat(body.Select(l => l + "\n"))),
                    _ => Encoding.UTF8.GetBytes(string.Concat(body)),
                };
                i = end;
                Digest? Stated(string what) => lines.Skip(i + 1).Take(2)
                    .Select(l => Regex.Match(l, $"^- {what}: `([0-9a-f]+)`$")).Where(m => m.Success)
                    .Select(m => (Digest?)Digest.ParseHex(m.Groups[1].Value)).FirstOrDefault();
                Blocks.Add(new SpecBytes(fence.Groups[2].Value, heading, bytes, Stated("SHA-256"),
                    Stated("leaf hash")));
            }
            else if (line.StartsWith('|') && i + 1 < lines.Length
                && lines[i + 1].StartsWith("|---", StringComparison.Ordinal))
            {
                var table = new SpecTable(heading, Cells(line), []);
                for (i += 2; i < lines.Length && lines[i].StartsWith('|'); i++) table.Rows.Add(Cells(lines[i]));
                i--;
                Assert.All(table.Rows, r => Assert.True(r.Length == table.Columns.Length,
                    $"{heading}: a row of {r.Length} cells: {r[0]}"));
                Tables.Add(table);
                section.Append(string.Join('\n', table.Rows.Select(r => string.Join(" | ", r)))).Append('\n');
                continue;
            }
            section.Append(line).Append('\n');
        }
        Sections[heading] = section.ToString();
    }

    static string[] Cells(string line) => [.. line.Trim().Trim('|').Split('|').Select(c => c.Trim())];

    public static SpecPage Read(string name) => new(File.ReadAllText(Path.Combine(Folder, name + ".md")));

    public static IEnumerable<string> Names => Directory.GetFiles(Folder, "*.md")
        .Select(f => Path.GetFileNameWithoutExtension(f)!).Order(StringComparer.Ordinal);

    /// <summary>The one table under a heading that has these columns first.</summary>
    public SpecTable Table(string heading, params string[] columns) =>
        Assert.Single(Tables, t => t.Heading == heading && t.Columns.Take(columns.Length).SequenceEqual(columns));

    public SpecBytes Block(string name) => Assert.Single(Blocks, b => b.Name == name);
}

/// <summary>What the product's own source says a format has.</summary>
static class SpecSource
{
    public static string Read(params string[] path) => File.ReadAllText(Path.Combine([Repository.Root, "src",
        "Stele.Proof", .. path]));

    /// <summary>The members that the first <c>Json.Object(…)</c> from some text on writes, and whether each may be left
    /// out.</summary>
    public static List<(string Name, bool Optional, string Value)> Members(string source, string from)
    {
        (source, from) = (OneLine(source), OneLine(from));
        var at = source.IndexOf(from, StringComparison.Ordinal);
        Assert.True(at >= 0, $"the source has no '{from}'");
        const string open = "Json.Object(";
        at = source.IndexOf(open, at, StringComparison.Ordinal);
        Assert.True(at >= 0, $"no object is written after '{from}'");
        var found = new List<(string, bool, string)>();
        for (var i = at + open.Length; source[i] != ')'; i++)
        {
            if (source[i] != '(') continue;
            var end = Close(source, i);
            var tuple = Regex.Match(source[(i + 1)..end], "^\"([^\"]+)\",\\s*(.*)$", RegexOptions.Singleline);
            Assert.True(tuple.Success, $"not a member: {source[i..end]}");
            var value = tuple.Groups[2].Value;
            found.Add((tuple.Groups[1].Value, IsOptional(value)
                || (Regex.IsMatch(value, "^\\w+$") && source.Contains($"Json? {value}", StringComparison.Ordinal)),
                value));
            i = end;
        }
        Assert.NotEmpty(found);
        return found;
    }

    // Null on the way of a member of its own, not of one inside it; or by one of the state digest's two short forms.
    static bool IsOptional(string value)
    {
        if (Regex.IsMatch(value, "^(Optional|Text)\\(")) return true;
        var outer = new StringBuilder();
        for (var i = 0; i < value.Length; i++)
            if (value[i] == '(') i = Close(value, i);
            else outer.Append(value[i]);
        return Regex.IsMatch(outer.ToString(), ": null$|\\? null :|\\?\\.ToJson$|\\?\\.ToJson\\b");
    }

    /// <summary>Where the parenthesis that opens here closes; text in quotes does not count.</summary>
    static int Close(string source, int open)
    {
        var depth = 0;
        for (var i = open; i < source.Length; i++)
        {
            if (source[i] == '"') i = source.IndexOf('"', i + 1);
            else if (source[i] == '(') depth++;
            else if (source[i] == ')' && --depth == 0) return i;
        }
        throw new InvalidOperationException("a parenthesis is not closed");
    }

    /// <summary>Source as if none of its lines were wrapped, so that it is found however it is laid out.</summary>
    static string OneLine(string source) =>
        Regex.Replace(Regex.Replace(source, "\\s*\n\\s*", " "), "(?<=[(\\[]) | (?=\\.)", "");

    /// <summary>A method of the fold with all its lines, by a part of its header.</summary>
    public static string Method(string header)
    {
        var found = Directory.GetFiles(Path.Combine(Repository.Root, "src", "Stele.Proof", "Governance"), "*.cs")
            .Select(File.ReadAllText)
            .SelectMany(text => Regex.Split(text,
                "\n(?=    (?:public |internal |static |const |///|//|sealed |readonly ))"))
            .Where(part => OneLine(part.Split('{')[0]).Contains(header, StringComparison.Ordinal)
                && Regex.IsMatch(part, "^    (public |internal )?static ")).ToList();
        return Assert.Single(found);
    }
}
