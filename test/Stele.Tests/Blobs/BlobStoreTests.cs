using System.Diagnostics;
using System.Text;
using Stele.Blobs;
using Stele.Proof;

namespace Stele.Tests.Blobs;

public sealed class BlobStoreTests : IDisposable
{
    readonly Scratch _scratch = new();
    readonly BlobStore _blobs;

    public BlobStoreTests() => _blobs = new BlobStore(_scratch.At("blobs"));

    public void Dispose() => _scratch.Dispose();

    static async Task<BlobError> Refusal(Func<Task> act) => (await Assert.ThrowsAsync<BlobException>(act)).Error;

    [Fact]
    public async Task What_is_put_is_read_back_and_putting_again_changes_nothing()
    {
        var content = Encoding.UTF8.GetBytes("the law, carved");
        var digest = await _blobs.Put(content);
        Assert.Equal(Digest.Of(content), digest);
        Assert.Equal(digest, await _blobs.Put(content));
        Assert.True(await _blobs.Has(digest));
        Assert.Equal(content, await _blobs.Read(digest, 100));
        Assert.Single(_blobs.All());
        Assert.Empty(Directory.GetFiles(_scratch.At("blobs", "ingest")));
        Assert.Equal((UnixFileMode)0x124, File.GetUnixFileMode(_blobs.PathOf(digest)));
    }

    [Fact]
    public async Task An_unknown_digest_is_unknown() =>
        Assert.Equal(BlobError.Unknown, await Refusal(() => _blobs.OpenRead(Digest.Of("nothing"u8))));

    [Fact]
    public async Task Every_flipped_bit_of_a_blob_is_seen_on_reading()
    {
        var content = new byte[300];
        new Random(1).NextBytes(content);
        var digest = await _blobs.Put(content);
        for (var bit = 0; bit < content.Length * 8; bit += 37)
        {
            var damaged = (byte[])content.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            Overwrite(digest, damaged);
            Assert.Equal(BlobError.Corrupt, await Refusal(() => _blobs.Read(digest, 1000)));
        }
        foreach (var damaged in new[] { content[..^1], [.. content, 0], [] })
        {
            Overwrite(digest, damaged);
            Assert.Equal(BlobError.Corrupt, await Refusal(() => _blobs.Read(digest, 1000)));
        }
        await _blobs.Put(content); // putting the true bytes repairs it
        Assert.Equal(content, await _blobs.Read(digest, 1000));
    }

    void Overwrite(Digest digest, byte[] content)
    {
        File.Delete(_blobs.PathOf(digest));
        File.WriteAllBytes(_blobs.PathOf(digest), content);
    }

    [Fact]
    public async Task A_corrupt_blob_never_reaches_the_end_of_its_stream()
    {
        var content = new byte[500_000];
        var digest = await _blobs.Put(content);
        content[^1] = 1;
        Overwrite(digest, content);
        await using var stream = await _blobs.OpenRead(digest);
        var buffer = new byte[4096];
        var ended = false;
        await Assert.ThrowsAsync<BlobException>(async () =>
        {
            while (await stream.ReadAsync(buffer) > 0) { }
            ended = true;
        });
        Assert.False(ended);
    }

    [Fact]
    public async Task Ten_declared_gigabytes_are_refused_before_a_byte_is_read()
    {
        var reads = new Counting();
        Assert.Equal(BlobError.TooLarge, await Refusal(() => _blobs.Put(reads, null, 1 << 20, declared: 10L << 30)));
        Assert.Equal(0, reads.Reads);
        NothingStored();
    }

    [Fact]
    public async Task An_endless_stream_is_cut_at_the_limit()
    {
        var reads = new Counting();
        Assert.Equal(BlobError.TooLarge, await Refusal(() => _blobs.Put(reads, null, 1 << 20)));
        Assert.InRange(reads.Given, 1 << 20, 2 << 20);
        NothingStored();
    }

    [Fact]
    public async Task Another_digest_or_length_than_announced_is_refused()
    {
        Assert.Equal(BlobError.WrongDigest,
            await Refusal(() => _blobs.Put(new MemoryStream([1, 2, 3]), Digest.Of("else"u8), 100)));
        Assert.Equal(BlobError.WrongDigest,
            await Refusal(() => _blobs.Put(new MemoryStream([1, 2, 3]), null, 100, declared: 4)));
        NothingStored();
    }

    void NothingStored()
    {
        Assert.Empty(_blobs.All());
        Assert.Empty(Directory.GetFiles(_scratch.At("blobs", "ingest")));
    }

