using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;

namespace Stele.Tests.Ledger;

/// <summary>
/// A log whose journal goes on in further files: what a start reads, what it believes, what may be gone.
/// </summary>
public sealed class SegmentTests : IDisposable
{
    static readonly LogOptions Small = new() { SegmentBytes = 16 << 10, PublishEvery = TimeSpan.FromMilliseconds(1) };

    readonly Ledgers _ledgers = new();

    public void Dispose() => _ledgers.Dispose();

    IReadOnlyList<JournalSegment> Segments(string name) => Journal.Segments(_ledgers.Journal(name));

    async Task Make(string name, int size, LogOptions? options = null)
    {
        using var log = _ledgers.Open(name, options ?? Small);
        // In several batches, so that segments end in many places: within a bundle as a rule.
        for (var at = 0; at < size; at = Math.Min(size, at + 97)) await Ledgers.Fill(log, Math.Min(size, at + 97));
    }

    static void IsTheLog(Log log, int size)
    {
        Assert.Equal((size, Ledgers.RootOf(size)), (log.Size, log.Root));
        for (var i = 0; i < size; i += 41)
        {
            Assert.Equal(Ledgers.Entry(i), log.ReadEntry(i));
            Assert.True(Proofs.VerifyInclusion(i, size, Merkle.Leaf(Ledgers.Entry(i)), log.InclusionProof(i, size),
                log.Root));
        }
    }

    [Fact]
    public async Task A_journal_goes_on_in_further_files_and_every_start_finds_the_same_log()
    {
        await Make("log", 2000);
        var segments = Segments("log");
        Assert.True(segments.Count > 3, $"{segments.Count} segments");
        Assert.All(segments.Skip(1), s => Assert.True(s.HasBasis));
        Assert.Empty(_ledgers.Check("log"));
        for (var size = 2000; size < 2010; size++)
            using (var log = _ledgers.Open("log", Small))
            {
                IsTheLog(log, size);
                await Ledgers.Fill(log, size + 1);
            }
        Assert.Empty(_ledgers.Check("log"));
    }

