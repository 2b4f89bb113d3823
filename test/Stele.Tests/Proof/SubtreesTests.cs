using System.Text.Json;
using Stele.Proof;

namespace Stele.Tests.Proof;

public sealed class SubtreesTests(ITestOutputHelper output)
{
    static readonly Digest[] Leaves = [.. Enumerable.Range(0, 64).Select(i => Merkle.Leaf([(byte)i]))];

    static Digest ByDefinition(ReadOnlySpan<Digest> leaves) =>
        leaves.Length == 0 ? Merkle.EmptyRoot : leaves.Length == 1 ? leaves[0]
        : ByDefinition(leaves[..(int)Proofs.Split(leaves.Length)]) is var left
            ? Merkle.Node(left, ByDefinition(leaves[(int)Proofs.Split(leaves.Length)..])) : default;

    static Digest Subtree(int level, long index) => ByDefinition(Leaves.AsSpan((int)(index << level), 1 << level));

    [Fact]
    public void Transparency_dev_merkle_probes()
    {
        var dir = Vectors.Dir("transparency-dev-merkle");
        var counts = new SortedDictionary<string, (int Accepted, int Refused)>(StringComparer.Ordinal);
        foreach (var file in Vectors.Files("transparency-dev-merkle", "*.json"))
        {
            var family = Path.GetRelativePath(dir, file).Split('/')[0];
            if (!family.StartsWith("subtree", StringComparison.Ordinal)) continue;
            using var json = JsonDocument.Parse(File.ReadAllBytes(file));
            var p = json.RootElement;
            var verified = family == "subtreeinclusion"
                ? !Probes.Empty(p, "leafHash") && !Probes.Empty(p, "root")
                    && Subtrees.VerifyInclusion(Probes.Number(p, "leafIdx"), Probes.Number(p, "start"),
                        Probes.Number(p, "end"), Probes.Hash(p, "leafHash"), Probes.Hashes(p), Probes.Hash(p, "root"))
                : Subtrees.VerifyConsistency(Probes.Number(p, "start"), Probes.Number(p, "end"),
                    Probes.Number(p, "size"), Probes.Hash(p, "root1"), Probes.Hash(p, "root2"), Probes.Hashes(p));
            Assert.True(p.GetProperty("wantErr").GetBoolean() != verified, file);
            var (accepted, refused) = counts.GetValueOrDefault(family);
            counts[family] = verified ? (accepted + 1, refused) : (accepted, refused + 1);
        }
        Assert.Equal((118, 204), (counts["subtreeconsistency"].Accepted + counts["subtreeconsistency"].Refused,
            counts["subtreeinclusion"].Accepted + counts["subtreeinclusion"].Refused));
        foreach (var (family, count) in counts) output.WriteLine(
            $"{family}: {count.Accepted} accepted, {count.Refused} refused");
    }

    [Fact]
    public void C2sp_specs_sign_subtree_example_is_layout_alone()
    {
        using var json =
            JsonDocument.Parse(File.ReadAllBytes(Assert.Single(Vectors.Files("c2sp-specs", "examples.json"))));
        var p = json.RootElement.GetProperty("signSubtreeRequest");
        Assert.Equal("subtree 8 13", p.GetProperty("line").GetString());
        var (hash, root, size) = (Probes.Hash(p, "subtreeHash"), Probes.Hash(p, "rootHash"),
            p.GetProperty("checkpointSize").GetInt64());
        // The specification's example has as many hashes as such a proof has, but they are made up: neither the
        // subtree's hash nor the root comes out of them. So it shows the layout alone.
        var proof = Probes.Hashes(p);
        Assert.Equal(Subtrees.Consistency(8, 13, size, Subtree).Length, proof.Length);
        Assert.NotEqual(hash, Merkle.Node(proof[2], proof[0]));
        Assert.NotEqual(root, Merkle.Node(proof[3], Merkle.Node(proof[2], Merkle.Node(proof[0], proof[1]))));
        Assert.False(Subtrees.VerifyConsistency(8, 13, size, hash, root, proof));
    }

