using System.Globalization;
using System.Net;
using System.Text;
using Stele.Proof;

namespace Stele.Tests.Whole;

/// <summary>
/// A world that was stopped goes on where it stood, on other ports, from another folder; and tells what stood when.
/// </summary>
[Collection(WholeCollection.Name)]
public sealed class RestartTests(TourWorld tour)
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_comes_back_serves_answers_as_of_then_and_stops_in_order()
    {
        using var world = tour.Copy();
        using var pages = new NodePages(world.Folder);
        await using var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0");
        var serving = await pages.Serving(up.Gateway);

        // The release that stood when it was stopped runs again, with its bytes looked at again.
        var status = await Programs.Say(world.Owner, "status");
        var head = Place(status)["head"];
        var release = head["routes"].AsArray.Single()["release"].AsString;
        Assert.Equal(release, serving["routes"].AsArray.Single()["release"].AsString);
        Assert.Equal("rollback", head["action"].AsString);
        await Eventually(async () => Place(await Programs.Say(world.Owner, "status"))["observation"] is { } o
            && o["event"].AsString == "started" && o["agrees"].AsBool && o["entry"].AsInt > head["entry"].AsInt + 1);

        using var applicants = new Applicants((await Programs.Say(world.Owner, "principal", "add", "--for",
            "mortgage/prod", "--role", "applicant-desk"))["token"].AsString) { Gateway = up.Gateway };
        var heard = await applicants.Ask(Applicants.Applications(1)[0]);
        Assert.Equal((HttpStatusCode.OK, release), (heard.Status, heard.Release));

        // As of then: by entry and by time, before and after the first deployment.
        var lines = (await Programs.Say(world.Owner, "log", "list", "--kind", "deployment"))["lines"].AsArray;
        var (first, upgrade) = (lines[0], lines[1]);
        Assert.Null(Place(await At(first["entry"].AsInt - 1)).Find("head"));
        Assert.Equal(first["entry"].AsInt, Place(await At(first["entry"].AsInt))["head"]["entry"].AsInt);
        Assert.Equal(release,
            Place(await At(upgrade["entry"].AsInt - 1))["head"]["routes"].AsArray.Single()["release"].AsString);
        Assert.NotEqual(release,
            Place(await At(upgrade["entry"].AsInt))["head"]["routes"].AsArray.Single()["release"].AsString);
        Assert.Null(Place(await AtTime(first["time"].AsInt - 1)).Find("head"));
        Assert.Equal(first["entry"].AsInt, Place(await AtTime(first["time"].AsInt))["head"]["entry"].AsInt);
        Assert.Equal(first["entry"].AsInt, Place(await AtTime(upgrade["time"].AsInt - 1))["head"]["entry"].AsInt);
        Assert.Equal(2, (await Programs.Cli(world.Owner, "status", "--at", "yesterday")).Code);
        Assert.Equal(1, (await Programs.Cli(world.Owner, "status", "--at", "1000000")).Code);

        // In order: what ran says that it stopped, the log is anchored, nothing is left.
        var sandbox = (int)serving["routes"].AsArray.Single()["pid"].AsInt;
        var (server, gateway) = (up.Server, up.Gateway);
        Assert.Equal((0, ""), await up.Stop());
        Assert.Empty(Programs.About(world.Folder));
        Assert.False(Directory.Exists($"/proc/{sandbox}"));
        var fsck = await Programs.Say(world.Owner, "fsck", "--data", world.Folder);
        Assert.Empty(fsck["violations"].AsArray);
        var down = await Programs.Cli(world.Owner, "status");
        Assert.Equal(1, down.Code);
        Assert.Contains("hint: ", down.Error, StringComparison.Ordinal);

        await using (var again = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", "0"))
        {
            // The node is down, and something is to run: that is said.
            var said = await Programs.Cli(world.Owner, "status", "--json");
            Assert.Equal(1, said.Code);
            var last = CanonicalJson.Parse(Encoding.UTF8.GetBytes(said.Output), 64 << 20);
            Assert.Equal(["silent", "observed"], last["faults"].AsArray.Select(f => f["code"].AsString));
            Assert.Equal("stopped", Place(last)["observation"]["event"].AsString);
            Assert.Equal(503, last["logs"].AsArray.Single()["anchor"]["size"].AsInt);
        }

        Task<Json> At(long entry) =>
            Programs.Say(world.Owner, "status", "--at", entry.ToString(CultureInfo.InvariantCulture));
        Task<Json> AtTime(long time) =>
            Programs.Say(world.Owner, "status", "--at", DateTimeOffset.FromUnixTimeMilliseconds(time)
                .ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture));
    }

    static Json Place(Json status) => status["systems"].AsArray.Single()["environments"].AsArray.Single();

    internal static async Task Eventually(Func<Task<bool>> holds)
    {
        for (var attempt = 0; !await holds(); attempt++)
        {
            if (attempt == 600) throw new TimeoutException("it never came about");
            await Task.Delay(200, Stop);
        }
    }
}
