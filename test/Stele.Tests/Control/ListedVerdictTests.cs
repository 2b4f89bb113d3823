using Stele.Proof;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Whole;

namespace Stele.Tests.Control;

/// <summary>
/// What a server signs into its own ledger is shown by lists as what it is: executed again, or marked.
/// </summary>
public sealed class ListedVerdictTests
{
    [Fact]
    public async Task Lists_mark_what_differs_and_what_was_not_executed()
    {
        await using var town = await Town.Found();
        await town.Settle();
        var release = await town.Release("v2", 0.84, "good");
        var deployed = await town.Deploy(release);
        var honest = town.Host.Admission.Replay.Entries.First(f => f.Statement is Verdict);
        var told = (Verdict)honest.Statement;
        using var key = town.Folder.ReadServerKey();
        var server = new Citizen("server", key);
        var nobodys = Digest.Of("nobody's"u8);

        // Each lie, signed with the server's own key, as a list must show it.
        var size = town.State.Size;
        var lies = new (Statement Lie, string Execution)[]
        {
            (told with { Rules = [.. told.Rules.Select(r => r with { Message = "said otherwise" })] }, "differs"),
            (told with { Passed = false }, "misplaced"),
            (told with { Size = deployed - 1 }, "misplaced"),
            (new Refusal(told.Envelope, told.Size, told.Time, "policy-failed", null) { Nonce = "", Issued = 0 },
                "misplaced"),
            (new Refusal(nobodys, size + 4, 0, "policy-failed", null) { Nonce = "", Issued = 0 }, "misplaced"),
        };
        var at = new Dictionary<long, string> { [honest.Index] = "same" };
        foreach (var (lie, execution) in lies) at[await town.Admit(
            town.Act(lie with { Nonce = "", Issued = 0 }), server)] = execution;

        var home = town.Path("home");
        var trust = town.Path("pinned.json");
        File.WriteAllBytes(trust, town.Trust.ToJson().ToBytes());
        (await Programs.Cli(home, "login", town.Host.Address.ToString(), "--token-file", town.TokenInFile(), "--trust",
            trust)).Succeeded();
        async Task Shown(string kind, string array, params string[] command)
        {
            var ran = await Programs.Cli(home, [.. command, "--json"]);
            Assert.True(ran.Code == 1, ran.Output + ran.Error);
            var lines = CanonicalJson.Parse(System.Text.Encoding.UTF8.GetBytes(ran.Output), 1 << 20)[array].AsArray;
            var expected = at.Where(a => town.Host.Admission.Replay.Entries[(int)a.Key].Statement.Kind == kind);
            Assert.Equal(expected.OrderBy(a => a.Key).Select(a => (a.Key, a.Value)),
                lines.Select(l => (l["entry"].AsInt, l["execution"].AsString)));
            Assert.Contains("MISPLACED", (await Programs.Cli(home, command)).Output, StringComparison.Ordinal);
        }
        await Shown("verdict", "verdicts", "verdict", "list");
        await Shown("verdict", "lines", "log", "list", "--kind", "verdict");
        await Shown("refusal", "lines", "log", "list", "--kind", "refusal");
        // The whole ledger is listed without executing anything, and says so.
        var all = await Programs.Cli(home, "log", "list");
        Assert.Equal(0, all.Code);
        const string unexecuted = "not executed again: the server's word";
        Assert.Equal(at.Count, all.Output.Split('\n').Count(l => l.Contains(unexecuted, StringComparison.Ordinal)));
    }
}
