using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Stele.Blobs;
using Stele.Control;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Whole;

/// <summary>
/// The real server under strace. One life of it is watched: started after a crash, given a blob and a statement,
/// stopped. Then every call with which it changed its data folder fails once: with EIO, with ENOSPC, or by killing the
/// server there. Afterwards the folder is sound, what was acknowledged is there, and the next statement goes in.
/// </summary>
public sealed class SyscallTests(ITestOutputHelper output)
{
    const string Calls =
        "openat,creat,write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,ftruncate,truncate,fallocate,mkdir,mkdirat,unlink,unlinkat,rmdir,link,linkat,chmod,fchmod,fchmodat";

    /// <summary>A call in the trace: who, what, with what, and what came of it.</summary>
    static readonly Regex Line = new(@"^(?<thread>\d+) +(?<call>\w+)\((?<arguments>.*)\) += (?<result>.*)$",
        RegexOptions.Compiled);

    [Fact]
    public async Task Every_file_call_of_the_server_may_fail()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed: apt-get install strace");
        using var scratch = new Scratch();
        var world = await World.Found(scratch);

        // 1. One life without a fault. What it changed, by path: strace filters by paths and counts by thread.
        var plain = await world.Live("plain", null);
        Assert.Equal(2, plain.Acknowledged.Count);
        var calls = plain.Calls.Where(c => !c.ReadsOnly).ToArray();
        Assert.True(calls.Length >= 20,
            $"{calls.Length} file calls were seen: {string.Join('\n', plain.Trace.Take(50))}");
        foreach (var must in (string[])["pwrite64", "fdatasync", "fsync", "rename", "openat", "mkdir"])
            Assert.Contains(calls, c => c.Name == must);
        // 2. Each of them, by the call and the file, and its number among the calls of one thread on that file. The
        //    journal's fail in each way, the others in turn.
        string[] ways = ["error=EIO", "error=ENOSPC", "signal=KILL"];
        // of a rename, the name before: strace looks at that alone
        var sites = calls.GroupBy(c => (c.Name, Path: c.Paths[0]))
           .Select(g => (g.Key.Name, g.Key.Path, Times: g.GroupBy(c => c.Thread).Max(t => t.Count()))).ToArray();
        var runs = sites.SelectMany(s => Enumerable.Range(1, s.Times).Select(nth => (s.Name, s.Path, Nth: nth)))
            .SelectMany((r, i) => (r.Path.EndsWith("/journal", StringComparison.Ordinal)
                ? ways
                : [ways[i % 3]]).Select(way => (r.Name, r.Path, r.Nth, Way: way))).ToArray();
        var (failed, killed) = (new ConcurrentDictionary<(string, string), bool>(), 0);
        await Parallel.ForEachAsync(runs.Index(), new ParallelOptions { MaxDegreeOfParallelism = 2 },
            async (indexed, stop) =>
        {
            var (i, run) = indexed;
            var name = $"life{i}";
            var life = await world.Live(name, $"inject={run.Name}:{run.Way}:when={run.Nth}",
                run.Path.Replace(world.At("plain"), world.At(name), StringComparison.Ordinal),
                cheaply: run.Way != "signal=KILL");
            if (life.Killed) Interlocked.Increment(ref killed);
            if (life.Killed || life.Calls.Any(c => c.Injected)) failed[(run.Name, run.Path)] = true;
            try
            {
                await world.Judge(name, life);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{run}: {e.Message}\n{string.Join('\n', life.Trace)}", e);
            }
        });

