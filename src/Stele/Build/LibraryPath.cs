using System.Runtime.InteropServices;

namespace Stele.Build;

/// <summary>
/// Where the dynamic loader would find a library (ld.so(8)): RPATH of the object and of those that loaded it unless the
/// object has a RUNPATH, its RUNPATH, the directories of /etc/ld.so.conf, the built-in ones. The loader's cache is not
/// read: it only speeds up what the configuration says.
/// </summary>
sealed class LibraryPath
{
    readonly string[] _configured;

    static readonly string Triplet = RuntimeInformation.OSArchitecture == Architecture.Arm64
        ? "aarch64-linux-gnu"
        : "x86_64-linux-gnu";
    static readonly string[] BuiltIn = [$"/lib/{Triplet}", $"/usr/lib/{Triplet}", "/lib64", "/usr/lib64", "/lib",
        "/usr/lib"];

    public LibraryPath() => _configured = [.. Configuration("/etc/ld.so.conf", 0)];

    /// <summary>
    /// The path at which a name is found, and whether a loader without configuration finds it there too.
    /// </summary>
    /// <param name="origin">The directory of the object that asks.</param>
    /// <param name="inherited">RPATHs, already expanded, of the objects that led to it, nearest first.</param>
    public (string Path, bool ByDefault)? Find(string name, ushort machine, ElfFile? asker, string origin,
        IEnumerable<string> inherited)
    {
        if (name.Contains('/', StringComparison.Ordinal)) return Fits(name, machine) ? (name, true) : null;
        IEnumerable<string> own = asker is null ? [] : asker.RunPath.Count > 0 ? Expand(asker.RunPath, origin)
            : [.. Expand(asker.RPath, origin), .. inherited];
        foreach (var directory in own.Concat(BuiltIn))
            if (Fits(Path.Combine(directory, name), machine)) return (Path.Combine(directory, name), true);
        foreach (var directory in _configured)
            if (Fits(Path.Combine(directory, name), machine)) return (Path.Combine(directory, name), false);
        return null;
    }

    public static IEnumerable<string> Expand(IEnumerable<string> paths, string origin) => paths.Select(p => p
        .Replace("${ORIGIN}", origin, StringComparison.Ordinal).Replace("$ORIGIN", origin, StringComparison.Ordinal)
        .Replace("${LIB}", "lib", StringComparison.Ordinal).Replace("$LIB", "lib", StringComparison.Ordinal));

    /// <summary>The loader passes over a library for another machine.</summary>
    static bool Fits(string path, ushort machine)
    {
        if (!File.Exists(path)) return false; // of a link: that what it leads to is there
        return ElfFile.Read(File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path) is { } elf
            && (machine == 0 || elf.Machine == machine);
    }

    static IEnumerable<string> Configuration(string file, int depth)
    {
        if (depth > 8 || !File.Exists(file)) yield break;
        foreach (var raw in File.ReadLines(file))
        {
            var line = raw.Split('#')[0].Trim();
            if (line.Length == 0 || line.StartsWith("hwcap", StringComparison.Ordinal)) continue;
            if (!line.StartsWith("include", StringComparison.Ordinal))
            {
                yield return line;
                continue;
            }
            var pattern = Path.Combine("/etc", line["include".Length..].Trim());
            var directory = Path.GetDirectoryName(pattern)!;
            if (!Directory.Exists(directory)) continue;
            foreach (var included in Directory.GetFiles(directory, Path.GetFileName(pattern))
                .Order(StringComparer.Ordinal))
                foreach (var path in Configuration(included, depth + 1)) yield return path;
        }
    }
}
