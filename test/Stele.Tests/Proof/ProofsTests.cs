using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class ProofsTests(ITestOutputHelper output)
{
    /// <summary>A tree kept as plainly as the RFC defines it: RFC 6962 §2.1, recursion over leaf hashes.</summary>
    static Digest ByDefinition(ReadOnlySpan<Digest> leaves)
    {
        if (leaves.Length == 0) return Merkle.EmptyRoot;
        if (leaves.Length == 1) return leaves[0];
        var k = 1;
        while (2 * k < leaves.Length) k *= 2;
        return Merkle.Node(ByDefinition(leaves[..k]), ByDefinition(leaves[k..]));
    }

    static readonly Digest[] Leaves = [.. Enumerable.Range(0, 600).Select(i => Merkle.Leaf([(byte)i, (byte)(i >> 8)]))];

    static Digest Subtree(int level, long index) => ByDefinition(Leaves.AsSpan((int)(index << level), 1 << level));

    [Fact]
    public void Transparency_dev_merkle_inclusion_and_consistency_probes()
    {
        var dir = Vectors.Dir("transparency-dev-merkle");
        int inclusion = 0, consistency = 0, fromZero = 0;
        foreach (var file in Vectors.Files("transparency-dev-merkle", "*.json"))
        {
            var family = Path.GetRelativePath(dir, file).Split('/')[0];
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            var p = json.RootElement;
            if (family == "inclusion")
            {
                var verified = !Probes.Empty(p, "leafHash") && !Probes.Empty(p, "root")
                    && Proofs.VerifyInclusion(Probes.Number(p, "leafIdx"), Probes.Number(p, "treeSize"),
                        Probes.Hash(p, "leafHash"), Probes.Hashes(p), Probes.Hash(p, "root"));
                Assert.True(p.GetProperty("wantErr").GetBoolean() != verified, file);
                inclusion++;
            }
            else if (family == "consistency")
            {
                // Every probe from size 0 wants an error, even those a caller may call trivially right: the generic
                // routine refuses them all.
                if (Probes.Number(p, "size1") == 0) fromZero++;
                var verified = Proofs.VerifyConsistency(Probes.Number(p, "size1"), Probes.Number(p, "size2"),
                    Probes.Hash(p, "root1"), Probes.Hash(p, "root2"), Probes.Hashes(p));
                Assert.True(p.GetProperty("wantErr").GetBoolean() != verified, file);
                consistency++;
            }
        }
        Assert.Equal((98, 98), (inclusion, consistency));
        Assert.Equal(9, fromZero);
        output.WriteLine(
            $"inclusion: {inclusion} probes; consistency: {consistency} probes, {fromZero} of them from size 0, which are all refused");
    }

    [Fact]
    public void Transparency_dev_merkle_classic_tree_constants()
    {
        using var json = JsonDocument.Parse(
            File.ReadAllBytes(Assert.Single(Vectors.Files("transparency-dev-merkle", "rfc6962-tree-constants.json"))));
        var leaves = json.RootElement.GetProperty("leafInputsHex").EnumerateArray()
            .Select(h => Merkle.Leaf(Convert.FromHexString(h.GetString()!))).ToArray();
        var levels = json.RootElement.GetProperty("nodeHashesByLevelHex").EnumerateArray()
            .Select(l => l.EnumerateArray().Select(h => Digest.ParseHex(h.GetString()!)).ToArray()).ToArray();
        var roots = json.RootElement.GetProperty("rootHashesBySizeHex").EnumerateArray()
            .Select(h => Digest.ParseHex(h.GetString()!)).ToArray();
        Assert.Equal(levels[0], leaves);
        for (var n = 0; n < roots.Length; n++)
        {
            Assert.Equal(roots[n], Merkle.Root(leaves.Take(n)));
            Assert.Equal(roots[n], Proofs.TreeHash(n, (level, index) => levels[level][index]));
        }
    }

    [Fact]
    public void All_sizes_to_66_and_every_corruption()
    {
        const int Max = 66;
        var roots = Enumerable.Range(0, Max + 1).Select(n => ByDefinition(Leaves.AsSpan(0, n))).ToArray();
        var frontier = new Frontier();
        for (var n = 0; n <= Max; n++)
        {
            Assert.Equal(roots[n], frontier.Root);
            Assert.Equal(roots[n], new Frontier(n, [.. frontier.Peaks]).Root);
            Assert.Equal(roots[n], Proofs.TreeHash(n, Subtree));
            frontier = frontier.Add(Leaves[n]);
        }
        for (var n = 1; n <= Max; n++)
        {
            for (var i = 0; i < n; i++)
            {
                var proof = Proofs.Inclusion(i, n, Subtree);
                Assert.True(Proofs.VerifyInclusion(i, n, Leaves[i], proof, roots[n]));
                Corrupt(proof, bad => Proofs.VerifyInclusion(i, n, Leaves[i], bad, roots[n]), n <= 33);
                Assert.False(Proofs.VerifyInclusion(i, n, Probes.Flip(Leaves[i], 0), proof, roots[n]));
                Assert.False(Proofs.VerifyInclusion(i, n, Leaves[i], proof, Probes.Flip(roots[n], 31)));
                for (var j = 0; j < n; j++) if (j != i)
                    Assert.False(Proofs.VerifyInclusion(j, n, Leaves[i], proof, roots[n]));
                Assert.False(Proofs.VerifyInclusion(n, n, Leaves[i], proof, roots[n]));
                Assert.False(Proofs.VerifyInclusion(-1, n, Leaves[i], proof, roots[n]));
            }
            for (var m = 1; m <= n; m++)
            {
                var proof = Proofs.Consistency(m, n, Subtree);
                Assert.True(Proofs.VerifyConsistency(m, n, roots[m], roots[n], proof));
                Corrupt(proof, bad => Proofs.VerifyConsistency(m, n, roots[m], roots[n], bad), n <= 33);
                Assert.False(Proofs.VerifyConsistency(m, n, Probes.Flip(roots[m], 7), roots[n], proof));
                Assert.False(Proofs.VerifyConsistency(m, n, roots[m], Probes.Flip(roots[n], 7), proof));
                if (m < n) Assert.False(Proofs.VerifyConsistency(n, m, roots[n], roots[m], proof));
                if (m < n) Assert.False(Proofs.VerifyConsistency(m, n, roots[n], roots[m], proof));
            }
            Assert.False(Proofs.VerifyConsistency(0, n, roots[0], roots[n], []));
            Assert.False(Proofs.VerifyConsistency(-1, n, roots[0], roots[n], []));
        }

        // Flip one bit in each byte of each hash (in larger trees, in one byte of it); drop, double and add a hash
        // anywhere; swap neighbours.
        static void Corrupt(Digest[] proof, Func<Digest[], bool> verifies, bool everyByte)
        {
            for (var h = 0; h < proof.Length; h++)
            {
                for (var b = everyByte ? 0 : h % Digest.Size; b < Digest.Size; b += everyByte ? 1 : Digest.Size)
                {
                    var flipped = (Digest[])proof.Clone();
                    flipped[h] = Probes.Flip(flipped[h], b);
                    Assert.False(verifies(flipped));
                }
                Assert.False(verifies([.. proof[..h], .. proof[(h + 1)..]]));
                if (h > 0) Assert.False(verifies([.. proof[..(h - 1)], proof[h], proof[h - 1], .. proof[(h + 1)..]]));
            }
            for (var h = 0; h <= proof.Length; h++)
            {
                Assert.False(verifies([.. proof[..h], default, .. proof[h..]]));
                if (h < proof.Length) Assert.False(verifies([.. proof[..h], proof[h], .. proof[h..]]));
            }
        }
    }

    [Fact]
    public void Proofs_out_of_tiles()
    {
        foreach (var size in new[] { 1, 2, 255, 256, 257, 300, 511, 512, 513, 600 })
        {
            var root = ByDefinition(Leaves.AsSpan(0, size));
            Digest FromTiles(int level, long index)
            {
                var tile = Tile.Holding(level, index, size);
                var hashes = Enumerable.Range(0, tile.Width)
                    .Select(i => ByDefinition(Leaves.AsSpan(((int)tile.Index * 256 + i) << 8 * tile.Level,
                        1 << 8 * tile.Level))).ToArray();
                return Tile.Subtree(level, index, Tile.Decode(Tile.Encode(hashes), tile.Width));
            }
            Assert.Equal(root, Proofs.TreeHash(size, FromTiles));
            foreach (var i in new[] { 0, size / 3, size - 1 })
                Assert.True(Proofs.VerifyInclusion(i, size, Leaves[i], Proofs.Inclusion(i, size, FromTiles), root));
            foreach (var m in new[] { 1, size / 2, size - 1 }.Where(m => m > 0))
                Assert.True(Proofs.VerifyConsistency(m, size, ByDefinition(Leaves.AsSpan(0, m)), root,
                    Proofs.Consistency(m, size, FromTiles)));
        }
    }

    [Fact]
    public void Ranges_that_are_no_node_are_refused()
    {
        Assert.Equal(Merkle.Node(Leaves[2], Leaves[3]), Proofs.RangeHash(2, 4, Subtree));
        Assert.Throws<ArgumentException>(() => Proofs.RangeHash(1, 3, Subtree));
        Assert.Throws<ArgumentOutOfRangeException>(() => Proofs.RangeHash(2, 2, Subtree));
        Assert.Throws<ArgumentOutOfRangeException>(() => Proofs.Inclusion(3, 3, Subtree));
        Assert.Throws<ArgumentOutOfRangeException>(() => Proofs.Consistency(0, 3, Subtree));
        Assert.Throws<ArgumentOutOfRangeException>(() => Proofs.Consistency(4, 3, Subtree));
    }
}
