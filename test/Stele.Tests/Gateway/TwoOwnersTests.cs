using Stele.Cli;
using Stele.Gateway;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Governance;
using Stele.Proof.Statements;
using Stele.Tests.Control;
using Stele.Tests.Host;
using Stele.Tests.Whole;

namespace Stele.Tests.Gateway;

/// <summary>Erasing where two owners must sign: real server, real node, real commands.</summary>
public sealed class TwoOwnersTests
{
    static async Task<(Hamlet, string Origin)> Answered(int count)
    {
        var h = await Hamlet.Found(town: await Town.FoundByTwo());
        var release = await h.Release("v1", "stone");
        await h.Deploy(release);
        await h.Start();
        await h.OpenLog();
        await h.Serves(release);
        for (var i = 0; i < count; i++) await h.Ask("/say", $"{{\"n\":{i}}}");
        var origin = h.Hosted!.Log!.Origin;
        await h.Eventually(() => h.Hosted.Table!.State.Logs[origin].Anchor is { } a && a.Size == count, "not anchored");
        Assert.Equal(2, h.Hosted.Table!.State.Threshold);
        return (h, origin);
    }

    static async Task<string> Home(Hamlet h, string name, Citizen owner)
    {
        var folder = h.Town.Path(name);
        var home = Stele.Cli.Home.Open(folder);
        home.Store("default", owner.Key);
        home.Set(("member", owner.Id), ("key", "default"));
        var token = h.Town.Path(name + ".token");
        await File.WriteAllTextAsync(token, h.TokenWith(name, Stele.Identity.RightNames.OfNode) + "\n");
        (await Programs.Cli(folder, "login", h.Town.Host.Address.ToString(), "--token-file", h.Town.TokenInFile(),
            "--trust", h.Town.Folder.Trust, "--gateway", h.Node.Address.ToString(), "--node-token-file",
            token)).Succeeded();
        return folder;
    }

    static async Task<string> Body(Hamlet h, string origin, int index) => CanonicalJson.Parse(
        (await h.Page($"bodies/{NodeFolder.NameOf(origin)}/{index}"))!, 1 << 20)["input"]["state"].AsString;

    static ErasureRequest Of(Hamlet h, string origin, params long[] indices) =>
        new([.. indices.Select(i => Decision.Id(origin, i))], null, null, null, h.Town.State.Size);

    static Envelope Order(Hamlet h, ErasureClaim claim, TimeSpan ago = default, params Citizen[] by)
    {
        var statement = h.Town.Act(claim.Statement(h.Town.State, "", 0));
        return Envelope.Sign((statement with { Issued = statement.Issued - (long)ago.TotalMilliseconds }).Encode(),
            [.. (by.Length == 0 ? [h.Town.Owner, h.Town.Second!] : by).Select(b => b.Key)]);
    }

    [Fact]
    public async Task One_drafts_another_signs_the_node_destroys_and_the_ledger_has_it()
    {
        Hamlet.Needs();
        var (h, origin) = await Answered(3);
        await using var _ = h;
        var (first, second) = (await Home(h, "first", h.Town.Owner), await Home(h, "second", h.Town.Second!));
        var id = Decision.Id(origin, 1);

        // One owner alone: the command asks for a draft, and what is drafted destroys nothing.
        var alone = await Programs.Cli(first, "erase", id);
        Assert.Equal(2, alone.Code);
        Assert.Contains("2 owners must order it", alone.Error, StringComparison.Ordinal);
        var draft = h.Town.Path("order.json");
        var drafted = await Programs.Say(first, "erase", id, "--draft", draft);
        Assert.Equal((0, draft), (drafted["destroyed"].AsInt, drafted["draft"].AsString));
        // The same owner again is one owner still.
        var again = await Programs.Say(first, "erase", "--sign", draft);
        Assert.Equal((0, 1, 2), (again["destroyed"].AsInt, again["signatures"].AsInt, again["threshold"].AsInt));
        Assert.Empty(h.Town.State.Erasures);
        Assert.Equal("whole", await Body(h, origin, 1));

        var signed = await Programs.Say(second, "erase", "--sign", draft);
        Assert.Equal((1, 2), (signed["destroyed"].AsInt, signed["signatures"].AsInt));
        var stated = Assert.Single(h.Town.State.Erasures.Values);
        Assert.Equal(stated.Entry, Assert.Single(signed["entries"].AsArray).AsInt);
        Assert.Equal(["whole", "erased", "whole"],
            [await Body(h, origin, 0), await Body(h, origin, 1), await Body(h, origin, 2)]);
        var entry = h.Town.Host.Admission.Replay.Entries[(int)stated.Entry].Entry;
        Assert.Equal(2, entry.Envelope.Signatures.Length);

        // Signed once more by either, it is stated as before.
        var repeated = await Programs.Say(second, "erase", "--sign", draft);
        Assert.Equal((0, stated.Entry),
            (repeated["destroyed"].AsInt, Assert.Single(repeated["entries"].AsArray).AsInt));
        Assert.Single(h.Town.State.Erasures);
    }