    [Fact]
    public async Task A_start_reads_the_last_segment_alone()
    {
        await Make("log", 2000);
        var opened = new List<string>();
        using (var log = _ledgers.Open("log", Small, file => opened.Add(file.Path))) IsTheLog(log, 2000);
        Assert.Equal([Segments("log")[^1].Path], opened);
        // Not even a look at the others: what is damaged there is for fsck to find.
        var bytes = File.ReadAllBytes(Segments("log")[1].Path);
        bytes[200] ^= 1;
        File.WriteAllBytes(Segments("log")[1].Path, bytes);
        using (var log = _ledgers.Open("log", Small)) IsTheLog(log, 2000);
        Assert.Contains(_ledgers.Check("log"), w => w.StartsWith("journal: damaged", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_bases_everything_is_read_and_they_are_made_again()
    {
        await Make("log", 2000);
        var before = Segments("log").Skip(1).ToDictionary(s => s.First, s => File.ReadAllBytes(s.BasisPath));
        foreach (var segment in Segments("log").Skip(1)) File.Delete(segment.BasisPath);
        Directory.Delete(Path.Combine(_ledgers.At("log"), "tile"), recursive: true);
        using (var log = _ledgers.Open("log", Small)) IsTheLog(log, 2000);
        Assert.Empty(_ledgers.Check("log"));
        Assert.Equal(before, Segments("log").Skip(1).ToDictionary(s => s.First, s => File.ReadAllBytes(s.BasisPath)));
    }

    [Fact]
    public async Task A_basis_is_believed_only_under_the_checkpoint()
    {
        await Make("log", 2000);
        var segments = Segments("log");
        // Damaged: an older one serves.
        var whole = File.ReadAllBytes(segments[^1].BasisPath);
        for (var at = 0; at < whole.Length; at += 101)
        {
            var damaged = (byte[])whole.Clone();
            damaged[at] ^= 4;
            File.WriteAllBytes(segments[^1].BasisPath, damaged);
            Assert.Contains(_ledgers.Check("log"),
                w => w.StartsWith(Path.GetFileName(segments[^1].BasisPath), StringComparison.Ordinal));
            using (var log = _ledgers.Open("log", Small)) Assert.Equal(Ledgers.RootOf(2000), log.Root);
            // And it is made again, so that the next start is as short as it was.
            Assert.Equal(whole, File.ReadAllBytes(segments[^1].BasisPath));
            Assert.Empty(_ledgers.Check("log"));
            if (at > 700) break;
        }
        File.WriteAllBytes(segments[^1].BasisPath, whole[..^1]);
        Assert.NotEmpty(Fsck.Repair(_ledgers.Store("log"), _ledgers.Signer.Key));
        Assert.Equal(whole, File.ReadAllBytes(segments[^1].BasisPath));
        Assert.Empty(_ledgers.Check("log"));

        // Whole, but of another history: its root is not the one that was signed.
        var tree = new Tree((_, _) => { });
        for (var i = 0; i < segments[^1].First; i++) tree.Add([1, 2, 3]);
        File.WriteAllBytes(segments[^1].BasisPath,
            JournalFrame.Basis(segments[^1].First, Basis.Encode(tree.Save(), null)));
        Assert.Equal(LogError.Forked, Assert.Throws<LogException>(() => _ledgers.Open("log", Small)).Error);
    }

    [Fact]
    public async Task Old_segments_may_be_gone_and_the_log_goes_on()
    {
        await Make("log", 2000);
        var segments = Segments("log");
        // Without the one before it, a file in the middle has nothing to stand on.
        File.Move(segments[1].Path, segments[1].Path + "-away");
        Assert.Contains(_ledgers.Check("log"), w => w.StartsWith("journal: damaged", StringComparison.Ordinal));
        foreach (var segment in segments.Take(2)) File.Delete(segment.Path);
        using (var log = _ledgers.Open("log", Small))
        {
            IsTheLog(log, 2000);
            await Ledgers.Fill(log, 2100);
            IsTheLog(log, 2100);
        }
        Assert.Empty(_ledgers.Check("log"));
        // All that was from before the last checkpoint is gone with the basis: nothing is made up.
        foreach (var segment in Segments("log").Skip(1)) File.Delete(segment.BasisPath);
        File.Delete(Segments("log")[0].BasisPath);
        Assert.Contains("what stood before record",
            Assert.Throws<IOException>(() => _ledgers.Open("log", Small)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_replicas_journal_has_segments_too()
    {
        await Make("log", 1500);
        using var log = _ledgers.Open("log", Small);
        var options = Small with { SegmentBytes = 4 << 10 };
        using (var replica = _ledgers.OpenReplica("replica", options))
            for (var at = 0; at < 1500; at += 150)
                Assert.Equal(Extension.Extended,
                    await replica.Extend([.. log.ReadEntries(at, at + 150)],
                        _ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, at + 150, Ledgers.RootOf(at + 150)).Text)
                            .ToString()));
        Assert.True(Segments("replica").Count > 3);
        Assert.Empty(_ledgers.Check("replica"));
        using (var replica = _ledgers.OpenReplica("replica", options))
            IsTheLog(replica, 1500);
        foreach (var segment in Segments("replica").Take(2).ToList()) File.Delete(segment.Path);
        using (var replica = _ledgers.OpenReplica("replica", options))
            IsTheLog(replica, 1500);
        Assert.Empty(_ledgers.Check("replica"));
    }

    /// <summary>
    /// A power loss at any step around the end of a segment: the file of the next is or isn't there, the seal is or
    /// isn't, nothing that was acknowledged is lost.
    /// </summary>
    [Fact]
    public async Task A_crash_around_a_segments_end_loses_nothing()
    {
        await Make("log", 700);
        var segments = Segments("log");
        Assert.True(segments.Count > 1);
        // As if the last segment had only just begun: no basis yet, and the file before it neither sealed nor cut.
        _ledgers.Copy("log", "unsealed");
        var last = Segments("unsealed")[^1];
        File.Delete(last.BasisPath);
        var before = Segments("unsealed")[^2].Path;
        File.WriteAllBytes(before, [.. File.ReadAllBytes(before)[..^JournalFrame.Header], .. new byte[10_000]]);
        Assert.Empty(_ledgers.Check("unsealed"));
        _ledgers.Copy("unsealed", "empty");
        using (var log = _ledgers.Open("unsealed", Small)) IsTheLog(log, 700);
        Assert.Empty(_ledgers.Check("unsealed"));
        Assert.Equal(File.ReadAllBytes(segments[^2].Path), File.ReadAllBytes(before));
        Assert.Equal(File.ReadAllBytes(segments[^1].BasisPath), File.ReadAllBytes(last.BasisPath));

        // Power lost while the seal is written, with a part of it on the disk, in a file that was cut to its length, or
        // in the room.
        _ledgers.Copy("log", "torn");
        (last, before) = (Segments("torn")[^1], Segments("torn")[^2].Path);
        var whole = File.ReadAllBytes(before);
        for (var kept = 1; kept < JournalFrame.Header; kept++)
            foreach (var room in new[] { 0, 10_000 })
            {
                File.Delete(last.BasisPath);
                File.WriteAllBytes(before,
                    [.. whole[..^(JournalFrame.Header - kept)], .. new byte[JournalFrame.Header - kept + room]]);
                Assert.Empty(_ledgers.Check("torn"));
                using (var log = _ledgers.Open("torn", Small))
                    Assert.Equal((700, Ledgers.RootOf(700)), (log.Size, log.Root));
                Assert.Empty(_ledgers.Check("torn"));
                Assert.Equal(whole, File.ReadAllBytes(before));
                Assert.Equal(File.ReadAllBytes(segments[^1].BasisPath), File.ReadAllBytes(last.BasisPath));
            }
        // Once the next file's basis stands the seal was on the disk; and a seal's remains are no longer than a seal,
        // and stand where the next file's records go on.
        File.WriteAllBytes(before, [.. whole[..^1], (byte)~whole[^1]]);
        Assert.Contains(_ledgers.Check("torn"), w => w.StartsWith("journal: damaged", StringComparison.Ordinal));
        File.Delete(last.BasisPath);
        Assert.Empty(_ledgers.Check("torn"));
        File.WriteAllBytes(before, [.. whole[..^1], (byte)~whole[^1], 1]);
        Assert.Contains(_ledgers.Check("torn"), w => w.StartsWith("journal: damaged", StringComparison.Ordinal));
        File.WriteAllBytes(before, whole[..(JournalFrame.FileHeader + 20)]);
        Assert.Contains(_ledgers.Check("torn"), w => w.StartsWith("journal: damaged", StringComparison.Ordinal));

        // The new file without a record in it.
        last = Segments("empty")[^1];
        File.WriteAllBytes(last.Path, File.ReadAllBytes(last.Path)[..JournalFrame.FileHeader]);
        File.Delete(Path.Combine(_ledgers.At("empty"), "checkpoint"));
        using (var log = _ledgers.Open("empty", Small))
        {
            IsTheLog(log, (int)last.First);
            await Ledgers.Fill(log, last.First + 10);
        }
        Assert.Empty(_ledgers.Check("empty"));
    }
}
