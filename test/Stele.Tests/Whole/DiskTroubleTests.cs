using System.Diagnostics;
using System.Net;
using Stele.Blobs;
using Stele.Control;
using Stele.Control.Views;
using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Whole;

/// <summary>
/// A real server on a real, small file system that fills up, or that the kernel takes back: it says so, acknowledges
/// nothing more, is read from as before, and goes on when someone has seen to the disk.
/// </summary>
public sealed class DiskTroubleTests
{
    /// <summary>An ext4 file system in a file, mounted for the length of a test.</summary>
    sealed class SmallDisk : IDisposable
    {
        readonly Scratch _scratch = new();

        public string Path { get; }
        string Image => _scratch.At("image");

        public SmallDisk()
        {
            Path = Directory.CreateDirectory(_scratch.At("disk")).FullName;
            Assert.SkipUnless(Environment.IsPrivilegedProcess, "mounting a file system takes root");
            Assert.SkipUnless(File.Exists("/usr/sbin/mkfs.ext4"),
                "mkfs.ext4 is not installed: apt-get install e2fsprogs");
            using (var file = File.Create(Image)) file.SetLength(16 << 20);
            Assert.Equal(0, Run("/usr/sbin/mkfs.ext4", "-q", "-F", Image).Code);
            if (Run("/usr/bin/mount", "-o", "loop,errors=remount-ro", Image, Path) is { Code: not 0 } failed)
            {
                _scratch.Dispose();
                Assert.Skip($"no file system can be mounted here: {failed.Said}");
            }
        }

        public void Fill()
        {
            using var filler = new FileStream(System.IO.Path.Combine(Path, "filler"), new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                BufferSize = 0
            });
            for (var size = 64 << 10; size >= 512; size /= 2)
            {
                try
                {
                    while (true) filler.Write(new byte[size]);
                }
                catch (IOException) { } // a smaller piece may fit yet
            }
        }

        public void Empty() => File.Delete(System.IO.Path.Combine(Path, "filler"));

        /// <summary>As the kernel does when it finds the file system broken: from now on it can only be read.</summary>
        public bool TakeBack() => Run("/usr/bin/mount", "-i", "-o", "remount,abort", Path).Code == 0;

        public void MountAgain()
        {
            Unmount();
            Run("/usr/sbin/e2fsck", "-fy", Image);
            Assert.Equal(0, Run("/usr/bin/mount", "-o", "loop", Image, Path).Code);
        }

        void Unmount()
        {
            // Anyone who had files open there is gone in a moment.
            for (var until = DateTime.UtcNow.AddSeconds(60); Run("/usr/bin/umount", Path).Code != 0
                && DateTime.UtcNow < until;) Thread.Sleep(50);
        }

        public void Dispose()
        {
            Unmount();
            _scratch.Dispose();
        }

