using System.Diagnostics;
using System.Globalization;

namespace Stele.Tests.Whole;

/// <summary>What two processes on one folder, or in one home, do to one another: nothing.</summary>
[Collection(WholeCollection.Name)]
public sealed class SecondUpTests(TourWorld tour, ITestOutputHelper output)
{
    /// <summary>Every file below a folder that a second start could replace, with its content.</summary>
    static Dictionary<string, string> Kept(params string[] folders) => folders
        .SelectMany(f => Directory.EnumerateFiles(f, "*", SearchOption.AllDirectories))
        .Where(f => Path.GetFileName(f) is "tokens.json" or "token" or "member" or "member.pem" or "principals.json"
            or "config.json" or "server.pem" or "log.key" or "cosigner.key")
        .ToDictionary(f => f, f => Convert.ToHexString(File.ReadAllBytes(f)));

    [Fact]
    public async Task It_is_refused_before_it_writes_and_the_running_node_obeys()
    {
        using var world = tour.Copy();
        using var pages = new NodePages(world.Folder);
        await using var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0");
        await pages.Serving(up.Gateway);
        var before = Kept(world.Folder);

        foreach (var more in new string[][] { [], ["--only", "server"], ["--only", "node"], ["--invite", "bo"] })
        {
            var second = await Programs.Cli(world.Owner,
                ["up", "--data", world.Folder, "--port", "0", "--gateway-port", "0", .. more]);
            Assert.Equal(1, second.Code);
            Assert.Contains("is in use by another process\nstele: hint: does a stele up or", second.Error,
                StringComparison.Ordinal);
        }
        Assert.Equal(before, Kept(world.Folder));

        var owner = Cli.Home.Open(world.Owner).Member!;
        await Programs.Say(world.Owner, "member", "add", "--member", owner, "--keep", "--role",
            "deployer@mortgage/prod");
        var began = Stopwatch.GetTimestamp();
        await Programs.Say(world.Owner, "rollback", "mortgage/prod", "--halt");
        await RestartTests.Eventually(async () =>
            (await pages.Get(up.Gateway, "status"))["environments"].AsArray.Single() is var e
            && e["standing"].AsString == "halted" && e["routes"].AsArray.IsEmpty);
        var took = Stopwatch.GetElapsedTime(began);
        output.WriteLine($"halted {took.TotalSeconds:0.0} s after the command began");
        Assert.True(took < TimeSpan.FromSeconds(20), $"{took}");
        var (code, said) = await up.Stop();
        Assert.Equal(0, code);
        Assert.Matches("^mortgage/prod: halted by entry [0-9]+: nothing runs\n$", said);
    }

    /// <summary>Readers never lock, writers wait.</summary>
    [Fact]
    public async Task Commands_in_one_home_work_at_once()
    {
        const int writers = 12, readers = 8;
        using var scratch = new Scratch();
        var (data, home) = (scratch.At("data"), scratch.At("home"));
        await Programs.Say(home, "init", "--data", data);
        await using var up = await Up.Start(data, home, "--only", "server", "--port", "0");
        var writing = Enumerable.Range(0, writers).Select(i => Programs.Run(Programs.Stele,
            ["system", "add", Name(i), "--env", "prod", "--stale-after", "1h", "--home", home],
            TimeSpan.FromMinutes(5))).ToArray();
        var reading = Enumerable.Range(0, readers).Select(_ => Programs.Run(Programs.Stele,
            ["status", "--home", home], TimeSpan.FromMinutes(5))).ToArray();
        foreach (var ran in await Task.WhenAll([.. writing, .. reading])) ran.Succeeded();
        var systems = (await Programs.Say(home, "system", "list"))["systems"].AsArray;
        Assert.Equal(Enumerable.Range(0, writers).Select(Name).Order(StringComparer.Ordinal),
            systems.Select(s => s["system"].AsString).Order(StringComparer.Ordinal));
        Assert.Equal((0, ""), await up.Stop());

        static string Name(int i) => "s" + i.ToString(CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task A_node_alone_follows_the_server_that_it_is_told()
    {
        using var scratch = new Scratch();
        var home = scratch.At("home");
        await Programs.Say(home, "init", "--data", scratch.At("data"));
        await using var server = await Up.Start(scratch.At("data"), home, "--only", "server", "--port", "0");
        await using var node = await Up.Start(scratch.At("elsewhere"), home, "--only", "node",
            "--follow", server.Server.ToString(), "--gateway-port", "0");
        using var pages = new NodePages(scratch.At("elsewhere"), home);
        await RestartTests.Eventually(async () =>
            (await pages.Get(node.Gateway, "status"))["server"].AsString == "ok");

        var wrong = await Programs.Cli(home, "up", "--only", "node", "--data", scratch.At("third"),
            "--follow", "elsewhere", "--gateway-port", "0");
        Assert.Equal(2, wrong.Code);
        Assert.Contains("--follow takes the address of a server, not 'elsewhere'", wrong.Error,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(scratch.At("third")));
        Assert.Equal((0, ""), await node.Stop());
        Assert.Equal((0, ""), await server.Stop());
    }
}
