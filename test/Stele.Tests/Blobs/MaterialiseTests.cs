using System.Collections.Immutable;
using System.Formats.Tar;
using System.Text;
using Stele.Blobs;
using Stele.Build;
using Stele.Proof;

namespace Stele.Tests.Blobs;

public sealed class MaterialiseTests : IDisposable
{
    readonly Scratch _scratch = new();
    readonly BlobStore _blobs;

    public MaterialiseTests() => _blobs = new BlobStore(_scratch.At("blobs"));

    public void Dispose() => _scratch.Dispose();

    /// <summary>A tree with everything that may be frozen, made in the order of <paramref name="seed"/>.</summary>
    string Tree(string name, int seed)
    {
        var root = _scratch.At(name);
        Directory.CreateDirectory(root);
        var files = Enumerable.Range(0, 40)
            .Select(i => (Name: $"many/{i % 7}/file-{i}", Content: $"content {i}", Executable: i % 5 == 0))
            .Append(("ünï/𐐷 and \uFF5E", "beyond ASCII", false))
            .Append((new string('d', 120) + "/" + new string('f', 150), "long", true)).Append(("empty", "", false))
            .ToArray();
        new Random(seed).Shuffle(files);
        foreach (var (path, content, executable) in files)
        {
            var file = _scratch.File($"{name}/{path}", content, executable);
            if (!executable) File.SetUnixFileMode(file, seed % 2 == 0 ? (UnixFileMode)0x180 : (UnixFileMode)0x1b6);
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddDays(seed));
        }
        var large = new byte[(1 << 20) + 17];
        new Random(7).NextBytes(large);
        File.WriteAllBytes(Path.Combine(root, "large.bin"), large);
        Directory.CreateDirectory(Path.Combine(root, "nothing/inside"));
        File.CreateSymbolicLink(Path.Combine(root, "many/link"), "../large.bin");
        File.CreateSymbolicLink(Path.Combine(root, "dangling"), "not/there");
        return root;
    }

    static async Task<BlobError> Refusal(Func<Task> act) => (await Assert.ThrowsAsync<BlobException>(act)).Error;

    [Fact]
    public async Task The_same_tree_has_the_same_digest_wherever_and_however_it_was_made()
    {
        var one = await Freeze.Path(_blobs, Tree("one", 1), "code", new About("tree"));
        var other = new BlobStore(_scratch.At("other"));
        var two = await Freeze.Path(other, Tree("elsewhere/two", 2), "code", new About("tree"));
        Assert.Equal(one, two);
        Assert.Equal(_blobs.All().Order(), other.All().Order());
        Assert.Equal(TreeDigest.Of(_scratch.At("one")).Digest, TreeDigest.Of(_scratch.At("elsewhere/two")).Digest);
        Assert.NotEqual(one, await Freeze.Path(_blobs, _scratch.At("one"), "code", new About("tree", Licence: "MIT")));
        Assert.NotEqual(one, await Freeze.Path(_blobs, _scratch.At("one"), "config", new About("tree")));
    }

    [Fact]
    public async Task A_known_tree_has_a_known_digest()
    {
        // Golden: these may never change, or every artifact ever frozen gets another name.
        _scratch.File("golden/a", "alpha");
        _scratch.File("golden/b/run", "#!/bin/true\n", executable: true);
        File.CreateSymbolicLink(_scratch.At("golden/c"), "b/run");
        var code = await Freeze.Path(_blobs, _scratch.At("golden"), "code", new About("golden", "https://example.org",
            "MIT", ImmutableSortedDictionary<string, string>.Empty.Add("org.example.note", "é")));
        var model = await Freeze.Path(_blobs, _scratch.At("golden"), "model", new About("golden"));
        Assert.Equal(Golden.Tree, TreeDigest.Of(_scratch.At("golden")).Digest.ToString());
        Assert.Equal(Golden.Code, code.ToString());
        Assert.Equal(Golden.Model, model.ToString());
    }

    static class Golden
    {
        public const string Tree = "sha256:d67b383236acdfc1a1e0759c8926f86e5123594f585a2c550230bedbb7e4ddcb";
        public const string Code = "sha256:a597d7df2a8d7a3f08d3bb8b12845072eda8b9e65387669cb8189018c94c6979";
        public const string Model = "sha256:b180a5cec8f118fe496e2076d019a6db6265a7d20896732fca600e38a60d204a";
    }

    [Theory]
    [InlineData("code")]
    [InlineData("model")]
    public async Task What_was_frozen_comes_back_byte_for_byte_and_read_only(string kind)
    {
        var root = Tree("one", 1);
        var artifact = await Freeze.Path(_blobs, root, kind, new About("tree"));
        var made = await Materialise.Artifact(_blobs, artifact, _scratch.At("out"));
        Assert.Equal(TreeDigest.Of(root).Digest, made.Tree.Digest);
        Assert.Equal(made.Tree.Digest, TreeDigest.Of(made.Directory).Digest);
        Assert.Empty(made.Tree.Changes(TreeDigest.Of(made.Directory)));
        foreach (var file in Directory.EnumerateFiles(made.Directory, "*", SearchOption.AllDirectories)
            .Where(f => new FileInfo(f).LinkTarget is null))
            Assert.Equal(default, File.GetUnixFileMode(file) & (UnixFileMode)0x92);
        var layers = (await Artifact.Read(_blobs, artifact)).Layers;
        // the large file alone, so that a tree that changes elsewhere shares it; the rest in one tar
        Assert.Equal(2, layers.Length);
        Assert.Equal((1 << 20) + 17, layers[0].Size);
    }

    [Fact]
    public async Task A_single_file_and_an_empty_directory_are_trees_too()
    {
        var file = await Freeze.Path(_blobs, _scratch.File("data.csv", "a,b\n"), "dataset", new About("data"));
        var made = await Materialise.Artifact(_blobs, file, _scratch.At("file"));
        Assert.Equal("a,b\n", File.ReadAllText(Path.Combine(made.Directory, "data.csv")));
        Directory.CreateDirectory(_scratch.At("none"));
        var empty = await Materialise.Artifact(_blobs,
            await Freeze.Path(_blobs, _scratch.At("none"), "dataset", new About("none")), _scratch.At("empty"));
        Assert.Empty(Directory.GetFileSystemEntries(empty.Directory));
    }

    [Fact]
    public async Task Any_damaged_blob_is_named_and_nothing_is_left_behind()
    {
        var artifact = await Freeze.Path(_blobs, Tree("one", 1), "code", new About("tree"));
        var known = new[] { artifact }.Concat((await Artifact.Read(_blobs, artifact)).Layers.Select(l => l.Digest))
            .ToArray();
        var random = new Random(3);
        Directory.CreateDirectory(_scratch.At("out"));
        foreach (var blob in known)
        {
            var content = await File.ReadAllBytesAsync(_blobs.PathOf(blob));
            for (var i = 0; i < 8; i++)
            {
                var damaged = (byte[])content.Clone();
                damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));
                File.Delete(_blobs.PathOf(blob));
                await File.WriteAllBytesAsync(_blobs.PathOf(blob), damaged);
                var e = await Assert.ThrowsAsync<BlobException>(() =>
                    Materialise.Artifact(_blobs, artifact, _scratch.At("out", "tree")));
                Assert.Equal(BlobError.Corrupt, e.Error);
                Assert.Contains(blob.ToString(), e.Message, StringComparison.Ordinal);
                Assert.Empty(Directory.GetFileSystemEntries(_scratch.At("out")));
            }
            File.Delete(_blobs.PathOf(blob));
            await File.WriteAllBytesAsync(_blobs.PathOf(blob), content);
        }
        await Materialise.Artifact(_blobs, artifact, _scratch.At("out", "tree"));
    }

    [Fact]
    public async Task More_than_the_limit_is_refused_by_what_the_manifest_declares()
    {
        var artifact = await Freeze.Path(_blobs, Tree("one", 1), "code", new About("tree"));
        // they are not even looked for
        foreach (var layer in (await Artifact.Read(_blobs, artifact)).Layers) File.Delete(_blobs.PathOf(layer.Digest));
        Assert.Equal(BlobError.TooLarge,
            await Refusal(() => Materialise.Artifact(_blobs, artifact, _scratch.At("out"), maxBytes: 1 << 20)));
    }

    // Hostile layers. Each is a manifest and a layer that carry their true digests; only their content is bad.

    async Task<BlobError> Layer(byte[] tar)
    {
        var layer = await _blobs.Put(tar);
        return await Hostile(Artifact.TreeLayer("code", layer, tar.Length));
    }

    async Task<BlobError> Raw(params string[] paths)
    {
        var layer = await _blobs.Put("evil"u8.ToArray());
        return await Hostile([.. paths.Select(p => Artifact.FileLayer("code", layer, 4, p))]);
    }

    async Task<BlobError> Hostile(params Descriptor[] layers)
    {
        var artifact = await Artifact.Of(_blobs, "code", new About("hostile"), [.. layers], default);
        var error = await Refusal(() => Materialise.Artifact(_blobs, artifact, _scratch.At("out", "tree")));
        Assert.Empty(Directory.GetFileSystemEntries(_scratch.At("out")));
        Assert.False(File.Exists(_scratch.At("escaped")));
        return error;
    }

    /// <summary>A tar as another tool would write it.</summary>
    static byte[] Foreign(Action<TarWriter> write)
    {
        var to = new MemoryStream();
        using (var tar = new TarWriter(to, TarEntryFormat.Ustar, leaveOpen: true)) write(tar);
        return to.ToArray();
    }

    static byte[] Ours(params Stele.Blobs.TarEntry[] entries)
    {
        var to = new MemoryStream();
        Tar.Write(to, entries, _ => new MemoryStream("evil"u8.ToArray())).GetAwaiter().GetResult();
        return to.ToArray();
    }

    static Stele.Blobs.TarEntry File_(string path) => new(path, EntryType.File, false, 4, "");
    static Stele.Blobs.TarEntry Link(string path, string target) => new(path, EntryType.Link, false, 0, target);

    [Theory]
    [InlineData("../escaped")]
    [InlineData("/escaped")]
    [InlineData("a/../../escaped")]
    [InlineData("a//b")]
    [InlineData("./a")]
    [InlineData("..")]
    [InlineData("a/")]
    [InlineData("")]
    public async Task A_path_that_leads_out_is_refused_in_tars_and_manifests(string path)
    {
        Assert.Equal(BlobError.PathEscape, await Layer(Ours(File_(path))));
        Assert.Equal(BlobError.PathEscape, await Raw(path));
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("..")]
    [InlineData("a/../../x")]
    [InlineData("../../../../../../etc/passwd")]
    public async Task A_link_that_leads_out_is_refused(string target) =>
        Assert.Equal(BlobError.LinkEscape, await Layer(Ours(Link("link", target))));

    [Fact]
    public async Task A_link_that_leads_out_through_other_links_is_refused()
    {
        // As text d/up/.. stays inside; followed, up is the root and its parent is outside.
        Assert.Equal(BlobError.LinkEscape, await Layer(Ours(Link("d/e/up", "../.."), Link("d/out", "e/up/.."))));
        Assert.Equal(BlobError.LinkEscape, await Layer(Ours(Link("a", "b"), Link("b", "a"))));
    }

    [Fact]
    public async Task Nothing_is_written_through_a_link()
    {
        Assert.Equal(BlobError.Duplicate, await Layer(Ours(Link("a", "b"), File_("a/escaped"))));
        var tar = Ours(Link("a", "b"));
        var link = Artifact.TreeLayer("code", await _blobs.Put(tar), tar.Length);
        Assert.Equal(BlobError.Duplicate,
            await Hostile(link, Artifact.FileLayer("code", await _blobs.Put("evil"u8.ToArray()), 4, "a/x")));
    }

    [Fact]
    public async Task Devices_pipes_and_hard_links_are_refused()
    {
        Assert.Equal(BlobError.SpecialFile,
            await Layer(Foreign(t => t.WriteEntry(new UstarTarEntry(TarEntryType.CharacterDevice, "null")
        {
            DeviceMajor = 1,
            DeviceMinor = 3
        }))));
        Assert.Equal(BlobError.SpecialFile,
            await Layer(Foreign(t => t.WriteEntry(new UstarTarEntry(TarEntryType.BlockDevice, "disk")
        {
            DeviceMajor = 8,
            DeviceMinor = 0
        }))));
        Assert.Equal(BlobError.SpecialFile,
            await Layer(Foreign(t => t.WriteEntry(new UstarTarEntry(TarEntryType.Fifo, "pipe")))));
        Assert.Equal(BlobError.SpecialFile,
            await Layer(Foreign(t =>
                t.WriteEntry(new UstarTarEntry(TarEntryType.HardLink, "hard") { LinkName = "/etc/shadow" }))));
    }

    [Fact]
    public async Task A_name_that_stands_twice_is_refused()
    {
        Assert.Equal(BlobError.Duplicate, await Layer(Ours(File_("a"), File_("a"))));
        Assert.Equal(BlobError.Duplicate, await Raw("a", "a"));
        Assert.Equal(BlobError.Duplicate, await Raw("a", "a/b"));
    }

    [Fact]
    public async Task A_name_that_is_not_UTF8_is_refused()
    {
        var tar = Ours(File_("name"));
        tar[1] = 0xff;
        Sum(tar);
        Assert.Equal(BlobError.NotUtf8, await Layer(tar));
        Assert.Equal(BlobError.NotUtf8, await Raw("a\uFFFDb"));
    }

    static void Sum(Span<byte> header)
    {
        header.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var b in header[..512]) sum += b;
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header[148..]);
    }

    [Fact]
    public async Task A_tar_in_any_other_form_than_ours_is_refused()
    {
        Assert.Equal(BlobError.Malformed,
            await Layer(
                Foreign(t => t.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile,
                    "dated") { ModificationTime = DateTimeOffset.UnixEpoch.AddDays(1) }))));
        Assert.Equal(BlobError.Malformed, await Layer(Ours(File_("b"), File_("a"))));
        var good = Ours(File_("a"));
        Assert.Equal(BlobError.Malformed, await Layer([.. good, 0]));
        Assert.Equal(BlobError.Malformed, await Layer(good[..^512]));
        Assert.Equal(BlobError.Malformed, await Layer(good[..600]));
        var padded = (byte[])good.Clone();
        padded[512 + 4] = 1;
        Assert.Equal(BlobError.Malformed, await Layer(padded));
    }

    [Fact]
    public async Task Every_flipped_bit_of_a_tar_is_refused_or_leaves_a_tar_that_reads_as_it_is_written()
    {
        var good = Ours(File_("a"), Link("b", "a"), File_(new string('x', 120)));
        for (var bit = 0; bit < good.Length * 8; bit++)
        {
            var bad = (byte[])good.Clone();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            var read = new List<(Stele.Blobs.TarEntry, byte[])>();
            try
            {
                await Tar.Read(new MemoryStream(bad), async (e, s) =>
                {
                    var content = new MemoryStream();
                    await s.CopyToAsync(content);
                    read.Add((e, content.ToArray()));
                });
            }
            catch (BlobException)
            {
                continue;
            }
            var again = new MemoryStream();
            var contents = new Queue<byte[]>(read.Where(r => r.Item1.Type == EntryType.File).Select(r => r.Item2));
            await Tar.Write(again, read.Select(r => r.Item1), _ => new MemoryStream(contents.Dequeue()));
            Assert.Equal(bad, again.ToArray());
        }
    }

    [Fact]
    public async Task Other_tools_read_our_tar()
    {
        var to = new MemoryStream();
        await Tar.Write(to, [File_("a"), Link("b", "a"), File_(new string('d', 120) + "/é")],
            _ => new MemoryStream("evil"u8.ToArray()));
        to.Position = 0;
        using var tar = new TarReader(to);
        Assert.Equal("a", tar.GetNextEntry()!.Name);
        Assert.Equal("a", tar.GetNextEntry()!.LinkName);
        var last = tar.GetNextEntry(copyData: true)!;
        Assert.Equal(new string('d', 120) + "/é", last.Name);
        Assert.Equal(4, last.Length);
        Assert.Null(tar.GetNextEntry());
    }

    [Fact]
    public async Task A_layer_longer_than_its_manifest_says_is_stopped()
    {
        var layer = await _blobs.Put(new byte[100_000]);
        Assert.Equal(BlobError.Malformed, await Hostile(Artifact.FileLayer("code", layer, 4, "a")));
        Assert.Equal(BlobError.Malformed, await Hostile(Artifact.FileLayer("code", layer, 100_001, "a")));
    }

    [Fact]
    public async Task Parts_are_laid_into_one_tree_and_may_not_collide()
    {
        var root = await Freeze.Path(_blobs,
            Path.GetDirectoryName(_scratch.File("root/usr/bin/run", "x", executable: true)![..^"/bin/run".Length])!,
            "environment", new About("root"));
        var app = await Freeze.Path(_blobs, Path.GetDirectoryName(_scratch.File("app/main", "y"))!, "code",
            new About("app"));
        var made = await Materialise.Compose(_blobs, [new(root, ""), new(app, "app")], ["proc", "usr"],
            _scratch.At("tree"));
        Assert.Equal(["app", "app/main", "proc", "usr", "usr/bin", "usr/bin/run"],
            made.Tree.Entries.Select(e => e.Path));
        Assert.Equal(made.Tree.Digest, TreeDigest.Of(_scratch.At("tree")).Digest);
        Assert.Equal(BlobError.Duplicate,
            await Refusal(() =>
                Materialise.Compose(_blobs, [new(app, "app"), new(app, "app")], [], _scratch.At("twice"))));
        await Assert.ThrowsAsync<IOException>(() => Materialise.Artifact(_blobs, app, _scratch.At("tree")));
    }

    [Fact]
    public void Any_change_to_a_tree_changes_its_digest_and_is_named()
    {
        var root = Tree("one", 1);
        var before = TreeDigest.Of(root);
        void Expect(TreeChangeKind kind, string path, Action change, Action undo)
        {
            change();
            var now = TreeDigest.Of(root);
            Assert.NotEqual(before.Digest, now.Digest);
            Assert.Equal([new TreeChange(kind, path)], before.Changes(now));
            undo();
            Assert.Equal(before.Digest, TreeDigest.Of(root).Digest);
        }
        string At(string p) => Path.Combine(root, p);
        var content = File.ReadAllBytes(At("large.bin"));
        var damaged = (byte[])content.Clone();
        damaged[12345] ^= 4;
        Expect(TreeChangeKind.Changed, "large.bin", () => File.WriteAllBytes(At("large.bin"), damaged),
            () => File.WriteAllBytes(At("large.bin"), content));
        Expect(TreeChangeKind.Added, "new", () => File.WriteAllText(At("new"), ""), () => File.Delete(At("new")));
        Expect(TreeChangeKind.Removed, "empty", () => File.Delete(At("empty")),
            () => File.WriteAllText(At("empty"), ""));
        Expect(TreeChangeKind.Changed, "empty", () => File.SetUnixFileMode(At("empty"), (UnixFileMode)0x1c0),
            () => File.SetUnixFileMode(At("empty"), (UnixFileMode)0x180));
        Expect(TreeChangeKind.Added, "many/more", () => Directory.CreateDirectory(At("many/more")),
            () => Directory.Delete(At("many/more")));
        Expect(TreeChangeKind.Changed, "dangling", () =>
        {
            File.Delete(At("dangling"));
            File.CreateSymbolicLink(At("dangling"), "else");
        }, () => { File.Delete(At("dangling")); File.CreateSymbolicLink(At("dangling"), "not/there"); });
        Assert.Equal(TreeDigest.Of(root, "many").Digest,
            TreeDigest.Of(before.Entries.Where(e => !e.Path.StartsWith("many/", StringComparison.Ordinal))).Digest);
    }
}