    /// <summary>Over the node's own HTTP: what its fold does not accept destroys nothing.</summary>
    [Fact]
    public async Task What_is_no_order_of_two_owners_for_what_was_planned_is_refused_by_the_node()
    {
        Hamlet.Needs();
        var (h, origin) = await Answered(4);
        await using var _ = h;
        using var node = new NodeClient(h.Node.Address.ToString(), h.NodeToken);
        async Task<ErasureClaim> Planned(params long[] indices) => Assert.Single(
            (await node.Plan(Of(h, origin, indices), TimeProvider.System, default)).Planned);
        Task<long> Carry(Envelope order) => node.Carry(order, h.Town.State.Size, TimeProvider.System, default);
        async Task Refused(string why, Envelope order)
        {
            var error = await Assert.ThrowsAsync<CliError>(() => Carry(order));
            Assert.Contains(why, error.Message, StringComparison.Ordinal);
        }
        var claim = await Planned(1);
        await Refused("(too-few-owners): 1 of 2 owners signed", Order(h, claim, default, h.Town.Owner));
        await Refused("(too-few-owners): 1 of 2 owners signed", Order(h, claim, default, h.Town.Second!));
        await Refused("role-missing", Order(h, claim, default, h.Town.Owner, h.Town.Builder));
        // Older than a day: refused; the same plan signed again is carried out.
        await Refused("outside-window", Order(h, claim, TimeSpan.FromHours(24.1)));
        // For another plan: one that is not here, and one whose list is another's.
        await Refused("no plan with that list", Order(h, claim with { List = Digest.Of("another"u8) }));
        var other = await Planned(2);
        await Refused("does not say what was planned", Order(h, claim with { List = other.List, Count = 2 }));
        Assert.All(await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Body(h, origin, i))),
            state => Assert.Equal("whole", state));

        var order = Order(h, claim);
        Assert.Equal(1, await Carry(order));
        await h.Eventually(() => h.Hosted!.Table!.State.Erasures.ContainsKey(claim.List),
            "it is not stated");
        Assert.Equal("erased", await Body(h, origin, 1));
        // Replayed, and signed again for the same list: the ledger has it.
        await Refused("is this very order", order);
        await Refused("(already-known)", Order(h, claim));
        Assert.Single(h.Town.State.Erasures);

        // Held between plan and order.
        var hold = await h.Town.Admit(h.Town.Act(new Hold(HoldAction.Place, Hamlet.System, null, null, null, null, null,
            null) { Nonce = "", Issued = 0 }), h.Town.Owner);
        await Refused("on-hold", Order(h, other));
        Assert.Equal("whole", await Body(h, origin, 2));
        await h.Town.Admit(h.Town.Act(new Hold(HoldAction.Release, null, null, null, null, null, hold, null)
            { Nonce = "", Issued = 0 }), h.Town.Owner);
        await Refused("no plan with that list", Order(h, other));
        Assert.Equal("whole", await Body(h, origin, 2));
    }

    /// <summary>
    /// The server was away for longer than an order is good for: it is said, signed again, and stated.
    /// </summary>
    [Fact]
    public async Task What_was_destroyed_under_an_order_that_grew_old_is_stated_by_a_new_one()
    {
        Hamlet.Needs();
        var (h, origin) = await Answered(2);
        await using var _ = h;
        ErasureClaim claim;
        using (var node = new NodeClient(h.Node.Address.ToString(), h.NodeToken))
        {
            claim = Assert.Single((await node.Plan(Of(h, origin, 0), TimeProvider.System, default)).Planned);
            var order = Order(h, claim);
            await h.StopServer();
            Assert.Equal(1, await node.Carry(order, 0, TimeProvider.System, default));
        }
        await h.StopNode();
        // A day goes by.
        File.Delete(h.Folder.Outbox);
        await h.StartServer();
        var file = Path.Combine(h.Folder.Erasures, claim.List.Hex + ".order");
        await File.WriteAllBytesAsync(file, Order(h, claim, TimeSpan.FromHours(24.1)).ToJson().ToBytes());
        await h.Restart();
        await h.Eventually(() => h.Node.Pages.Status().Erasures is [var e] && !e.Ordered
            && e.Says.Contains("stele erase --pending", StringComparison.Ordinal), "it does not say so");

        var (first, second) = (await Home(h, "first", h.Town.Owner), await Home(h, "second", h.Town.Second!));
        var draft = h.Town.Path("again.json");
        await Programs.Say(first, "erase", "--pending", "--draft", draft);
        Assert.Empty(h.Town.State.Erasures);
        var signed = await Programs.Say(second, "erase", "--sign", draft);
        Assert.Equal(0, signed["destroyed"].AsInt);
        Assert.Equal(1, Assert.Single(h.Town.State.Erasures.Values).Count);
        await h.Eventually(() => h.Node.Pages.Status().Erasures.IsEmpty, "it says so still");
    }
}
