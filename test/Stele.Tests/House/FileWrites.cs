using System.Formats.Tar;
using System.IO.Compression;
using System.IO.MemoryMappedFiles;
using System.Reflection;

namespace Stele.Tests.House;

/// <summary>
/// Every public way in which the runtime's own types change the file system, worked out from the types themselves: all
/// of their members but those known to read. A runtime that grows an overload makes the list in
/// src/BannedSymbols.Writes.txt stale, and a test says so.
/// </summary>
static class FileWrites
{
    const string Reason = "file writes go through Disk";

    static readonly string[] FileReads =
    [
        "Exists", "OpenRead", "OpenText", "ReadAllBytes", "ReadAllBytesAsync", "ReadAllLines", "ReadAllLinesAsync",
        "ReadAllText", "ReadAllTextAsync", "ReadLines", "ReadLinesAsync",
        "GetAttributes", "GetCreationTime", "GetCreationTimeUtc", "GetLastAccessTime", "GetLastAccessTimeUtc",
        "GetLastWriteTime", "GetLastWriteTimeUtc", "GetUnixFileMode", "ResolveLinkTarget",
    ];

    static readonly string[] DirectoryReads =
    [
        "Exists", "EnumerateDirectories", "EnumerateFiles", "EnumerateFileSystemEntries", "GetDirectories", "GetFiles",
        "GetFileSystemEntries", "GetParent", "GetDirectoryRoot", "GetLogicalDrives", "GetCurrentDirectory",
        "GetCreationTime", "GetCreationTimeUtc", "GetLastAccessTime", "GetLastAccessTimeUtc", "GetLastWriteTime",
        "GetLastWriteTimeUtc", "ResolveLinkTarget",
    ];

    static readonly string[] InfoReads = ["OpenRead", "OpenText", "ToString", "Refresh", "GetObjectData",
        "ResolveLinkTarget", "EnumerateDirectories", "EnumerateFiles", "EnumerateFileSystemInfos", "GetDirectories",
        "GetFiles", "GetFileSystemInfos"];

    public static IEnumerable<BannedSymbols.Line> Lines() =>
        Members().Select(DocumentationId.Of).Distinct().Order(StringComparer.Ordinal)
            .Select(id => new BannedSymbols.Line(id, Reason));

    static IEnumerable<MethodBase> Members() =>
    [
        .. Methods(typeof(File)).Where(m => !FileReads.Contains(m.Name)),
        .. Methods(typeof(Directory)).Where(m => !DirectoryReads.Contains(m.Name)),
        .. new[] { typeof(FileInfo), typeof(DirectoryInfo), typeof(FileSystemInfo) }.SelectMany(Methods)
            .Where(m => !InfoReads.Contains(m.Name) && !m.Name.StartsWith("get_", StringComparison.Ordinal)),
        .. Methods(typeof(RandomAccess)).Where(m => m.Name is not ("Read" or "ReadAsync" or "GetLength")),
        .. typeof(FileStream).GetConstructors(),
        .. typeof(StreamWriter).GetConstructors().Where(c => c.GetParameters()[0].ParameterType == typeof(string)),
        .. Methods(typeof(Path)).Where(m => m.Name == "GetTempFileName"),
        .. Methods(typeof(ZipFile)).Where(m => !m.Name.StartsWith("OpenRead", StringComparison.Ordinal)),
        .. Methods(typeof(ZipFileExtensions)).Where(m => m.Name.StartsWith("Extract", StringComparison.Ordinal)),
        .. Methods(typeof(TarFile)),
        .. Methods(typeof(TarEntry)).Where(m => m.Name.StartsWith("Extract", StringComparison.Ordinal)),
        .. Methods(typeof(MemoryMappedFile))
            .Where(m => m.Name.StartsWith("Create", StringComparison.Ordinal) && m.IsStatic),
    ];

    static MethodInfo[] Methods(Type type) =>
        type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly);

    /// <summary>System calls that change the file system, as entry points of native imports.</summary>
    public static readonly string[] SystemCalls =
    [
        "creat", "write", "pwrite", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range",
        "splice", "rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "mknod",
        "mknodat",
        "link", "linkat", "symlink", "symlinkat", "truncate", "ftruncate", "fallocate", "posix_fallocate", "fsync",
        "fdatasync", "sync", "syncfs", "sync_file_range", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown",
        "utimensat", "futimens",
    ];
}
