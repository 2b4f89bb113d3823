namespace Stele.Tests.House;

/// <summary>
/// A file of the product has at most 450 lines, unless it is a table of data. Those that have more are listed, and
/// the list only shrinks.
/// </summary>
public sealed class LengthTests
{
    const int Most = 450;

    /// <summary>Rows of data, one or a few lines each: nothing that is read from top to bottom.</summary>
    static readonly string[] Tables = ["src/Cel/Values/ZoneTable.cs"];

    /// <summary>Files that tell more than one story still.</summary>
    static readonly string[] Long =
    [
        "src/Stele.Store/Disk/Journal.cs",
        "src/Stele.Store/Ledger/Log.cs",
    ];

    [Fact]
    public void Files_have_at_most_450_lines()
    {
        var now = TrackedFileTests.Tracked().Where(f => f.StartsWith("src/", StringComparison.Ordinal)
                && f.EndsWith(".cs", StringComparison.Ordinal))
            .Where(f => File.ReadLines(Path.Combine(Repository.Root, f)).Count() > Most).Except(Tables).ToList();
        Rule.Holds(now.Except(Long)
            .Select(f => $"{f} has more than {Most} lines: what has a story of its own moves out")
            .Concat(Long.Except(now).Select(f => $"{f} has no more than {Most} lines: take it off the list")));
    }
}