    [Fact]
    public void Every_subtree_of_all_sizes_to_40_and_every_byte_of_its_proofs()
    {
        const int Max = 40;
        int consistency = 0, inclusion = 0;
        for (var size = 0; size <= Max; size++)
        {
            var root = ByDefinition(Leaves.AsSpan(0, size));
            for (var start = 0; start <= size; start++)
                for (var end = start; end <= size; end++)
                {
                    var hash = ByDefinition(Leaves.AsSpan(start, end - start));
                    if (!Subtrees.IsValid(start, end))
                    {
                        Assert.False(Subtrees.VerifyConsistency(start, end, size, hash, root, []));
                        Assert.Throws<ArgumentException>(() => Subtrees.Consistency(start, end, size, Subtree));
                        continue;
                    }
                    var proof = Subtrees.Consistency(start, end, size, Subtree);
                    Assert.True(Subtrees.VerifyConsistency(start, end, size, hash, root, proof),
                        $"[{start}, {end}) in {size}");
                    consistency++;
                    // [0, end) is a consistency proof, one leaf an inclusion proof.
                    if (start == 0 && end > 0) Assert.Equal(Proofs.Consistency(end, size, Subtree), proof);
                    if (end == start + 1) Assert.Equal(Proofs.Inclusion(start, size, Subtree), proof);
                    for (var h = 0; h < proof.Length; h++)
                    {
                        for (var b = h % 8; b < Digest.Size; b += 8)
                            Assert.False(Subtrees.VerifyConsistency(start, end, size, hash, root,
                                [.. proof[..h], Probes.Flip(proof[h], b), .. proof[(h + 1)..]]));
                        Assert.False(Subtrees.VerifyConsistency(start, end, size, hash, root,
                            [.. proof[..h], .. proof[(h + 1)..]]));
                    }
                    Assert.False(Subtrees.VerifyConsistency(start, end, size, hash, root, [.. proof, default]));
                    Assert.False(Subtrees.VerifyConsistency(start, end, size, Probes.Flip(hash, 3), root, proof));
                    if (start == end) continue;
                    Assert.False(Subtrees.VerifyConsistency(start, end, size, hash, Probes.Flip(root, 3), proof));
                    if (size != end) continue;
                    for (var i = start; i < end; i++)
                    {
                        var path = Subtrees.Inclusion(i, start, end, Subtree);
                        Assert.True(Subtrees.VerifyInclusion(i, start, end, Leaves[i], path, hash));
                        Assert.False(Subtrees.VerifyInclusion(i, start, end, Leaves[i + 1], path, hash));
                        Assert.False(Subtrees.VerifyInclusion(i - start - 1, start, end, Leaves[i], path, hash));
                        inclusion++;
                    }
                }
        }
        Assert.False(Subtrees.IsValid(-1, 0) || Subtrees.IsValid(2, 1) || Subtrees.IsValid(1, long.MaxValue)
            || !Subtrees.IsValid(0, long.MaxValue));
        output.WriteLine($"{consistency} consistency proofs, {inclusion} inclusion proofs");
    }
}

/// <summary>How the probes of transparency-dev/merkle write sizes and hashes.</summary>
static class Probes
{
    /// <summary>Sizes beyond 2⁶³ are no sizes here.</summary>
    public static long Number(JsonElement of, string name) =>
        of.GetProperty(name).GetUInt64() is var n && n <= long.MaxValue ? (long)n : -1;

    /// <summary>An empty hash can't even be written as a digest: that is the refusal.</summary>
    public static bool Empty(JsonElement of, string name) =>
        of.GetProperty(name) is { ValueKind: JsonValueKind.Null } || of.GetProperty(name).GetString() == "";

    public static Digest Hash(JsonElement of, string name) => Hash(of.GetProperty(name));

    /// <summary>
    /// Some probes hold null or a few words for a hash: a stand-in keeps equal what was equal, and nothing else.
    /// </summary>
    static Digest Hash(JsonElement value)
    {
        var bytes = value.ValueKind == JsonValueKind.Null ? [] : value.GetBytesFromBase64();
        return bytes.Length == Digest.Size ? Digest.From(bytes) : Digest.Of([.. "no hash: "u8, .. bytes]);
    }

    public static Digest[] Hashes(JsonElement of) =>
        of.GetProperty("proof") is { ValueKind: JsonValueKind.Array } list
            ? [.. list.EnumerateArray().Select(Hash)]
            : [];

    public static Digest Flip(Digest d, int at)
    {
        var bytes = d.ToArray();
        bytes[at] ^= (byte)(1 << at % 8);
        return Digest.From(bytes);
    }
}
