using Stele.Proof;
using Stele.Proof.Governance;

namespace Stele.Tests.Governance;

public sealed class DocumentsTests
{
    /// <summary>
    /// A policy is compiled once while it is used; and however many were asked for, what is kept is bounded.
    /// </summary>
    [Fact]
    public void Compiled_policies_are_kept_within_bounds()
    {
        var blobs = new Dictionary<Digest, byte[]>();
        Digest Put(int i)
        {
            var bytes = new Policy(new PolicyDocument($"p{i}")
            {
                Description = new string('d', 2000),
                Rules = [.. Enumerable.Range(0, 100).Select(r =>
                    Rule.Require($"r{r}", ["deploy"], "true") with { Description = new string('x', 2000) })]
            }).ToJson().ToBytes();
            var digest = Digest.Of(bytes);
            blobs[digest] = bytes;
            return digest;
        }
        var found = 0;
        var documents = new Documents(digest =>
        {
            found++;
            return blobs.GetValueOrDefault(digest);
        });
        var used = Put(0);
        var first = documents.Policy(used)!;
        var seen = new List<WeakReference>();
        for (var i = 1; i <= 150; i++)
        {
            Once(documents, Put(i), seen);
            Assert.Same(first, documents.Policy(used));
        }
        Assert.Equal(151, found);
        Assert.InRange(first.Size, 200_000, 300_000);
        GC.Collect();
        Assert.InRange(seen.Count(s => s.IsAlive), 1, 100);
        Assert.Null(documents.Policy(Digest.Of("nowhere"u8)));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    static void Once(Documents documents, Digest digest, List<WeakReference> seen) =>
        seen.Add(new WeakReference(documents.Policy(digest)));

    /// <summary>What comes back is believed by its digest alone.</summary>
    [Fact]
    public void Another_documents_bytes_are_none()
    {
        var documents = new Documents(_ => "{}"u8.ToArray());
        Assert.Null(documents.Find(Digest.Of("x"u8)));
        Assert.NotNull(documents.Find(Digest.Of("{}"u8)));
        Assert.Null(new Documents(_ => new byte[Stele.Proof.Statements.Artifacts.MaxDocument + 1]).Find(
            Digest.Of(new byte[Stele.Proof.Statements.Artifacts.MaxDocument + 1])));
    }
}
