using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Golden;

/// <summary>
/// Packs and receipts that were kept from every released fold version, and from the one to come: this build still comes
/// to the same, to the byte. Where one of a released version fails, the code is wrong; a version that is not released
/// yet may change, and <c>eng/golden.sh</c> then keeps it again.
/// </summary>
public sealed class GoldenPackTests
{
    static IEnumerable<string> Folders =>
        Directory.Exists(GoldenFolder.Packs)
            ? Directory.GetFiles(GoldenFolder.Packs, "expected.json", SearchOption.AllDirectories)
                .Select(f => Path.GetRelativePath(GoldenFolder.Packs, Path.GetDirectoryName(f)!))
            : [];

    public static TheoryData<string> All => [.. Folders.Order(StringComparer.Ordinal)];

    /// <summary>Writing happens here alone, and only when it is asked for.</summary>
    [Fact]
    public void Of_every_version_both_worlds_are_kept()
    {
        if (GoldenFolder.Writing)
        {
            foreach (var folder in Directory.Exists(GoldenFolder.Packs)
                ? Directory.GetDirectories(GoldenFolder.Packs)
                : [])
                if (int.Parse(Path.GetFileName(folder)["fold-".Length..],
                    global::System.Globalization.CultureInfo.InvariantCulture) > GoldenFolder.Released)
                    Directory.Delete(folder, recursive: true);
            if (State.CurrentFold > GoldenFolder.Released) foreach (var kept in Kept.All()) GoldenFolder.Write(kept);
        }
        // Versions are released one after the other; the first number is the first that anything is kept of.
        var versions = Folders.Select(f => int.Parse(f.Split('/')[0]["fold-".Length..],
            global::System.Globalization.CultureInfo.InvariantCulture)).Distinct().Order().ToArray();
        Assert.Contains(State.CurrentFold, versions);
        Assert.Equal(Enumerable.Range(versions[0], versions[^1] - versions[0] + 1), versions);
        foreach (var fold in versions)
            foreach (var world in new[] { "plain", "eventful" })
                Assert.True(File.Exists(Path.Combine(GoldenFolder.Of(fold, world), "pack.zip")),
                    $"nothing is kept of {world} under fold version {fold}: eng/golden.sh");
    }

    [Theory]
    [MemberData(nameof(All))]
    public void It_still_comes_to_the_same(string folder)
    {
        if (GoldenFolder.Writing) Assert.Skip("it may just be written");
        byte[] Read(string name) => File.ReadAllBytes(Path.Combine(GoldenFolder.Packs, folder, name));
        var (pack, expected, trust) = (Read("pack.zip"), CanonicalJson.ParseCanonical(Read("expected.json"), 1 << 20),
            Trust.Parse(Read("trust.json")));
        Assert.InRange(pack.Length, 1, 400_000);
        Assert.Equal(expected["pack"].AsDigest, Digest.Of(pack));

        var report = Verifier.Verify(new MemoryStream(pack), trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(expected["result"].AsInt, (int)report.Result);

        // Written again from its own parts, it is the same pack; every payload comes out as it was, and so does the
        // state.
        var parts = UnpackedWorld.Of(pack);
        Assert.Equal(expected["pack"].AsDigest, Digest.Of(parts.Pack()));
        Assert.Equal(expected["payloads"].ToString(), GoldenFolder.Payloads(parts.Replay, parts.Find).ToString());
        Assert.Equal((expected["size"].AsInt, expected["state"].AsDigest, expected["fold"].AsInt),
            (parts.Replay.State.Size, StateDigest.Of(parts.Replay.State), parts.Replay.State.FoldVersion));

        foreach (var (name, result) in expected["receipts"].AsObject)
        {
            var receipt = Read($"receipt-{name}.json");
            Assert.Equal(result.AsInt, (int)ReceiptVerifier.Verify(receipt, trust).Result);
            Assert.Equal(receipt, Receipt.Parse(receipt).Encode());
            Assert.Empty(Verifier.Verify(new MemoryStream(pack), trust, receipt: Receipt.Parse(receipt)).Findings);
        }
    }

    [Fact]
    public void What_was_released_is_never_written_again()
    {
        var released = new Kept("plain", Mortgage.Released().World,
            new Dictionary<string, (byte[], VerifyResult)>()) { Second =
                new Dictionary<string, (byte[], VerifyResult)>() };
        if (released.World.State.FoldVersion <= GoldenFolder.Released)
            Assert.Throws<InvalidOperationException>(() => GoldenFolder.Write(released));
        else Assert.True(GoldenFolder.Released < State.CurrentFold);
        Assert.InRange(GoldenFolder.Released, 1, State.CurrentFold);
    }
}
