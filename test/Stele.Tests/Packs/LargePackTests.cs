using System.IO.Compression;
using System.Text;
using Stele.Proof;
using Stele.Proof.Packs;
using Stele.Tests.Worlds;

namespace Stele.Tests.Packs;

/// <summary>Packs beyond what a plain zip holds, and beyond what memory holds.</summary>
public sealed class LargePackTests
{
    [Fact]
    public void Beyond_four_gigabytes_it_is_zip64_in_one_layout_that_others_read()
    {
        var block = new byte[Zip.MaxMember];
        for (var i = 0; i < block.Length; i += 4096) block[i] = (byte)(i >> 12);
        var crc = Crc32.Of(block);
        byte[] Tail(SparseStream s)
        {
            var tail = new byte[20_000];
            s.Position = s.Length - tail.Length;
            s.ReadExactly(tail);
            return tail;
        }
        SparseStream Written()
        {
            var file = new SparseStream(block);
            var zip = new Zip.Writer(file);
            for (var i = 0; i < 70; i++) zip.Add($"block/{i:D9}", block, crc);
            zip.Add("last", "the end"u8);
            zip.Finish();
            return file;
        }
        var file = Written();
        Assert.True(file.Length > 70L * Zip.MaxMember && file.Length > uint.MaxValue);
        Assert.Equal(Tail(file), Tail(Written()));

        var members = Zip.Read(file);
        Assert.Equal(71, members.Count);
        Assert.Equal("the end", Encoding.UTF8.GetString(Zip.Content(file, members[^1])));
        Assert.True(members[^1].Offset > uint.MaxValue);
        using (var others = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true))
        {
            Assert.Equal(members.Select(m => (m.Name, (long)m.Size, m.Crc)),
                others.Entries.Select(e => (e.FullName, e.Length, e.Crc32)));
            using var last = new StreamReader(others.GetEntry("last")!.Open());
            Assert.Equal("the end", last.ReadToEnd());
        }

        // Any bit of the records that zip64 adds, turned, is another layout.
        var tail = Tail(file);
        for (var at = tail.Length - 98; at < tail.Length; at++)
        {
            var changed = tail[^98..];
            changed[at - (tail.Length - 98)] ^= 1;
            Assert.Throws<FormatException>(() => Zip.Read(new Spliced(file, changed)));
        }
    }

    /// <summary>A file with another end.</summary>
    sealed class Spliced(SparseStream file, byte[] end) : Stream
    {
        public override int Read(Span<byte> to)
        {
            var split = file.Length - end.Length;
            if (Position < split) to = to[..(int)Math.Min(to.Length, split - Position)];
            int n;
            if (Position >= split)
            {
                n = Math.Min(to.Length, (int)(file.Length - Position));
                end.AsSpan((int)(Position - split), n).CopyTo(to);
            }
            else
            {
                file.Position = Position;
                n = file.Read(to);
            }
            Position += n;
            return n;
        }

        public override long Position { get; set; }
        public override long Length => file.Length;
        public override bool CanRead => true;
        public override bool CanSeek => true;
        public override bool CanWrite => false;
        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Flush() { }
        public override void SetLength(long value) => throw new NotSupportedException();
    }

    [Fact]
    public void More_members_than_a_plain_zip_counts_are_read()
    {
        var file = new MemoryStream();
        var zip = new Zip.Writer(file);
        for (var i = 0; i < 65_540; i++) zip.Add($"m/{i:D6}", [(byte)i]);
        zip.Finish();
        Assert.Equal(65_540, Zip.Read(file).Count);
        using var others = new ZipArchive(file);
        Assert.Equal(65_540, others.Entries.Count);
    }

    /// <summary>Leaves that were written are let go of, however many are to come.</summary>
    [Fact]
    public void The_writer_holds_a_segment_of_a_log_and_no_more()
    {
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var leaf = m.World.Decide().Encode();
        var given = new List<WeakReference>();
        var alive = 0;
        IEnumerable<byte[]> Leaves()
        {
            for (var i = 0; i < 40; i++)
            {
                for (var k = 0; k < 500; k++) yield return Fresh(given);
                if (i % 10 != 9) continue;
                GC.Collect();
                alive = Math.Max(alive, given.Count(g => g.IsAlive));
            }
        }
        byte[] Fresh(List<WeakReference> given)
        {
            var copy = (byte[])leaf.Clone();
            given.Add(new WeakReference(copy));
            return copy;
        }
        long size = 0;
        Pack.Write(new Sink(n => size += n), m.World.Entries, m.World.Checkpoint(), m.World.Find,
            [new PackedLog(m.Log.Origin, Leaves(), m.Log.Key.Checkpoint(20_000, Merkle.EmptyRoot))]);
        Assert.True(size > 20_000 * leaf.Length);
        Assert.True(alive < 100, $"{alive} of {given.Count} leaves were still held");
    }

    sealed class Sink(Action<int> wrote) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer) => wrote(buffer.Length);
    }

    /// <summary>
    /// The real program, with a heap that holds a fraction of the pack and the same whatever the pack's size.
    /// </summary>
    [Fact]
    public void Stele_verify_needs_no_more_memory_for_a_larger_pack()
    {
        const int Levels = 18;
        var m = Mortgage.Released();
        m.Deploy(m.V2);
        var leaf = m.World.Decide().Encode();
        var root = Merkle.Leaf(leaf);
        for (var i = 0; i < Levels; i++) root = Merkle.Node(root, root);
        using var box = new VerifyProgram(m);
        using (var file = File.Create(box.Path("pack.zip")))
            Pack.Write(file, m.World.Entries, m.World.Checkpoint(), m.World.Find,
                [new PackedLog(m.Log.Origin, Enumerable.Repeat(leaf, 1 << Levels),
                    m.Log.Key.Checkpoint(1 << Levels, root))]);
        Assert.True(new FileInfo(box.Path("pack.zip")).Length > 150 << 20);
        var (code, output, error) = box.RunWith(("DOTNET_GCHeapHardLimit", "0x5000000"), "pack", box.Path("pack.zip"),
            "--trust", box.Trust);
        Assert.True((code, error) == (0, ""), output + error);
        Assert.Contains("262144 leaves", output, StringComparison.Ordinal);
    }
}
