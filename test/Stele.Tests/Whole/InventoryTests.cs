using System.Text.RegularExpressions;

namespace Stele.Tests.Whole;

/// <summary>Every file that Stele keeps stands in docs/INVENTORY.md, with the mode that it has.</summary>
[Collection(WholeCollection.Name)]
public sealed class InventoryTests(TourWorld tour)
{
    sealed record Row(string Pattern, string Mode)
    {
        public bool Covers(string path) => Regex.IsMatch(path, "^" + Regex.Escape(Pattern)
            .Replace(@"\[hex]", "[0-9a-f]{64}", StringComparison.Ordinal)
            .Replace(@"\[origin]", "[0-9a-f]{64}", StringComparison.Ordinal)
            .Replace(@"\[genesis]", "[0-9a-f]{64}", StringComparison.Ordinal)
            .Replace(@"\[n]", "[0-9]+", StringComparison.Ordinal)
            .Replace(@"\*\*", ".+", StringComparison.Ordinal)
            .Replace(@"\*", "[^/]+", StringComparison.Ordinal) + "$");
    }

    static IReadOnlyList<Row> Rows()
    {
        var rows = File.ReadLines(Path.Combine(Repository.Root, "docs", "INVENTORY.md"))
            .Select(l => Regex.Match(l, @"^\| `([^`]+)` \| (0[0-7]{3}|any) \| ")).Where(m => m.Success)
            .Select(m => new Row(m.Groups[1].Value, m.Groups[2].Value)).ToArray();
        Assert.True(rows.Length > 50, "the table could not be read");
        return rows;
    }

    /// <summary>What stands below a folder that is in no row, or has another mode than its row says.</summary>
    static IEnumerable<string> Wrong(IReadOnlyList<Row> rows, string root, string prefix)
    {
        string Name(string path) => Path.GetRelativePath(root, path) is var inside
            && inside == "." ? prefix.TrimEnd('/') : prefix + inside;
        foreach (var file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
        {
            if (new FileInfo(file).LinkTarget is not null) continue;
            var name = Name(file);
            var mode = "0" + Convert.ToString((int)File.GetUnixFileMode(file), 8).PadLeft(3, '0');
            if (rows.FirstOrDefault(r => r.Covers(name)) is not { } row) yield return $"{name} is in no row";
            else if (row.Mode != "any" && row.Mode != mode) yield return $"{name} has mode {mode}, not {row.Mode}";
        }
        foreach (var folder in Directory.EnumerateDirectories(root, "*", SearchOption.AllDirectories).Prepend(root))
            if (rows.FirstOrDefault(r => r.Pattern == Name(folder)) is { } row
                && "0" + Convert.ToString((int)File.GetUnixFileMode(folder), 8) is var mode && mode != row.Mode)
                yield return $"{Name(folder)} has mode {mode}, not {row.Mode}";
    }

    static IEnumerable<string> Wrong(string data, IEnumerable<string> homes)
    {
        var rows = Rows();
        return Wrong(rows, Path.Combine(data, "server"), "server/")
            .Concat(Wrong(rows, Path.Combine(data, "node"), "node/"))
            .Concat(homes.SelectMany(h => Wrong(rows, h, "home/").Select(w => $"{Path.GetFileName(h)}: {w}")));
    }

    [Fact]
    public void Every_file_that_the_tour_leaves_is_in_the_inventory() =>
        Assert.Empty(Wrong(tour.Folder, Directory.EnumerateDirectories(Path.Combine(tour.Folder, "homes"))));

    [Fact]
    public void Packs_and_receipts_are_private()
    {
        foreach (var file in new[] { tour.Pack, tour.Receipt })
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
    }

    /// <summary>A home that was made with a lax umask is closed by the next command that writes in it.</summary>
    [Fact]
    public async Task A_home_that_others_could_read_is_closed()
    {
        using var scratch = new Scratch();
        var home = scratch.At("home");
        Directory.CreateDirectory(home);
        File.SetUnixFileMode(home, (UnixFileMode)0b111_101_101);
        await Programs.Say(home, "init", "--data", scratch.At("data"));
        Assert.Equal("700", Convert.ToString((int)File.GetUnixFileMode(home), 8));
        Assert.Equal("700", Convert.ToString((int)File.GetUnixFileMode(Path.Combine(home, "keys")), 8));
    }

    [Fact]
    public void A_file_that_nobody_wrote_down_is_found()
    {
        using var scratch = new Scratch();
        Directory.CreateDirectory(scratch.At("server/keys"));
        File.SetUnixFileMode(scratch.At("server"), (UnixFileMode)0b111_000_000);
        File.WriteAllText(scratch.At("server/notes"), "");
        File.WriteAllText(scratch.At("server/tokens.json"), "");
        File.SetUnixFileMode(scratch.At("server/tokens.json"), (UnixFileMode)0b110_100_100);
        Assert.Equal(["server/notes is in no row", "server/tokens.json has mode 0644, not 0600"],
            Wrong(Rows(), scratch.At("server"), "server/").Order(StringComparer.Ordinal));
    }
}
