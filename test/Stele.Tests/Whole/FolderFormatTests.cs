using Stele.Disk;
using Stele.Host;
using Stele.Identity;
using Stele.Ledger;
using Stele.Proof;
using Stele.Runtime;
using Stele.Tests.Upgrade;

namespace Stele.Tests.Whole;

/// <summary>A folder that a newer build wrote is neither read nor written, by any command; and what keeps earlier
/// builds out of this one's folders stands where they look first.</summary>
public sealed class FolderFormatTests
{
    const string Newer = "stele folder 3\n";

    /// <summary>Every file below a folder but for locks and what the running server has open, with its bytes.</summary>
    static SortedDictionary<string, string> Bytes(string folder)
    {
        var all = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFileSystemEntries(folder, "*", SearchOption.AllDirectories))
            if (!file.EndsWith(".lock", StringComparison.Ordinal))
                all[Path.GetRelativePath(folder, file)] = Directory.Exists(file) ? "folder"
                    : Digest.Of(File.ReadAllBytes(file)).ToString();
        return all;
    }

    static async Task Refused(string part, string home, params string[] arguments)
    {
        var ended = await Programs.Cli(home, arguments);
        Assert.True(ended.Code == 1, $"{string.Join(' ', arguments)}: {ended.Code}\n{ended.Output}{ended.Error}");
        Assert.Equal($"stele: error: {part} has format 3, and this build of stele knows format 2 and older: use the "
            + "build that wrote it, or a newer one\n", ended.Error);
    }

    [Fact]
    public async Task A_newer_folder_is_refused_by_every_command_and_nothing_is_written()
    {
        using var world = new KeptWorld("fold-1");
        var (server, node) = (Path.Combine(world.Folder, "server"), Path.Combine(world.Folder, "node"));
        string[] here = ["--data", world.Folder];
        await using (var up = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", "0"))
        {
            File.WriteAllText(FolderFormat.FileOf(node), Newer);
            var before = Bytes(node);
            var erased = world.Decision("whole");
            foreach (var arguments in new[]
            {
                ["erase", erased], ["log", "prune", "desk/prod"], ["log", "move", "desk/prod", "--to", world.At("to")],
                ["log", "attach", "desk/prod", "--from", world.Cold],
                ["audit", "export", "--out", world.At("pack.zip")],
                ["principal", "add", "--for", "desk/prod", "--role", "clerk"], ["principal", "list"],
                ["token", "add", "someone", "--node", "--right", "logs"], ["token", "list"],
                ["retention", "run"], ["fsck"], ["fsck", "--repair"], ["up", "--port", "0", "--gateway-port", "0"],
                ["up", "--only", "node", "--gateway-port", "0"], new[] { "up", "--only", "server", "--port", "0" },
            }) await Refused(node, world.Owner, [.. arguments, .. here]);
            Assert.Equal(before, Bytes(node));
            Assert.Equal((0, ""), await up.Stop());
        }
        File.Delete(FolderFormat.FileOf(node));
        File.WriteAllText(FolderFormat.FileOf(server), Newer);
        var untouched = Bytes(world.Folder);
        foreach (var arguments in new[]
        {
            ["init"], ["fsck"], ["fsck", "--repair"], ["token", "add", "someone"], ["token", "remove", "founder"],
            ["up", "--port", "0", "--gateway-port", "0"], ["up", "--only", "server", "--port", "0"],
            new[] { "up", "--only", "node", "--gateway-port", "0", "--follow", "http://127.0.0.1:1/" },
        }) await Refused(server, world.Owner, [.. arguments, .. here]);
        foreach (var (file, _) in untouched.Where(u => u.Key.StartsWith("homes/", StringComparison.Ordinal)).ToList())
            untouched.Remove(file);   // a home may note what it likes
        Assert.Equal(untouched, new SortedDictionary<string, string>(Bytes(world.Folder)
            .Where(u => !u.Key.StartsWith("homes/", StringComparison.Ordinal)).ToDictionary(), StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("")]
    [InlineData("stele folder 2")]
    [InlineData("stele folder 02\n")]
    [InlineData("stele folder 1\n")]
    [InlineData("stele folder 99999999999\n")]
    [InlineData("{\"version\":2}\n")]
    public void What_is_no_version_is_no_folder_to_open(string text)
    {
        using var scratch = new Scratch();
        scratch.File("format", text);
        Assert.Throws<FormatException>(() => FolderFormat.Demand(scratch.Path));
        Assert.Throws<FormatException>(() => FolderFormat.Raise(scratch.Path));
        Assert.Equal(text, File.ReadAllText(scratch.At("format")));
    }

    /// <summary>The first start of this build raises what it finds: the lists of tokens, keys of logs, the marker; and
    /// node/run is a file.</summary>
    [Fact]
    public async Task A_folder_of_an_earlier_build_is_raised_by_the_first_start()
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        using var world = new KeptWorld("fold-1");
        var (server, node) = (Path.Combine(world.Folder, "server"), NodeFolder.In(world.Folder));
        Assert.Equal((1, 1), (FolderFormat.Of(server), FolderFormat.Of(node.Path)));
        var key = Path.Combine(server, "keys", "log.key");
        string[] keys = [key, .. Directory.GetFiles(node.Logs, "key", SearchOption.AllDirectories)];
        string[] tokens = [Path.Combine(server, "tokens.json"), node.Principals];
        Assert.All(keys, k => Assert.StartsWith("PRIVATE+KEY+", File.ReadAllText(k), StringComparison.Ordinal));
        var before = keys.Select(Public).ToArray();
        var holders = tokens.Select(t => TokenFile.All(t).Length).ToArray();
        await using (var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0"))
        {
            using var pages = new NodePages(world.Folder);
            await pages.Serving(up.Gateway, "desk");
            Assert.Equal((0, ""), await up.Stop());
        }
        Assert.Equal((2, 2), (FolderFormat.Of(server), FolderFormat.Of(node.Path)));
        Assert.All(keys, k => Assert.StartsWith("# stele format 2", File.ReadAllText(k), StringComparison.Ordinal));
        Assert.All(keys, k => Assert.Equal(Files.Secret, File.GetUnixFileMode(k)));
        Assert.Equal(before, keys.Select(Public));
        Assert.All(tokens, t => Assert.Equal(2, CanonicalJson.Parse(File.ReadAllBytes(t), 1 << 20)["version"].AsInt));
        Assert.Equal([holders[0], holders[1] + 1], tokens.Select(t => TokenFile.All(t).Length));
        Assert.True(File.Exists(node.OldRun));

        static string Public(string file)
        {
            using var signer = NoteSigner.Open(file);
            return signer.Key.ToString();
        }
    }
}