    [Fact]
    public async Task A_read_of_a_small_blob_stops_at_its_limit()
    {
        var digest = await _blobs.Put(new byte[1000]);
        Assert.Equal(BlobError.TooLarge, await Refusal(() => _blobs.Read(digest, 999)));
        Assert.Equal(1000, (await _blobs.Read(digest, 1000)).Length);
    }

    [Fact]
    public void What_a_crash_left_is_swept_but_not_what_is_being_written()
    {
        var left = _scratch.At("blobs", "ingest", "blob.0.tmp");
        var busy = _scratch.At("blobs", "ingest", "blob.1.tmp");
        File.WriteAllText(left, "half");
        using var writing = Stele.Disk.Files.CreateNew(busy);
        _ = new BlobStore(_scratch.At("blobs"));
        Assert.False(File.Exists(left));
        Assert.True(File.Exists(busy));
    }

    [Fact]
    public async Task Many_writers_lose_no_line_of_the_index()
    {
        var second = new BlobStore(_scratch.At("blobs"));
        var made = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => Task.Run(() =>
            Artifact.OfDocument(i % 2 == 0 ? _blobs : second, "config", new About($"config-{i}"), "application/json",
                Json.Object(("i", i)).ToBytes()))));
        Assert.Equal(made.Order(), _blobs.Listed().Select(l => l.Manifest).Order());
    }

    [Fact]
    public async Task Skopeo_reads_the_store_as_an_OCI_layout()
    {
        if (!File.Exists("/usr/bin/skopeo")) Assert.Skip("skopeo is not installed: apt-get install skopeo");
        _scratch.File("in/a.txt", "a");
        var manifest = await Stele.Build.Freeze.Path(_blobs, _scratch.At("in"), "dataset",
            new About("people", "https://example.org/people", "CC0-1.0"));
        var reference = (await Artifact.Read(_blobs, manifest)).Reference(manifest);
        Assert.Equal("people:" + manifest.Short, reference);

        var (code, output, error) = Skopeo("inspect", "--raw", $"oci:{_scratch.At("blobs")}:{reference}");
        Assert.True(code == 0, error);
        Assert.Equal(manifest, Digest.Of(Encoding.UTF8.GetBytes(output)));

        (code, _, error) = Skopeo("--insecure-policy", "copy", $"oci:{_scratch.At("blobs")}:{reference}",
            $"dir:{_scratch.At("copy")}");
        Assert.True(code == 0, error);
        Assert.Equal(await File.ReadAllBytesAsync(_blobs.PathOf(manifest)),
            await File.ReadAllBytesAsync(_scratch.At("copy", "manifest.json")));
        foreach (var layer in (await Artifact.Read(_blobs, manifest)).Layers)
            Assert.Equal(layer.Digest, Digest.Of(await File.ReadAllBytesAsync(_scratch.At("copy", layer.Digest.Hex))));
    }

    static (int, string, string) Skopeo(params string[] args)
    {
        using var process = Process.Start(new ProcessStartInfo("/usr/bin/skopeo", args)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true
        })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }

    /// <summary>Zeros without end, counted.</summary>
    sealed class Counting : ForwardStream
    {
        public int Reads { get; private set; }
        public long Given { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Reads++;
            Given += buffer.Length;
            buffer.Span.Clear();
            return ValueTask.FromResult(buffer.Length);
        }
    }

    /// <summary>However it is read, and whatever is read after it failed.</summary>
    [Theory]
    [InlineData(0), InlineData(1), InlineData(65_535), InlineData(65_536), InlineData(65_537), InlineData(131_072),
        InlineData(200_000)]
    public async Task A_stream_ends_with_the_digest_or_not_at_all(int length)
    {
        var content = new byte[length];
        var random = new Random(length);
        random.NextBytes(content);
        foreach (var step in (int[])[1000, 65_536, 100_000])
        {
            using (var good = new VerifiedStream(new MemoryStream(content), Digest.Of(content)))
            {
                var (read, error) = await Drain(good, step);
                Assert.Null(error);
                Assert.Equal(content, read);
            }
            using var bad = new VerifiedStream(new MemoryStream(content), Digest.Of("other"u8));
            var (part, corrupt) = await Drain(bad, step);
            Assert.Equal(BlobError.Corrupt, corrupt?.Error);
            Assert.True(part.Length < Math.Max(1, length));
            Assert.Equal(BlobError.Corrupt, (await Drain(bad, step)).Error?.Error);
        }

        static async Task<(byte[] Read, BlobException? Error)> Drain(Stream from, int step)
        {
            var (all, buffer) = (new List<byte>(), new byte[step]);
            try
            {
                for (int n; (n = await from.ReadAsync(buffer)) > 0;) all.AddRange(buffer.AsSpan(0, n));
                return ([.. all], null);
            }
            catch (BlobException e)
            {
                return ([.. all], e);
            }
        }
    }
}
