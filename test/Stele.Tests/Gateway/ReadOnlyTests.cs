using System.Security.Cryptography;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Host;
using Stele.Tests.Whole;

namespace Stele.Tests.Gateway;

/// <summary>Commands that read leave the folder of a node that does not run as it is, to the byte.</summary>
public sealed class ReadOnlyTests
{
    /// <summary>Every file below a folder: content, mode and time of the last write.</summary>
    static SortedDictionary<string, string> Seen(string folder) => new(Directory.EnumerateFileSystemEntries(folder, "*",
        SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(folder, f), f =>
            $"{File.GetLastWriteTimeUtc(f):O} {File.GetUnixFileMode(f)} "
            + (File.Exists(f) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(f))) : "a folder")),
            StringComparer.Ordinal);

    /// <summary>A folder as a node that is killed now leaves it.</summary>
    internal static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var folder in Directory.EnumerateDirectories(from, "*", SearchOption.AllDirectories))
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories)
            .Where(f => !Files.IsTemporary(f)))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            if (Path.GetExtension(file) == ".lock") File.WriteAllBytes(copy, []);   // held, and empty
            else File.Copy(file, copy);
        }
    }

    [Theory]
    [InlineData("in order")]
    [InlineData("killed")]
    public async Task No_command_that_reads_changes_a_byte(string ended)
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 300; i++)
            Assert.Equal(System.Net.HttpStatusCode.OK, (await h.Ask("/say", $"{{\"n\":{i}}}")).Status);
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { Size: 300 }, "not anchored");
        var home = await MissingKeysTests.Home(h);
        var killed = h.Town.Path("killed");
        if (ended == "killed") Copy(h.Folder.Path, killed);
        await h.StopNode();
        if (ended == "killed")
        {
            Directory.Delete(h.Folder.Path, recursive: true);
            Directory.Move(killed, h.Folder.Path);
            // Of what was under way, all but the leaf was lost; nothing derived was written; an earlier build's key.
            MissingKeysTests.Take(h.Folder.KeyTable(origin), 299);
            MissingKeysTests.Unseal(h.Folder.KeyTable(origin));
            Directory.Delete(Path.Combine(h.Folder.Log(origin), "tile"), recursive: true);
            var key = Path.Combine(h.Folder.Log(origin), "key");
            var lines = await File.ReadAllLinesAsync(key);
            await File.WriteAllTextAsync(key, lines[^1] + "\n");
        }
        else   // as a copy of the folder is
            foreach (var file in Directory.EnumerateFiles(h.Folder.Path, "*.lock", SearchOption.AllDirectories))
                File.Delete(file);

        var before = Seen(h.Folder.Path);
        var data = Path.GetDirectoryName(h.Folder.Path)!;
        var pack = h.Town.Path("pack.zip");
        foreach (var (code, verb) in new (int, string[])[]
        {
            (0, ["audit", "export", "--out", pack]), (0, ["verify", "pack", pack, "--trust", h.Town.Folder.Trust]),
            (-1, ["policy", "status"]), (0, ["log", "list"]), (-1, ["status"]),
            (0, ["reconcile", "--from", "2020-01-01T00:00:00Z", "--to", $"{DateTime.UtcNow:yyyy-MM-dd'T'HH:mm:ss'Z'}",
                "--dry-run"]),
            (-1, ["receipt", Decision.Id(origin, 1)]), (-1, ["trace", Decision.Id(origin, 1)]),
            (0, ["token", "list"]), (0, ["principal", "list"]), (-1, ["fsck"]), (0, ["log", "1"]),
        })
        {
            string[] where = verb[0] is "audit" or "fsck" or "reconcile" or "token" or "principal" or "policy"
                ? ["--data", data] : [];
            var ran = await Programs.Cli(home, [.. verb, .. where]);
            if (code >= 0) Assert.True(ran.Code == code, $"{verb[0]}: {ran.Code} {ran.Output}{ran.Error}");
            Assert.Equal(before, Seen(h.Folder.Path));
        }
        using (var file = File.OpenRead(pack))
        {
            var report = Verifier.Verify(file, h.Town.Trust);
            Assert.True(report.Result == VerifyResult.Complete, string.Join('\n', report.Findings));
        }

        // What opens bodies records that, and writes nothing else.
        var policy = h.Town.State.Policies.Values.First();
        var replayed = await Programs.Cli(home, "policy", "replay", $"{policy.Policy}", "--since",
            "2020-01-01T00:00:00Z", "--for", Hamlet.System, "--data", data);
        Assert.True(replayed.Code == 0, replayed.Output + replayed.Error);
        Assert.Contains("300 judged again", replayed.Output, StringComparison.Ordinal);
        var after = Seen(h.Folder.Path);
        Assert.NotEqual(before["reads"], after["reads"]);
        foreach (var seen in new[] { before, after })
            foreach (var written in (string[])["reads", "reads.lock", "outbox.lock"]) seen.Remove(written);
        Assert.Equal(before, after);

        // The node opens it as it ended.
        await h.Restart();
        await h.Eventually(() => h.Ask("/say").Result.Status == System.Net.HttpStatusCode.OK, "it does not serve");
        Assert.DoesNotContain(h.Node.Pages.Status().Environments.Single().Faults,
            f => f.Code == "keys-missing");
        Assert.Equal(ended == "killed" ? "lost" : "whole", CanonicalJson.Parse((await h.Page(
            $"bodies/{NodeFolder.NameOf(origin)}/299"))!, 1 << 22)["input"]["state"].AsString);
    }
}
