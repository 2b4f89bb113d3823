using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Golden;

/// <summary>
/// Receipts of layout 2 that were kept, of worlds like those whose packs are:
/// <c>receipts/layout-2/WORLD/receipt-NAME-EXIT.json</c> with their <c>trust.json</c>. Every build verifies them to the
/// same exit code. None is ever written again;
/// <c>eng/golden.sh</c> adds worlds that are not there.
/// </summary>
public sealed class GoldenReceiptTests
{
    static string Folder => Path.Combine(GoldenFolder.Root, "receipts", "layout-2");

    public static TheoryData<string> All =>
        [.. (Directory.Exists(Folder) ? Directory.GetFiles(Folder, "receipt-*.json", SearchOption.AllDirectories) : [])
        .Select(f => Path.GetRelativePath(Folder, f)).Order(StringComparer.Ordinal)];

    [Fact]
    public void Of_both_worlds_one_of_every_kind_is_kept()
    {
        foreach (var kept in Kept.All())
        {
            var (folder, names) = (Path.Combine(Folder, kept.Name),
                kept.Second.Select(r => $"receipt-{r.Key}-{(int)r.Value.Result}.json").ToList());
            foreach (var (name, (receipt, result)) in kept.Second)
            {
                var report = ReceiptVerifier.Verify(receipt, kept.World.Trust);
                Assert.True(report.Findings.Count == 0 && report.Result == result,
                    $"{kept.Name} {name}: {report.Sentence} {string.Join(" | ", report.Findings)}");
            }
            if (GoldenFolder.Writing && !Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder);
                File.WriteAllBytes(Path.Combine(folder, "trust.json"), kept.World.Trust.ToJson().ToBytes());
                foreach (var (name, (receipt, result)) in kept.Second) File.WriteAllBytes(Path.Combine(folder,
                    $"receipt-{name}-{(int)result}.json"), receipt);
            }
            foreach (var name in names)
                Assert.True(File.Exists(Path.Combine(folder, name)), $"{kept.Name}/{name} is not kept: eng/golden.sh");
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void It_still_comes_to_the_same(string file)
    {
        var receipt = File.ReadAllBytes(Path.Combine(Folder, file));
        var trust = Trust.Parse(File.ReadAllBytes(Path.Combine(Folder, Path.GetDirectoryName(file)!, "trust.json")));
        var report = ReceiptVerifier.Verify(receipt, trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.EndsWith($"-{(int)report.Result}.json", file, StringComparison.Ordinal);
        Assert.Contains(report.Facts,
            f => f.Basis == Basis.Proven && f.Sentence.Contains("judged again here", StringComparison.Ordinal));
        Assert.Equal(receipt, Receipt.Parse(receipt).Encode());
        // It is of what its name says.
        var name = Path.GetFileName(file);
        if (name.Contains("rolled-back", StringComparison.Ordinal))
            Assert.Contains(report.Facts, f => f.Sentence.Contains("(rollback)", StringComparison.Ordinal));
        if (name.Contains("canary", StringComparison.Ordinal))
            Assert.Contains(report.Facts, f => f.Sentence.Contains("(canary)", StringComparison.Ordinal));
        if (name.Contains("waived", StringComparison.Ordinal))
            Assert.Contains(report.Facts,
                f => f.Sentence.Contains("by the waivers of entry", StringComparison.Ordinal));
        if (name.Contains("denied", StringComparison.Ordinal))
            Assert.Contains(report.Facts, f => f.Sentence.Contains("denied by rule", StringComparison.Ordinal));
    }
}
