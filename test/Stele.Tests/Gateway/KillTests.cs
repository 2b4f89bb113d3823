using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Tests.Host;

namespace Stele.Tests.Gateway;

/// <summary>
/// A node that is killed at any moment: what a client was told stands, numbered without a gap, and the next start goes
/// on.
/// </summary>
public sealed class KillTests
{
    /// <summary>1,000 requests, 10 kills. The seed is printed with a failure.</summary>
    [Fact]
    public async Task Every_answer_has_its_record_however_often_the_node_is_killed()
    {
        Hamlet.Needs();
        const int Requests = 1000, Kills = 10;
        var seed = Environment.TickCount;
        var random = new Random(seed);
        await using var h = await Hamlet.Found();
        // of this test alone: other tests run releases beside it
        var release = await h.Release("v1", $"stone {seed}");
        await h.Deploy(release);
        await h.Start();
        await h.OpenLog();
        await h.Serves(release);
        var origin = h.Hosted!.Log!.Origin;
        await h.StopNode();

        await using var node = new SeparateNode(h);
        node.Start();
        using var client = new HttpClient
        {
            BaseAddress = new Uri(node.Address, $"/{Hamlet.System}/{Hamlet.Prod}/"),
            Timeout = TimeSpan.FromSeconds(5)
        };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", h.Token);
        var answered = new ConcurrentDictionary<string, (byte[] Asked, byte[] Said)>(StringComparer.Ordinal);
        var asked = 0;
        var killAt = Enumerable.Range(0, Kills).Select(i => Requests * (i + 1) / (Kills + 1) + random.Next(-30, 30))
            .ToArray();
        var until = Stopwatch.StartNew();

        async Task Client()
        {
            for (int n; (n = Interlocked.Increment(ref asked)) <= Requests;)
            {
                var body = Encoding.UTF8.GetBytes($"{{\"n\":{n}}}");
                while (true)
                {
                    Assert.True(until.Elapsed < TimeSpan.FromMinutes(5),
                        $"it takes too long (seed {seed}): {node.Errors}");
                    try
                    {
                        using var content = new ByteArrayContent(body);
                        content.Headers.ContentType = new("application/json");
                        using var answer = await client.PostAsync("say", content);
                        if (answer.StatusCode == HttpStatusCode.OK)
                        {
                            var said = await answer.Content.ReadAsByteArrayAsync();
                            Assert.True(answered.TryAdd(answer.Headers.GetValues("Stele-Decision").Single(),
                                (body, said)), "a number was given twice");
                            break;
                        }
                        Assert.True(answer.StatusCode is HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway,
                            $"{answer.StatusCode}: {await answer.Content.ReadAsStringAsync()}");
                    }
                    catch (Exception e)
                        when (e is HttpRequestException or OperationCanceledException or IOException) { }
                    await Task.Delay(20);
                }
            }
        }

        var clients = Enumerable.Range(0, 4).Select(_ => Task.Run(Client)).ToArray();
        foreach (var at in killAt)
        {
            while (Volatile.Read(ref asked) < at && !clients.Any(c => c.IsFaulted)) await Task.Delay(1);
            await node.Kill();
            node.Start();
        }
        await Task.WhenAll(clients);
        await node.Stop();

        // Whatever was answered stands, as it was answered.
        using var log = DecisionLog.Open(h.Folder, origin, TimeProvider.System);
        using var recorder = new Recorder(h.Folder, log);
        Assert.Equal(Requests, answered.Count);
        Assert.InRange(log.Log.Size, Requests, Requests + 4 * Kills + 1000);
        foreach (var (id, (input, output)) in answered)
        {
            Assert.True(Decision.TryParseId(id, out var name, out var index) && name == origin && index < log.Log.Size,
                $"{id} (seed {seed})");
            Assert.Equal((BodyState.Whole, Convert.ToHexString(input)),
                recorder.Open(index, SealedBodies.Input) is var (s, b) ? (s, Convert.ToHexString(b ?? [])) : default);
            Assert.Equal((BodyState.Whole, Convert.ToHexString(output)),
                recorder.Open(index, SealedBodies.Output) is var (t, c) ? (t, Convert.ToHexString(c ?? [])) : default);
        }
        var report = GatewayTests.Verify(h, log);
        Assert.True(report.Result == VerifyResult.Complete, $"seed {seed}: {string.Join('\n', report.Findings)}");

        // Nothing of a killed node lives on: what died with its parent may take the kernel a moment to bury.
        for (var patience = Stopwatch.StartNew(); Directory.EnumerateDirectories("/proc")
            .Where(d => char.IsAsciiDigit(Path.GetFileName(d)[0])).Any(Runs); await Task.Delay(50))
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), $"the release still runs (seed {seed})");

        bool Runs(string process)
        {
            try
            {
                return File.ReadAllText(Path.Combine(process, "environ"))
                    .Contains($"{Stele.Runtime.RunningRelease.ReleaseVariable}={release}", StringComparison.Ordinal);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }
}
