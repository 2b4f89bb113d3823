using System.Net;
using System.Net.Http.Headers;
using Stele.Gateway;
using Stele.Identity;
using Stele.Proof.Packs;
using Stele.Tests.Host;

namespace Stele.Tests.Gateway;

/// <summary>
/// Anyone who asked may fetch the proof of it from the node itself: at once the early one, later the full one.
/// </summary>
public sealed class ReceiptPageTests
{
    [Fact]
    public async Task An_answer_has_its_early_receipt_at_once_and_the_full_one_when_it_is_anchored()
    {
        Hamlet.Needs();
        var (h, release) = await Hamlet.Serving(terms: Hamlet.Quick with { AnchorEvery = TimeSpan.FromHours(1) });
        await using var _ = h;
        var (_, _, answer) = await h.Ask("/say");
        var id = Assert.Single(answer.Headers.GetValues("Stele-Decision"));

        // Early: a self-contained file, from the node alone, with the token that the question was asked with.
        // Asked for, since the anchor that a change of head brings may be a moment late and have it already.
        var early = await Fetch(h, id + "?early", h.Token);
        Assert.Equal(HttpStatusCode.OK, early.Status);
        var report = ReceiptVerifier.Verify(early.Bytes, h.Town.Trust);
        Assert.Equal([], report.Findings.Select(f => f.ToString()));
        Assert.Equal(VerifyResult.Early, report.Result);
        Assert.Equal(release, Receipt.Parse(early.Bytes).Leaf.Decision.Release);

        // Nobody else is told; the node's own token opens it.
        var (_, guest) = TokenFile.AddPrincipal(h.Folder.Principals, ["desk"], [Hamlet.Place]);
        await h.Eventually(() => Fetch(h, id, guest).Result.Status == HttpStatusCode.NotFound,
            "another's decision is shown, or its token was never known");
        Assert.Equal(HttpStatusCode.Unauthorized, (await Fetch(h, id, "stele_" + new string('0', 64))).Status);
        Assert.Equal(HttpStatusCode.OK, (await Fetch(h, id, h.NodeToken)).Status);
        foreach (var none in new[] { id + "0", id[..^1] + "77", "elsewhere/0", id[..^2], "x" })
            Assert.Equal(HttpStatusCode.NotFound, (await Fetch(h, none, h.Token)).Status);

        // Full, once it is anchored; the early one is still to be had, and the two are one history.
        await h.Node.Node.Anchor(TestContext.Current.CancellationToken);
        await h.Eventually(() => ReceiptVerifier.Verify(Fetch(h, id, h.Token).Result.Bytes, h.Town.Trust).Result
            == VerifyResult.Complete, "no full receipt", 60);
        var full = await Fetch(h, id, h.Token);
        Assert.Equal(VerifyResult.Early, ReceiptVerifier.Verify(early.Bytes, h.Town.Trust).Result);
        var verdict = Fraud.Judge(early.Bytes, full.Bytes, h.Town.Trust);
        Assert.Equal(FraudVerdict.Consistent, verdict.Verdict);
        await h.Ask("/say");
        Assert.Equal(FraudVerdict.Consistent,
            Fraud.Judge((await Fetch(h, id + "?early", h.Token)).Bytes, full.Bytes, h.Town.Trust).Verdict);
        Assert.Equal(2, h.Hosted!.Log!.Log.Size);
    }

    static async Task<(HttpStatusCode Status, byte[] Bytes)> Fetch(Hamlet h, string id, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(h.Node.Address, "/-/receipts/" + id));
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await h.Client.SendAsync(request);
        return (answer.StatusCode, await answer.Content.ReadAsByteArrayAsync());
    }
}
