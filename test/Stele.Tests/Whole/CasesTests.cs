using System.Diagnostics;

namespace Stele.Tests.Whole;

/// <summary>
/// Small inputs derived from faults that people reported of programs of this kind: from STELE_CASES, else
/// ../shared/cases beside the repository. Never committed here. Each is a folder with a <c>run.sh</c> that ends
/// with 0 when the programs do right.
/// </summary>
public sealed class CasesTests(ITestOutputHelper output)
{
    static readonly string Root = Environment.GetEnvironmentVariable("STELE_CASES") ?? Path.Combine(Repository.Root,
        "..", "shared", "cases");

    /// <summary>What holds.</summary>
    static readonly string[] Right = ["01-comment-in-folded-block", "02-all-over-nothing", "17-escapes-in-file-names"];

    /// <summary>What does not hold yet, and what it takes.</summary>
    static readonly Dictionary<string, string> NotYet = new(StringComparer.Ordinal)
    {
        ["11-model-cache-links"] = "freezing a folder whose links lead out or to nothing: a refusal that says what "
            + "to do",
        ["14-ignore-spellings"] = "--ignore by any spelling of a path, or an error where it ignores nothing",
        ["16-unreadable-file"] = "a file that may not be read is an error with exit code 2 and its path",
        ["19-out-onto-a-device"] = "--out onto a device or pipe writes to it or refuses; it is never replaced",
    };

    static string[] Found()
    {
        if (!Directory.Exists(Root)) Assert.Skip("no cases: set STELE_CASES to their folder");
        string[] found = [.. Directory.GetDirectories(Root).Where(d => File.Exists(Path.Combine(d, "run.sh")))
            .Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(found);
        return found;
    }

    [Fact]
    public void Every_case_is_known_to_hold_or_not_to()
    {
        var found = Found();
        foreach (var (name, needs) in NotYet) output.WriteLine($"not yet: {name}: {needs}");
        Assert.Equal(found, Right.Concat(NotYet.Keys).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("01-comment-in-folded-block")]
    [InlineData("02-all-over-nothing")]
    [InlineData("17-escapes-in-file-names")]
    public async Task It_ends_well(string name)
    {
        Assert.Contains(name, Found());
        Assert.Contains(name, Right);
        using var scratch = new Scratch();
        var start = new ProcessStartInfo("/bin/bash",
            [Path.Combine(Root, name, "run.sh")]) { RedirectStandardOutput = true, RedirectStandardError = true,
            WorkingDirectory = scratch.Path };
        (start.Environment["STELE"], start.Environment["VERIFY"], start.Environment["TMPDIR"]) =
            (Programs.Stele, Programs.Verify, scratch.Path);
        using var process = Process.Start(start)!;
        var both = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, $"{name}: exit code {process.ExitCode}\n{string.Concat(both)}");
    }
}
