using System.Net;
using System.Net.Sockets;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Statements;
using Stele.Tests.Disk;

namespace Stele.Tests.Host;

/// <summary>A node that is rejected, lags or can't reach its server says so: in one line when it begins, in one when it
/// is over, and on its own page.</summary>
public sealed class NodeFaultTests
{
    static async Task<string[]> Codes(Hamlet h) =>
        [.. CanonicalJson.Parse((await h.Page("status"))!, 1 << 20)["faults"].AsArray.Select(f => f["code"].AsString)];

    static Task Said(Hamlet h, string begins) =>
        h.Eventually(() => h.Reports.Any(r => r.StartsWith(begins, StringComparison.Ordinal)),
            $"no '{begins}' is said");

    [Fact]
    public async Task Rejected()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving();
        await using var _ = h;
        Assert.Empty(await Codes(h));
        await h.StopNode();
        await h.Restart("stele_not-a-token-of-this-server");
        await Said(h, "node: rejected: ");
        Assert.Equal(["rejected"], await Codes(h));
        await h.Serves(release); // what was folded goes on
        Assert.Single(h.Reports, r => r.StartsWith("node: ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Lagging()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving(terms: Hamlet.Quick with { LagAfter = TimeSpan.FromSeconds(4) });
        await using var __ = h;
        await h.StopNode();
        await h.StopServer();
        // It is reached, and never answers.
        using var mute = new TcpListener(IPAddress.Loopback, h.Town.Host.Address.Port);
        mute.Start();
        await h.Restart();
        await Said(h, "node: lagging: ");
        Assert.Equal(["lagging"], await Codes(h));
        await h.Town.Start(); // elsewhere, and for the end of the test alone
    }

    [Fact]
    public async Task Revoked()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var __ = h;
        var revoked = new Revocation(RevocationTarget.Key, h.Node.Node.Identity.Key.Public.Id, 0,
            RevocationEffect.Stop) { Nonce = "", Issued = 0 };
        await h.Town.Admit(h.Town.Act(revoked), h.Town.Owner);
        await Said(h, "node: key-revoked: ");
        Assert.Equal(["key-revoked"], await Codes(h));
        await h.Eventually(() => !h.Hosted!.Running.Any(), "it goes on");
    }

