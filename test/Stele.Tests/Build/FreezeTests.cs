using System.Net.Sockets;
using Stele.Blobs;
using Stele.Build;

namespace Stele.Tests.Build;

public sealed class FreezeTests : IDisposable
{
    readonly Scratch _scratch = new();
    readonly BlobStore _blobs;

    public FreezeTests() => _blobs = new BlobStore(_scratch.At("blobs"));

    public void Dispose() => _scratch.Dispose();

    async Task Refused(BlobError error, string named)
    {
        _scratch.File("in/first", "something that could have been stored first");
        var e = await Assert.ThrowsAsync<BlobException>(() =>
            Freeze.Path(_blobs, _scratch.At("in"), "code", new About("hostile")));
        Assert.Equal(error, e.Error);
        Assert.Contains(named, e.Message, StringComparison.Ordinal);
        Assert.Empty(_blobs.All());
        Assert.Empty(_blobs.Listed());
    }

    static void Run(string program, params string[] args)
    {
        using var process = System.Diagnostics.Process.Start(program, args);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    [Theory]
    [InlineData("/etc/passwd")]
    [InlineData("../outside")]
    [InlineData("sub/../../outside")]
    public Task A_link_out_of_the_tree_is_refused(string target)
    {
        Directory.CreateDirectory(_scratch.At("in"));
        File.CreateSymbolicLink(_scratch.At("in/link"), target);
        return Refused(BlobError.LinkEscape, "link");
    }

    [Fact]
    public Task A_pipe_is_refused()
    {
        Directory.CreateDirectory(_scratch.At("in"));
        Run("mkfifo", _scratch.At("in/pipe"));
        return Refused(BlobError.SpecialFile, "pipe");
    }

    [Fact]
    public Task A_device_is_refused()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root makes devices");
        Directory.CreateDirectory(_scratch.At("in"));
        Run("mknod", _scratch.At("in/null"), "c", "1", "3");
        return Refused(BlobError.SpecialFile, "null");
    }

    [Fact]
    public async Task A_socket_is_refused()
    {
        Directory.CreateDirectory(_scratch.At("in"));
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(_scratch.At("in/socket")));
        await Refused(BlobError.SpecialFile, "socket");
    }

    [Fact]
    public Task A_name_that_is_not_UTF8_is_refused()
    {
        Directory.CreateDirectory(_scratch.At("in"));
        Run("/bin/sh", "-c", $"touch \"{_scratch.At("in")}/$(printf 'bad\\377')\"");
        return Refused(BlobError.NotUtf8, "bad");
    }

    [Theory]
    [InlineData("../up", "code")]
    [InlineData("a/b", "code")]
    [InlineData("Upper", "code")]
    [InlineData("", "code")]
    [InlineData("name", "no-such-kind")]
    public async Task A_bad_name_or_kind_is_refused(string name, string kind)
    {
        var file = _scratch.File("file", "x");
        Assert.Equal(BlobError.Malformed,
            (await Assert.ThrowsAsync<BlobException>(() => Freeze.Path(_blobs, file, kind, new About(name)))).Error);
        Assert.Empty(_blobs.All());
    }

    [Fact]
    public async Task Nothing_there_says_so() =>
        Assert.Contains("nothing is at",
            (await Assert.ThrowsAsync<FileNotFoundException>(() => Freeze.Path(_blobs, _scratch.At("none"), "code",
                new About("none")))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_file_that_grows_or_shrinks_meanwhile_fails_the_freeze()
    {
        foreach (var (declared, many) in new[] { (3, 1), (5, 1), (3, 20), (5, 20) })
        {
            PackEntry[] entries = [.. Enumerable.Range(0, many).Select(i => new PackEntry($"f{i}", EntryType.File,
                Size: declared, Open: () => new MemoryStream("four"u8.ToArray())))];
            Assert.Equal(BlobError.Changed,
                (await Assert.ThrowsAsync<BlobException>(() =>
                    Pack.Tree(_blobs, "code", new About("moving"), entries))).Error);
        }
        Assert.Empty(_blobs.Listed());
    }
}
