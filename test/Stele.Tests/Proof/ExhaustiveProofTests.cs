using Stele.Proof;

namespace Stele.Tests.Proof;

/// <summary>
/// Every inclusion and consistency proof of all trees of 1 to 300 leaves, through the verifiers themselves. A hash of a
/// proof with a bit flipped is refused: every bit of every hash for all sizes to 32, and for all sizes one bit of every
/// hash, another one each time, so that each of the 256 stands in for some. The full product, every bit of every hash
/// of all sizes, is some 10⁹ node hashes and
/// minutes of two cores; it is the explicit test here: <c>-explicit only -class "*ExhaustiveProofTests"</c>.
/// </summary>
public sealed class ExhaustiveProofTests(ITestOutputHelper output)
{
    const int Max = 300, EveryBitTo = 32;

    /// <summary>All complete subtrees by level and index, and the root of every size.</summary>
    static readonly Digest[][] Nodes = MakeNodes();
    static readonly Digest[] Roots = [.. Enumerable.Range(0, Max + 1).Select(n => Proofs.TreeHash(n, Subtree))];

    static Digest Subtree(int level, long index) => Nodes[level][index];

    static Digest[][] MakeNodes()
    {
        var levels = new List<Digest[]> { Enumerable.Range(0, Max).Select(i => Merkle.Leaf([(byte)i, (byte)(i >> 8)]))
            .ToArray() };
        while (levels[^1].Length > 1)
            levels.Add(
                [.. levels[^1].Chunk(2).Where(pair => pair.Length == 2).Select(pair => Merkle.Node(pair[0], pair[1]))]);
        return [.. levels];
    }

    [Fact]
    public void All_proofs_of_all_sizes_to_300_and_a_bit_of_every_hash_and_every_bit_to_32() =>
        Run((n, salt) => n <= EveryBitTo ? (0, 256) : (salt % 256, 1));

    [Fact(Explicit = true)]
    public void All_proofs_of_all_sizes_to_300_and_every_bit_of_every_hash() => Run((_, _) => (0, 256));

    /// <param name="bits">From a size and a running number: the first bit to flip, and how many.</param>
    void Run(Func<int, int, (int From, int Count)> bits)
    {
        long proofs = 0, flips = 0;
        var positions = new int[256];
        // The large sizes first, so that no core is left with one of them at the end.
        Parallel.ForEach(Enumerable.Range(1, Max).Reverse(), new ParallelOptions { MaxDegreeOfParallelism = 2 }, n =>
        {
            long flipped = 0;
            for (var i = 0; i < n; i++)
            {
                var inclusion = Proofs.Inclusion(i, n, Subtree);
                if (!Proofs.VerifyInclusion(i, n, Nodes[0][i], inclusion, Roots[n]))
                    Assert.Fail($"inclusion of {i} in {n}");
                flipped += Flip(inclusion, n, i, () => Proofs.VerifyInclusion(i, n, Nodes[0][i], inclusion, Roots[n]));
                var consistency = Proofs.Consistency(i + 1, n, Subtree);
                if (!Proofs.VerifyConsistency(i + 1, n, Roots[i + 1], Roots[n], consistency))
                    Assert.Fail($"consistency of {i + 1} with {n}");
                flipped += Flip(consistency, n, i + 7,
                    () => Proofs.VerifyConsistency(i + 1, n, Roots[i + 1], Roots[n], consistency));
            }
            Interlocked.Add(ref flips, flipped);
            Interlocked.Add(ref proofs, 2 * n);
        });
        Assert.Equal(Max * (Max + 1), proofs);
        Assert.DoesNotContain(0, positions);
        output.WriteLine($"{proofs} proofs, {flips} flipped bits");

        long Flip(Digest[] proof, int n, int salt, Func<bool> verifies)
        {
            Span<byte> bytes = stackalloc byte[Digest.Size];
            long count = 0;
            for (var h = 0; h < proof.Length; h++)
            {
                var good = proof[h];
                good.CopyTo(bytes);
                var (from, some) = bits(n, 31 * salt + 37 * h + n);
                for (var bit = from; bit < from + some; bit++, count++)
                {
                    bytes[bit / 8] ^= (byte)(1 << bit % 8);
                    proof[h] = Digest.From(bytes);
                    if (verifies()) Assert.Fail($"bit {bit} of hash {h} of a proof in a tree of {n} may be flipped");
                    bytes[bit / 8] ^= (byte)(1 << bit % 8);
                    positions[bit] = 1;
                }
                proof[h] = good;
            }
            return count;
        }
    }
}
