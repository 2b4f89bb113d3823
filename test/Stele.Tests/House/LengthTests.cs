namespace Stele.Tests.House;

/// <summary>
/// A file of the product has at most 450 lines, unless it is a table of data.
/// </summary>
public sealed class LengthTests
{
    const int Most = 450;

    /// <summary>Rows of data, one or a few lines each: nothing that is read from top to bottom.</summary>
    static readonly string[] Tables = ["src/Cel/Values/ZoneTable.cs"];

    [Fact]
    public void Files_have_at_most_450_lines()
    {
        var found = TrackedFileTests.Tracked().Where(f => f.StartsWith("src/", StringComparison.Ordinal)
                && f.EndsWith(".cs", StringComparison.Ordinal))
            .Where(f => File.ReadLines(Path.Combine(Repository.Root, f)).Count() > Most);
        Rule.Holds(found.Except(Tables)
            .Select(f => $"{f} has more than {Most} lines: what has a story of its own moves out"));
    }
}
