using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Stele.Blobs;
using Stele.Disk;

namespace Stele.Build;

/// <summary>Ready-made environments. Each is a closure that may be added to before it is frozen.</summary>
static class Recipes
{
    /// <summary>
    /// Where a .NET environment keeps things: the same place whatever the distribution, so that pipelines need not
    /// know. Also the values a pipeline may ask for.
    /// </summary>
    public static readonly ImmutableSortedDictionary<string, string> DotnetPlaces =
        ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, new Dictionary<string, string>
    {
        ["dotnet"] = "/usr/share/dotnet",
        ["csc"] = "/usr/share/dotnet/csc",
        ["netcore"] = "/usr/share/dotnet/ref/netcore",
        ["aspnetcore"] = "/usr/share/dotnet/ref/aspnetcore",
    });

    /// <summary>
    /// What .NET loads by name at run time, so that no file says so. ICU is not among them: run with
    /// DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1.
    /// </summary>
    static readonly string[] LoadedAtRunTime = ["libssl.so.3", "libcrypto.so.3"];

    /// <summary>The .NET host and runtime with ASP.NET Core.</summary>
    public static EnvironmentClosure Dotnet() => Dotnet(DotnetRoot(), out _);

    const string DotnetAt = "usr/share/dotnet";

    static EnvironmentClosure Dotnet(string root, out string version)
    {
        const string at = DotnetAt;
        var closure = new EnvironmentClosure();
        Framework("host/fxr");
        version = Framework("shared/Microsoft.NETCore.App");
        Framework("shared/Microsoft.AspNetCore.App");
        closure.AddDirectory(root, at, only: name => name == "dotnet");
        closure.AddLink("usr/bin/dotnet", "../share/dotnet/dotnet");
        foreach (var soname in LoadedAtRunTime) closure.AddLibrary(soname);
        return closure;

        string Framework(string name)
        {
            var newest = Newest(root, name);
            closure.AddDirectory(newest, $"{at}/{name}/{Path.GetFileName(newest)}");
            return Path.GetFileName(newest);
        }
    }

    /// <summary>The same with the C# compiler and the reference assemblies, to compile programs inside.</summary>
    public static EnvironmentClosure DotnetSdk()
    {
        const string at = DotnetAt;
        var root = DotnetRoot();
        var closure = Dotnet(root, out var version);
        // Messages in other languages and documentation stay behind: no one reads them in a sandbox.
        closure.AddDirectory(Path.Combine(Newest(root, "sdk"), "Roslyn", "bincore"), $"{at}/csc",
            only: name => !name.Contains('/', StringComparison.Ordinal));
        var moniker = $"net{string.Join('.', version.Split('.').Take(2))}";
        closure.AddDirectory(Path.Combine(Newest(root, "packs/Microsoft.NETCore.App.Ref"), "ref", moniker),
            $"{at}/ref/netcore", only: IsAssembly);
        closure.AddDirectory(Path.Combine(Newest(root, "packs/Microsoft.AspNetCore.App.Ref"), "ref", moniker),
            $"{at}/ref/aspnetcore", only: IsAssembly);
        return closure;

        static bool IsAssembly(string name) => name.EndsWith(".dll", StringComparison.Ordinal);
    }

    /// <summary>A native program with its libraries, and directories it reads.</summary>
    /// <exception cref="FormatException">It is no program.</exception>
    public static EnvironmentClosure Native(string program, params IReadOnlyCollection<string> directories)
    {
        CheckProgram(program);
        var closure = new EnvironmentClosure();
        closure.AddFile(program);
        foreach (var directory in directories) closure.AddDirectory(directory);
        return closure;
    }

    static void CheckProgram(string program)
    {
        var real = new FileInfo(program).ResolveLinkTarget(returnFinalTarget: true)?.FullName
            ?? Path.GetFullPath(program);
        if (Libc.StatOf(real) is not { Type: NodeType.File } stat)
            throw new FormatException($"{program} is not a file, so not a program");
        if (!stat.Executable) throw new FormatException(
            $"{program} is not executable: chmod +x {program}, if it is a program");
        var begins = new byte[4];
        using var file = Libc.OpenRead(real);
        var read = file.ReadAtLeast(begins, begins.Length, throwOnEndOfStream: false);
        if (begins.AsSpan(0, read) is not [0x7f, (byte)'E', (byte)'L', (byte)'F'] and not [(byte)'#', (byte)'!', ..])
            throw new FormatException(
                $"{program} is not a program: neither an ELF file nor a script that begins with #!");
        if (begins[0] == 0x7f && ElfFile.Read(real) is null)
            throw new FormatException($"{program} is a program for another machine than 64-bit little-endian ones");
    }

    /// <summary>
    /// A Python interpreter with its standard library, found next to it, and directories of further packages.
    /// </summary>
    public static EnvironmentClosure Python(string interpreter, params IReadOnlyCollection<string> directories)
    {
        var real = new FileInfo(interpreter).ResolveLinkTarget(returnFinalTarget: true)?.FullName
            ?? Path.GetFullPath(interpreter);
        var library = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(real))!, "lib", Path.GetFileName(real));
        if (!Directory.Exists(library))
            throw new DirectoryNotFoundException($"the standard library of {real} is not at {library}");
        var closure = Native(interpreter, directories);
        closure.AddDirectory(library, at: library[1..],
            only: name => !name.Contains("__pycache__", StringComparison.Ordinal)
            && !name.StartsWith("site-packages/", StringComparison.Ordinal)
            && !name.StartsWith("test/", StringComparison.Ordinal));
        return closure;
    }

    /// <summary>The installation this program runs on, else the one <c>dotnet</c> on the PATH belongs to.</summary>
    static string DotnetRoot()
    {
        var own = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../.."));
        if (File.Exists(Path.Combine(own, "dotnet"))) return own;
        foreach (var directory in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':',
            StringSplitOptions.RemoveEmptyEntries))
        {
            var dotnet = Path.Combine(directory, "dotnet");
            if (File.Exists(dotnet))
                return Path.GetDirectoryName(File.ResolveLinkTarget(dotnet, returnFinalTarget: true)?.FullName
                    ?? dotnet)!;
        }
        throw new FileNotFoundException("no .NET is installed here: dotnet is not on the PATH");
    }

    static string Newest(string root, string name)
    {
        var folder = Path.Combine(root, name);
        return (Directory.Exists(folder) ? Directory.GetDirectories(folder) : [])
            .Where(d => Version.TryParse(Path.GetFileName(d), out _)).MaxBy(d => Version.Parse(Path.GetFileName(d)))
            ?? throw new DirectoryNotFoundException($"this .NET has no {folder}; an SDK has it");
    }
}
