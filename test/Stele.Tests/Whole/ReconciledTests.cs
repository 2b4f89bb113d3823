using System.Diagnostics;
using System.Globalization;
using Stele.Proof;

namespace Stele.Tests.Whole;

/// <summary>
/// Real processes: a run in which nothing is missing, and one in which an older copy of the decision log was put back
/// after a crash, so that answers which people hold are on record no more.
/// </summary>
[Collection(WholeCollection.Name)]
public sealed class ReconciledTests(TourWorld tour)
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_lossless_run_adds_up_and_a_log_that_was_put_back_does_not()
    {
        using var world = tour.Copy();
        using var pages = new NodePages(world.Folder);
        var applications = Applicants.Applications(12);
        var logs = Path.Combine(world.Folder, "node", "logs");
        string token;
        long size;

        // The tour's own decisions, and three more that an unhurried node does not anchor before it is killed.
        await using (var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0",
            "--anchor", "3600"))
        {
            token = (await Programs.Say(world.Owner, "principal", "add", "--for", "mortgage/prod", "--role",
                "applicant-desk"))["token"].AsString;
            size = (await pages.Serving(up.Gateway))["log"]["size"].AsInt;
            var (code, whole) = await Reckon("--dry-run");
            Assert.Equal(0, code);
            Assert.Equal((size, 0L), (whole["window"]["past"].AsInt, whole["leaves"]["errors"].AsInt));
            await Ask(up, applications[..3]);
            up.Kill();
        }
        Run("/bin/cp", "-a", logs, world.At("saved"));

        // Five answers more; then the log is put back to before them. It opens: by itself, it is whole.
        await using (var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0",
            "--anchor", "3600"))
        {
            Assert.Equal(size + 3, (await pages.Serving(up.Gateway))["log"]["size"].AsInt);
            await Ask(up, applications[3..8]);
            up.Kill();
        }
        Directory.Delete(logs, recursive: true);
        Run("/bin/cp", "-a", world.At("saved"), logs);

        await using (var up = await Up.Start(world.Folder, world.Owner, "--port", "0", "--gateway-port", "0",
            "--anchor", "1"))
        {
            Assert.Equal(size + 3, (await pages.Serving(up.Gateway))["log"]["size"].AsInt);
            await Ask(up, applications[8..10]);

            // Once the counters at rest are anchored: ten answers since the tour, five of them on record.
            (int Code, Json Log) reckoned = (0, Json.Null);
            for (var attempt = 0; attempt < 300; attempt++, await Task.Delay(200, Stop))
            {
                reckoned = await Reckon("--dry-run");
                if (reckoned.Log["window"]["past"].AsInt == size + 5
                    && reckoned.Log["window"]["after"]["answered"].AsInt == size + 10) break;
            }
            Assert.Equal(4, reckoned.Code);
            var (code, log) = await Reckon();
            Assert.Equal(4, code);
            Assert.Equal(["records-missing", "answers-missing"],
                log["differences"].AsArray.Select(d => d["name"].AsString));
            Assert.All(log["differences"].AsArray, d => Assert.Equal(5, d["count"].AsInt));

            // It is a statement now: anyone who has the pack reckons it again.
            var pack = world.At("pack.zip");
            await Programs.Say(world.Owner, "audit", "export", "--out", pack);
            var verified = await Programs.Run(Programs.Verify,
                ["pack", pack, "--trust", Path.Combine(world.Folder, "trust.json")]);
            Assert.True(verified.Code == 0, verified.Output);
            Assert.Contains("5 more answers were given than the log has leaves", verified.Output,
                StringComparison.Ordinal);
            Assert.Contains("reckoned again here, it agrees", verified.Output, StringComparison.Ordinal);
            Assert.Equal(0, (await up.Stop()).Code);
        }

        async Task Ask(Up up, string[] those)
        {
            using var applicants = new Applicants(token) { Gateway = up.Gateway };
            foreach (var application in those) Assert.NotNull((await applicants.Ask(application)).Decision);
        }

        async Task<(int, Json)> Reckon(params string[] more)
        {
            var to = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
            var ran = await Programs.Cli(world.Owner, ["reconcile", "--from", "2020-01-01T00:00:00Z", "--to", to,
                "--environment", "mortgage/prod", "--json", .. more]);
            Assert.True(ran.Code is 0 or 4, ran.Error);
            return (ran.Code, (ran with { Code = 0 }).Json["logs"].AsArray.Single());
        }
    }

    static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}
