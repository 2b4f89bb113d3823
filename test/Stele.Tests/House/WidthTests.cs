using System.Globalization;

namespace Stele.Tests.House;

/// <summary>
/// Lines have at most 120 columns. What has more is counted by file in <c>wide-lines.txt</c>, which only shrinks: a
/// file with more wide lines than it lists fails, and so does one with fewer, until the list says so.
/// </summary>
public sealed class WidthTests
{
    const int Columns = 120;
    static readonly string[] Kinds = [".cs", ".md", ".sh", ".yaml", ".csproj", ".props", ".html", ".css", ".js", ".py"];

    static string List => Path.Combine(Repository.Root, "test", "Stele.Tests", "House", "wide-lines.txt");

    // A table's row or a link can't be broken in Markdown.
    static bool IsWide(string file, string line) => new StringInfo(line).LengthInTextElements > Columns
        && !(file.EndsWith(".md", StringComparison.Ordinal) && line.StartsWith('|'));

    static SortedDictionary<string, int> Wide()
    {
        var found = new SortedDictionary<string, int>(StringComparer.Ordinal);
        foreach (var file in TrackedFileTests.Tracked().Where(f => Kinds.Contains(Path.GetExtension(f))))
        {
            var wide = File.ReadLines(Path.Combine(Repository.Root, file)).Count(l => IsWide(file, l));
            if (wide > 0) found[file] = wide;
        }
        return found;
    }

    [Fact]
    public void Lines_have_at_most_120_columns()
    {
        var wide = Wide();
        var listed = File.ReadLines(List).Where(l => !l.StartsWith('#')).Select(l => l.Split(' '))
            .ToDictionary(p => p[0], p => int.Parse(p[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);
        Rule.Holds(wide.Keys.Union(listed.Keys)
            .Select(f => (File: f, Now: wide.GetValueOrDefault(f), Listed: listed.GetValueOrDefault(f)))
            .Where(x => x.Now != x.Listed)
            .Select(x => x.Now > x.Listed
                ? $"{x.File} has {x.Now} lines wider than {Columns} columns, and {x.Listed} are listed: wrap them"
                : $"{x.File} has {x.Now} wide lines left and {x.Listed} are listed: lower it in wide-lines.txt"));
    }

    /// <summary>At most three in a hundred lines of the product, tables of data among them.</summary>
    [Fact]
    public void Few_lines_of_the_product_are_wide()
    {
        var lines = TrackedFileTests.Tracked().Where(f => f.StartsWith("src/", StringComparison.Ordinal)
                && f.EndsWith(".cs", StringComparison.Ordinal))
            .Sum(f => File.ReadLines(Path.Combine(Repository.Root, f)).Count());
        var wide = Wide().Where(w => w.Key.StartsWith("src/", StringComparison.Ordinal)).Sum(w => w.Value);
        Assert.True(wide * 100 <= lines * 3, $"{wide} of {lines} lines are wide");
    }

    [Fact]
    public void Wide_lines_are_seen()
    {
        Assert.True(IsWide("a.cs", new string('x', 121)));
        Assert.False(IsWide("a.cs", new string('x', 120)));
        Assert.False(IsWide("a.md", "|" + new string('x', 121)));
    }
}