    [Fact]
    public async Task Unpublished()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var __ = h;
        var checkpoint = Path.Combine(h.Folder.Replica, "ledger", "checkpoint");
        File.Delete(checkpoint);
        Directory.CreateDirectory(Path.Combine(checkpoint, "in-the-way"));
        await h.Release("v2", "slate");
        await Said(h, "node: unpublished: ");
        Assert.Equal(["unpublished"], await Codes(h));
        Directory.Delete(checkpoint, recursive: true);
        await Said(h, "node: no longer unpublished");
        Assert.Empty(await Codes(h));
    }

    /// <summary>The loops that met the lack go on where they were, without a word from anyone.</summary>
    [Fact]
    public async Task Without_descriptors_it_says_so_and_goes_on_when_there_are_some()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var __ = h;
        Assert.Equal("stone", await h.Word());   // what records it is open
        using (var lacking = new LackingDisk(h.Folder.Path))
        {
            var release = await h.Release("v2", "slate");
            await h.Deploy(release);
            await Said(h, "node: descriptors: ");
            Assert.Contains("descriptors", await Codes(h));
            Assert.True(lacking.Met > 0);
            Assert.Equal("stone", await h.Word());
        }
        await h.Eventually(() => h.Word().GetAwaiter().GetResult() == "slate", "the order is not followed");
        await Said(h, "node: no longer descriptors");
        Assert.False(h.Node.Failed.IsFaulted);
    }

    /// <summary>No entry has to come for a log that could not be opened once to be opened.</summary>
    [Fact]
    public async Task A_decision_log_that_could_not_be_opened_is_opened_later()
    {
        Hamlet.Needs();
        await using var h = await Hamlet.Found();
        await h.Deploy(await h.Release("v1", "stone"));
        Directory.CreateDirectory(h.Folder.Logs);
        using (var lacking = new LackingDisk(h.Folder.Logs))
        {
            await h.Start();
            await h.Eventually(() => lacking.Met > 0, "it does not try");
            Assert.Null(h.Hosted?.Log);
        }
        await h.Eventually(() => h.Hosted!.Log is not null, "it does not try again");
    }

    /// <summary>Lines that can't be written, and faults that can't be asked for, end no report of faults.</summary>
    [Fact]
    public async Task Reports_go_on_when_one_could_not_be_made()
    {
        var lines = new List<string>();
        int tried = 0, refused = 0;
        bool broken = true, unknown = false;
        using var stop = new CancellationTokenSource();
        IEnumerable<Faulted> Faults()
        {
            if (!Volatile.Read(ref unknown)) return [new Faulted(FaultCode.Unreachable, "nobody answers")];
            Interlocked.Increment(ref refused);
            throw new InvalidOperationException("not now");
        }
        void Report(string line)
        {
            Interlocked.Increment(ref tried);
            if (Volatile.Read(ref broken)) throw new IOException("the pipe is broken");
            lock (lines) lines.Add(line);
        }
        var running = new FaultReports("node", Faults, Report, TimeProvider.System).Run(stop.Token);
        async Task Until(Func<bool> holds)
        {
            for (var n = 0; !holds(); n++)
            {
                Assert.False(running.IsCompleted, "it ended");
                Assert.True(n < 6000, "it does nothing");
                await Task.Delay(10);
            }
        }
        await Until(() => Volatile.Read(ref tried) >= 2);
        Volatile.Write(ref broken, false);
        await Until(() => { lock (lines) return lines.Count == 2; });
        Volatile.Write(ref unknown, true);
        await Until(() => Volatile.Read(ref refused) >= 4);
        Volatile.Write(ref unknown, false);
        await Until(() => { lock (lines) return lines.Count == 3; });
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Equal(
        [
            "node: faults could not be reported: IOException: the pipe is broken",
            $"node: unreachable: nobody answers; {FaultCode.Unreachable.Row().Hint}",
            "node: faults could not be reported: InvalidOperationException: not now",
        ], lines);
    }

    [Fact]
    public async Task What_an_environment_lacks_is_on_its_page_with_the_next_step()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var __ = h;
        var broken = await h.Release("v2", "broken");
        var head = await h.Deploy(broken);
        await h.Eventually(() => h.Hosted!.Fault is not null, "it is not said");
        var page = CanonicalJson.Parse((await h.Page("status"))!, 1 << 20);
        var fault = page["environments"].AsArray.Single()["faults"].AsArray.Single();
        Assert.Equal(("not-started", head), (fault["code"].AsString, fault["deployment"].AsInt));
        Assert.Contains("ended before", fault["message"].AsString, StringComparison.Ordinal);
        Assert.NotEmpty(fault["hint"].AsString);
        Assert.Equal("stone", await h.Word());
    }

    [Fact]
    public void Every_fault_has_a_name_of_its_own_a_next_step_and_a_row_in_the_docs()
    {
        var rows = Enum.GetValues<FaultCode>().Select(f => f.Row()).ToArray();
        Assert.Equal(rows.Length, rows.Select(r => r.Name).Distinct(StringComparer.Ordinal).Count());
        Assert.All(rows, r => Assert.Matches("^[a-z]+(-[a-z]+)*$", r.Name));
        Assert.All(rows, r => Assert.True(r.Hint.Length > 10, r.Name));
        var told = File.ReadAllText(Path.Combine(Repository.Root, "docs", "VERIFY.md"));
        var table = told[told.IndexOf("| `unreachable` |", StringComparison.Ordinal)..].Split("\n\n")[0].Split('\n');
        Assert.Equal(rows.Select(r => r.Name), table.Select(l => l.Split('`')[1]));
    }
}
