using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text.RegularExpressions;

namespace Stele.Tests.House;

/// <summary>
/// The repository speaks of itself alone: no path of a machine it was written on, no registry's address, no key.
/// </summary>
public sealed class TrackedFileTests
{
    // Put together from pieces, so that this file does not match itself.
    static readonly (string What, Regex Pattern)[] Forbidden =
    [
        ("a path of a machine",
            new(@"(?<![\w.$})~-])/(" + string.Join('|', "wo" + "rk", "fa" + "rm", "ro" + "ot", "ho"
                + "me/[a-z]+", "tmp/" + "wt", "Us" + "ers") + ")/")),
        ("a package registry",
            new(@"\b("
                + string.Join('|', @"registry\.npm" + @"js\.org", @"registry\.yarn" + @"pkg\.com",
                    @"api\.nu" + @"get\.org", @"py" + @"pi\.org", @"files\.python" + @"hosted\.org",
                    @"proxy\.go" + @"lang\.org", @"static\.cra" + @"tes\.io", @"ruby" + @"gems\.org", @"repo1?\.mav"
                        + @"en\.(apache\.)?org", @"deb\.deb" + @"ian\.org", @"repository/[a-z]+-pro" + "xy") + @")\b")),
        (Key, new("-----BEGIN [A-Z ]*PRI" + "VATE KEY-----")),
        ("a numbered ticket", new(@"\b(" + string.Join('|', "iss" + "ue", "ses" + "sion", "tic" + "ket", "bri" + "ef")
            + @") #?\d+\b", RegexOptions.IgnoreCase)),
        ("a note to oneself", new(@"\b(TO" + "DO|FIX" + "ME|XX" + @"X|HA" + @"CK)\b")),
    ];

    /// <summary>
    /// Archives that hold keys and tokens made for tests alone: worlds that <c>UpgradeTests</c> brings back to life.
    /// They sign nothing and open nothing anywhere else.
    /// </summary>
    static readonly string[] HoldTestKeys =
        ["test/Stele.Tests/Upgrade/fold-1.tar.br", "test/Stele.Tests/Upgrade/format-2.tar.br"];

    const string Key = "a private key";

    static IEnumerable<string> Found(string name, string text) =>
        from f in Forbidden from line in text.Split('\n').Select((t, i) => (Text: t, Number: i + 1))
            where f.Pattern.IsMatch(line.Text) select $"{name}:{line.Number}: {f.What}: {line.Text.Trim()}";

    /// <summary>What git tracks, and what it would if one added it now.</summary>
    internal static List<string> Tracked()
    {
        if (!Path.Exists(Path.Combine(Repository.Root, ".git")))
            Assert.Skip("not a git working copy: there is nothing to list");
        using var git = Process.Start(new ProcessStartInfo("git",
            ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        {
            RedirectStandardOutput = true,
            WorkingDirectory = Repository.Root
        })!;
        var files = git.StandardOutput.ReadToEnd().Split('\0', StringSplitOptions.RemoveEmptyEntries)
            .Where(f => File.Exists(Path.Combine(Repository.Root, f))).Distinct().ToList();
        git.WaitForExit();
        Assert.Equal(0, git.ExitCode);
        Assert.Contains("stele.slnx", files);
        return files;
    }

    [Fact]
    public void The_repository_speaks_of_itself_alone()
    {
        var found = new List<string>();
        foreach (var file in Tracked())
        {
            found.AddRange(Found("name", file));
            found.AddRange(Within(file, File.ReadAllBytes(Path.Combine(Repository.Root, file))));
        }
        // A name on that list that holds no key any more would let the next one through unseen.
        foreach (var file in HoldTestKeys) Assert.Contains(found, f => IsKeyIn(f, file));
        Rule.Holds(found.Where(f => !HoldTestKeys.Any(file => IsKeyIn(f, file))).ToList());

        static bool IsKeyIn(string finding, string file) =>
            finding.StartsWith(file + "/", StringComparison.Ordinal)
            && finding.Contains($": {Key}: ", StringComparison.Ordinal);
    }

    /// <summary>What is found in a file that is text, or in those of an archive.</summary>
    static IEnumerable<string> Within(string name, byte[] bytes)
    {
        if (name.EndsWith(".tar.br", StringComparison.Ordinal))
        {
            using var tar = new TarReader(new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress));
            while (tar.GetNextEntry() is { } entry)
                foreach (var f in Member(entry.Name, entry.DataStream)) yield return f;
        }
        else if (name.EndsWith(".zip", StringComparison.Ordinal))
        {
            using var zip = new ZipArchive(new MemoryStream(bytes));
            foreach (var entry in zip.Entries)
            {
                using var content = entry.Open();
                foreach (var f in Member(entry.FullName, content)) yield return f;
            }
        }
        else if (!bytes.AsSpan(0, Math.Min(bytes.Length, 8000)).Contains((byte)0))
            foreach (var f in Found(name, System.Text.Encoding.UTF8.GetString(bytes))) yield return f;

        IEnumerable<string> Member(string path, Stream? content)
        {
            using var whole = new MemoryStream();
            content?.CopyTo(whole);
            return [.. Found("name", path), .. Within($"{name}/{path}", whole.ToArray())];
        }
    }

    [Fact]
    public void What_an_archive_holds_is_seen()
    {
        using var zipped = new MemoryStream();
        using (var zip = new ZipArchive(zipped, ZipArchiveMode.Create, leaveOpen: true))
        using (var text = new StreamWriter(zip.CreateEntry("a/note.txt").Open())) text.Write("// TO" + "DO later");
        Assert.StartsWith("kept.zip/a/note.txt:1: ", Assert.Single(Within("kept.zip", zipped.ToArray())),
            StringComparison.Ordinal);

        using var packed = new MemoryStream();
        using (var plain = new BrotliStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(plain))
            tar.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile,
                "b.zip") { DataStream = new MemoryStream(zipped.ToArray()) });
        Assert.StartsWith("kept.tar.br/b.zip/a/note.txt:1: ", Assert.Single(Within("kept.tar.br", packed.ToArray())),
            StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_built_is_not_tracked() =>
        Assert.DoesNotContain(Tracked(), f => f.Split('/').Any(p => p is "bin" or "obj" or "out" or "TestResults")
            || Path.GetExtension(f) is ".dll" or ".exe" or ".pdb");

    [Fact]
    public void Forbidden_text_is_seen()
    {
        foreach (var text in new[] { "see /wo" + "rk/a", "\"/ro" + "ot/.config\"", "https://api.nu" + "get.org/v3",
            "-----BEGIN PRI" + "VATE KEY-----", "as in iss" + "ue 12", "// TO" + "DO later" })
            Assert.NotEmpty(Found("text", text));
        foreach (var text in new[] { "frame/wo" + "rk/", "$HOME/wo" + "rk/x", "/app/ro" + "ot/", "a network is named",
            "issues are welcome", "\"/data/home\"" })
            Assert.Empty(Found("text", text));
    }
}
