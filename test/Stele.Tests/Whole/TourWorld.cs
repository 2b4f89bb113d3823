using System.Diagnostics;
using System.IO.Compression;
using System.Text.RegularExpressions;
using Stele.Proof;

namespace Stele.Tests.Whole;

/// <summary>
/// One run of <c>stele tour --data DIR</c>, as one process, and the world it left. Its tests share it and change
/// nothing in it; those that go on living in it take a copy. They run one after the other: together they would measure
/// each other.
/// </summary>
public sealed class TourWorld : IAsyncLifetime
{
    readonly Scratch _scratch = new();

    internal Ran Tour { get; private set; } = null!;

    /// <summary>What was left running right after it had ended.</summary>
    internal IReadOnlyList<string> LeftRunning { get; private set; } = [];

    internal string Folder => _scratch.At("world");
    internal string Temporary => _scratch.At("temporary");
    internal string Pack => Path.Combine(Folder, "audit-pack.zip");
    internal string Trust => Path.Combine(Folder, "trust.json");
    internal string Receipt => Path.Combine(Folder, "receipt.json");

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Temporary);
        Tour = await Programs.Run(Programs.Stele, ["tour", "--data", Folder], TimeSpan.FromMinutes(5), Temporary);
        LeftRunning = Programs.About(_scratch.Path);
    }

    /// <summary>The facts that a step of the tour showed, as <c>name value</c> lines.</summary>
    internal string Step(string title) =>
        Regex.Split(Tour.Output, @"^\d+\. ", RegexOptions.Multiline)
            .Single(s => s.StartsWith(title, StringComparison.Ordinal));

    internal static string Fact(string step, string name) =>
        Regex.Match(step, $@"^     {Regex.Escape(name)} +(\S.*)$", RegexOptions.Multiline) is { Success: true } m
            ? m.Groups[1].Value
            : throw new InvalidDataException($"the tour says nothing of '{name}':\n{step}");

    /// <summary>
    /// A copy to live on in. Blobs are shared with the original: they are replaced whole and never written in.
    /// </summary>
    internal TourCopy Copy() => new(Folder);

    public ValueTask DisposeAsync()
    {
        _scratch.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The heavy tests of the whole: one after the other, with one tour between them.</summary>
[CollectionDefinition(Name)]
public sealed class WholeCollection : ICollectionFixture<TourWorld>
{
    public const string Name = "the whole";
}

/// <summary>A tour's world to live on in; gone afterwards.</summary>
sealed class TourCopy : IDisposable
{
    readonly Scratch _scratch = new();

    public TourCopy(string world)
    {
        // all of it linked, then every file that may be written in made one of its own
        using (var copy = Process.Start("/bin/cp", ["-al", world, Folder])) copy.WaitForExit();
        foreach (var path in Directory.EnumerateFiles(Folder, "*", SearchOption.AllDirectories))
            if (!path.Contains("/blobs/blobs/sha256/", StringComparison.Ordinal))
            {
                File.Copy(path, path + ".own");
                File.Move(path + ".own", path, overwrite: true);
            }
    }

    public string Folder => _scratch.At("world");
    public string Owner => Path.Combine(Folder, "homes", "owner");
    public string At(string name) => _scratch.At(name);

    /// <summary>Exports a pack as the owner, and has the auditor's program judge it.</summary>
    public async Task<AuditPack> Export()
    {
        var file = At("pack.zip");
        await Programs.Say(Owner, "audit", "export", "--out", file);
        var verified = await Programs.Run(Programs.Verify,
            ["pack", file, "--trust", Path.Combine(Folder, "trust.json")]);
        Assert.True(verified.Code == 0, verified.Output + verified.Error);
        Assert.StartsWith("complete", verified.Output, StringComparison.Ordinal);
        return AuditPack.Open(file);
    }

    public void Dispose() => _scratch.Dispose();
}

/// <summary>What a pack holds, unpacked by a program that is not ours.</summary>
sealed record AuditPack(IReadOnlyList<byte[]> Entries, IReadOnlyDictionary<Digest, byte[]> Documents,
    IReadOnlyList<byte[]> Decisions)
{
    public static AuditPack Open(string file)
    {
        using var zip = ZipFile.OpenRead(file);
        var members = zip.Entries.OrderBy(e => e.FullName, StringComparer.Ordinal).ToDictionary(e => e.FullName, Bytes,
            StringComparer.Ordinal);
        return new AuditPack(
            Leaves("ledger/entries/"),
            members.Where(m => m.Key.StartsWith("documents/", StringComparison.Ordinal))
                .ToDictionary(m => Digest.ParseHex(m.Key["documents/".Length..]), m => m.Value),
            Leaves(members.Keys.Single(n => Regex.IsMatch(n, "^logs/[0-9a-f]{64}/checkpoint$"))[..^"checkpoint".Length]
                + "entries/"));

        List<byte[]> Leaves(string folder)
        {
            var leaves = new List<byte[]>();
            foreach (var (_, bundle) in members.Where(m => m.Key.StartsWith(folder, StringComparison.Ordinal)))
                for (var at = 0; at < bundle.Length;)
                {
                    var length = bundle[at] << 8 | bundle[at + 1];
                    leaves.Add(bundle[(at + 2)..(at + 2 + length)]);
                    at += 2 + length;
                }
            return leaves;
        }

        static byte[] Bytes(ZipArchiveEntry entry)
        {
            using var content = entry.Open();
            using var whole = new MemoryStream();
            content.CopyTo(whole);
            return whole.ToArray();
        }
    }
}
