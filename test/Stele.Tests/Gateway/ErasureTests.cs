using System.Net;
using System.Text;
using Stele.Cli;
using Stele.Control.Views;
using Stele.Disk;
using Stele.Gateway;
using Stele.Host;
using Stele.Identity;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Packs;
using Stele.Proof.Statements;
using Stele.Tests.Control;
using Stele.Tests.Host;
using DecisionLog = Stele.Host.DecisionLog;

namespace Stele.Tests.Gateway;

/// <summary>
/// Erasing on a real node: what was destroyed is nowhere in its folder, what was proved is proved, and a call that
/// breaks off is finished by the next one.
/// </summary>
public sealed class ErasureTests
{
    const string Tag = "applicant-4711", Secret = "a-secret-that-only-this-person-has";

    static async Task<HttpResponseMessage> About(Hamlet h, string? tag, string body)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post,
            "say") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (tag is not null) request.Headers.Add("Stele-Subject", tag);
        return await h.Client.SendAsync(request);
    }

    static NodeClient Client(Hamlet h) => new(h.Node.Address.ToString(), h.NodeToken);

    static ErasureRequest Subject(string tag, string? reason = null) => new([], tag, null, reason, 0);

    static async Task<long> State(Hamlet h, ErasureClaim claim) =>
        await h.Town.Admit(h.Town.Act(claim.Statement(h.Town.State, "", 0)), h.Town.Owner);

    /// <summary>A plan's statement, signed by these owners now, or some time ago.</summary>
    static Envelope Order(Hamlet h, ErasureClaim claim, TimeSpan? ago = null, params Citizen[] by)
    {
        var statement = h.Town.Act(claim.Statement(h.Town.State, "", 0));
        if (ago is { } age) statement = statement with { Issued = statement.Issued - (long)age.TotalMilliseconds };
        return Envelope.Sign(statement.Encode(), [.. (by.Length == 0 ? [h.Town.Owner] : by).Select(b => b.Key)]);
    }

    /// <summary>As one owner's command does it: has it planned, signs, and has it carried out; the claims, and how many
    /// lost their keys.</summary>
    static async Task<(ErasurePlan Plan, long Destroyed)> Erase(Hamlet h, NodeClient node, ErasureRequest request)
    {
        var plan = await node.Plan(request, TimeProvider.System, default);
        var destroyed = 0L;
        foreach (var claim in plan.Pending.Concat(plan.Planned)) destroyed += await node.Carry(Order(h, claim), 0,
            TimeProvider.System, default);
        return (plan, destroyed);
    }

    static (ErasurePlan Plan, long Destroyed) Erase(Hamlet h, Erasures here, ErasureRequest request)
    {
        var plan = here.Plan(request, h.Town.State, h.Town.Now);
        return (plan, plan.Pending.Concat(plan.Planned).Sum(claim =>
            here.Carry(Order(h, claim), 0, h.Town.State, h.Town.Now)));
    }

    static Erasures On(Hamlet h, string? crash = null) =>
        new(h.Folder, o => Erasures.Open(h.Folder, o)) { Reached = s =>
            { if (s == crash) throw new Crash(); } };

    static async Task<string> Body(Hamlet h, int index) =>
        CanonicalJson.Parse((await h.Page($"bodies/{NodeFolder.NameOf(h.Hosted!.Log!.Origin)}/{index}"))!,
            1 << 20)["input"]["state"].AsString;

    /// <summary>Every key, salt and mark of some decisions, as they stand in the key table.</summary>
    static List<byte[]> KeyBytes(Hamlet h, params long[] indices)
    {
        var found = new List<byte[]>();
        Journal.Scan(h.Folder.KeyTable(h.Hosted!.Log!.Origin), batch =>
        {
            foreach (var record in batch)
                if (indices.Contains(System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(record.Bytes.Span)))
                    for (var at = 8; at < record.Bytes.Length; at += 32)
                        found.Add(record.Bytes[at..(at + 32)].ToArray());
        });
        return found;
    }

    /// <summary>The files below a folder whose raw bytes have any of these.</summary>
    static List<string> Having(string folder, IEnumerable<byte[]> any)
    {
        var all = any.ToList();
        return [.. Directory.EnumerateFiles(folder, "*", new EnumerationOptions
        {
            RecurseSubdirectories = true,
            AttributesToSkip = 0,
            IgnoreInaccessible = true
        }).Where(f =>
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
        for (var i = 0; i < 6; i++)
            Assert.Equal(HttpStatusCode.OK, (await About(h, i is 2 or 4 ? Tag : i == 5 ? "another" : null,
                $"{{\"n\":{i},\"about\":\"{(i is 2 or 4 ? Secret : "x")}\"}}")).StatusCode);
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 6 }, "not anchored");
        using var node = Client(h);
        var receiptBefore = await Receipt(h, node, 4);

        // All the while nothing readable is on the disk; the keys are.
        var keys = KeyBytes(h, 2, 4);
        Assert.Equal(8, keys.Count);
        Assert.Empty(Having(h.Town.Path(""), Written(Tag, Secret)));
        Assert.Equal([h.Folder.KeyTable(origin)], Having(h.Town.Path(""), keys));
        // as a process would that still has the old file open
        using var held = File.OpenRead(h.Folder.KeyTable(origin));

        // A plan destroys nothing, and the same asked again is the same plan.
        var plan = await node.Plan(Subject(Tag, "a letter of the 3rd"), TimeProvider.System, default);
        Assert.Equal("whole", await Body(h, 2));
        var (answer, destroyed) = await Erase(h, node, Subject(Tag, "a letter of the 3rd"));
        Assert.Equal(Assert.Single(plan.Planned), Assert.Single(answer.Planned));
        Assert.Equal((2, 0, 0, 0), (destroyed, answer.Already, answer.Held, answer.Finished));
        Assert.Equal(["whole", "whole", "erased", "whole", "erased", "whole"], [await Body(h, 0), await Body(h, 1),
            await Body(h, 2), await Body(h, 3), await Body(h, 4), await Body(h, 5)]);
        Assert.Empty(Having(h.Town.Path(""), keys.Concat(Written(Tag, Secret))));
        var old = new byte[held.Length];
        held.ReadExactly(old);
        Assert.All(keys, k => Assert.True(old.AsSpan().IndexOf(k) < 0));

        // The claim names a count and a digest, and no decision.
        var claim = Assert.Single(answer.Planned);
        Assert.Equal((2, 0, 6), (claim.Count, claim.From, claim.To));
        // The node hands the order to the server itself.
        await h.Eventually(() => h.Town.State.Erasures.ContainsKey(claim.List),
            "the node has not handed it in");
        var entry = h.Town.State.Erasures[claim.List].Entry;
        await h.Eventually(() => h.Hosted.Table!.State.Erasures.ContainsKey(claim.List),
            "the node has not folded it");

        // Asked again: nothing to do, and nothing to state.
        var (again, none) = await Erase(h, node, new([Decision.Id(origin, 2), Decision.Id(origin, 4)], null, null, null,
            0));
        Assert.Equal((0, 2), (none, again.Already));
        Assert.Empty(again.Planned);
        Assert.Empty(again.Pending);
        Assert.Equal(0, (await Erase(h, node, Subject(Tag))).Destroyed);

        // Every proof stands; the receipt says erased.
        Assert.Equal(VerifyResult.Complete, ReceiptVerifier.Verify(receiptBefore, h.Town.Trust).Result);
        var receipt = ReceiptVerifier.Verify(await Receipt(h, node, 4), h.Town.Trust);
        Assert.Equal(VerifyResult.Complete, receipt.Result);
        Assert.Contains(receipt.Facts,
            f => f.Sentence.Contains($"erased, as entry {entry} states", StringComparison.Ordinal));
        Assert.DoesNotContain(ReceiptVerifier.Verify(await Receipt(h, node, 3), h.Town.Trust).Facts,
            f => f.Sentence.Contains("erased", StringComparison.Ordinal));
        Assert.Equal("stone", await h.Word());
        Assert.Equal("whole", await Body(h, 6));

        // The reason is in a file of its own; deleting it takes nothing else.
        var reason = Assert.Single(Having(h.Town.Path(""), Written("a letter of the 3rd")));
        File.Delete(reason);
        await h.StopNode();
        var report = GatewayTests.Verify(h);
        Assert.True(report.Result == VerifyResult.DeclaredGaps, string.Join('\n', report.Findings));
        Assert.Contains(report.Notes,
            n => n.Contains("keys and salts of 2 records were erased, as 1 entry declares", StringComparison.Ordinal));
    }

    static async Task<byte[]> Receipt(Hamlet h, NodeClient node, long index)
    {
        // The checkpoint is signed a moment before the state moves on, and the node goes on handing in: the receipt is
        // of what one checkpoint covers.
        var (replay, ledger) = (h.Town.Host.Admission.Replay, h.Town.Host.Log);
        var note = ledger.Checkpoint;
        Assert.True(Checkpoint.TryOpen(note, ledger.Key, out var covers, out var error), error);
        var size = covers.Size;
        await h.Eventually(() => replay.State.Size >= size, "the server does not fold what it signed");
        var state = replay.At(size);
        var log = state.Logs[h.Hosted!.Log!.Origin];
        var anchor = Stele.Proof.Packs.Receipt.AnchorOf(replay, log.Origin, index, size)!.Value;
        var decision = Decision.Parse(h.Hosted.Log.Log.ReadEntry(index));
        var receipt = Stele.Proof.Packs.Receipt.Build(replay, d => File.ReadAllBytes(h.Town.Host.Blobs.PathOf(d)),
            new ProvenTree(note, size, i => ledger.InclusionProof(i, size)), log.Origin,
            new ProvenTree(anchor.Anchor.Checkpoint, anchor.Size,
                i => node.InclusionProof(log, i, anchor.Size, default)), index, decision,
            erased: await node.Erased(log.Origin, index, default) is var (list, shown)
                ? new ErasedIn(state.Erasures[list].Entry, shown)
                : null);
        return receipt.Encode();
    }

    [Fact]
    public async Task A_principals_decisions_and_its_token_go_together()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var (id, token) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], [Hamlet.Place]);
        for (var i = 0; i < 4; i++)
            Assert.Equal(HttpStatusCode.OK, (await h.Ask("/say", $"{{\"n\":{i}}}", i % 2 == 0 ? token : null)).Status);
        var digest = Digest.Of(Encoding.UTF8.GetBytes(token)).ToString();
        Assert.Equal([h.Folder.Principals], Having(h.Town.Path(""), Written(digest)));
        using var node = Client(h);
        await h.Eventually(() => h.Town.State.Logs[h.Hosted!.Log!.Origin].Anchor is { Size: 4 }
            && h.Hosted.Table!.State.Logs[h.Hosted.Log.Origin].Anchor is { Size: 4 }, "not anchored");
        Assert.Equal(2, (await Erase(h, node, Subject(id))).Destroyed);
        Assert.Equal(["erased", "whole", "erased", "whole"],
            [await Body(h, 0), await Body(h, 1), await Body(h, 2), await Body(h, 3)]);
        Assert.Empty(Having(h.Town.Path(""), Written(digest, token)));
        await h.Eventually(() => h.Ask("/say", token: token).Result.Status == HttpStatusCode.Unauthorized,
            "its token still opens the gateway");
        Assert.Equal("stone", await h.Word());
    }

    [Fact]
    public async Task A_subject_that_is_no_tag_is_refused_and_nothing_of_it_is_recorded()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        foreach (var bad in new[] { "two words", new string('x', 201) })
            Assert.Equal(HttpStatusCode.BadRequest, (await About(h, bad, "{}")).StatusCode);
        Assert.Equal(0, h.Hosted!.Log!.Log.Size);
        using var stranger = new HttpRequestMessage(HttpMethod.Post, new Uri(h.Node.Address,
            NodeRoutes.Root + "erasures")) { Content = new ByteArrayContent(Subject("x").ToJson().ToBytes()) };
        Assert.Equal(HttpStatusCode.Forbidden, (await h.Client.SendAsync(stranger)).StatusCode);
    }

    [Fact]
    public async Task A_hold_forbids_it_and_what_is_past_its_time_stays_while_it_is_held()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 6; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        var hold =
            await h.Town.Admit(h.Town.Act(new Hold(HoldAction.Place, Hamlet.System, Hamlet.Prod, origin, 2, 4, null,
                null)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        using var node = Client(h);
        var refused = await Assert.ThrowsAsync<CliError>(() =>
            node.Plan(Subject(Tag) with { Size = hold + 1 }, TimeProvider.System, default));
        Assert.Contains($"(on-hold): {origin}/2 is held by entry {hold}", refused.Message, StringComparison.Ordinal);
        Assert.Equal("whole", await Body(h, 0));

        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { Size: 6 }, "not anchored");
        var system = h.Town.State.Systems[Hamlet.System];
        await h.Town.Admit(
            h.Town.Act(new SystemStatement(system.Name, system.Entry, system.Owner, system.Risk, system.Environments)
        {
            Retention = new RetentionTerms(0, null),
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        var (answer, destroyed) = await Erase(h, node, new([], null, Hamlet.System, null, h.Town.State.Size));
        Assert.Equal((4, 2), (destroyed, answer.Held));
        Assert.Equal(["erased", "erased", "whole", "whole", "erased", "erased"], [await Body(h, 0), await Body(h, 1),
            await Body(h, 2), await Body(h, 3), await Body(h, 4), await Body(h, 5)]);
        // One statement for each side of what is held: neither touches it, so both are admitted.
        Assert.Equal([(0L, 2L, 2L), (4L, 6L, 2L)], answer.Planned.Select(c =>
            (c.From, c.To, c.Count)).Order());
        await h.Eventually(() => h.Town.State.Erasures.Count == 2, "the node has not handed them in");

        await h.Town.Admit(h.Town.Act(new Hold(HoldAction.Release, null, null, null, null, null, hold, null)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        var (rest, more) = await Erase(h, node, new([], null, Hamlet.System, null, h.Town.State.Size));
        Assert.Equal((2, 0), (more, rest.Held));
        await h.Eventually(() => h.Town.State.Erasures.Count == 3, "the node has not handed it in");
        Assert.Equal(6, h.Town.State.Erasures.Values.Sum(e => e.Count));
    }

    sealed class Crash : Exception;

    /// <summary>
    /// Broken off after each step, on the node's own folder: the next call finishes it, claims it once, and before that
    /// nothing was claimed that was not destroyed.
    /// </summary>
    [Theory]
    [InlineData("plan")]
    [InlineData("order")]
    [InlineData("intend")]
    [InlineData("destroy")]
    [InlineData("forget")]
    [InlineData("claim")]
    public async Task Broken_off_after_any_step_it_is_finished_by_the_next_call_and_counted_once(string step)
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var (id, token) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], [Hamlet.Place]);
        for (var i = 0; i < 4; i++) await h.Ask("/say", $"{{\"n\":{i}}}", i == 0 ? null : token);
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 4 }, "not anchored");
        await h.StopNode();
        var request = Subject(id, "why");
        if (step == "claim") Assert.Equal(3, Erase(h, On(h), request).Destroyed);
        else Assert.Throws<Crash>(() => Erase(h, On(h, step), request));
        Assert.Empty(h.Town.State.Erasures);
        var begun = step is not ("plan" or "order");
        if (!begun) Assert.Contains(TokenFile.All(h.Folder.Principals), p => p.Name == id);

        // What was begun is finished by the next call, whatever that asks for; what was not waits for its order, as one
        // plan.
        var second = On(h).Plan(request, h.Town.State, h.Town.Now);
        var third = On(h).Plan(request, h.Town.State, h.Town.Now);
        Assert.Equal((step == "intend" ? 3 : 0, 0), (second.Finished, third.Finished));
        var claim = Assert.Single(begun ? third.Pending : third.Planned);
        Assert.Equal(Assert.Single(begun ? second.Pending : second.Planned), claim);
        Assert.Equal(3, claim.Count);
        Assert.Empty(begun ? third.Planned : third.Pending);
        Assert.Equal(begun ? 0 : 3, On(h).Carry(Order(h, claim), 0, h.Town.State, h.Town.Now));
        Assert.DoesNotContain(TokenFile.All(h.Folder.Principals), p => p.Name == id);
        Assert.Equal(3, Assert.Single(On(h).Pending(h.Town.State, h.Town.Now)).Count);
        await State(h, claim);
        Assert.Empty(On(h).Pending(h.Town.State, h.Town.Now));
        var last = On(h).Plan(request, h.Town.State, h.Town.Now);
        Assert.Empty(last.Pending.Concat(last.Planned));

        // A day later, when plans lapse, what was carried out is shown as before.
        On(h).Plan(request, h.Town.State, h.Town.Now + Fold.MaxDelay + 1);
        Assert.Equal(claim.List, On(h).Proof(origin, 1, h.Town.State)?.List);

        // One who knows no better and states it again is refused.
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => State(h, claim));
        Assert.Contains("already-known", refused.ToString(), StringComparison.Ordinal);
        Assert.Equal(3, Assert.Single(h.Town.State.Erasures.Values).Count);
        var report = GatewayTests.Verify(h);
        Assert.True(report.Result == VerifyResult.DeclaredGaps, string.Join('\n', report.Findings));
    }

    /// <summary>
    /// A hold that came before the keys were gone keeps them; one that came after is told, and does not hide what was
    /// done.
    /// </summary>
    [Fact]
    public async Task A_hold_that_comes_between_the_steps_keeps_what_is_left()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 2; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        await h.StopNode();
        Task<long> Hold() =>
            h.Town.Admit(h.Town.Act(new Hold(HoldAction.Place, Hamlet.System, null, null, null, null,
                null, null)
        {
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);

        // Before it was planned, between plan and order, and between the order and the first key.
        var plan = Assert.Single(On(h).Plan(Subject(Tag), h.Town.State, h.Town.Now).Planned);
        var hold = await Hold();
        Assert.Equal(GatewayError.OnHold, Assert.Throws<GatewayException>(() =>
            On(h).Carry(Order(h, plan), 0, h.Town.State, h.Town.Now)).Error);
        Assert.Empty(Directory.EnumerateFiles(h.Folder.Erasures));
        async Task Release() => await h.Town.Admit(h.Town.Act(new Hold(HoldAction.Release, null, null,
            null, null, null, hold, null) { Nonce = "", Issued = 0 }), h.Town.Owner);
        await Release();
        Assert.Throws<Crash>(() => Erase(h, On(h, "intend"), Subject(Tag)));
        hold = await Hold();
        Assert.Equal(GatewayError.OnHold, Assert.Throws<GatewayException>(() =>
            On(h).Plan(Subject(Tag), h.Town.State, h.Town.Now)).Error);
        Assert.Empty(Directory.EnumerateFiles(h.Folder.Erasures));
        using (var log = DecisionLog.Open(h.Folder, origin, TimeProvider.System))
        using (var recorder = new Recorder(h.Folder, log))
            Assert.Equal(BodyState.Whole, recorder.Open(1, SealedBodies.Input).State);

        await Release();
        Assert.Throws<Crash>(() => Erase(h, On(h, "destroy"), Subject(Tag)));
        await Hold();
        var answer = On(h).Plan(new([], null, null, null, 0), h.Town.State, h.Town.Now);
        await State(h, Assert.Single(answer.Pending));
        Assert.Equal(2, Assert.Single(h.Town.State.Erasures.Values).Count);
    }

    /// <summary>Nothing is destroyed by anything less than owners' order of what was planned, less than a day old, as
    /// the node's own fold judges it.</summary>
    [Fact]
    public async Task Without_an_order_that_the_ledger_would_take_nothing_is_destroyed()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 3; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { Size: 3 }, "not anchored");
        using var node = Client(h);
        var claim = Assert.Single((await node.Plan(Subject(Tag), TimeProvider.System, default)).Planned);
        async Task Refused(string why, Envelope order)
        {
            var error = await Assert.ThrowsAsync<CliError>(() => node.Carry(order, 0, TimeProvider.System, default));
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
            for (var i = 0; i < 3; i++) Assert.Equal("whole", await Body(h, i));
        }
        await Refused("role-missing", Order(h, claim, null, h.Town.Builder));
        await Refused("role-missing", Order(h, claim, null, h.Town.Owner, h.Town.Builder));
        await Refused("unknown-signer", Order(h, claim, null, Citizen.New()));
        await Refused("outside-window", Order(h, claim, TimeSpan.FromHours(24.1)));
        foreach (var other in new[] { claim with { Count = 2 }, claim with { From = 1 }, claim with { To = 2 },
            claim with { Cause = ErasureCause.Retention }, claim with { Size = claim.Size - 1 } })
            await Refused("does not say what was planned", Order(h, other));
        await Refused("no plan with that list", Order(h, claim with { List = Digest.Of("another"u8) }));
        await Refused("signed erasure statement", Envelope.Sign(h.Town.Act(new Retention(origin, 1) { Nonce = "",
            Issued = 0 }).Encode(), h.Town.Owner.Key));

        // Two of two owners where the ledger asks for two: one is not enough.
        var second = Citizen.New();
        await h.Town.Admit(h.Town.Member(second, new Role(RoleName.Owner)), h.Town.Owner);
        await h.StopNode();
        var two = h.Town.State with { Threshold = 2 };
        Assert.Contains("too-few-owners", Assert.Throws<GatewayException>(() =>
            On(h).Carry(Order(h, claim), 0, two, h.Town.Now)).Message, StringComparison.Ordinal);
        Assert.Equal(3, On(h).Carry(Order(h, claim, null, h.Town.Owner, second), 0, two, h.Town.Now));
    }

    /// <summary>A plan waits for a day. Of two that mean the same decision, one can be carried out.</summary>
    [Fact]
    public async Task A_plan_lapses_after_a_day_and_no_decision_is_counted_in_two()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 3; i++) await About(h, i == 0 ? null : Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 3 }, "not anchored");
        await h.StopNode();
        var both = Assert.Single(On(h).Plan(Subject(Tag), h.Town.State, h.Town.Now).Planned);
        var one = Assert.Single(On(h).Plan(new([Decision.Id(origin, 1)], null, null, null, 0), h.Town.State,
            h.Town.Now).Planned);
        Assert.Equal(1, On(h).Carry(Order(h, one), 0, h.Town.State, h.Town.Now));
        Assert.Contains("erased meanwhile", Assert.Throws<GatewayException>(() =>
            On(h).Carry(Order(h, both), 0, h.Town.State, h.Town.Now)).Message, StringComparison.Ordinal);
        var rest = Assert.Single(On(h).Plan(Subject(Tag), h.Town.State, h.Town.Now).Planned);
        Assert.Equal(1, rest.Count);
        On(h).Plan(new([], null, null, null, 0), h.Town.State, h.Town.Now + Fold.MaxDelay + 1);
        Assert.Contains("no plan", Assert.Throws<GatewayException>(() =>
            On(h).Carry(Order(h, rest), 0, h.Town.State, h.Town.Now)).Message, StringComparison.Ordinal);
    }

    /// <summary>The owner is gone and nobody types anything: what was ordered is done and stated. Until it is, status
    /// and fsck say so.</summary>
    [Theory]
    [InlineData("intend")]
    [InlineData("destroy")]
    public async Task An_order_that_is_kept_is_carried_out_and_stated_by_the_next_start(string step)
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 2; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { Size: 2 }, "not anchored");
        await h.StopNode();
        Assert.Throws<Crash>(() => Erase(h, On(h, step), Subject(Tag)));
        var found = Check(h);
        Assert.Empty(found.Violations);
        if (step == "destroy") Assert.Contains(found.Remarks, r =>
            r.Contains("destroyed, not stated: 2 records", StringComparison.Ordinal));
        await h.StopServer();
        await h.Restart();
        bool Says() => h.Node.Pages.Status().Erasures is [var e]
            && e.Says.StartsWith("destroyed, not stated: 2 records", StringComparison.Ordinal)
            && e.Ordered;
        await h.Eventually(Says, "it does not say so");
        await h.StartServer();
        await h.Eventually(() => h.Town.State.Erasures.Values.Any(e => e.Count == 2), "it was not stated");
        await h.Eventually(() => h.Node.Pages.Status().Erasures.IsEmpty, "it says so still");
        Assert.Equal("erased", await Body(h, 1));
        await h.StopNode();
        Assert.DoesNotContain(Check(h).Remarks, r => r.Contains("not stated", StringComparison.Ordinal));
    }

    static Stele.Ledger.Findings Check(Hamlet h)
    {
        var found = new Stele.Ledger.Findings(h.Folder.Path);
        NodeFsck.Check(h.Folder, h.Town.Trust, found, default);
        return found;
    }

    [Fact]
    public async Task Keys_that_are_gone_without_an_order_are_found()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 3; i++) await About(h, Tag, $"{{\"n\":{i}}}");
        Assert.Equal(2, h.Node.Erase(h.Hosted!.Log!, new HashSet<long> { 0, 2 }));
        await h.StopNode();
        Assert.Contains("the keys of 2 decisions were destroyed, and no erasure lists them",
            Assert.Single(Check(h).Violations).Problem, StringComparison.Ordinal);
    }

    /// <summary>Each right opens its own pages and no others, at the node, whatever a client thinks of it.</summary>
    [Fact]
    public async Task Each_act_on_a_node_takes_a_right_of_its_own()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        await About(h, Tag, "{}");
        var origin = h.Hosted!.Log!.Origin;
        var hex = NodeFolder.NameOf(origin);
        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { Size: 1 }, "not anchored");
        var claim = Assert.Single((await Client(h).Plan(Subject(Tag), TimeProvider.System, default)).Planned);
        (Rights Right, HttpMethod Method, string Path, byte[]? Body)[] acts =
        [
            (Rights.Logs, HttpMethod.Get, "status", null), (Rights.Logs, HttpMethod.Get, $"logs/{hex}/checkpoint",
                null), (Rights.Logs, HttpMethod.Get, $"decisions/{hex}/0", null),
            (Rights.Logs, HttpMethod.Get, $"receipts/{origin}/0?early", null),
                (Rights.Bodies, HttpMethod.Get, $"bodies/{hex}/0", null),
            (Rights.Bodies, HttpMethod.Post, "replay", []),
                (Rights.Erase, HttpMethod.Post, "erasures", Subject("x").ToJson().ToBytes()),
            (Rights.Administer, HttpMethod.Get, "reads", null),
                (Rights.Erase, HttpMethod.Post, "erasures/orders?size=0", Order(h, claim).ToJson().ToBytes()),
        ];
        foreach (var holder in new[] { Rights.Logs, Rights.Bodies, Rights.Administer, Rights.Decide, Rights.Erase })
        {
            var token = h.TokenWith("someone", holder);
            foreach (var (right, method, path, body) in acts)
            {
                using var request = new HttpRequestMessage(method, new Uri(h.Node.Address, "/-/" + path)) { Content =
                    body is null ? null : new ByteArrayContent(body) };
                request.Headers.Authorization = new("Bearer", token);
                using var answer = await h.Client.SendAsync(request);
                if (right == holder)
                    Assert.False(answer.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized,
                        $"{holder}: {path}: {answer.StatusCode}");
                else Assert.True(answer.StatusCode == (holder == Rights.Decide
                    && path.StartsWith("receipts", StringComparison.Ordinal) ? HttpStatusCode.NotFound
                    : HttpStatusCode.Forbidden), $"{holder}: {path}: {answer.StatusCode}");
            }
            Assert.Equal(holder == Rights.Decide ? HttpStatusCode.OK : HttpStatusCode.Unauthorized,
                holder == Rights.Decide ? HttpStatusCode.OK : (await h.Ask("/say", token: token)).Status);
        }
        Assert.Equal("erased", await Body(h, 0));
    }

    [Fact]
    public async Task Each_opening_of_a_body_is_recorded_before_it_is_answered()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        for (var i = 0; i < 2; i++) await About(h, Tag, "{}");
        var origin = h.Hosted!.Log!.Origin;
        using var reader = new NodeClient(h.Node.Address.ToString(), h.TokenWith("reader", Rights.Bodies));
        Assert.NotNull(await reader.Bodies(origin, 1, default));
        await Body(h, 0);
        using var owner = Client(h);
        var reads = await owner.Reads(null, default);
        Assert.Equal([("reader", Decision.Id(origin, 1)), ("owner", Decision.Id(origin, 0))],
            reads.Select(r => (r.Who, r.Decision)));
        Assert.Equal(("owner", Decision.Id(origin, 0)), (await owner.Reads(1, default)).Select(r =>
            (r.Who, r.Decision)).Single());
        Assert.Equal(Files.Secret, File.GetUnixFileMode(h.Folder.Reads));
        await h.StopNode();
        await h.Restart();
        await h.Eventually(() => h.Hosted?.Log is not null, "it does not open its log");
        using var again = Client(h);
        Assert.Equal(2, (await again.Reads(null, default)).Count);

        // What can't be recorded is not opened.
        var journal = (BodyReads)typeof(NodeHost).GetField("_reads",
            System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance)!.GetValue(h.Node)!;
        journal.Dispose();
        using var refused = new HttpRequestMessage(HttpMethod.Get,
            new Uri(h.Node.Address, $"/-/bodies/{NodeFolder.NameOf(origin)}/1"));
        refused.Headers.Authorization = new("Bearer", h.NodeToken);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await h.Client.SendAsync(refused)).StatusCode);
    }

    [Fact]
    public async Task A_principal_asks_its_own_environments_and_learns_nothing_of_others()
    {
        Hamlet.Needs();
        var (h, _) = await Hamlet.Serving();
        await using var _ = h;
        var (_, elsewhere) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], ["other/prod", "more"]);
        var (_, whole) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], [Hamlet.System]);
        var refused = await h.Ask("/say", token: elsewhere);
        Assert.Equal((HttpStatusCode.Forbidden, "forbidden"), (refused.Status, refused.Body["code"].AsString));
        Assert.Equal("this principal may ask more, other/prod alone", refused.Body["message"].AsString);
        // The same for one that is not: what is there can't be told.
        Assert.Equal(refused.Body, (await h.Ask("/../../nowhere/prod/say", token: elsewhere)).Body);
        Assert.Equal(HttpStatusCode.NotFound, (await h.Ask("/../../more/prod/say", token: elsewhere)).Status);
        Assert.Equal(HttpStatusCode.OK, (await h.Ask("/say", token: whole)).Status);
        Assert.Equal(1, h.Hosted!.Log!.Log.Size);
    }

    [Fact]
    public async Task A_pruned_node_serves_on_and_its_pack_receipts_and_anchors_verify()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(terms: Hamlet.Quick with { SegmentBytes = 16 << 10 });
        await using var _ = h;
        var origin = h.Hosted!.Log!.Origin;
        // A busy machine may have a request refused, unrecorded, while the release is looked at or started again.
        await Parallel.ForEachAsync(Enumerable.Range(0, 540), new ParallelOptions { MaxDegreeOfParallelism = 8 },
            async (i, stop) =>
            {
                for (var attempt = 0; (await h.Ask("/say", $"{{\"n\":{i}}}")) is var asked
                    && asked.Status != HttpStatusCode.OK; attempt++)
                {
                    Assert.True(attempt < 100, $"{asked.Status}: {asked.Body}");
                    await Task.Delay(200, stop);
                }
            });
        var size = h.Hosted.Log.Log.Size;
        Assert.InRange(size, 540, 767);
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { } a && a.Size == size, "not anchored");
        var system = h.Town.State.Systems[Hamlet.System];
        await h.Town.Admit(
            h.Town.Act(new SystemStatement(system.Name, system.Entry, system.Owner, system.Risk, system.Environments)
        {
            Retention = new RetentionTerms(0, 0),
            Nonce = "",
            Issued = 0
        }), h.Town.Owner);
        await h.Town.Admit(h.Town.Act(new Retention(origin, 530) { Nonce = "", Issued = 0 }), h.Town.Owner);
        var keys = KeyBytes(h, 7);
        await h.StopNode();
        var fact = h.Town.State.Logs[origin];
        Assert.Contains("admits a floor of 530", NodePruning.Objection(fact, h.Town.State, 0, 531),
            StringComparison.Ordinal);
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
        var next = await h.Ask("/say");
        Assert.True(next.Status == HttpStatusCode.OK, $"{next.Status}: {next.Body}");
        Assert.Equal($"{origin}/{size}", next.Answer.Headers.GetValues("Stele-Decision").Single());
        await h.Eventually(() => h.Town.State.Logs[origin].Anchor is { } a && a.Size == size + 1,
            "not anchored after pruning");
        foreach (var index in new[] { begins, 530, size })
            Assert.Equal(VerifyResult.Complete,
                ReceiptVerifier.Verify(await Receipt(h, node, index), h.Town.Trust).Result);
        var offered = await node.Log(h.Town.State.Logs[origin], default);
        Assert.Equal((begins, size + 1 - begins), (offered!.Floor!.Size, offered.Leaves.Count()));
        await h.StopNode();
        var found = new Stele.Ledger.Findings(h.Folder.Path);
        NodeFsck.Check(h.Folder, h.Town.Trust, found, default);
        Assert.Empty(found.Violations);
        Assert.Contains(found.Remarks,
            r => r.EndsWith($"begins at {begins}: what was below was pruned", StringComparison.Ordinal));
        var report = GatewayTests.Verify(h);
        Assert.True(report.Result == VerifyResult.DeclaredGaps, string.Join('\n', report.Findings));
        Assert.Contains(report.Notes,
            n => n.Contains($"{begins} leaves were pruned, below the floor of 530", StringComparison.Ordinal));
    }
}
