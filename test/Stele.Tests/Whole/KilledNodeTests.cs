using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;

namespace Stele.Tests.Whole;

/// <summary>The node is killed again and again while it serves, at any moment, also while it is coming up.</summary>
[Collection(WholeCollection.Name)]
public sealed class KilledNodeTests(TourWorld tour, ITestOutputHelper output)
{
    const int Requests = 1000, Kills = 10, KillsOnTheWayUp = 3, Connections = 4;

    [Fact]
    public async Task Every_answer_that_a_client_received_is_on_record()
    {
        using var world = tour.Copy();
        using var pages = new NodePages(world.Folder);
        await using var server = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", "0");
        using var applicants = new Applicants((await Programs.Say(world.Owner, "principal", "add", "--for",
            "mortgage/prod", "--role", "applicant-desk"))["token"].AsString);
        var node = await StartNode();
        var before = (await pages.Serving(node.Gateway))["log"]["size"].AsInt;

        var heard = new ConcurrentBag<Heard>();
        var (next, answered) = (-1, 0);
        var applications = Applicants.Applications(Requests);
        var random = new Random(20261122);
        var moments = Enumerable.Range(0, Kills).Select(_ => random.Next(20, Requests - 20)).Order().ToArray();
        // Nobody gets further than a little beyond the next kill: there is always somebody asking while it is killed,
        // however late this test gets its turn.
        var upTo = moments[0] + 20;
        var clients = Enumerable.Range(0, Connections).Select(_ => Task.Run(async () =>
        {
            for (int i; (i = Interlocked.Increment(ref next)) < Requests;)
            {
                while (i >= Volatile.Read(ref upTo)) await Task.Delay(1);
                await applicants.Ask(applications[i], heard.Add);
                Interlocked.Increment(ref answered);
            }
        })).ToArray();

        for (var kill = 0; kill < Kills; kill++)
        {
            while (Volatile.Read(ref answered) < moments[kill] && !clients.Any(c => c.IsCompleted)) await Task.Delay(1);
            Assert.DoesNotContain(clients, c => c.IsCompleted);
            await Task.Delay(random.Next(10));
            await Kill();
            Volatile.Write(ref upTo, kill + 1 < Kills ? moments[kill + 1] + 20 : Requests);
            if (kill < KillsOnTheWayUp)
            {
                node = await StartNode();
                await Task.Delay(random.Next(1500));
                await Kill();
            }
            node = await StartNode();
        }
        await Task.WhenAll(clients);

        // What was received: each has its own number, and under it what was asked, what was answered, and by what.
        Assert.Equal(Requests, heard.Count(h => h.Status == HttpStatusCode.OK));
        var environment = await pages.Serving(node.Gateway);
        var size = environment["log"]["size"].AsInt;
        Assert.Equal(heard.Count, heard.Select(h => h.Decision).Distinct().Count());
        await Parallel.ForEachAsync(heard, new ParallelOptions { MaxDegreeOfParallelism = Connections }, async (h, _) =>
        {
            Assert.True(Decision.TryParseId(h.Decision!, out var origin, out var index));
            Assert.InRange(index, before, size - 1);
            var bodies = await pages.Get(node.Gateway,
                $"bodies/{NodeFolder.NameOf(origin)}/{index.ToString(CultureInfo.InvariantCulture)}");
            Assert.Equal(("whole", h.Asked), Opened(bodies["input"]));   // whole: it is what the leaf commits to
            Assert.Equal(("whole", h.Answer), Opened(bodies["output"]));
        });

        var pack = await world.Export();
        var decisions = pack.Decisions.Select(l => Decision.Parse(l)).ToArray();
        // numbers run from 0 without a gap, and the pack verified with all of them
        Assert.InRange(decisions.Length, size, size);
        foreach (var h in heard)
        {
            Assert.True(Decision.TryParseId(h.Decision!, out _, out var index));
            var d = decisions[index];
            Assert.Equal(
                ((int)h.Status, h.Release, Encoding.UTF8.GetByteCount(h.Asked), Encoding.UTF8.GetByteCount(h.Answer)),
                (d.Status, d.Release.ToString(), (int)d.Input!.Size, (int)d.Output!.Size));
        }
        output.WriteLine(
            $"{Requests} answers received, {heard.Count} with a number, {size - before} recorded, {Kills + KillsOnTheWayUp} kills, {pack.Entries.Count} entries");

        Assert.Equal((0, ""), await node.Stop());
        await node.DisposeAsync();
        Assert.Equal((0, ""), await server.Stop());
        Assert.Empty(Programs.About(world.Folder));

        async Task<Up> StartNode()
        {
            var up = await Up.Start(world.Folder, world.Owner, "--only", "node", "--gateway-port", "0", "--anchor",
                "1");
            applicants.Gateway = up.Gateway;
            return up;
        }

        // Its sandboxes die with it: nothing serves on, unwatched.
        async Task Kill()
        {
            node.Kill();
            await node.DisposeAsync();
            for (var attempt = 0; Programs.About(world.Folder).Where(p =>
                !p.StartsWith($"{server.Pid} ", StringComparison.Ordinal)).ToList() is { Count: > 0 } left; attempt++)
            {
                Assert.True(attempt < 3000, "left behind: " + string.Join("\n", left));
                await Task.Delay(20);
            }
        }
    }

    static (string, string) Opened(Json body) =>
        (body["state"].AsString, Encoding.UTF8.GetString(Convert.FromBase64String(body["base64"].AsString)));
}
