using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;

namespace Stele.Tests.Whole;

/// <summary>
/// The main job, end to end: the tour as a process of its own, what it said, and the world and the pack that it left.
/// </summary>
[Collection(WholeCollection.Name)]
public sealed class TourTests(TourWorld tour, ITestOutputHelper output)
{
    /// <summary>
    /// For a debug build among other tests on a busy machine. The promise for a release build on a quiet one is 90 s.
    /// </summary>
    static readonly TimeSpan Limit = TimeSpan.FromSeconds(240);

    static readonly string[] Steps =
    [
        "A ledger is founded", "Data, code and runtimes are frozen",
        "Everything is built in a sandbox without network, twice", "The rules are put in force",
        "v1 is checked, and refused",
        "The mitigation is a new release, and its difference is exact", "Someone else approves",
        "v2 is deployed, and runs", "500 real applications go through the gateway",
        "Someone changes a file of the running release", "An upgrade is rolled back to the identical bytes",
        "One decision is traced to its origins", "What was tested is exactly what runs",
        "The auditor trusts nobody",
    ];

    static readonly Dictionary<string, AuditPack> Packs = [];

    AuditPack Pack
    {
        get
        {
            if (!Packs.TryGetValue(tour.Pack, out var pack)) Packs[tour.Pack] = pack = AuditPack.Open(tour.Pack);
            return pack;
        }
    }

    /// <summary>The ledger, folded from nothing but what the pack holds.</summary>
    Replay Refold()
    {
        var replay = new Replay(new Documents(d => Pack.Documents.GetValueOrDefault(d)));
        foreach (var bytes in Pack.Entries) Assert.IsType<Outcome.Accepted>(replay.Add(Entry.Parse(bytes)));
        return replay;
    }

    [Fact]
    public void It_ends_well_and_in_time_with_every_step()
    {
        output.WriteLine($"tour: {tour.Tour.Took.TotalSeconds:0.0} s ({Programs.Configuration})");
        tour.Tour.Succeeded();
        Assert.Equal("", tour.Tour.Error);
        Assert.True(tour.Tour.Took < Limit, $"it took {tour.Tour.Took}");
        Assert.Equal([.. Steps, "Done"], Regex.Matches(tour.Tour.Output, @"^\d+\. (.*?)  [\d.]+ s$",
            RegexOptions.Multiline).Select(m => m.Groups[1].Value));
    }

    [Fact]
    public void Nothing_of_it_runs_afterwards_and_no_scratch_is_left()
    {
        Assert.Empty(tour.LeftRunning);
        // The runtime's own: shared locks and diagnostics sockets.
        Assert.DoesNotContain(Directory.EnumerateFileSystemEntries(tour.Temporary).Select(Path.GetFileName),
            name => name is not ".dotnet" && !name!.StartsWith("clr-debug-pipe", StringComparison.Ordinal)
                && !name.StartsWith("dotnet-diagnostic", StringComparison.Ordinal));
        Assert.Empty(Directory.EnumerateFileSystemEntries(
            Assert.Single(Directory.EnumerateFileSystemEntries(Path.Combine(tour.Folder, "trees"))))); // this machine's
    }

