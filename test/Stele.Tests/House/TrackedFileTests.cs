using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Stele.Tests.House;

/// <summary>The repository speaks of itself alone: no path of a machine it was written on, no registry's address, no key.</summary>
public sealed class TrackedFileTests
{
    // Put together from pieces, so that this file does not match itself.
    static readonly (string What, Regex Pattern)[] Forbidden =
    [
        ("a path of a machine", new(@"(?<![\w.$})~-])/(" + string.Join('|', "wo" + "rk", "fa" + "rm", "ro" + "ot", "ho" + "me/[a-z]+", "tmp/" + "wt", "Us" + "ers") + ")/")),
        ("a package registry", new(@"\b(" + string.Join('|', @"registry\.npm" + @"js\.org", @"registry\.yarn" + @"pkg\.com", @"api\.nu" + @"get\.org", @"py" + @"pi\.org", @"files\.python" + @"hosted\.org", @"proxy\.go" + @"lang\.org", @"static\.cra" + @"tes\.io", @"ruby" + @"gems\.org", @"repo1?\.mav" + @"en\.(apache\.)?org", @"deb\.deb" + @"ian\.org", @"repository/[a-z]+-pro" + "xy") + @")\b")),
        ("a private key", new("-----BEGIN [A-Z ]*PRI" + "VATE KEY-----")),
        ("a numbered ticket", new(@"\b(" + string.Join('|', "iss" + "ue", "ses" + "sion", "tic" + "ket", "bri" + "ef") + @") #?\d+\b", RegexOptions.IgnoreCase)),
        ("a note to oneself", new(@"\b(TO" + "DO|FIX" + "ME|XX" + @"X|HA" + @"CK)\b")),
    ];

    static IEnumerable<string> Found(string name, string text) =>
        from f in Forbidden from line in text.Split('\n').Select((t, i) => (Text: t, Number: i + 1)) where f.Pattern.IsMatch(line.Text) select $"{name}:{line.Number}: {f.What}: {line.Text.Trim()}";

    /// <summary>What git tracks, and what it would if one added it now.</summary>
    static List<string> Tracked()
    {
        if (!Path.Exists(Path.Combine(Repository.Root, ".git"))) Assert.Skip("not a git working copy: there is nothing to list");
        using var git = Process.Start(new ProcessStartInfo("git", ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]) { RedirectStandardOutput = true, WorkingDirectory = Repository.Root })!;
        var files = git.StandardOutput.ReadToEnd().Split('\0', StringSplitOptions.RemoveEmptyEntries).Where(f => File.Exists(Path.Combine(Repository.Root, f))).Distinct().ToList();
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
            var bytes = File.ReadAllBytes(Path.Combine(Repository.Root, file));
            if (!bytes.AsSpan(0, Math.Min(bytes.Length, 8000)).Contains((byte)0)) found.AddRange(Found(file, System.Text.Encoding.UTF8.GetString(bytes)));
        }
        Rule.Holds(found);
    }

    [Fact]
    public void What_was_built_is_not_tracked() =>
        Assert.DoesNotContain(Tracked(), f => f.Split('/').Any(p => p is "bin" or "obj" or "out" or "TestResults") || Path.GetExtension(f) is ".dll" or ".exe" or ".pdb");

    [Fact]
    public void Forbidden_text_is_seen()
    {
        foreach (var text in new[] { "see /wo" + "rk/a", "\"/ro" + "ot/.config\"", "https://api.nu" + "get.org/v3", "-----BEGIN PRI" + "VATE KEY-----", "as in iss" + "ue 12", "// TO" + "DO later" })
            Assert.NotEmpty(Found("text", text));
        foreach (var text in new[] { "frame/wo" + "rk/", "$HOME/wo" + "rk/x", "/app/ro" + "ot/", "a network is named", "issues are welcome", "\"/data/home\"" })
            Assert.Empty(Found("text", text));
    }
}
