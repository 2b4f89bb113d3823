using Stele.Control;
using Stele.Proof;

namespace Stele.Tests.Whole;

/// <summary>
/// A server whose ledger can be added to and not be read: it is said, with what to do, until it is over.
/// </summary>
public sealed class UnpublishedTests
{
    [Fact]
    public async Task A_server_that_can_not_publish_says_so()
    {
        using var scratch = new Scratch();
        var (data, home) = (scratch.At("data"), scratch.At("home"));
        await Programs.Say(home, "init", "--data", data);
        await using var up = await Up.Start(data, home, "--only", "server", "--port", "0");
        Assert.Equal(0, (await Programs.Cli(home, "status")).Code);
        // What has its name can't be replaced by a file.
        var checkpoint = Path.Combine(new ServerFolder(data).Ledger, "checkpoint");
        File.Delete(checkpoint);
        Directory.CreateDirectory(Path.Combine(checkpoint, "in-the-way"));
        await Programs.Say(home, "system", "add", "meanwhile", "--env", "prod", "--stale-after", "1h");

        Ran said = null!;
        await RestartTests.Eventually(async () => (said = await Programs.Cli(home, "status")).Code == 1);
        Assert.Matches(@"\nSERVER unpublished +the files of [^\n]+ lag behind: [^\n]+\nnext +make room on that disk",
            said.Output);
        var fault = (await Programs.Cli(home, "status", "--json")) is var ran
            ? CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(ran.Output), 1 << 20)["faults"].AsArray.Single()
            : null!;
        Assert.Equal(("unpublished", "server"), (fault["code"].AsString, fault["of"].AsString));

        // A line of it is said after a second or two.
        await Task.Delay(4000, TestContext.Current.CancellationToken);
        Directory.Delete(checkpoint, recursive: true);
        await RestartTests.Eventually(async () => (await Programs.Cli(home, "status")).Code == 0);
        await Task.Delay(4000, TestContext.Current.CancellationToken);
        var (code, error) = await up.Stop();
        Assert.Equal(0, code);
        Assert.Matches(@"^server: unpublished: the files of [^\n]+; make room on that disk[^\n]+\n"
            + @"server: no longer unpublished\n$", error);
    }
}
