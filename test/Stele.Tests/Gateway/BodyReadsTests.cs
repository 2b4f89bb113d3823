using Stele.Disk;
using Stele.Gateway;

namespace Stele.Tests.Gateway;

/// <summary>The record of who opened bodies: nothing costs more for what was read before.</summary>
public sealed class BodyReadsTests
{
    const int Count = 100_000;

    static BodyRead Read(int n) => new(1_700_000_000_000 + n, "reader", $"ledger.example/desk/prod/01234567/{n}");

    /// <summary>In batches that are far smaller than a file: a batch is not split.</summary>
    static async Task Write(string path, int count)
    {
        using var reads = new BodyReads(path);
        foreach (var batch in Enumerable.Range(0, count).Chunk(2000)) await Task.WhenAll(batch.Select(n =>
            reads.Add(Read(n))));
    }

    [Fact]
    public async Task A_start_and_the_last_page_touch_the_newest_file_alone()
    {
        using var scratch = new Scratch();
        var path = scratch.At("reads");
        await Write(path, Count);
        var segments = Journal.Segments(path);
        Assert.InRange(segments.Count, 8, 40);
        Assert.All(segments.Skip(1), s => Assert.True(s.HasBasis));
        Assert.All(segments, s => Assert.Equal(Files.Secret, File.GetUnixFileMode(s.Path)));
        var whole = new List<BodyRead>();
        BodyReads.Scan(path, (number, read) =>
        {
            Assert.Equal(whole.Count, number);
            whole.Add(read);
        });
        Assert.Equal(Count, whole.Count);
        using (var reads = new BodyReads(path))
            foreach (var from in new[] { 0, 1, 999, 55_555, (int)segments[3].First - 1, (int)segments[3].First })
                Assert.Equal(whole.Skip(from).Take(BodyReads.PageSize), reads.Page(from).Reads);

        // What can't be read is not read: the older files are gone in all but name.
        var newest = segments[^1];
        foreach (var segment in segments.SkipLast(1)) await File.WriteAllTextAsync(segment.Path, "nothing");
        using (var reads = new BodyReads(path))
        {
            Assert.Equal(Count, reads.Page(long.MaxValue).Size);
            Assert.Empty(reads.Page(long.MaxValue).Reads);
            var last = reads.Page(newest.First);
            Assert.Equal((whole[(int)newest.First], Count), (last.Reads[0], last.Size));
            await reads.Add(Read(Count));
            Assert.Equal(Count + 1, reads.Page(Count).Size);
            Assert.Equal([Read(Count)], reads.Page(Count).Reads);
            // And what is not there is not told as if it had never been.
            Assert.Equal(GatewayError.Unrecorded,
                Assert.Throws<GatewayException>(() => reads.Page(newest.First - 1)).Error);
        }
    }

    /// <summary>Killed between the beginning of a file and its basis: the next start goes on from the file before, and
    /// writes the basis.</summary>
    [Fact]
    public async Task A_file_without_its_basis_gets_it_at_the_next_start()
    {
        using var scratch = new Scratch();
        var path = scratch.At("reads");
        await Write(path, 20_000);
        var newest = Journal.Segments(path)[^1];
        File.Delete(newest.BasisPath);
        using (var reads = new BodyReads(path)) Assert.Equal(20_000, reads.Page(0).Size);
        Assert.True(newest.HasBasis);
        Assert.Equal(JournalTail.Clean, BodyReads.Scan(path, (_, _) => { }).Tail);
    }
}
