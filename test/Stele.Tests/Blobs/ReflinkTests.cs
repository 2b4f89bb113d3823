using System.Diagnostics;
using Stele.Blobs;
using Stele.Build;

namespace Stele.Tests.Blobs;

/// <summary>
/// On a filesystem that can share blocks. Makes one in a file if this machine lets it (root, mkfs.xfs, loop devices);
/// else says so.
/// </summary>
public sealed class ReflinkTests : IDisposable
{
    readonly Scratch _scratch = new();
    bool _mounted;

    public void Dispose()
    {
        if (_mounted) Run("umount", _scratch.At("xfs"));
        _scratch.Dispose();
    }

    static bool Run(string program, params string[] args)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, args)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true
            })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    string Xfs()
    {
        var image = _scratch.File("image");
        using (var file = File.OpenWrite(image)) file.SetLength(400L << 20);
        Directory.CreateDirectory(_scratch.At("xfs"));
        Assert.SkipUnless(Environment.IsPrivilegedProcess && Run("mkfs.xfs", "-q", image),
            "an XFS image needs root and mkfs.xfs: apt-get install xfsprogs");
        _mounted = Run("mount", "-o", "loop", image, _scratch.At("xfs"));
        Assert.SkipUnless(_mounted, "loop devices can't be mounted here");
        return _scratch.At("xfs");
    }

    [Fact]
    public async Task Large_files_share_the_blocks_of_their_blobs_and_tampering_stays_in_the_tree()
    {
        var xfs = Xfs();
        var blobs = new BlobStore(Path.Combine(xfs, "blobs"));
        var content = new byte[3 << 20];
        new Random(1).NextBytes(content);
        await File.WriteAllBytesAsync(_scratch.At("large.bin"), content);
        var artifact = await Freeze.Path(blobs, _scratch.At("large.bin"), "model", new About("large"));
        var blob = (await Artifact.Read(blobs, artifact)).Layers[0].Digest;

        var made = await Materialise.Artifact(blobs, artifact, Path.Combine(xfs, "tree"));
        Assert.Equal(Means.Reflink, made.Means);
        Assert.Equal(made.Tree.Digest, TreeDigest.Of(made.Directory).Digest);

        var file = Path.Combine(made.Directory, "large.bin");
        File.SetUnixFileMode(file, (UnixFileMode)0x1a4);
        content[100] ^= 1;
        await File.WriteAllBytesAsync(file, content);
        Assert.NotEqual(made.Tree.Digest, TreeDigest.Of(made.Directory).Digest);
        Assert.True(blobs.Intact(blob));

        // A clone of a damaged blob is found out as a copy would be.
        File.SetUnixFileMode(blobs.PathOf(blob), (UnixFileMode)0x1a4);
        await File.WriteAllBytesAsync(blobs.PathOf(blob), content);
        Assert.Equal(BlobError.Corrupt,
            (await Assert.ThrowsAsync<BlobException>(() =>
                Materialise.Artifact(blobs, artifact, Path.Combine(xfs, "again")))).Error);
        Assert.False(Directory.Exists(Path.Combine(xfs, "again")));
    }
}
