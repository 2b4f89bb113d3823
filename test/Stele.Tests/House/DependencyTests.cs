using System.Reflection;
using System.Text.Json;

namespace Stele.Tests.House;

/// <summary>
/// Each project depends on what is listed here and on nothing else: packages, frameworks, projects, assemblies and
/// native libraries.
/// </summary>
public sealed class DependencyTests
{
    const string Base = "Microsoft.NETCore.App", Web = "Microsoft.AspNetCore.App";

    sealed record Allowed(string Assembly, string[] Frameworks, string[] Projects, string[] Packages, string[] Native);

    static readonly Dictionary<string, Allowed> Projects = new(StringComparer.Ordinal)
    {
        ["Cel"] = new("Cel", [Base], [], [], []),
        ["Stele.Proof"] = new("Stele.Proof", [Base], ["Cel"], [], []),
        ["Stele.Verify"] = new("stele-verify", [Base], ["Cel", "Stele.Proof"], [], []),
        ["Stele.Store"] = new("Stele.Store", [Base], ["Cel", "Stele.Proof"], [], ["libc", "libcrypto.so.3"]),
        ["Stele"] = new("stele", [Base, Web], ["Cel", "Stele.Proof", "Stele.Store"],
            ["System.CommandLine", "YamlDotNet"], ["libc"]),
    };

    /// <summary>Packages that work while building and leave nothing in what is built.</summary>
    static readonly string[] BuildOnly = ["Microsoft.CodeAnalysis.BannedApiAnalyzers", "Microsoft.NET.ILLink.Tasks"];

    public static TheoryData<string> Names() => [.. Product.Projects];

    [Fact]
    public void Every_project_is_listed() =>
        Assert.Equal(
            Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
                .Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal),
            Projects.Keys.Order(StringComparer.Ordinal));

    [Theory, MemberData(nameof(Names))]
    public void Packages_and_projects_are_those_listed(string project)
    {
        var allowed = Projects[project];
        using var json = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(Repository.Root, "src", project, "obj", "project.assets.json")));
        var root = json.RootElement;
        var types = root.GetProperty("libraries").EnumerateObject().ToDictionary(l => l.Name,
            l => l.Value.GetProperty("type").GetString()!, StringComparer.Ordinal);
        foreach (var target in root.GetProperty("targets").EnumerateObject())
            foreach (var library in target.Value.EnumerateObject())
            {
                var name = library.Name.Split('/')[0];
                var ships = new[] { "runtime", "native", "runtimeTargets",
                    "resource" }.Any(k => library.Value.TryGetProperty(k, out var v) && v.EnumerateObject().Any());
                if (types[library.Name] == "project") Assert.Contains(name, allowed.Projects);
                else Assert.Contains(name, ships ? allowed.Packages : [.. allowed.Packages, .. BuildOnly]);
            }
        var frameworks = root.GetProperty("project").GetProperty("frameworks").EnumerateObject()
            .SelectMany(f => f.Value.GetProperty("frameworkReferences").EnumerateObject()).Select(f => f.Name);
        Assert.Equal(allowed.Frameworks.Order(StringComparer.Ordinal),
            frameworks.Distinct().Order(StringComparer.Ordinal));
    }

    [Theory, MemberData(nameof(Names))]
    public void Assembly_references_are_those_listed(string project)
    {
        var allowed = Projects[project];
        var frameworks =
            allowed.Frameworks
                .Select(f => Path.GetDirectoryName((f == Base
                    ? typeof(object)
                    : typeof(Microsoft.AspNetCore.Http.HttpContext)).Assembly.Location)!).ToList();
        var own = allowed.Projects.Concat(allowed.Packages).ToList();
        Rule.Holds(from a in Product.Load(allowed.Assembly).GetReferencedAssemblies()
                     where !own.Contains(a.Name!) && !frameworks.Any(f => File.Exists(Path.Combine(f, a.Name + ".dll")))
                     select $"{project} references {a.Name}");
    }

    [Theory, MemberData(nameof(Names))]
    public void Native_libraries_are_those_listed(string project)
    {
        var allowed = Projects[project];
        Rule.Holds(from t in Product.Load(allowed.Assembly).GetTypes()
                     from i in BannedSymbolTests.Imports(t)
                     where !allowed.Native.Contains(i.Library)
                     select $"{t.FullName}.{i.Method.Name} imports {i.EntryPoint} from {i.Library}");
    }

    /// <summary>A version range, or a version given in a project, would build something else tomorrow.</summary>
    [Fact]
    public void Versions_are_exact_central_and_explained()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "Directory.Packages.props"))
            .Where(l => l.Contains("<PackageVersion ", StringComparison.Ordinal)).ToList();
        Assert.NotEmpty(lines);
        Assert.All(lines,
            l => Assert.Matches(
                "^ *<PackageVersion Include=\"[A-Za-z0-9.]+\" Version=\"[0-9]+(\\.[0-9]+)+\" /> <!-- .{10,} -->$", l));
        foreach (var file in new[] { "src", "test", "bench", "samples" }.Select(d => Path.Combine(Repository.Root, d))
            .Where(Directory.Exists)
            .SelectMany(d => Directory.EnumerateFiles(d, "*.csproj", SearchOption.AllDirectories)))
            Assert.DoesNotMatch("<PackageReference [^>]*Version", File.ReadAllText(file));
    }

    /// <summary>What is shipped carries no path of the machine that built it.</summary>
    [Theory, MemberData(nameof(Names))]
    public void Binaries_carry_no_path_of_the_building_machine(string project)
    {
        var bytes = File.ReadAllBytes(Product.Load(Projects[project].Assembly).Location);
        Assert.Equal(-1, bytes.AsSpan().IndexOf(System.Text.Encoding.UTF8.GetBytes(Repository.Root + "/")));
        Assert.Equal(-1, bytes.AsSpan().IndexOf(System.Text.Encoding.Unicode.GetBytes(Repository.Root + "/")));
    }
}
