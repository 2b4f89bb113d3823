using System.Formats.Tar;
using System.IO.Compression;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Tests.Upgrade;

/// <summary>
/// A world that an earlier build left, unpacked to live on in; gone afterwards.
/// <c>README.md</c> beside this file says what is in one.
/// </summary>
sealed class KeptWorld : IDisposable
{
    public static string Root { get; } = Path.Combine(Repository.Root, "test", "Stele.Tests", "Upgrade");

    readonly Scratch _scratch = new();

    public KeptWorld(string name)
    {
        Facts = CanonicalJson.Parse(File.ReadAllBytes(Path.Combine(Root, name + ".json")), 1 << 20);
        using var archive = File.OpenRead(ArchiveOf(name));
        using var plain = new BrotliStream(archive, CompressionMode.Decompress);
        TarFile.ExtractToDirectory(plain, _scratch.Path, overwriteFiles: false);
    }

    public static string ArchiveOf(string name) => Path.Combine(Root, name + ".tar.br");

    public static IEnumerable<string> Names =>
        Directory.GetFiles(Root, "*.tar.br").Select(f => Path.GetFileName(f)[..^".tar.br".Length])
            .Order(StringComparer.Ordinal);

    /// <summary>What was true of it when it was made.</summary>
    public Json Facts { get; }

    public string Folder => _scratch.At("world");
    public string Owner => Path.Combine(Folder, "homes", "owner");
    public string Trust => Path.Combine(Folder, "trust.json");
    public string Cold => Path.Combine(Folder, "cold");
    public string Log => Facts["log"].AsString;
    public string At(string name) => _scratch.At(name);

    /// <summary>What was handed out in those days, with the exit code that its verifier ended with.</summary>
    public IEnumerable<(string Kind, string File, long Code)> HandedOut =>
        Facts["codes"].AsObject
            .Select(c => (c.Key.Split('-', '.')[0], Path.Combine(Folder, "kept", c.Key), c.Value.AsInt));

    /// <summary>Whether a decision of this fate is in this world.</summary>
    public bool Has(string fate) => Facts["decisions"].Find(fate) is not null;

    /// <summary>
    /// Whether the erasure that was begun has its owners' order beside it: builds before format 2 had none.
    /// </summary>
    public bool IsOrdered => Directory.GetFiles(Path.Combine(Folder, "node", "erasures"), "*.order").Length > 0;

    /// <summary>A decision of a certain fate, by its id.</summary>
    public string Decision(string fate) => Facts["decisions"][fate].AsString;

    public void Dispose() => _scratch.Dispose();
}
