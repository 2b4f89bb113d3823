using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Golden;

/// <summary>
/// Receipts of layout 2 that were kept, of the worlds whose packs are: <c>receipts/layout-2/WORLD-NAME-EXIT.json</c>. Every build verifies them to the same exit code. None is ever written again;
/// <c>eng/golden.sh</c> adds what is not there.
/// </summary>
public sealed class GoldenReceiptTests
{
    static string Folder => Path.Combine(GoldenFolder.Root, "receipts", "layout-2");

    public static TheoryData<string> All => [.. (Directory.Exists(Folder) ? Directory.GetFiles(Folder, "*.json") : []).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Fact]
    public void One_of_every_kind_is_kept()
    {
        foreach (var kept in Kept.All())
            foreach (var (name, (receipt, result)) in kept.Second)
            {
                var file = Path.Combine(Folder, $"{kept.Name}-{name}-{(int)result}.json");
                Assert.Equal(result, ReceiptVerifier.Verify(receipt, kept.World.Trust).Result);
                if (GoldenFolder.Writing && !File.Exists(file))
                {
                    Directory.CreateDirectory(Folder);
                    File.WriteAllBytes(file, receipt);
                }
                Assert.True(File.Exists(file), $"{Path.GetFileName(file)} is not kept: eng/golden.sh adds it");
            }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void It_still_comes_to_the_same(string file)
    {
        var (receipt, parts) = (File.ReadAllBytes(Path.Combine(Folder, file)), Path.GetFileNameWithoutExtension(file).Split('-'));
        var trust = Trust.Parse(File.ReadAllBytes(Path.Combine(GoldenFolder.Of(1, parts[0]), "trust.json")));
        var report = ReceiptVerifier.Verify(receipt, trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(parts[^1], ((int)report.Result).ToString(global::System.Globalization.CultureInfo.InvariantCulture));
        Assert.Contains(report.Facts, f => f.Basis == Basis.Proven && f.Sentence.Contains("judged again here", StringComparison.Ordinal));
        Assert.Equal(receipt, Receipt.Parse(receipt).Encode());
    }
}
