using System.Text;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Interchange;

namespace Stele.Tests.Interchange;

/// <summary>
/// COSE receipts: the working group's samples, and our own for every tree up to a size, each bit flipped.
/// </summary>
public sealed class CoseReceiptTests
{
    [Fact]
    public void The_samples_of_the_standard_are_read_and_written_again_byte_for_byte()
    {
        var files = Vectors.Files("cose-receipts", "*.cbor");
        Assert.Equal(2, files.Length);
        var read = files.Select(f =>
        {
            var bytes = File.ReadAllBytes(f);
            var receipt = CoseReceipt.Parse(bytes);
            Assert.Equal(bytes, receipt.Encode());
            Assert.Equal((CoseAlgorithm.Es256, "test-key-1", "https://transparency-service.example.com", 64),
                (receipt.SignatureAlgorithm, Encoding.ASCII.GetString(receipt.KeyId.AsSpan()), receipt.Issuer,
                    receipt.Signature.Length));
            return receipt;
        }).ToList();
        var (inclusion, consistency) = (read.Single(r => r.IsInclusion), read.Single(r => !r.IsInclusion));
        Assert.Equal((3, 5), (inclusion.Index, inclusion.Size));
        Assert.Equal((3, 5), (consistency.OldSize, consistency.Size));

        // Neither leaf nor key is published with them, so their signatures can't be judged. The two are of one tree,
        // though, and so each proof holds the other's: the consistency proof has the hash of leaf 3, and with it both
        // must lead to one root.
        var old = Merkle.Node(consistency.Path[2], consistency.Path[0]);
        var root = Proofs.InclusionRoot(inclusion.Index, inclusion.Size, consistency.Path[1], inclusion.Path.AsSpan());
        Assert.NotNull(root);
        Assert.Equal(root,
            Proofs.ConsistencyRoot(consistency.OldSize, consistency.Size, old, consistency.Path.AsSpan()));
    }

    [Fact]
    public void What_the_standard_does_not_write_is_refused()
    {
        foreach (var file in Vectors.Files("cose-receipts", "*.cbor"))
        {
            var bytes = File.ReadAllBytes(file);
            for (var cut = 0; cut < bytes.Length; cut++)
                Assert.Throws<FormatException>(() => CoseReceipt.Parse(bytes.AsSpan(0, cut)));
            Assert.Throws<FormatException>(() => CoseReceipt.Parse([.. bytes, 0]));
        }
    }

    [Fact]
    public void Every_leaf_of_every_tree_is_proven_with_both_algorithms()
    {
        using var member = PrivateKey.Create();
        using var log = new Ed25519Key(Enumerable.Repeat((byte)7, 32).ToArray());
        var leaves = Enumerable.Range(0, 17).Select(i => Encoding.UTF8.GetBytes($"leaf {i}")).ToArray();
        var hashes = leaves.Select(l => Merkle.Leaf(l)).ToArray();
        Digest Subtree(int level, long index) => Merkle.Root(hashes.Skip((int)(index << level)).Take(1 << level));

        foreach (var (algorithm, key, sign) in new (CoseAlgorithm, ForeignKey, Func<byte[], byte[]>)[]
                 {
                     (CoseAlgorithm.Es256, ForeignKey.Of(member.Public), m => Raw(member.Sign(m))),
                     (CoseAlgorithm.EdDsa, ForeignKey.Of(new VerifierKey("log", NoteKeyType.Ed25519, log.Public)),
                         log.Sign),
                 })
        {
            for (var size = 1; size <= leaves.Length; size++)
            {
                var root = Merkle.Root(hashes.Take(size));
                for (var i = 0; i < size; i += size > 8 ? 3 : 1)
                {
                    var bytes = CoseReceipt.Inclusion(algorithm, key.Id.ToArray(), "stele.test", i, size,
                        Proofs.Inclusion(i, size, Subtree), root, sign).Encode();
                    Assert.True(CoseReceipt.VerifyInclusion(bytes, leaves[i], key, out var found).Accepted);
                    Assert.Equal(root, found);
                    Assert.False(
                        CoseReceipt.VerifyInclusion(bytes, leaves[(i + 1) % leaves.Length], key, out _).Accepted);
                }
                for (var old = 1; old <= size; old += 2)
                {
                    var bytes = CoseReceipt.Consistency(algorithm, key.Id.ToArray(), "stele.test", old, size,
                        Proofs.Consistency(old, size, Subtree), root, sign).Encode();
                    Assert.True(CoseReceipt.VerifyConsistency(bytes, old, Merkle.Root(hashes.Take(old)), key,
                        out var found).Accepted);
                    Assert.Equal(root, found);
                    if (old < size)
                        Assert.False(CoseReceipt.VerifyConsistency(bytes, old, Merkle.Root(hashes.Skip(1).Take(old)),
                            key, out _).Accepted);
                }
            }

            // Whatever bit is flipped, the receipt is refused; but for the tree's size, which is not signed: leaf 4 has
            // the same proof in trees of 9 to 16.
            var root11 = Merkle.Root(hashes.Take(11));
            var one = CoseReceipt.Inclusion(algorithm, key.Id.ToArray(), "stele.test", 4, 11,
                Proofs.Inclusion(4, 11, Subtree), root11, sign).Encode();
            for (var bit = 0; bit < one.Length * 8; bit++)
            {
                var changed = one.ToArray();
                changed[bit / 8] ^= (byte)(1 << (bit % 8));
                var accepted = CoseReceipt.VerifyInclusion(changed, leaves[4], key, out var found).Accepted;
                if (accepted)
                    Assert.Equal((root11, 4, true),
                        (found, CoseReceipt.Parse(changed).Index, CoseReceipt.Parse(changed).Size is >= 9 and <= 16));
            }
        }
    }

    static byte[] Raw(byte[] der)
    {
        var rs = new byte[64];
        Assert.True(EcdsaSignature.TryDecode(der, rs));
        return rs;
    }
}
