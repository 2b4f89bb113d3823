using System.Text;
using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class TileTests
{
    [Theory]
    [InlineData("tile/0/000", 0, 0, 256)]
    [InlineData("tile/0/005", 0, 5, 256)]
    [InlineData("tile/1/x001/234", 1, 1234, 256)]
    [InlineData("tile/2/x001/x234/067", 2, 1234067, 256)]
    [InlineData("tile/0/x001/x234/067.p/112", 0, 1234067, 112)]
    [InlineData("tile/entries/000.p/1", Tile.Entries, 0, 1)]
    [InlineData("tile/entries/x012/345", Tile.Entries, 12345, 256)]
    [InlineData("tile/7/000.p/127", 7, 0, 127)]
    public void Paths(string path, int level, long index, int width)
    {
        var tile = new Tile(level, index, width);
        Assert.Equal(path, tile.Path);
        Assert.True(Tile.TryParse(path, out var parsed));
        Assert.Equal(tile, parsed);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("tile")]
    [InlineData("tile/0")]
    [InlineData("tile/0/")]
    [InlineData("/tile/0/000")]
    [InlineData("tile/0/000/")]
    [InlineData("tile//000")]
    [InlineData("tile/00/000")]
    [InlineData("tile/-1/000")]
    [InlineData("tile/8/000")]
    [InlineData("tile/64/000")]
    [InlineData("tile/0/0")]
    [InlineData("tile/0/0000")]
    [InlineData("tile/0/+00")]
    [InlineData("tile/0/ 00")]
    [InlineData("tile/0/x000/000")]
    [InlineData("tile/0/x000/x001/000")]
    [InlineData("tile/0/001/000")]
    [InlineData("tile/0/x001")]
    [InlineData("tile/0/X001/000")]
    [InlineData("tile/0/000.p")]
    [InlineData("tile/0/000.p/")]
    [InlineData("tile/0/000.p/0")]
    [InlineData("tile/0/000.p/01")]
    [InlineData("tile/0/000.p/256")]
    [InlineData("tile/0/000/1")]
    [InlineData("tile/0/x000.p/000.p/1")]
    [InlineData("tile/entries")]
    [InlineData("tile/Entries/000")]
    [InlineData("tile/8/0/000")]                     // Go's form with the height in the path
    [InlineData("tile/0/٠٠٠")]                       // digits, but not ours
    [InlineData("tile/7/001")]                       // beyond 2^63 leaves
    [InlineData("tile/0/x036/x028/x797/x018/x963/968")]
    [InlineData("tile/0/x999/x999/x999/x999/x999/x999/999")]
    [InlineData("tile/0/../0/000")]
    public void Other_paths_are_refused(string? path) => Assert.False(Tile.TryParse(path, out _));

    [Fact]
    public void Go_paths_are_not_ours()
    {
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("golang-mod-sumdb", "tlog.json"))));
        foreach (var t in json.RootElement.GetProperty("goTilePaths_heightInPath_notC2SP").EnumerateArray())
        {
            var path = t.GetProperty("path").GetString()!;
            Assert.False(Tile.TryParse(path, out _));
            if (!t.TryGetProperty("N", out var n)) continue;
            // The index itself is written alike.
            Assert.True(Tile.TryParse("tile/0/" + string.Join('/', path.Split('/').Skip(3)), out var tile));
            Assert.Equal(n.GetInt64(), tile.Index);
        }
    }

    [Fact]
    public void Widths_and_levels()
    {
        Assert.Equal([0, 1, 255, 256, 256], new long[] { 0, 1, 255, 256, 257 }.Select(s => Tile.WidthAt(s, 0, 0)));
        Assert.Equal([0, 0, 1, 17], new long[] { 0, 255, 256, 256 * 17 + 255 }.Select(s => Tile.WidthAt(s, 1, 0)));
        Assert.Equal([0, 1, 1, 2, 2, 3, 8],
            new long[] { 0, 1, 255, 256, 65535, 65536, long.MaxValue }.Select(Tile.LevelsAt));
        Assert.Equal(127, Tile.WidthAt(long.MaxValue, 7, 0));
        Assert.Equal(112, Tile.WidthAt(70000, Tile.Entries, 273));
    }

    [Fact]
    public void Bundles_are_exact()
    {
        byte[][] entries = [[], [1], new byte[ushort.MaxValue]];
        var bytes = Tile.EncodeBundle(entries);
        Assert.Equal(entries, Tile.DecodeBundle(bytes, 3));
        Assert.Throws<FormatException>(() => Tile.DecodeBundle(bytes, 2));
        Assert.Throws<FormatException>(() => Tile.DecodeBundle(bytes, 4));
        Assert.Throws<FormatException>(() => Tile.DecodeBundle(bytes.AsSpan(1), 3));
        Assert.Throws<FormatException>(() => Tile.DecodeBundle(bytes.AsSpan(0, bytes.Length - 1), 3));
        Assert.Throws<ArgumentException>(() => Tile.EncodeBundle([new byte[ushort.MaxValue + 1]]));
        Assert.Throws<FormatException>(() => Tile.Decode(new byte[33], 1));
        Assert.Throws<FormatException>(() => Tile.Decode(new byte[32], 2));
    }

    /// <summary>
    /// A whole log made elsewhere: every tile, bundle, checkpoint and root recomputed from its fifteen words.
    /// </summary>
    [Fact]
    public void Tessera_testdata_log()
    {
        var dir = Vectors.Dir("tessera-testdata");
        using var keys = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(dir, "keys.json")));
        var logKey = VerifierKey.Parse(keys.RootElement.GetProperty("logVkey").GetString()!);
        foreach (var witness in keys.RootElement.GetProperty("witnessTestKeys").EnumerateObject())
            VerifierKey.Parse(witness.Value.GetProperty("vkey").GetString()!);
        var words = keys.RootElement.GetProperty("leaves").EnumerateArray()
            .Select(w => Encoding.UTF8.GetBytes(w.GetString()!)).ToArray();
        var leaves = words.Select(w => Merkle.Leaf(w)).ToArray();
        Assert.Equal(15, words.Length);

        var log = Path.Combine(dir, "log");
        var checkpoints = new Checkpoint[16];
        var seen = 0;
        for (var n = 0; n <= 15; n++)
        {
            Assert.Equal(CheckpointTrust.Verified,
                Checkpoint.Open(File.ReadAllText(Path.Combine(log, $"checkpoint.{n}")), logKey, out var checkpoint));
            checkpoints[n] = checkpoint!;
            Assert.Equal((n, Merkle.Root(leaves.Take(n))), (checkpoint!.Size, checkpoint.Root));
            seen++;
            if (n == 0) continue;
            Assert.Equal(Tile.Encode(leaves.AsSpan(0, n)),
                File.ReadAllBytes(Path.Combine(log, new Tile(0, 0, n).Path)));
            Assert.Equal(Tile.EncodeBundle(words[..n]),
                File.ReadAllBytes(Path.Combine(log, new Tile(Tile.Entries, 0, n).Path)));
            Assert.Equal(words[..n],
                Tile.DecodeBundle(File.ReadAllBytes(Path.Combine(log, new Tile(Tile.Entries, 0, n).Path)), n));
            seen += 2;
        }
        Assert.Equal(CheckpointTrust.Verified,
            Checkpoint.Open(File.ReadAllText(Path.Combine(log, "checkpoint")), logKey, out var last));
        Assert.Equal(15, last!.Size);
        // + checkpoint and its state file
        Assert.Equal(Directory.GetFiles(log, "*", SearchOption.AllDirectories).Length, seen + 2);

        var tile = Tile.Decode(File.ReadAllBytes(Path.Combine(log, "tile/0/000.p/15")), 15);
        for (var n = 1; n <= 15; n++)
        {
            for (var i = 0; i < n; i++)
                Assert.True(Proofs.VerifyInclusion(i, n, leaves[i],
                    Proofs.Inclusion(i, n, (l, x) => Tile.Subtree(l, x, tile)), checkpoints[n].Root));
            for (var m = 1; m <= n; m++)
                Assert.True(Proofs.VerifyConsistency(m, n, checkpoints[m].Root, checkpoints[n].Root,
                    Proofs.Consistency(m, n, (l, x) => Tile.Subtree(l, x, tile))));
        }
    }
}