    [Fact]
    public void No_members_key_lies_in_the_servers_or_the_nodes_folder()
    {
        var homes = Path.Combine(tour.Folder, "homes");
        var secrets = Directory.EnumerateFiles(homes, "*.pem", SearchOption.AllDirectories).ToArray();
        Assert.Equal(6, secrets.Length); // five members, and the recovery key
        Assert.All(secrets, s => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(s)));
        var others = Directory.EnumerateFiles(tour.Folder, "*.pem", SearchOption.AllDirectories)
            .Where(f => !f.StartsWith(homes, StringComparison.Ordinal)).ToArray();
        Assert.Equal(["node/member.pem", "server/keys/server.pem"],
            others.Select(f => Path.GetRelativePath(tour.Folder, f)).Order(StringComparer.Ordinal));
        Assert.DoesNotContain(others.Select(File.ReadAllText), text => secrets.Any(s => File.ReadAllText(s) == text));
    }

    /// <summary>
    /// The ratio in the refusal is the one that the counts of the frozen report give, and it is below four fifths; v2's
    /// is not.
    /// </summary>
    [Fact]
    public void V1_is_refused_with_the_ratio_that_its_report_gives_and_v2_passes()
    {
        var replay = Refold();
        var step = tour.Step("v1 is checked, and refused");
        var deployments = replay.Entries
            .Where(f => f.Statement is Deployment { Action: DeploymentAction.Deploy or DeploymentAction.Rollback })
            .ToList();
        var verdicts = replay.Entries.Select(f => f.Statement).OfType<Verdict>().ToList();
        var failed = Assert.Single(verdicts, v => !v.Passed);
        Assert.Equal(deployments.Count, verdicts.Count(v => v.Passed));

        var (v1, v2) = (Ratio(replay, failed.Releases[0]), Ratio(replay, verdicts.First(v => v.Passed).Releases[0]));
        output.WriteLine($"v1 {v1:R}, v2 {v2:R}");
        Assert.InRange(v1, 0.01, 0.7999);
        Assert.InRange(v2, 0.8, 1.25);
        var said = v1.ToString("0.###", CultureInfo.InvariantCulture);
        Assert.Contains($"the approval ratio {said} is below 0.8", step, StringComparison.Ordinal);
        var rule = Assert.Single(failed.Rules, r => r.Rule == "four-fifths");
        Assert.Equal(RuleResult.Failed, rule.Result);
        Assert.Contains(said, rule.Message, StringComparison.Ordinal);
        Assert.All(verdicts.Where(v => v.Passed),
            v => Assert.All(v.Rules, r => Assert.Equal(RuleResult.Passed, r.Result)));
        Assert.DoesNotContain(deployments,
            d => ((Deployment)d.Statement).Routes.Any(r => r.Release == failed.Releases[0]));
    }

    /// <summary>From the counts of each group, which the check froze in the release's report.</summary>
    static double Ratio(Replay replay, Digest release)
    {
        var evaluation = replay.Entries.Select(f => f.Statement).OfType<Evaluation>().Single(e => e.Release == release);
        var groups = CanonicalJson.Parse(replay.Documents.Find(evaluation.Report)!, 1 << 20)["groups"];
        double Rate(string group) =>
            (groups[group]["true_approvals"].AsInt
                + groups[group]["false_approvals"].AsInt) / (double)groups[group]["rows"].AsInt;
        return Rate("yes") / Rate("no");
    }

    /// <summary>
    /// Another data directory, and nothing of the first but the pack: every verdict gives the same payload bytes again.
    /// </summary>
    [Fact]
    public void Verdicts_execute_again_to_the_same_bytes_from_the_pack_alone()
    {
        var replay = Refold();
        var verdicts = replay.Entries.Where(f => f.Statement is Verdict).ToList();
        Assert.Contains(verdicts, f => !((Verdict)f.Statement).Passed);
        Assert.Contains(verdicts, f => ((Verdict)f.Statement).Passed);
        foreach (var folded in verdicts)
        {
            var verdict = (Verdict)folded.Statement;
            var before = replay.At(verdict.Size);
            var entry = verdict.Passed
                ? replay.Entries[(int)verdict.Size].Entry
                : new Entry(verdict.Time, Envelope.Parse(Pack.Documents[verdict.Envelope]));
            var again = Explain.Verdict(before, entry,
                Fold.Apply(before, entry, new Documents(d => Pack.Documents.GetValueOrDefault(d))))!.Encode();
            Assert.Equal(folded.Entry.Envelope.Payload.ToArray(), again);
            // A verdict on something else would be other bytes.
            var later = new Entry(entry.Time + 1, entry.Envelope);
            Assert.NotEqual(again,
                Explain.Verdict(before, later, Fold.Apply(before, later, replay.Documents))!.Encode());
        }
        var shown = TourWorld.Fact(tour.Step("v1 is checked, and refused"), "re-executed");
        Assert.EndsWith(Digest.Of(verdicts.Single(f => !((Verdict)f.Statement).Passed).Entry.Envelope.Payload)
            .ToString(), shown, StringComparison.Ordinal);
    }

    [Fact]
    public void What_was_tested_is_exactly_what_runs()
    {
        var replay = Refold();
        var statements = replay.Entries.Select(f => f.Statement).ToList();
        var step = tour.Step("What was tested is exactly what runs");
        var one = TourWorld.Fact(step, "checked");
        Assert.True(Digest.TryParse(one, out var release));
        foreach (var name in (string[])["approved", "deployed", "observed", "in /proc", "in the decision"])
            Assert.Equal(one, TourWorld.Fact(step, name));

        // And in the ledger and the decision log themselves.
        Assert.Contains(statements, s => s is Evaluation e && e.Release == release);
        Assert.Contains(statements, s => s is Approval a && a.Release == release);
        var deployed = statements.FindIndex(s => s is Deployment d && d.Routes.Single().Release == release);
        Assert.InRange(deployed, 1, statements.Count);
        var seen = statements.OfType<Observation>().Where(o => o.Deployment == deployed
            && o.Event is ObservedEvent.Started)
            .ToList();
        Assert.NotEmpty(seen);
        Assert.All(seen,
            o => Assert.True(o.Release == release && o.Dimensions.All(d => d.Agrees && d.Observed == d.Expected)));
        Assert.All(seen,
            o => Assert.Equal(["confinement", "environment", "executable", "files", "libraries", "network"],
                o.Dimensions.Select(d => d.Name).Order(StringComparer.Ordinal)));
        Assert.All(Pack.Decisions, leaf => Assert.Equal(one, Decision.Parse(leaf).Release.ToString()));
    }

    [Fact]
    public void Every_application_was_answered_and_is_on_record()
    {
        var step = tour.Step("500 real applications");
        var decisions = Pack.Decisions.Select(l => Decision.Parse(l)).ToList();
        Assert.Matches(@"^500 \(\d+ approved, \d+ denied\) in ", TourWorld.Fact(step, "answered"));
        // and one after the healing
        Assert.Equal(501,
            decisions.Count(d => d is { Outcome: DecisionOutcome.Allow, Status: 200, Operation: "POST /predict" }));
        Assert.Equal("http", Assert.Single(decisions, d => d.Outcome == DecisionOutcome.Deny).Protocol[..4]);
        Assert.Single(decisions.Select(d => d.Principal).Distinct());
    }

    [Fact]
    public void Tampering_is_an_entry_and_so_is_its_repair()
    {
        var seen = Refold().Entries.Select(f => f.Statement).OfType<Observation>().ToList();
        var at = seen.FindIndex(o => o.Event == ObservedEvent.Drift);
        var files = seen[at].Dimensions.Single(d => !d.Agrees);
        Assert.Equal("files", files.Name);
        Assert.NotEqual(files.Expected, files.Observed);
        var healed = seen.Skip(at).First(o => o.Event == ObservedEvent.Healed);
        Assert.DoesNotContain(seen.Skip(at).TakeWhile(o => o != healed), o => o.Event == ObservedEvent.Started);
        Assert.All(healed.Dimensions, d => Assert.True(d.Agrees));
        Assert.Equal("200", TourWorld.Fact(tour.Step("Someone changes a file"), "serving again"));
    }

    [Fact]
    public void A_rollback_brings_back_the_identical_tree()
    {
        var replay = Refold();
        var heads = replay.Entries.Where(f => f.Statement is Deployment).ToList();
        Assert.Equal([DeploymentAction.Deploy, DeploymentAction.Deploy, DeploymentAction.Rollback],
            heads.Select(f => ((Deployment)f.Statement).Action));
        var trees = heads.Select(head => replay.Entries.Select(f => f.Statement).OfType<Observation>()
            .Where(o => o.Deployment == head.Index && o.Event == ObservedEvent.Started)
            .Select(o => o.Dimensions.Single(d => d.Name == "files").Observed!.Value).Distinct().Single()).ToList();
        Assert.Equal(trees[0], trees[2]);
        Assert.NotEqual(trees[0], trees[1]);
        var step = tour.Step("An upgrade is rolled back");
        foreach (var name in (string[])["files of v2, before", "files of v2, after", "measured on disk now"])
            Assert.Equal(trees[0].ToString(), TourWorld.Fact(step, name));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task The_pack_is_complete_with_its_trust_file_and_unauthenticated_without(int expected)
    {
        var ran = await Programs.Run(Programs.Verify,
            expected == 0 ? ["pack", tour.Pack, "--trust", tour.Trust] : ["pack", tour.Pack]);
        Assert.Equal((expected, ""), (ran.Code, ran.Error));
        Assert.StartsWith(expected == 0 ? "complete, with limits: no-witness\n"
            : "consistent, unauthenticated", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_flipped_bit_anywhere_fails_it()
    {
        using var scratch = new Scratch();
        var bytes = await File.ReadAllBytesAsync(tour.Pack, TestContext.Current.CancellationToken);
        var random = new Random(7);
        foreach (var at in (int[])[0, bytes.Length / 2, bytes.Length - 1,
            .. Enumerable.Range(0, 9).Select(_ => random.Next(bytes.Length))])
        {
            var flipped = bytes.ToArray();
            flipped[at] ^= (byte)(1 << random.Next(8));
            var file = scratch.At("flipped.zip");
            await File.WriteAllBytesAsync(file, flipped, TestContext.Current.CancellationToken);
            var ran = await Programs.Run(Programs.Verify, ["pack", file, "--trust", tour.Trust]);
            Assert.True(ran.Code == 1, $"a bit of byte {at} was flipped: exit {ran.Code}\n{ran.Output}{ran.Error}");
            Assert.StartsWith("FAILED", ran.Output, StringComparison.Ordinal);
        }
    }

    /// <summary>What is damaged is found once, and the report does not go on to call it whole.</summary>
    [Fact]
    public async Task A_changed_decision_is_not_called_complete()
    {
        using var scratch = new Scratch();
        var bytes = await File.ReadAllBytesAsync(tour.Pack, TestContext.Current.CancellationToken);
        bytes[bytes.AsSpan().IndexOf("\"outcome\":\"allow\""u8) + 12] ^= 1;
        var file = scratch.At("changed.zip");
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        var ran = await Programs.Run(Programs.Verify, ["pack", file, "--trust", tour.Trust]);
        Assert.Equal(1, ran.Code);
        Assert.Single(Regex.Matches(ran.Output, "member-damaged: "));
        Assert.DoesNotContain(": complete", ran.Output, StringComparison.Ordinal);
        Assert.Contains("NOT as it must be", ran.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_receipt_proves_its_decision()
    {
        var id = TourWorld.Fact(tour.Step("500 real applications"), "Stele-Decision");
        var ran = await Programs.Run(Programs.Verify, ["receipt", tour.Receipt, "--trust", tour.Trust]);
        Assert.Equal(0, ran.Code);
        Assert.Contains($"where it is written: {id} is leaf ", ran.Output, StringComparison.Ordinal);
        using var scratch = new Scratch();
        var text = await File.ReadAllTextAsync(tour.Receipt, Encoding.UTF8, TestContext.Current.CancellationToken);
        var other = scratch.File("other.json", text.Replace("\\\"status\\\":200", "\\\"status\\\":403",
            StringComparison.Ordinal).Replace("\"status\":200", "\"status\":403", StringComparison.Ordinal));
        Assert.NotEqual(text, await File.ReadAllTextAsync(other, Encoding.UTF8, TestContext.Current.CancellationToken));
        Assert.Equal(1, (await Programs.Run(Programs.Verify, ["receipt", other, "--trust", tour.Trust])).Code);
    }

    [Fact]
    public async Task A_folder_that_is_not_empty_is_left_alone()
    {
        var before = File.GetLastWriteTimeUtc(tour.Folder);
        var ran = await Programs.Run(Programs.Stele, ["tour", "--data", tour.Folder]);
        Assert.Equal(1, ran.Code);
        Assert.Contains("is not empty", ran.Error, StringComparison.Ordinal);
        Assert.Equal(before, File.GetLastWriteTimeUtc(tour.Folder));
    }
}
