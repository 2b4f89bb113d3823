using System.Text.RegularExpressions;

namespace Stele.Tests.House;

/// <summary>
/// What people read is plain modern English: help, errors, docs, the page, comments, the names of tests. The words
/// below stand nowhere; docs/GLOSSARY.md has the field's words for what Stele speaks of.
/// </summary>
public sealed partial class WordTests
{
    // Put together from pieces, so that this file does not match itself.
    [GeneratedRegex("\\b(who" + "ever|an" + "ew|men" + "d|men" + "ds|men" + "ded|men" + "ding|where" + "fore|there"
        + "of"
        + "|for " + "ever|let " + "off|lies " + "with|stands " + "with|nobody " + "excludes)\\b",
        RegexOptions.IgnoreCase)]
    private static partial Regex Refused { get; }

    /// <summary>
    /// Words that are right in few places, and how many places they still have in <c>src</c>: fewer from here on.
    /// </summary>
    static readonly (string Word, int Most)[] Sparing = [("beside", 8)];

    static readonly string[] Kinds =
        [".cs", ".md", ".sh", ".yaml", ".txt", ".html", ".js", ".css", ".py", ".csproj", ".props", ""];

    static IEnumerable<(string File, string Text)> Texts() =>
        from file in TrackedFileTests.Tracked()
        where file != "LICENSE" && Kinds.Contains(Path.GetExtension(file))
        select (file, File.ReadAllText(Path.Combine(Repository.Root, file)));

    // The words of a name, too: in SomeName and some_name each is a word.
    static IEnumerable<string> Found(string file, string text) =>
        from line in text.Split('\n').Select((t, i) => (Text: t, Number: i + 1))
        let words = Regex.Replace(line.Text.Replace('_', ' '), "(?<=[a-z])(?=[A-Z])", " ")
        where Refused.IsMatch(line.Text) || Refused.IsMatch(words)
        select $"{file}:{line.Number}: {Refused.Match(words).Value}: {line.Text.Trim()}";

    [Fact]
    public void No_text_has_a_refused_word() => Rule.Holds(Texts().SelectMany(t => Found(t.File, t.Text)));

    [Fact]
    public void Words_for_few_places_get_fewer() =>
        Rule.Holds(from s in Sparing
            let now = Texts().Where(t => t.File.StartsWith("src/", StringComparison.Ordinal))
                .Sum(t => Regex.Count(t.Text, $"\\b{s.Word}\\b", RegexOptions.IgnoreCase))
            where now != s.Most
            select now > s.Most ? $"'{s.Word}' stands {now} times in src, and {s.Most} were there: say it otherwise"
                : $"'{s.Word}' stands {now} times in src: write that down here");

    [Fact]
    public void Refused_words_are_seen()
    {
        Assert.Single(Found("a", "Who" + "ever reads this"));
        Assert.Single(Found("a", "void A_test_begins_an" + "ew()"));
        Assert.Single(Found("a", "void Men" + "dVerdicts()"));
        Assert.Empty(Found("a", "recommended, amended, renewed"));
    }
}