        static (int Code, string Said) Run(string program, params string[] arguments)
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true
            })!;
            var said = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, said.Trim());
        }
    }

    [Fact]
    public Task A_full_disk_is_said_and_survived() => Trouble(disk =>
    {
        disk.Fill();
        return true;
    }, disk => disk.Empty(), "disk is full", "No space left", "make room on that disk");

    [Fact]
    public Task A_disk_that_turns_read_only_is_said_and_survived() =>
        Trouble(disk => disk.TakeBack(), disk => disk.MountAgain(), "disk ", "", "");

    static async Task Trouble(Func<SmallDisk, bool> begin, Action<SmallDisk> end, string answered, string said,
        string hint)
    {
        using var disk = new SmallDisk();
        using var scratch = new Scratch();
        var (data, home) = (Path.Combine(disk.Path, "data"), scratch.At("home"));
        await Programs.Say(home, "init", "--data", data);
        var trust = new ServerFolder(data).ReadTrust();
        using var owner = Cli.Home.Open(home).Key();
        var token = Cli.Home.Open(home).Token;
        var acknowledged = new List<(long Entry, Digest Leaf)>();
        var unanswered = new List<Envelope>();

        Envelope Statement()
        {
            using var key = PrivateKey.Create();
            return Envelope.Sign(new MemberStatement(Founding.NewNonce(), null, [key.Public], [], null)
            {
                Ledger = trust.Genesis,
                Nonce = Founding.NewNonce(),
                Issued = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()
            }.Encode(), owner);
        }

        async Task<Problem?> Submit(ServerClient to)
        {
            var envelope = Statement();
            switch (await to.Submit(envelope))
            {
                case Admitted.Added added:
                    acknowledged.Add((added.Entry, added.Leaf));
                    return null;
                case Admitted.Refused refused:
                    unanswered.Add(envelope);
                    return refused.Problem;
                default:
                    throw new InvalidOperationException("a new statement was there already");
            }
        }

        await using (var up = await Up.Start(data, home, "--only", "server", "--port", "0"))
        {
            using var server = new ServerClient(up.Server, token);
            for (var i = 0; i < 3; i++) Assert.Null(await Submit(server));
            var blob = await server.Put("before"u8.ToArray());
            Assert.SkipUnless(begin(disk), "this kernel does not take a file system back");

            // It may still have room of its own for some. The first that it can't keep is refused, and all after it.
            Problem? problem = null;
            for (var i = 0; i < 2000 && problem is null; i++) problem = await Submit(server);
            Assert.NotNull(problem);
            Assert.Equal((503, "stopped"), (problem.Status, problem.Code));
            Assert.Equal((503, "stopped"), await Submit(server) is { } again ? (again.Status, again.Code) : default);
            var refused = await Assert.ThrowsAsync<ProblemException>(async () => await server.Put(new byte[200_000]));
            Assert.Equal((507, "storage"), (refused.Problem.Status, refused.Problem.Code));
            Assert.Contains(answered, refused.Problem.Message, StringComparison.Ordinal);

            // What was there is read and proved as before.
            Assert.False(up.Ended);
            foreach (var (entry, leaf) in acknowledged) Assert.Equal(leaf,
                (await server.Get<ShownProof>($"proof/{entry}")).Leaf);
            Assert.Equal("before"u8.ToArray(), await server.Read(blob, 100));
            Assert.NotEqual(0, (await server.Get<Status>("status")).Size);
            using var http = new HttpClient();
            Assert.Equal(HttpStatusCode.ServiceUnavailable,
                (await http.GetAsync(new Uri(up.Server, "healthz"), TestContext.Current.CancellationToken)).StatusCode);

            var (code, error) = await up.Stop();
            Assert.Equal(1, code);
            Assert.Contains("stele: error: the ledger takes no more statements: ", error, StringComparison.Ordinal);
            Assert.Contains("stele: hint: it is still read from; ", error, StringComparison.Ordinal);
            Assert.Contains(said, error, StringComparison.Ordinal);
            Assert.Contains(hint, error, StringComparison.Ordinal);
        }
        end(disk);

        await using (var back = await Up.Start(data, home, "--only", "server", "--port", "0"))
        {
            using var server = new ServerClient(back.Server, token);
            foreach (var (entry, leaf) in acknowledged) Assert.Equal(leaf,
                (await server.Get<ShownProof>($"proof/{entry}")).Leaf);
            var size = (await server.Get<Status>("status")).Size;
            Assert.InRange(size, 1 + acknowledged.Count, 1 + acknowledged.Count + unanswered.Count);
            foreach (var envelope in unanswered) Assert.IsNotType<Admitted.Refused>(await server.Submit(envelope));
            Assert.Equal(1 + acknowledged.Count + unanswered.Count, (await server.Get<Status>("status")).Size);
            Assert.Equal((0, ""), await back.Stop());
        }
        Assert.Empty((await Programs.Say(home, "fsck", "--data", data))["violations"].AsArray);
    }
}
