using System.Globalization;
using Stele.Disk;
using Stele.Proof.Decisions;

namespace Stele.Tests.Whole;

/// <summary>Server and node in one process, killed again and again while it serves, admits and comes up.</summary>
[Collection(WholeCollection.Name)]
public sealed class KilledUpTests(TourWorld tour, ITestOutputHelper output)
{
    [Fact]
    public Task It_loses_nothing_that_it_answered() => Killed(4, seed: 20261130);

    [Fact(Explicit = true)]
    public Task It_loses_nothing_that_it_answered_in_a_hundred_kills() => Killed(100, seed: 20261201);

    async Task Killed(int kills, int seed)
    {
        using var world = tour.Copy();
        using var pages = new NodePages(world.Folder);
        var random = new Random(seed);
        var up = await Start();
        using var applicants = new Applicants((await Programs.Say(world.Owner,
            ["principal", "add", "--for", "mortgage/prod", "--role", "applicant-desk"]))["token"].AsString);
        var before = (await pages.Serving(up.Gateway))["log"]["size"].AsInt;
        var applications = Applicants.Applications(1000);
        var heard = new List<Heard>();
        var admitted = new List<long>();
        try
        {
            for (var kill = 0; kill < kills; kill++)
            {
                applicants.Gateway = up.Gateway;
                for (var i = random.Next(1, 8); i > 0; i--)
                    await applicants.Ask(applications[random.Next(applications.Length)], heard.Add);
                var name = "s" + kill.ToString(CultureInfo.InvariantCulture);
                admitted.Add((await Programs.Say(world.Owner,
                    ["system", "add", name, "--env", "prod", "--stale-after", "1h"]))["entry"].AsInt);
                // Requests and a statement are under way as it is killed.
                var asked = applicants.Once(applications[kill % applications.Length]);
                await Task.Delay(random.Next(30));
                up.Kill();
                if (await asked is { Decision: not null } last) heard.Add(last);
                await up.DisposeAsync();
                await Gone();
                if (random.Next(3) == 0)
                {
                    // Also while it comes up.
                    var starting = Start();
                    await Task.WhenAny(starting, Task.Delay(random.Next(1500)));
                    foreach (var pid in Programs.About(world.Folder).Select(p => int.Parse(p.Split(' ')[0],
                        CultureInfo.InvariantCulture))) Libc.Kill(pid, Libc.SIGKILL);
                    try
                    {
                        await (await starting).DisposeAsync();
                    }
                    catch (InvalidOperationException)
                    {
                        // It was killed before everything was up.
                    }
                    await Gone();
                }
                up = await Start();
            }
            var size = (await pages.Serving(up.Gateway))["log"]["size"].AsInt;
            var systems = (await Programs.Say(world.Owner, "system", "list"))["systems"].AsArray
                .Select(s => s["system"].AsString).ToHashSet(StringComparer.Ordinal);
            for (var kill = 0; kill < kills; kill++)
                Assert.Contains("s" + kill.ToString(CultureInfo.InvariantCulture), systems);
            Assert.Equal(admitted.Count, admitted.Distinct().Count());
            Assert.Equal((0, ""), await up.Stop());
            Assert.Empty((await Programs.Say(world.Owner, "fsck", "--data", world.Folder))["violations"].AsArray);

            await using var server = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", "0");
            var pack = await world.Export();
            var decisions = pack.Decisions.Select(l => Decision.Parse(l)).ToArray();
            Assert.Equal(size, decisions.Length);
            Assert.Equal(heard.Count, heard.Select(h => h.Decision).Distinct().Count());
            foreach (var h in heard)
            {
                Assert.True(Decision.TryParseId(h.Decision!, out _, out var index));
                Assert.Equal(((int)h.Status, h.Release),
                    (decisions[index].Status, decisions[index].Release.ToString()));
            }
            output.WriteLine($"{kills} kills, {heard.Count} answers with a number, {size - before} recorded, " +
                $"{admitted.Count} statements admitted");
            Assert.Equal((0, ""), await server.Stop());
        }
        finally
        {
            await up.DisposeAsync();
        }
        Assert.Empty(Programs.About(world.Folder));

        Task<Up> Start() => Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0", "--anchor", "1");

        // Its sandboxes die with it: nothing serves on, unwatched.
        async Task Gone()
        {
            for (var attempt = 0; Programs.About(world.Folder) is { Count: > 0 } left; attempt++)
            {
                Assert.True(attempt < 3000, "left behind: " + string.Join("\n", left));
                await Task.Delay(20);
            }
        }
    }
}