        // 3. Every one of them did fail.
        output.WriteLine(
            $"{calls.Length} calls, {sites.Length} of a kind on a file; {runs.Length} lives, {killed} killed");
        Assert.Empty(sites.Where(s => !failed.ContainsKey((s.Name, s.Path)))
            .Select(s => $"{s.Name} {s.Path} never failed"));
        Assert.InRange(killed, 5, runs.Length);
    }

    sealed record Call(string Thread, string Name, string Arguments, string Result, string[] Paths)
    {
        public bool Injected => Result.Contains("(INJECTED)", StringComparison.Ordinal);
        public bool ReadsOnly =>
            Name == "openat" && !Arguments.Contains("O_CREAT", StringComparison.Ordinal)
            && !Arguments.Contains("O_RDWR", StringComparison.Ordinal)
            && !Arguments.Contains("O_WRONLY", StringComparison.Ordinal);
    }

    sealed record Lived(List<string> Trace, Call[] Calls, List<(long Entry, Digest Leaf)> Acknowledged, Digest? Blob,
        bool Killed);

    /// <summary>
    /// A founded ledger as a killed server left it, to be copied for each life, and what is handed in.
    /// </summary>
    sealed class World
    {
        readonly Scratch _scratch;
        readonly string _home;
        readonly string _token;
        readonly Trust _trust;
        readonly byte[][] _statements;
        readonly byte[] _blob = new byte[3000];

        World(Scratch scratch, string home, string token, Trust trust, byte[][] statements) =>
            (_scratch, _home, _token, _trust, _statements) = (scratch, home, token, trust, statements);


        public string At(string name) => _scratch.At("lives", name, "data");

        public static async Task<World> Found(Scratch scratch)
        {
            using var owner = PrivateKey.Create();
            var folder = new ServerFolder(scratch.At("founded"));
            var founded = await Founding.Found(folder, owner, Founding.NewNonce(), Founding.NewOrigin("test"),
                TimeProvider.System);
            byte[] Statement() =>
                Envelope.Sign(new MemberStatement(Founding.NewNonce(), null, [PrivateKey.Create().Public], [], null)
            {
                Ledger = founded.Trust.Genesis,
                Nonce = Founding.NewNonce(),
                Issued = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()
            }.Encode(), owner).ToJson().ToBytes();
            // As a crash leaves it: no checkpoint file, a partial tile missing, room ahead of the journal's end.
            File.Delete(Path.Combine(folder.Ledger, "checkpoint"));
            Directory.Delete(Path.Combine(folder.Ledger, "tile", "0"), recursive: true);
            using (var journal = new FileStream(FileStore.JournalPath(folder.Ledger), FileMode.Append))
                journal.Write(new byte[1000]);
            founded.Recovery.Dispose();
            return new World(scratch, scratch.At("home"), founded.Token, founded.Trust,
                [Statement(), Statement(), Statement()]);
        }

        /// <summary>A server's whole life on a copy of the folder, in which something may fail.</summary>
        public async Task<Lived> Live(string name, string? inject, string? path = null, bool cheaply = true)
        {
            var data = At(name);
            Directory.CreateDirectory(Path.GetDirectoryName(data)!);
            using (var copy = Process.Start("/bin/cp", ["-a", _scratch.At("founded"), data]))
                await copy.WaitForExitAsync();
            var trace = _scratch.At("lives", name, "trace");
            // A signal is only sent where every call stops the program.
            List<string> arguments = ["-f", .. cheaply ? ["--seccomp-bpf"] : Array.Empty<string>(), "-y", "-s", "0",
                "-o", trace, "-e", $"trace={Calls}"];
            if (path is not null) arguments.AddRange(["-P", path]);
            if (inject is not null) arguments.AddRange(["-e", inject]);
            var start = Programs.Start("/usr/bin/strace", [.. arguments, Programs.Stele, "up", "--only", "server",
                "--port", "0", "--data", data, "--home", _scratch.At("lives", name, "home"), "--json"]);
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync();
            var acknowledged = new List<(long, Digest)>();
            Digest? blob = null;
            try
            {
                if (await Address(process) is { } address)
                {
                    using var server = new ServerClient(address, _token) { Timeout = TimeSpan.FromSeconds(30) };
                    blob = await Try<Digest?>(async () => await server.Put(_blob));
                    foreach (var statement in _statements.Take(2))
                        if (await Try<Admitted?>(async () => await server.Submit(Envelope.Parse(statement)))
                            is Admitted.Added added) acknowledged.Add((added.Entry, added.Leaf));
                }
                // The server is strace's child: told to stop, it ends, and strace with it.
                foreach (var child in Children(process.Id)) Libc.Kill(child, Libc.SIGTERM);
                using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
                await process.WaitForExitAsync(limit.Token);
            }
            finally
            {
                if (!process.HasExited)
                {
                    foreach (var child in Children(process.Id)) Libc.Kill(child, Libc.SIGKILL);
                    process.Kill();
                }
            }
            var said = await errors;
            Assert.False(said.Contains("Unhandled exception", StringComparison.Ordinal)
                || said.Contains("bug in stele", StringComparison.Ordinal), $"{inject}: {said}");
            var lines = Whole(File.ReadAllLines(trace)).ToList();
            var calls = lines.Select(l => Line.Match(l)).Where(m => m.Success)
                .Select(m => new Call(m.Groups["thread"].Value, m.Groups["call"].Value, m.Groups["arguments"].Value,
                    m.Groups["result"].Value, PathsIn(m.Value, data))).Where(c => c.Paths.Length > 0).ToArray();
            return new Lived(lines, calls, acknowledged, blob,
                lines.Any(l => l.Contains("+++ killed by SIGKILL +++", StringComparison.Ordinal)));
        }

        /// <summary>Calls that another thread's came between are written in two parts.</summary>
        static IEnumerable<string> Whole(IEnumerable<string> lines)
        {
            var begun = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var line in lines)
            {
                var thread = line.Split(' ')[0];
                if (line.IndexOf(" <unfinished ...>", StringComparison.Ordinal) is >= 0 and var at)
                    begun[thread] = line[..at];
                else if (Regex.Match(line, @"^\d+ +<\.\.\. \w+ resumed>(.*)$") is { Success: true } rest
                    && begun.Remove(thread, out var first)) yield return first + rest.Groups[1].Value;
                else yield return line;
            }
        }

        static string[] PathsIn(string line, string data) =>
            [.. Regex.Matches(line, "[<\"](" + Regex.Escape(data) + "(?:/[^>\"]*)?)[>\"]")
                .Select(m => m.Groups[1].Value).Distinct()];

        static async Task<Uri?> Address(Process process)
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            Uri? address = null;
            while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
            {
                if (Regex.Match(line, "\"server\": \"(http[^\"]*)\"") is { Success: true } m)
                    address = new Uri(m.Groups[1].Value);
                if (line == "}") break;
            }
            return address;
        }

        static async Task<T?> Try<T>(Func<Task<T>> ask)
        {
            try
            {
                return await ask();
            }
            catch (Exception e) when (e is ProblemException or BlobException or HttpRequestException or IOException)
            {
                return default;   // it said that it could not, or was gone
            }
        }

        static int[] Children(int pid)
        {
            try
            {
                return [.. File.ReadAllText($"/proc/{pid}/task/{pid}/children").Split(' ',
                    StringSplitOptions.RemoveEmptyEntries).Select(c => int.Parse(c, CultureInfo.InvariantCulture))];
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return [];
            }
        }

        /// <summary>
        /// The same program, started again where nothing fails: everything acknowledged stands, and it goes on.
        /// </summary>
        public async Task Judge(string name, Lived life)
        {
            var folder = new ServerFolder(At(name));
            var before = new Findings(folder.Data);
            ServerFsck.Check(folder, _trust, before, default);
            // A crash may leave derived files behind what the journal holds, and litter; nothing else.
            Assert.True(
                before.Violations.All(v => v.Damage is Damage.Derived or Damage.TornTail),
                string.Join('\n', before.Violations));

            await using (var host = await Stele.Api.ServerHost.Start(folder, new Stele.Api.ServerOptions { Port = 0 },
                TimeProvider.System))
            {
                foreach (var (entry, leaf) in life.Acknowledged) Assert.Equal(leaf,
                    Merkle.Leaf(host.Log.ReadEntry(entry)));
                Assert.InRange(host.Log.Size, 1 + life.Acknowledged.Count, 3);
                if (life.Blob is { } blob) Assert.True(host.Blobs.Intact(blob), "an acknowledged blob is gone");
                using var server = new ServerClient(host.Address, _token);
                foreach (var statement in _statements)
                    Assert.IsNotType<Admitted.Refused>(await server.Submit(Envelope.Parse(statement)));
                Assert.Equal(4, host.Log.Size);   // each once
                await server.Put(_blob);
            }
            var after = new Findings(folder.Data);
            ServerFsck.Check(folder, _trust, after, default);
            Assert.Empty(after.Violations);
        }
    }
}
