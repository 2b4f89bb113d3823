using System.Net;
using System.Text;
using Stele.Cli;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Host;
using DecisionLog = Stele.Host.DecisionLog;

namespace Stele.Tests.Gateway;

/// <summary>Erasing on a real node: what was destroyed is nowhere in its folder, what was proved is proved, and a call that breaks off is finished by the next one.</summary>
public sealed class ErasureTests
{
    const string Tag = "applicant-4711", Secret = "a-secret-that-only-this-person-has";

    static async Task<HttpResponseMessage> About(Hamlet h, string? tag, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "say") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (tag is not null) request.Headers.Add("Stele-Subject", tag);
        return await h.Client.SendAsync(request);
    }

    static NodeClient Client(Hamlet h) => new(h.Node.Address.ToString(), h.Node.Node.Identity.Token);

    static ErasureRequest Subject(string tag, string? reason = null) => new([], tag, null, reason, 0);

    static async Task<long> State(Hamlet h, Json claim) => await h.Town.Admit(h.Town.Act(ErasureRecord.Statement(claim, h.Town.State, "", 0)), h.Town.Owner);

    static async Task<string> Body(Hamlet h, int index) => CanonicalJson.Parse((await h.Page($"bodies/{NodeFolder.NameOf(h.Hosted!.Log!.Origin)}/{index}"))!, 1 << 20)["input"]["state"].AsString;

    /// <summary>Every key, salt and mark of some decisions, as they stand in the key table.</summary>
    static List<byte[]> KeyBytes(Hamlet h, params long[] indices)
    {
        var found = new List<byte[]>();
        Journal.Scan(h.Folder.KeyTable(h.Hosted!.Log!.Origin), batch =>
        {
            foreach (var record in batch)
                if (indices.Contains(System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span)))
                    for (var at = 8; at < record.Bytes.Length; at += 32) found.Add(record.Bytes[at..(at + 32)].ToArray());
        });
        return found;
    }

    /// <summary>The files below a folder whose raw bytes have any of these.</summary>
    static List<string> Having(string folder, IEnumerable<byte[]> any)
    {
        var all = any.ToList();
        return [.. Directory.EnumerateFiles(folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = 0, IgnoreInaccessible = true }).Where(f =>
        {
            try
            {
                var bytes = File.ReadAllBytes(f).AsSpan();
                foreach (var what in all) if (bytes.IndexOf(what) >= 0) return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException) { }   // a socket
            return false;
        })];
    }

    static IEnumerable<byte[]> Written(params string[] texts) => texts.Select(Encoding.UTF8.GetBytes);

    [Fact]
    public async Task What_was_erased_is_nowhere_in_the_raw_bytes_and_every_proof_stands()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 6; i++) Assert.Equal(HttpStatusCode.OK, (await About(h, i is 2 or 4 ? Tag : i == 5 ? "another" : null, $"{{\"n\":{i},\"about\":\"{(i is 2 or 4 ? Secret : "x")}\"}}")).StatusCode);
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 6 }, "not anchored");
        using var node = Client(h);
        var receiptBefore = await Receipt(h, node, 4);

        // All the while nothing readable is on the disk; the keys are.
        var keys = KeyBytes(h, 2, 4);
        Assert.Equal(8, keys.Count);
        Assert.Empty(Having(h.Town.Path(""), Written(Tag, Secret)));
        Assert.Equal([h.Folder.KeyTable(origin)], Having(h.Town.Path(""), keys));
        using var held = File.OpenRead(h.Folder.KeyTable(origin));   // as a process would that still has the old file open

        var answer = await node.Erase(Subject(Tag, "a letter of the 3rd"), TimeProvider.System, default);
        Assert.Equal((2, 0, 0, 0), (answer.Destroyed, answer.Already, answer.Held, answer.Finished));
        Assert.Equal(["whole", "whole", "erased", "whole", "erased", "whole"], [await Body(h, 0), await Body(h, 1), await Body(h, 2), await Body(h, 3), await Body(h, 4), await Body(h, 5)]);
        Assert.Empty(Having(h.Town.Path(""), keys.Concat(Written(Tag, Secret))));
        var old = new byte[held.Length];
        held.ReadExactly(old);
        Assert.All(keys, k => Assert.True(old.AsSpan().IndexOf(k) < 0));

        // The claim names a count and a digest, and no decision.
        var claim = Assert.Single(answer.Claims);
        Assert.Equal((2, 0, 6), (claim["count"].AsInt, claim["from"].AsInt, claim["to"].AsInt));
        var entry = await State(h, claim);
        await h.Eventually(() => h.Hosted.Table!.State.Erasures.ContainsKey(claim["list"].AsDigest), "the node has not folded it");

        // Asked again: nothing to do, and nothing to state.
        var again = await node.Erase(new([Decision.Id(origin, 2), Decision.Id(origin, 4)], null, null, null, 0), TimeProvider.System, default);
        Assert.Equal((0, 2), (again.Destroyed, again.Already));
        Assert.Empty(again.Claims);
        Assert.Equal(0, (await node.Erase(Subject(Tag), TimeProvider.System, default)).Destroyed);

        // Every proof stands; the receipt says erased.
        Assert.Equal(VerifyResult.Complete, ReceiptVerifier.Verify(receiptBefore, h.Town.Trust).Result);
        var receipt = ReceiptVerifier.Verify(await Receipt(h, node, 4), h.Town.Trust);
        Assert.Equal(VerifyResult.Complete, receipt.Result);
        Assert.Contains(receipt.Facts, f => f.Sentence.Contains($"erased, as entry {entry} states", StringComparison.Ordinal));
        Assert.DoesNotContain(ReceiptVerifier.Verify(await Receipt(h, node, 3), h.Town.Trust).Facts, f => f.Sentence.Contains("erased", StringComparison.Ordinal));
        Assert.Equal("stone", await h.Word());
        Assert.Equal("whole", await Body(h, 6));

        // The reason is in a file of its own; deleting it takes nothing else.
        var reason = Assert.Single(Having(h.Town.Path(""), Written("a letter of the 3rd")));
        File.Delete(reason);
        await h.StopNode();
        var report = GatewayTests.Verify(h);
        Assert.True(report.Result == VerifyResult.DeclaredGaps, string.Join('\n', report.Findings));
        Assert.Contains(report.Notes, n => n.Contains("keys and salts of 2 records were erased, as 1 entry declares", StringComparison.Ordinal));
    }

    static async Task<byte[]> Receipt(Hamlet h, NodeClient node, long index)
    {
        var replay = h.Town.Host.Admission.Replay;
        var state = replay.State;
        var log = state.Logs[h.Hosted!.Log!.Origin];
        var anchor = Stele.Proof.Packs.Receipt.AnchorOf(replay, log.Origin, index, state.Size)!.Value;
        var decision = Decision.Parse(h.Hosted.Log.Log.ReadEntry(index));
        var ledger = h.Town.Host.Log;
        var size = state.Size;
        var receipt = Stele.Proof.Packs.Receipt.Build(replay, d => File.ReadAllBytes(h.Town.Host.Blobs.PathOf(d)), new ProvenTree(ledger.Checkpoint, size, i => ledger.InclusionProof(i, size)), log.Origin,
            new ProvenTree(anchor.Anchor.Checkpoint, anchor.Size, i => node.InclusionProof(log, i, anchor.Size, default)), index, decision,
            erased: await node.Erased(log.Origin, index, default) is var (list, shown) ? new ErasedIn(state.Erasures[list].Entry, shown) : null);
        return receipt.Encode();
    }

    [Fact]
    public async Task A_principals_decisions_and_its_token_go_together()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var (id, token) = Principals.Add(h.Folder.Principals, "desk");
        for (var i = 0; i < 4; i++) Assert.Equal(HttpStatusCode.OK, (await h.Ask("/say", $"{{\"n\":{i}}}", i % 2 == 0 ? token : null)).Status);
        var digest = Digest.Of(Encoding.UTF8.GetBytes(token)).ToString();
        Assert.Equal([h.Folder.Principals], Having(h.Town.Path(""), Written(digest)));
        using var node = Client(h);
        var answer = await node.Erase(Subject(id), TimeProvider.System, default);
        Assert.Equal(2, answer.Destroyed);
        Assert.Equal(["erased", "whole", "erased", "whole"], [await Body(h, 0), await Body(h, 1), await Body(h, 2), await Body(h, 3)]);
        Assert.Empty(Having(h.Town.Path(""), Written(digest, token)));
        await h.Eventually(() => h.Ask("/say", token: token).Result.Status == HttpStatusCode.Unauthorized, "its token still opens the gateway");
        Assert.Equal("stone", await h.Word());
    }

    [Fact]
    public async Task A_subject_that_is_no_tag_is_refused_and_nothing_of_it_is_recorded()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        foreach (var bad in new[] { "two words", new string('x', 201) }) Assert.Equal(HttpStatusCode.BadRequest, (await About(h, bad, "{}")).StatusCode);
        Assert.Equal(0, h.Hosted!.Log!.Log.Size);
        using var stranger = new HttpRequestMessage(HttpMethod.Post, new Uri(h.Node.Address, ErasureEndpoints.Path)) { Content = new ByteArrayContent(Subject("x").ToJson().ToBytes()) };
        Assert.Equal(HttpStatusCode.Unauthorized, (await h.Client.SendAsync(stranger)).StatusCode);
    }

    [Fact]
    public async Task A_hold_forbids_it_and_what_is_past_its_time_stays_while_it_is_held()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 6; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        var hold = await h.Town.Admit(h.Town.Act(new Hold(Hold.Place, Hamlet.System, Hamlet.Prod, origin, 2, 4, null, null) { Nonce = "", Issued = 0 }), h.Town.Owner);
        using var node = Client(h);
        var refused = await Assert.ThrowsAsync<CliError>(() => node.Erase(Subject(Tag) with { Size = hold + 1 }, TimeProvider.System, default));
        Assert.Contains($"(on-hold): {origin}/2 is held by entry {hold}", refused.Message, StringComparison.Ordinal);
        Assert.Equal("whole", await Body(h, 0));

        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { Size: 6 }, "not anchored");
        var system = h.Town.State.Systems[Hamlet.System];
        await h.Town.Admit(h.Town.Act(new SystemStatement(system.Name, system.Entry, system.Owner, system.Risk, system.Environments) { Retention = new RetentionTerms(0, null), Nonce = "", Issued = 0 }), h.Town.Owner);
        var answer = await node.Erase(new([], null, Hamlet.System, null, h.Town.State.Size), TimeProvider.System, default);
        Assert.Equal((4, 2), (answer.Destroyed, answer.Held));
        Assert.Equal(["erased", "erased", "whole", "whole", "erased", "erased"], [await Body(h, 0), await Body(h, 1), await Body(h, 2), await Body(h, 3), await Body(h, 4), await Body(h, 5)]);
        // One statement for each side of what is held: neither touches it, so both are admitted.
        Assert.Equal([(0L, 2L, 2L), (4L, 6L, 2L)], answer.Claims.Select(c => (c["from"].AsInt, c["to"].AsInt, c["count"].AsInt)).Order());
        foreach (var claim in answer.Claims) await State(h, claim);

        await h.Town.Admit(h.Town.Act(new Hold(Hold.Release, null, null, null, null, null, hold, null) { Nonce = "", Issued = 0 }), h.Town.Owner);
        var rest = await node.Erase(new([], null, Hamlet.System, null, h.Town.State.Size), TimeProvider.System, default);
        Assert.Equal((2, 0), (rest.Destroyed, rest.Held));
        await State(h, Assert.Single(rest.Claims));
        Assert.Equal(6, h.Town.State.Erasures.Values.Sum(e => e.Count));
    }

    sealed class Crash : Exception;

    /// <summary>Broken off after each step, on the node's own folder: the next call finishes it, claims it once, and before that nothing was claimed that was not destroyed.</summary>
    [Theory]
    [InlineData("intend")]
    [InlineData("destroy")]
    [InlineData("forget")]
    [InlineData("claim")]
    public async Task Broken_off_after_any_step_it_is_finished_by_the_next_call_and_counted_once(string step)
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var (id, token) = Principals.Add(h.Folder.Principals, "desk");
        for (var i = 0; i < 4; i++) await h.Ask("/say", $"{{\"n\":{i}}}", i == 0 ? null : token);
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 4 }, "not anchored");
        await h.StopNode();
        Erasures On(string? crash) => new(h.Folder, o => Erasures.Open(h.Folder, o, TimeProvider.System)) { Reached = s => { if (s == crash) throw new Crash(); } };
        var request = Subject(id, "why");
        ErasureAnswer? cut = null;
        if (step == "claim")
        {
            cut = On(null).Run(request, h.Town.State, 0);
            Assert.Equal(3, cut.Destroyed);
        }
        else Assert.Throws<Crash>(() => On(step).Run(request, h.Town.State, 0));
        Assert.Empty(h.Town.State.Erasures);

        // Twice over, as an impatient person would type it, and the first of the two is broken off before it states anything.
        var second = On(null).Run(request, h.Town.State, 0);
        var third = On(null).Run(request, h.Town.State, 0);
        Assert.Equal((0, step == "intend" ? 3 : 0), (second.Destroyed, second.Finished));
        Assert.Equal((0, 0), (third.Destroyed, third.Finished));
        var claim = Assert.Single(third.Claims);
        Assert.Equal(Assert.Single(second.Claims).ToString(), claim.ToString());
        Assert.Equal(3, claim["count"].AsInt);
        Assert.DoesNotContain(Principals.All(h.Folder.Principals), p => p.Id == id);
        await State(h, claim);
        Assert.Empty(On(null).Run(request, h.Town.State, 0).Claims);

        // One who knows no better and states it again is refused.
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => State(h, claim));
        Assert.Contains("already-known", refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(3, Assert.Single(h.Town.State.Erasures.Values).Count);
        var report = GatewayTests.Verify(h);
        Assert.True(report.Result == VerifyResult.DeclaredGaps, string.Join('\n', report.Findings));
    }

    /// <summary>A hold that came before the keys were gone keeps them; one that came after is told, and does not hide what was done.</summary>
    [Fact]
    public async Task A_hold_that_comes_between_the_steps_keeps_what_is_left()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 2; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        await h.StopNode();
        Erasures On(string? crash) => new(h.Folder, o => Erasures.Open(h.Folder, o, TimeProvider.System)) { Reached = s => { if (s == crash) throw new Crash(); } };
        Task<long> Hold() => h.Town.Admit(h.Town.Act(new Hold(Stele.Proof.Statements.Hold.Place, Hamlet.System, null, null, null, null, null, null) { Nonce = "", Issued = 0 }), h.Town.Owner);

        Assert.Throws<Crash>(() => On("intend").Run(Subject(Tag), h.Town.State, 0));
        var hold = await Hold();
        var error = Assert.Throws<GatewayException>(() => On(null).Run(Subject(Tag), h.Town.State, 0));
        Assert.Equal(GatewayError.OnHold, error.Error);
        Assert.Empty(Directory.EnumerateFiles(h.Folder.Erasures));
        using (var log = DecisionLog.Open(h.Folder, origin, TimeProvider.System))
        using (var recorder = new Recorder(h.Folder, log)) Assert.Equal(BodyState.Whole, recorder.Open(1, SealedBodies.Input).State);

        await h.Town.Admit(h.Town.Act(new Hold(Stele.Proof.Statements.Hold.Release, null, null, null, null, null, hold, null) { Nonce = "", Issued = 0 }), h.Town.Owner);
        Assert.Throws<Crash>(() => On("destroy").Run(Subject(Tag), h.Town.State, 0));
        await Hold();
        var answer = On(null).Run(new([], "nobody", null, null, 0), h.Town.State, 0);
        await State(h, Assert.Single(answer.Claims));
        Assert.Equal(2, Assert.Single(h.Town.State.Erasures.Values).Count);
    }

    [Fact]
    public async Task A_pruned_node_serves_on_and_its_pack_receipts_and_anchors_verify()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(terms: Hamlet.Quick with { SegmentBytes = 16 << 10 });
        await using var _ = h;
        await Parallel.ForEachAsync(Enumerable.Range(0, 540), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) => await h.Ask("/say", $"{{\"n\":{i}}}"));
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 540 }, "not anchored");
        var system = h.Town.State.Systems[Hamlet.System];
        await h.Town.Admit(h.Town.Act(new SystemStatement(system.Name, system.Entry, system.Owner, system.Risk, system.Environments) { Retention = new RetentionTerms(0, 0), Nonce = "", Issued = 0 }), h.Town.Owner);
        await h.Town.Admit(h.Town.Act(new Retention(origin, 530) { Nonce = "", Issued = 0 }), h.Town.Owner);
        var keys = KeyBytes(h, 7);
        await h.StopNode();
        var fact = h.Town.State.Logs[origin];
        Assert.Contains("admits a floor of 530", NodePruning.Objection(fact, h.Town.State, 0, 531), StringComparison.Ordinal);
        Assert.Null(NodePruning.Objection(fact, h.Town.State, 0, 530));
        long begins;
        using (NodePruning.Alone(h.Folder))
        {
            begins = NodePruning.Prune(h.Folder, origin, 530).Begins;
            Assert.Equal(begins, NodePruning.Prune(h.Folder, origin, 530).Begins);
        }
        Assert.True(begins is 256 or 512, $"{begins}");
        Assert.Empty(Having(h.Folder.Path, keys));

        await h.Restart();
        await h.Serves(release);
        using var node = Client(h);
        Assert.Equal("whole", await Body(h, 530));
        Assert.Null(await h.Page($"bodies/{NodeFolder.NameOf(origin)}/7"));
        Assert.Equal($"{origin}/540", (await h.Ask("/say")).Answer.Headers.GetValues("Stele-Decision").Single());
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 541 }, "not anchored after pruning");
        foreach (var index in new[] { (int)begins, 530, 540 }) Assert.Equal(VerifyResult.Complete, ReceiptVerifier.Verify(await Receipt(h, node, index), h.Town.Trust).Result);
        var offered = await node.Log(h.Town.State.Logs[origin], default);
        Assert.Equal((begins, 541 - begins), (offered!.Floor!.Size, offered.Leaves.Count()));
        await h.StopNode();
        var found = new Stele.Ledger.Findings(h.Folder.Path);
        NodeFsck.Check(h.Folder, h.Town.Trust, found, default);
        Assert.Empty(found.Violations);
        Assert.Contains(found.Remarks, r => r.EndsWith($"begins at {begins}: what was below was pruned", StringComparison.Ordinal));
        var report = GatewayTests.Verify(h);
        Assert.True(report.Result == VerifyResult.DeclaredGaps, string.Join('\n', report.Findings));
        Assert.Contains(report.Notes, n => n.Contains($"{begins} leaves were pruned, below the floor of 530", StringComparison.Ordinal));
    }
}
