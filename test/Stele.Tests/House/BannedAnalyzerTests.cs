using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Stele.Tests.House;

/// <summary>
/// The analyzer says in the editor what the walk holds in the end: the very lists, .editorconfig and analyzer of the
/// product, run by the SDK's own compiler on a probe.
/// </summary>
public sealed class BannedAnalyzerTests : IDisposable
{
    readonly string dir = Directory.CreateTempSubdirectory("stele-house-").FullName;

    public void Dispose() => Directory.Delete(dir, recursive: true);

    [Theory]
    [InlineData("Stele.Store", "Ledger",
        new[] { "System.DateTime.UtcNow.ToString()", "System.Guid.NewGuid()", "new System.Random()",
            "System.TimeProvider.System", "System.StringComparison.CurrentCulture", "System.IO.File.OpenWrite(\"a\")",
            "System.IO.Directory.CreateDirectory(\"a\")" },
        new[] { "System.IO.File.OpenRead(\"a\")", "System.Security.Cryptography.RandomNumberGenerator.GetBytes(2)" })]
    [InlineData("Stele.Store", "Disk", new string[0], new[] { "System.IO.File.OpenWrite(\"a\")" })]
    [InlineData("Stele.Store", "Disk/Deeper", new string[0], new[] { "System.IO.File.OpenWrite(\"a\")" })]
    [InlineData("Stele.Verify", "", new[] { "System.IO.File.OpenWrite(\"a\")", "System.DateTimeOffset.Now" },
        new[] { "System.IO.File.OpenRead(\"a\")" })]
    [InlineData("Stele.Proof", "Governance",
        new[] { "System.IO.File.ReadAllText(\"a\")", "System.Environment.NewLine", "System.Net.IPAddress.Loopback",
            "new System.Text.RegularExpressions.Regex(\"a\")",
            "System.Security.Cryptography.RandomNumberGenerator.GetBytes(2)" },
        new[] { "System.Security.Cryptography.SHA256.HashData(new byte[1])" })]
    [InlineData("Cel", "Plan", new[] { "System.Console.In" }, new[] { "new object()" })]
    public void The_compiler_refuses_banned_symbols(string project, string folder, string[] refused, string[] allowed)
    {
        // One expression a line, so that the compiler's line numbers say which it refused.
        var source = Path.Combine(dir, "src", project, folder, "Probe.cs");
        Directory.CreateDirectory(Path.GetDirectoryName(source)!);
        File.WriteAllLines(source,
            ["sealed class Probe { public object[] M() => [", .. refused.Concat(allowed).Select(e => e + ","), "]; }"]);
        File.Copy(Path.Combine(Repository.Root, ".editorconfig"), Path.Combine(dir, ".editorconfig"));

        var assets = Path.Combine(Repository.Root, "src", project, "obj", "project.assets.json");
        List<string> arguments =
        [
            Path.Combine(Sdk(), "Roslyn", "bincore", "csc.dll"), "-nologo", "-target:library", "-nostdlib", "-out:"
                + Path.Combine(dir, "probe.dll"),
            "-analyzerconfig:" + Path.Combine(dir, ".editorconfig"),
            .. Directory.EnumerateFiles(AnalyzerFolder(assets), "*.dll").Select(a => "-analyzer:" + a),
            .. Lists(project).Select(l => "-additionalfile:" + l), source,
        ];
        foreach (var name in new[] { "System.Private.CoreLib", "System.Runtime", "System.Console",
            "System.Net.Primitives", "System.Text.RegularExpressions", "System.Security.Cryptography",
            "System.Collections", "System.Linq" })
            arguments.Add("-reference:"
                + Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, name + ".dll"));
        var (exit, output) = Run(arguments);
        Assert.DoesNotContain("error CS", output, StringComparison.Ordinal);
        var lines = output.Split('\n').Where(l => l.Contains("error RS0030", StringComparison.Ordinal))
            .Select(l => int.Parse(l.Split("Probe.cs(")[1].Split(',')[0], CultureInfo.InvariantCulture));
        Assert.Equal(Enumerable.Range(2, refused.Length), lines.Distinct().Order());
        Assert.Equal(refused.Length > 0, exit != 0);
    }

    /// <summary>Every product project hands its lists to the analyzer, as MSBuild itself sees the project.</summary>
    [Theory]
    [InlineData("Cel", "BannedSymbols.txt BannedSymbols.Pure.txt")]
    [InlineData("Stele.Proof", "BannedSymbols.txt BannedSymbols.Pure.txt")]
    [InlineData("Stele.Store", "BannedSymbols.txt BannedSymbols.Writes.txt")]
    [InlineData("Stele.Verify", "BannedSymbols.txt BannedSymbols.Writes.txt")]
    [InlineData("Stele", "BannedSymbols.txt BannedSymbols.Writes.txt")]
    public void Each_project_hands_its_lists_to_the_analyzer(string project, string lists)
    {
        Assert.Equal(lists.Split(' ').Order(StringComparer.Ordinal),
            Lists(project).Select(l => Path.GetFileName(l)).Order(StringComparer.Ordinal));
        var (exit, output) =
            Run(["msbuild", Path.Combine(Repository.Root, "src", project, project + ".csproj"),
                "-getItem:AdditionalFiles", "-getItem:PackageReference", "-getProperty:TreatWarningsAsErrors",
                "-getProperty:Nullable", "-getProperty:NoWarn", "-getProperty:InvariantGlobalization"]);
        Assert.Equal(0, exit);
        using var json = JsonDocument.Parse(output);
        var items = json.RootElement.GetProperty("Items");
        Assert.Equal(Lists(project).Order(StringComparer.Ordinal), items.GetProperty("AdditionalFiles").EnumerateArray()
            .Select(i => i.GetProperty("FullPath").GetString()!).Order(StringComparer.Ordinal));
        Assert.Contains(items.GetProperty("PackageReference").EnumerateArray(),
            i => i.GetProperty("Identity").GetString() == "Microsoft.CodeAnalysis.BannedApiAnalyzers");
        var properties = json.RootElement.GetProperty("Properties");
        Assert.Equal("true", properties.GetProperty("TreatWarningsAsErrors").GetString());
        Assert.Equal("enable", properties.GetProperty("Nullable").GetString());
        var disabled = properties.GetProperty("NoWarn").GetString()!;
        Assert.DoesNotContain("RS0030", disabled, StringComparison.Ordinal);
        if (!lists.Contains("Pure", StringComparison.Ordinal)) return;
        // The culture analyzers fall silent where globalization is invariant; what is embedded elsewhere can't assume
        // that.
        Assert.Equal("false", properties.GetProperty("InvariantGlobalization").GetString());
        foreach (var rule in new[] { "CA1304", "CA1305", "CA1310", "CA1311" })
            Assert.DoesNotContain(rule, disabled, StringComparison.Ordinal);
    }

    static IEnumerable<string> Lists(string project) =>
        new[] { "BannedSymbols.txt", project is "Cel" or "Stele.Proof"
            ? "BannedSymbols.Pure.txt"
            : "BannedSymbols.Writes.txt" }.Select(l => Path.Combine(Repository.Root, "src", l));

    static string AnalyzerFolder(string assets)
    {
        using var json = JsonDocument.Parse(File.ReadAllText(assets));
        var package = json.RootElement.GetProperty("libraries").EnumerateObject()
            .Single(l => l.Name.StartsWith("Microsoft.CodeAnalysis.BannedApiAnalyzers/", StringComparison.Ordinal));
        return json.RootElement.GetProperty("packageFolders").EnumerateObject()
            .Select(f => Path.Combine(f.Name, package.Value.GetProperty("path").GetString()!, "analyzers", "dotnet",
                "cs")).First(Directory.Exists);
    }

    static string Sdk()
    {
        var (exit, version) = Run(["--version"]);
        Assert.Equal(0, exit);
        return Path.Combine(DotnetRoot, "sdk", version.Trim());
    }

    // <root>/shared/Microsoft.NETCore.App/<version>/System.Private.CoreLib.dll
    static string DotnetRoot =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", ".."));

    static (int Exit, string Output) Run(IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Path.Combine(DotnetRoot, "dotnet"), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Repository.Root,
            Environment = { ["MSBUILDDISABLENODEREUSE"] = "1", ["DOTNET_NOLOGO"] = "1",
                ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1" },
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + error.Result);
    }
}
