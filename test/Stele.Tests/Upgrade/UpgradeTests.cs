using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.InteropServices;
using System.Text;
using Stele.Build;
using Stele.Disk;
using Stele.Host;
using Stele.Proof;
using Stele.Proof.Decisions;
using Stele.Proof.Packs;
using Stele.Runtime;
using Stele.Tests.Whole;

namespace Stele.Tests.Upgrade;

/// <summary>
/// Worlds that earlier builds left, killed in the middle of their work: this build brings each of them back to life,
/// loses nothing of it, and judges what was handed out then as it was judged then.
/// </summary>
public sealed class UpgradeTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Kept => [.. KeptWorld.Names];

    [Fact]
    public void Every_kept_world_is_as_it_was_kept()
    {
        Assert.NotEmpty(KeptWorld.Names);
        foreach (var name in KeptWorld.Names)
        {
            using var world = new KeptWorld(name);
            var archive = File.ReadAllBytes(KeptWorld.ArchiveOf(name));
            Assert.InRange(archive.Length, 1, 4_000_000);
            Assert.Equal(world.Facts["archive"].AsDigest, Digest.Of(archive));
            var handedOut = Ordered(Directory.GetFiles(Path.Combine(world.Folder, "kept")));
            Assert.Equal(handedOut, Ordered(world.HandedOut.Select(h => h.File)));
            // Modes came along: a key that others may read would be refused.
            Assert.Equal(Files.Secret, File.GetUnixFileMode(Path.Combine(world.Folder, "node", "member.pem")));
        }

        static string[] Ordered(IEnumerable<string> files) => [.. files.Order(StringComparer.Ordinal)];
    }

    [Theory]
    [MemberData(nameof(Kept))]
    public async Task What_was_handed_out_is_judged_as_it_was_then(string name)
    {
        using var world = new KeptWorld(name);
        var judged = new List<(string, long)>();
        foreach (var (kind, file, _) in world.HandedOut)
        {
            var verified = await Programs.Run(Programs.Verify, [kind, file, "--trust", world.Trust]);
            judged.Add((Path.GetFileName(file), verified.Code));
        }
        Assert.Equal(world.HandedOut.Select(h => (Path.GetFileName(h.File), h.Code)), judged);
    }

    [Theory]
    [MemberData(nameof(Kept))]
    public async Task It_comes_back_to_life(string name)
    {
        Assert.SkipUnless(Sandbox.Available, "bubblewrap is not installed: apt-get install bubblewrap");
        Assert.SkipUnless(RuntimeInformation.OSArchitecture == Architecture.X64, "what runs in it is for x86-64");
        using var world = new KeptWorld(name);
        Assert.SkipWhen(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() < world.Facts["made"].AsInt,
            "this machine's clock is before the time when the world was made, and no server goes back in time");
        var (entries, recorded) = (world.Facts["entries"].AsInt, world.Facts["recorded"].AsInt);
        var (pruned, erased) = (world.Facts["pruned"].AsInt, world.Facts["erased"].AsInt);
        var ordered = world.IsOrdered;
        string[] pending = [.. new[] { "begun", "unstated" }.Where(world.Has)];

        // As it was found: killed, and whole. What is not there any more is named.
        var found = await Fsck();
        Assert.Contains(found["remarks"].AsArray, r => r.AsString.Contains("moved, from ", StringComparison.Ordinal));

        using var pages = new NodePages(world.Folder);
        var gateway = new Uri("about:blank");
        var trust = Trust.Parse(File.ReadAllBytes(world.Trust));
        string[] quick = ["--port", "0", "--gateway-port", "0", "--anchor", "1", "--inspect", "1"];
        await using (var up = await Up.Start(world.Folder, world.Owner, quick))
        {
            gateway = up.Gateway;
            Assert.Equal(recorded, (await pages.Serving(gateway, "desk"))["log"]["size"].AsInt);

            // The ledger up to then folds to the state of then; what came after the last anchor is anchored; and the
            // node sees that all agrees.
            var then = await Say("status", "--at", (entries - 1).ToString(CultureInfo.InvariantCulture));
            Assert.Equal(world.Facts["state"].AsDigest, then["state"].AsDigest);
            var status = then;
            await RestartTests.Eventually(async () =>
            {
                status = await Say("status");
                return Place(status)["observation"] is { } o && o["event"].AsString == "started" && o["agrees"].AsBool
                    && o["entry"].AsInt >= entries && Log(status)["anchor"]["size"].AsInt >= recorded;
            });
            Assert.Equal(world.Facts["floor"].AsInt, Log(status)["floor"].AsInt);
            Assert.InRange(Log(status)["erased"].AsInt, erased, erased + (ordered ? 1 : 0));
            Assert.Equal(Head(then), Head(status));

            // Old decisions, each told by what became of it.
            foreach (var (fate, body) in new[]
            {
                ("whole", "whole"), ("held", "whole"), ("begun", ordered ? "erased" : "whole"), ("fresh", "whole"),
                ("erased", "erased"), ("subject", "erased"), ("unstated", "erased"), ("denied", "whole"),
            }.Where(f => world.Has(f.Item1)))
            {
                Assert.Equal((fate, body), (fate, await Body(fate)));
                await Receipt(fate);
            }
            foreach (var gone in new[] { "pruned", "moved" })
                await Refused("does not have the decision", "trace", world.Decision(gone));
            var trace = await Say("trace", world.Decision("whole"));
            Assert.Equal(world.Decision("whole"), trace["decision"]["id"].AsString);
            var receipt = world.At("receipt.json");
            await Say("receipt", world.Decision("whole"), "--wait", "--out", receipt);
            var judged = await Programs.Run(Programs.Verify, ["receipt", receipt, "--trust", world.Trust]);
            Assert.Equal((int)VerifyResult.Complete, judged.Succeeded().Code);

            // Erasures were pending: of one there was but the list, with the order in worlds that have orders; another
            // had destroyed what the ledger could not be told of yet. What has its order is finished by the start, and
            // stated unless the order is too old by now. All are finished and stated in the end; then nothing is left
            // to do.
            var finished = await Say("erase", world.Decision("begun"));
            Assert.Equal((0, ordered ? 0 : 1), (finished["destroyed"].AsInt, finished["finished"].AsInt));
            Assert.Equal(0, finished["waiting"].AsInt);
            Assert.All(finished["entries"].AsArray,
                e => Assert.Equal((world.Log, 1L), (e["log"].AsString, e["count"].AsInt)));
            if (!ordered) Assert.Equal(pending.Length, finished["entries"].AsArray.Length);
            var again = await Say("erase", [.. pending.Select(world.Decision)]);
            Assert.Equal((0, pending.Length), (again["destroyed"].AsInt, again["already"].AsInt));
            Assert.Empty(again["entries"].AsArray);
            foreach (var fate in pending)
            {
                Assert.Equal((fate, "erased"), (fate, await Body(fate)));
                await Receipt(fate);
            }
            Assert.Equal(erased + pending.Length, Log(await Say("status"))["erased"].AsInt);
            await Refused("on-hold", "erase", world.Decision("held"));

            // The clerk of those days asks again, and gets the next number.
            var (code, decision, answer) = await Ask();
            Assert.Equal((HttpStatusCode.OK, $"{world.Log}/{recorded}"), (code, decision));
            Assert.Contains("\"approve\"", answer, StringComparison.Ordinal);
            Assert.Equal((0, ""), await up.Stop());
        }
        Assert.Empty(Programs.About(world.Folder));

        // What was moved is put back, and is all there.
        await using (var server = await Up.Start(world.Folder, world.Owner, "--only", "server", "--port", "0"))
        {
            var attached = await Say("log", "attach", "desk/prod", "--from", world.Cold, "--data", world.Folder);
            Assert.Equal(pruned, attached["begins"].AsInt);
            await Export();
            Assert.Equal((0, ""), await server.Stop());
        }
        await Fsck();

        Task<Json> Say(string verb, params string[] arguments) => Programs.Say(world.Owner, [verb, .. arguments]);

        async Task<Json> Fsck()
        {
            var checkedAll = await Say("fsck", "--data", world.Folder);
            Assert.Empty(checkedAll["violations"].AsArray);
            return checkedAll;
        }

        async Task Refused(string why, params string[] arguments)
        {
            var told = await Programs.Cli(world.Owner, arguments);
            Assert.Equal(1, told.Code);
            Assert.Contains(why, told.Error, StringComparison.Ordinal);
        }

        async Task<string> Body(string fate)
        {
            Assert.True(Decision.TryParseId(world.Decision(fate), out var origin, out var index));
            var bodies = await pages.Get(gateway, $"bodies/{NodeFolder.NameOf(origin)}/{index}");
            return Assert.Single(bodies.AsObject.Select(b => b.Value["state"].AsString).Distinct());
        }

        // As the node hands it out; full, as everything is anchored by now.
        async Task Receipt(string fate)
        {
            var receipt = (await pages.Get(gateway, $"receipts/{world.Decision(fate)}")).ToBytes();
            var report = ReceiptVerifier.Verify(receipt, trust);
            Assert.Equal((fate, ""), (fate, string.Join('\n', report.Findings)));
            Assert.Equal((fate, VerifyResult.Complete), (fate, report.Result));
        }

        async Task<(HttpStatusCode Code, string? Decision, string Answer)> Ask()
        {
            using var client = new HttpClient();
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(gateway, "desk/prod/decide"));
            request.Content = new StringContent("""{"amount":150}""", Encoding.UTF8, "application/json");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", world.Facts["clerk"].AsString);
            using var answer = await client.SendAsync(request, Stop);
            var decision = answer.Headers.TryGetValues("Stele-Decision", out var ids) ? ids.Single() : null;
            return (answer.StatusCode, decision, await answer.Content.ReadAsStringAsync(Stop));
        }

        // Complete but for what was pruned, as the ledger declares: nothing else is missing, neither entries nor
        // decisions.
        async Task Export()
        {
            var file = world.At("pack.zip");
            await Say("audit", "export", "--out", file, "--data", world.Folder);
            var verified = await Programs.Run(Programs.Verify, ["pack", file, "--trust", world.Trust]);
            Assert.True(verified.Code == (int)VerifyResult.DeclaredGaps, verified.Output + verified.Error);
            Assert.Contains($"{pruned} leaves were pruned", verified.Output, StringComparison.Ordinal);
            var pack = AuditPack.Open(file);
            var note = world.Facts["checkpoint"].AsString;
            Assert.True(Checkpoint.TryOpen(note, trust.Key, out var then, out var error), error);
            Assert.Equal(entries, then.Size);
            Assert.Equal(then.Root, Merkle.Root(pack.Entries.Take((int)entries).Select(e => Merkle.Leaf(e))));
            Assert.Equal(recorded + 1 - pruned, pack.Decisions.Count);
        }
    }

    static Json Place(Json status) =>
        status["systems"].AsArray.Single()["environments"].AsArray.Single(e => e["place"].AsString == "desk/prod");

    static Json Log(Json status) => status["logs"].AsArray.Single();

    /// <summary>What runs: the entry, and the releases with their shares.</summary>
    static string Head(Json status) => $"{Place(status)["head"]["entry"]} {Place(status)["head"]["routes"]}";
}
