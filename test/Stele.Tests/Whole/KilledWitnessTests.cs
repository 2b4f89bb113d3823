using System.Diagnostics;
using System.Net;
using System.Text;
using Stele.Disk;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Ledger;

namespace Stele.Tests.Whole;

/// <summary>
/// <c>stele witness</c> as its own process, killed again and again while two histories of one log are handed in to it.
/// </summary>
public sealed class KilledWitnessTests
{
    static readonly CancellationToken Stop = CancellationToken.None;

    sealed class Running : IDisposable
    {
        readonly Process _process;

        Running(Process process, Json said) => (_process, Said) = (process, said);

        public Json Said { get; }
        public Uri Address => new(Said["address"].AsString);
        public VerifierKey Key => VerifierKey.Parse(Said["keys"].AsArray[0].AsString);

        public static async Task<Running> Start(string data, params string[] more)
        {
            var process = Process.Start(Programs.Start(Programs.Stele,
                ["witness", "--data", data, "--port", "0", "--json", .. more]))!;
            process.StandardInput.Close();
            var errors = process.StandardError.ReadToEndAsync(Stop);
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(2));
            var said = new StringBuilder();
            try
            {
                while (await process.StandardOutput.ReadLineAsync(limit.Token) is { } line)
                {
                    said.Append(line);
                    if (line == "}")
                        return new Running(process,
                            CanonicalJson.Parse(Encoding.UTF8.GetBytes(said.ToString()), 1 << 20));
                }
                throw new InvalidOperationException($"stele witness ended: {await errors}");
            }
            catch
            {
                process.Kill();
                process.Dispose();
                throw;
            }
        }

        public void Kill()
        {
            Libc.Kill(_process.Id, Libc.SIGKILL);
            _process.WaitForExit();
        }

        public async Task<int> End()
        {
            Libc.Kill(_process.Id, Libc.SIGTERM);
            using var limit = new CancellationTokenSource(TimeSpan.FromMinutes(1));
            await _process.WaitForExitAsync(limit.Token);
            return _process.ExitCode;
        }

        public void Dispose()
        {
            if (!_process.HasExited) Kill();
            _process.Dispose();
        }
    }

    static Digest[] Leaves(string branch, int size) =>
        [.. Enumerable.Range(0, size)
            .Select(i => Merkle.Leaf(Encoding.UTF8.GetBytes(i < 4 ? $"{i}" : $"{branch} {i}")))];

    static string Request(Ledgers ledgers, Digest[] leaves, int from, int to) => new WitnessRequest(from,
        from == 0 || from == to
            ? []
            : [.. Proofs.Consistency(from, to,
                (level, index) => Merkle.Root(leaves.Skip((int)(index << level)).Take(1 << level)))],
        ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, to, Merkle.Root(leaves.Take(to))).Text)).ToString();

    [Fact]
    public async Task Whatever_it_was_killed_in_it_never_signs_a_second_history()
    {
        using var ledgers = new Ledgers();
        var data = ledgers.At("data");
        const int Most = 400, Rounds = 6;
        var branches = (Digest[][])[Leaves("one", Most + 1), Leaves("two", Most + 1)];
        var signed = new System.Collections.Concurrent.ConcurrentBag<(int Size, Digest Root, string Lines)>();
        var acknowledged = 0;
        VerifierKey? key = null;
        var random = new Random(7);
        for (var round = 0; round < Rounds; round++)
        {
            using var witness = await Running.Start(data,
                [.. (string[])(round == 0 ? ["--name", "witness.example/w1"] : []), "--log",
                    ledgers.Signer.Key.ToString()]);
            Assert.Equal(key ??= witness.Key, witness.Key);
            using var http = new HttpClient { BaseAddress = witness.Address };
            var killAt = signed.Count + random.Next(1, 12);
            var floor = acknowledged;

            // Each worker believes what the witness says it has seen last, and has its own history go on from there.
            async Task Work(int branch)
            {
                try
                {
                    for (var old = 0; old < Most && signed.Count < killAt;)
                    {
                        var to = old + 1;
                        using var answer = await http.PostAsync("add-checkpoint",
                            new ByteArrayContent(Encoding.UTF8.GetBytes(Request(ledgers, branches[branch], old, to))),
                            Stop);
                        var body = await answer.Content.ReadAsStringAsync(Stop);
                        switch (answer.StatusCode)
                        {
                            case HttpStatusCode.OK:
                                signed.Add((to, Merkle.Root(branches[branch].Take(to)), body));
                                InterlockedMax(ref acknowledged, to);
                                old = to;
                                break;
                            case HttpStatusCode.Conflict:
                                old = int.Parse(body.TrimEnd('\n'), System.Globalization.CultureInfo.InvariantCulture);
                                Assert.True(old >= floor,
                                    $"it has forgotten: {old}, and {floor} were signed before it was killed");
                                break;
                            default:
                                Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
                                return;   // the other history is the one that goes on
                        }
                    }
                }
                catch (Exception e) when (e is HttpRequestException or IOException) { } // killed under us
            }
            var workers = Enumerable.Range(0, 4).Select(i => Work(i % 2)).ToArray();
            while (signed.Count < killAt && !workers.All(w => w.IsCompleted)) await Task.Delay(1, Stop);
            witness.Kill();
            await Task.WhenAll(workers);
            Assert.False(signed.IsEmpty);
        }
        // All that it ever signed lies on one line, and verifies with one key.
        Assert.True(signed.Count >= Rounds, $"only {signed.Count} were signed");
        var line =
            branches.Single(b => signed.All(s => s.Root == Merkle.Root(b.Take(s.Size))) && signed.Any(s => s.Size > 4));
        foreach (var (size, root, lines) in signed) Assert.Equal(CosignatureTrust.Verified,
            Cosignature.Read(lines, new Checkpoint(Ledgers.Origin, size, root).Text, key!, out _));

        // And what was killed last goes on in order, and stops when it is asked to.
        using var again = await Running.Start(data, "--log", ledgers.Signer.Key.ToString());
        using var client = new HttpClient { BaseAddress = again.Address };
        using var told = await client.PostAsync("add-checkpoint",
            new ByteArrayContent(Encoding.UTF8.GetBytes(Request(ledgers, line, 0, acknowledged))), Stop);
        Assert.Equal(HttpStatusCode.Conflict, told.StatusCode);
        Assert.InRange(int.Parse((await told.Content.ReadAsStringAsync(Stop)).TrimEnd('\n'),
            System.Globalization.CultureInfo.InvariantCulture), acknowledged, acknowledged + 4);
        Assert.Equal(0, await again.End());
    }

    static void InterlockedMax(ref int at, int value)
    {
        for (var known = Volatile.Read(ref at); known < value
            && Interlocked.CompareExchange(ref at, value, known) != known; known = Volatile.Read(ref at)) { }
    }
}
