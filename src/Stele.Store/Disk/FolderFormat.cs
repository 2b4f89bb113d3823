using System.Globalization;
using System.Text;

namespace Stele.Disk;

/// <summary>
/// The version of a server's or a node's folder: one small file in it, <c>format</c>, which holds
/// <c>stele folder N LF</c>. It is read before anything else there, and a folder of a greater version than this build's
/// is neither read nor written. A folder without it is of version 1, from before there was one.
/// Builds that know version 1 alone do not look for it. They stop at other files, before they write: a list of tokens
/// of version 2, a key file that begins with a version (<c>NoteSigner</c>), a file where they had a directory
/// (<c>node/run</c>).
/// </summary>
static class FolderFormat
{
    /// <summary>What this build writes, and the greatest that it opens.</summary>
    public const int Version = 2;

    const int MaxFile = 64;
    const string Mark = "stele folder ";

    public static string FileOf(string folder) => Path.Combine(folder, "format");

    static string Text(int version) => string.Create(CultureInfo.InvariantCulture, $"{Mark}{version}\n");

    /// <summary>The folder's version.</summary>
    /// <exception cref="FormatException">The file is not one of ours.</exception>
    public static int Of(string folder)
    {
        var file = FileOf(folder);
        if (!File.Exists(file)) return 1;
        var text = new FileInfo(file).Length <= MaxFile ? File.ReadAllText(file, Encoding.UTF8) : "";
        return text.StartsWith(Mark, StringComparison.Ordinal) && int.TryParse(text.AsSpan(Mark.Length).TrimEnd('\n'),
            NumberStyles.None, CultureInfo.InvariantCulture, out var version) && version > 1 && text == Text(version)
            ? version
            : throw new FormatException($"{file} does not hold the version of a folder: put back a copy of it");
    }

    /// <summary>Why a folder may not be opened, in one sentence; null where it may.</summary>
    /// <exception cref="FormatException">The file is not one of ours.</exception>
    public static string? Objection(string folder) => Of(folder) is > Version and var found
        ? string.Create(CultureInfo.InvariantCulture,
            $"{folder} has format {found}, and this build of stele knows format {Version} and older: use the build "
            + $"that wrote it, or a newer one")
        : null;

    /// <exception cref="FormatException">It is of a greater version, or the file is not one of ours.</exception>
    public static void Demand(string folder)
    {
        if (Objection(folder) is { } why) throw new FormatException(why);
    }

    /// <summary>Gives a folder this build's version, if it has an older one. The folder's lock is held.</summary>
    public static void Raise(string folder)
    {
        if (Of(folder) < Version) Files.Write(FileOf(folder), Text(Version));
    }
}
