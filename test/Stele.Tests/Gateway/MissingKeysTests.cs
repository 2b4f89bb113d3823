using System.Buffers.Binary;
using Stele.Cli;
using Stele.Disk;
using Stele.Control.Views;
using Stele.Gateway;
using Stele.Host;
using Stele.Ledger;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Tests.Host;
using Stele.Tests.Whole;

namespace Stele.Tests.Gateway;

/// <summary>Keys and bodies that are not there, each told by why: what nothing explains is a finding, and the rest is
/// none.</summary>
public sealed class MissingKeysTests
{
    static async Task<Hamlet> Answered(int count)
    {
        var (h, _) = await Hamlet.Serving();
        for (var i = 0; i < count; i++)
            Assert.Equal(System.Net.HttpStatusCode.OK, (await h.Ask("/say", $"{{\"n\":{i}}}")).Status);
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { } a && a.Size == count, "not anchored");
        return h;
    }

    internal static void Take(string journal, params long[] indices) => JournalCut.Rewrite(journal, record =>
        !indices.Contains(BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span)), Readers.Owner);

    /// <summary>As a killed process leaves it: without the seal of an orderly end.</summary>
    internal static void Unseal(string journal)
    {
        using var file = File.OpenWrite(journal);
        file.SetLength(file.Length - JournalFrame.Header);
    }

    /// <summary>As a node leaves its table that is killed and recorded everything since it was opened.</summary>
    static void Kill(Hamlet h, string origin)
    {
        Unseal(h.Folder.KeyTable(origin));
        new Accounted(0, 0).Write(h.Folder.Accounted(origin));
    }

    static Findings Check(Hamlet h)
    {
        var found = new Findings(h.Folder.Path);
        NodeFsck.Check(h.Folder, h.Town.Trust, found, default);
        return found;
    }

    static async Task<Json> Page(Hamlet h, string path) => CanonicalJson.Parse((await h.Page(path))!, 1 << 22);

    static async Task<ShownFault> Fault(Hamlet h)
    {
        ShownFault? fault = null;
        await h.Eventually(() => (fault = h.Node.Pages.Status().Environments.Single().Faults
            .FirstOrDefault(f => f.Code == "keys-missing")) is not null, "the node does not say so");
        return fault!;
    }

    static bool IsSaid(Hamlet h) => h.Node.Pages.Status().Environments
        .Any(e => e.Faults.Any(f => f.Code == "keys-missing"));

    [Fact]
    public async Task Erased_pending_and_missing_are_told_apart_and_owners_can_state_what_they_know()
    {
        Hamlet.Needs();
        await using var h = await Answered(7);
        var origin = h.Hosted!.Log!.Origin;
        var hex = NodeFolder.NameOf(origin);

        // 0 is erased and stated, 1 destroyed and not stated, of 2 and 6 the keys and of 3 the bodies are taken away.
        using (var node = new NodeClient(h.Node.Address.ToString(), h.NodeToken))
        {
            var claim = Assert.Single((await node.Plan(Of(origin, 0), TimeProvider.System, default)).Planned);
            await node.Carry(Order(h, claim), 0, TimeProvider.System, default);
            await h.Eventually(() => h.Town.State.Erasures.Count == 1, "it is not stated");
            await h.Eventually(() => h.Node.Node.Waiting == 0, "the outbox is not empty");
        }
        await h.StopNode();
        var here = new Erasures(h.Folder, o => Erasures.Open(h.Folder, o));
        var pending = Assert.Single(here.Plan(Of(origin, 1), h.Town.State, h.Town.Now).Planned);
        here.Carry(Order(h, pending), 0, h.Town.State, h.Town.Now);
        Assert.Empty(Check(h).Violations);
        Take(h.Folder.KeyTable(origin), 2, 6);
        Take(h.Folder.Bodies(origin), 3);

        var found = Check(h);
        Assert.Equal(
        [
            $"keytable/{hex}: the keys of 2 decisions are missing (2, 6), and nothing says why: no erasure lists them "
                + "and no crash took them; owners who know why state it: stele erase DECISION",
            $"bodies/{hex}: bodies of 1 decision are missing (3), and their keys are here",
        ], found.Violations.Select(v => v.ToString()));
        Assert.Contains("destroyed, not stated: 1 record", Assert.Single(found.Remarks), StringComparison.Ordinal);

        // The node says so, by a fault that ends stele status with 1; of each decision, and of its receipt.
        await h.Restart();
        var fault = await Fault(h);
        Assert.Contains("the keys of 2 records", fault.Message, StringComparison.Ordinal);
        await h.Eventually(() => h.Town.State.Erasures.Count == 2, "the pending one is not stated");
        foreach (var (index, keys, body) in new[] { (0, "erased", "erased"), (1, "erased", "erased"),
            (2, "missing", "missing"), (3, "whole", "missing"), (4, "whole", "whole"), (6, "missing", "missing") })
        {
            Assert.Equal((index, keys), (index, (await Page(h, $"decisions/{hex}/{index}"))["keys"].AsString));
            Assert.Equal((index, body),
                (index, (await Page(h, $"bodies/{hex}/{index}"))["input"]["state"].AsString));
        }
        var home = await Home(h);
        var status = await Programs.Cli(home, "status");
        Assert.Equal(1, status.Code);
        Assert.Contains("KEYS-MISSING", status.Output, StringComparison.Ordinal);
        Assert.Contains("nothing says why", (await Programs.Cli(home, "trace", Decision.Id(origin, 2))).Output,
            StringComparison.Ordinal);
        var receipt = await Programs.Cli(home, "receipt", Decision.Id(origin, 2), "--out", h.Town.Path("receipt.json"));
        Assert.Contains("nothing says why", receipt.Succeeded().Output + receipt.Error, StringComparison.Ordinal);
        var export = await Programs.Cli(home, "audit", "export", "--out", h.Town.Path("pack.zip"));
        Assert.Contains("the keys of 2 records", export.Succeeded().Output, StringComparison.Ordinal);

        // Owners state it: then it is erased, and the receipt says so.
        using var owner = new NodeClient(h.Node.Address.ToString(), h.NodeToken);
        var stated = Assert.Single((await owner.Plan(new([Decision.Id(origin, 2), Decision.Id(origin, 6)], null, null,
            null, h.Town.State.Size), TimeProvider.System, default)).Planned);
        Assert.Equal(2, stated.Count);
        await owner.Carry(Order(h, stated), 0, TimeProvider.System, default);
        await h.Eventually(() => h.Hosted!.Table!.State.Erasures.Count == 3, "it is not stated");
        Assert.False(IsSaid(h));
        var verified = ReceiptVerifier.Verify((await h.Page($"receipts/{Decision.Id(origin, 6)}"))!, h.Town.Trust);
        Assert.Equal(VerifyResult.Complete, verified.Result);
        Assert.Contains(verified.Facts, f => f.Sentence.Contains("were erased, as entry", StringComparison.Ordinal));
        await h.StopNode();
        Assert.Equal([$"bodies/{hex}"], Check(h).Violations.Select(v => v.Path));
    }

    [Fact]
    public async Task What_a_crash_left_incomplete_is_noted_at_the_next_start_and_is_no_finding()
    {
        Hamlet.Needs();
        await using var h = await Answered(5);
        var origin = h.Hosted!.Log!.Origin;
        var hex = NodeFolder.NameOf(origin);
        await h.StopNode();
        Take(h.Folder.KeyTable(origin), 4);
        Take(h.Folder.Bodies(origin), 3, 4);
        Kill(h, origin);
        var found = Check(h);
        Assert.Empty(found.Violations);
        Assert.Contains("ends with 2 decisions", Assert.Single(found.Remarks), StringComparison.Ordinal);

        await h.Restart();
        await h.Eventually(() => h.Ask("/say").Result.Status == System.Net.HttpStatusCode.OK, "it does not serve");
        Assert.False(IsSaid(h));
        Assert.Equal("lost", (await Page(h, $"bodies/{hex}/4"))["input"]["state"].AsString);
        Assert.Equal("lost", (await Page(h, $"bodies/{hex}/3"))["input"]["state"].AsString);
        Assert.Equal("whole", (await Page(h, $"bodies/{hex}/5"))["input"]["state"].AsString);
        // What was noted outlives an erasure, which writes the table again.
        h.Node.Erase(h.Hosted!.Log!, new HashSet<long>());
        h.Node.Erase(h.Hosted.Log!, new HashSet<long> { 0 });
        await h.StopNode();
        found = Check(h);
        Assert.Contains("no erasure lists it", Assert.Single(found.Violations).Problem, StringComparison.Ordinal);
        Assert.Contains("a crash left 2 decisions incomplete", Assert.Single(found.Remarks), StringComparison.Ordinal);
    }

    /// <summary>No crash takes a file away, or keys of what came before others, or more than can be under way; and none
    /// happened where all was closed in order.</summary>
    [Theory]
    [InlineData("orderly")]
    [InlineData("middle")]
    [InlineData("file")]
    public async Task What_no_crash_can_have_done_is_a_finding_whatever_comes_after(string how)
    {
        Hamlet.Needs();
        await using var h = await Answered(5);
        var origin = h.Hosted!.Log!.Origin;
        await h.StopNode();
        var table = h.Folder.KeyTable(origin);
        if (how == "file") File.Delete(table);
        else Take(table, how == "orderly" ? 4 : 2);
        if (how == "middle") Kill(h, origin);
        Assert.NotEmpty(Check(h).Violations);
        await h.Restart();
        await Fault(h);
        await h.Eventually(() => h.Ask("/say").Result.Status == System.Net.HttpStatusCode.OK, "it does not serve");
        await h.StopNode();
        Assert.Contains("nothing says why", Assert.Single(Check(h).Violations).Problem, StringComparison.Ordinal);
    }

    /// <summary>An earlier build noted nothing: what is missing of its decisions is told, and is no fault. What this
    /// build recorded is accounted for.</summary>
    [Fact]
    public async Task What_an_earlier_build_left_incomplete_is_a_remark_and_what_goes_after_it_a_finding()
    {
        Hamlet.Needs();
        await using var h = await Answered(5);
        var origin = h.Hosted!.Log!.Origin;
        var hex = NodeFolder.NameOf(origin);
        await h.StopNode();
        Take(h.Folder.KeyTable(origin), 2, 4);
        Take(h.Folder.Bodies(origin), 3);
        File.Delete(h.Folder.Accounted(origin));
        string[] remarks =
        [
            $"keytable/{hex}: the keys of 2 decisions before 5 are missing (2, 4); the build that recorded them did "
                + "not note what a crash took",
            $"bodies/{hex}: bodies of 1 decision before 5 are missing (3), and their keys are here; the build that "
                + "recorded them did not note what a crash took",
        ];
        for (var opened = 0; opened < 2; opened++)
        {
            var found = Check(h);
            Assert.Empty(found.Violations);
            Assert.Equal(remarks, found.Remarks);
            await h.Restart();
            await h.Eventually(() => h.Ask("/say").Result.Status == System.Net.HttpStatusCode.OK, "it does not serve");
            Assert.False(IsSaid(h));
            Assert.Equal("missing", (await Page(h, $"decisions/{hex}/4"))["keys"].AsString);
            await h.StopNode();
        }
        Take(h.Folder.KeyTable(origin), 6);
        Assert.Equal(remarks, Check(h).Remarks);
        Assert.Contains("the keys of 1 decision are missing (6), and nothing says why",
            Assert.Single(Check(h).Violations).Problem, StringComparison.Ordinal);
        await h.Restart();
        Assert.Contains("the keys of 1 record ", (await Fault(h)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_than_can_have_been_under_way_was_not_lost_in_a_crash()
    {
        Assert.Equal(100, new Accounted(0, 0).TailOf(99, 0, 100 + Accounted.MostUnderWay));
        Assert.Equal(101 + Accounted.MostUnderWay, new Accounted(0, 0).TailOf(99, 0, 101 + Accounted.MostUnderWay));
        Assert.Equal(7, new Accounted(0, 0).TailOf(-1, 7, 9));
        Assert.Equal(9, new Accounted(0, 0).TailOf(20, 0, 9));
        // Nor was what an opening before has looked at.
        Assert.Equal(8, new Accounted(0, 8).TailOf(-1, 7, 9));
        Assert.Equal(9, new Accounted(0, 12).TailOf(3, 0, 9));
    }

    static ErasureRequest Of(string origin, long index) => new([Decision.Id(origin, index)], null, null, null, 0);

    static Envelope Order(Hamlet h, ErasureClaim claim) => Envelope.Sign(
        h.Town.Act(claim.Statement(h.Town.State, "", 0)).Encode(), h.Town.Owner.Key);

    /// <summary>The owner's home, connected to server and node.</summary>
    internal static async Task<string> Home(Hamlet h)
    {
        var folder = h.Town.Path("home");
        var home = Stele.Cli.Home.Open(folder);
        home.Store("default", h.Town.Owner.Key);
        home.Set(("member", h.Town.Owner.Id), ("key", "default"));
        await File.WriteAllTextAsync(h.Town.Path("node.token"), h.NodeToken + "\n");
        (await Programs.Cli(folder, "login", h.Town.Host.Address.ToString(), "--token-file", h.Town.TokenInFile(),
            "--trust", h.Town.Folder.Trust, "--gateway", h.Node.Address.ToString(), "--node-token-file",
            h.Town.Path("node.token"))).Succeeded();
        return folder;
    }
}
