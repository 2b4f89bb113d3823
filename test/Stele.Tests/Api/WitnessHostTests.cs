using System.Net;
using System.Text;
using Stele.Api;
using Stele.Ledger;
using Stele.Proof;
using Stele.Tests.Ledger;

namespace Stele.Tests.Api;

/// <summary>The witness's HTTP: statuses of both editions, content types, caps, and the page for monitors.</summary>
public sealed class WitnessHostTests
{
    static readonly CancellationToken Stop = CancellationToken.None;
    static readonly string Hex = Digest.Of(Encoding.UTF8.GetBytes(Ledgers.Origin)).Hex;

    static async Task<(HttpStatusCode Status, string? Type, string Body)> Post(HttpClient http, string path,
        string body)
    {
        using var answer = await http.PostAsync(path, new StringContent(body, Encoding.UTF8), Stop);
        return (answer.StatusCode, answer.Content.Headers.ContentType?.ToString(),
            await answer.Content.ReadAsStringAsync(Stop));
    }

    [Theory]
    [InlineData(WitnessDialect.Main, HttpStatusCode.UnprocessableEntity)]
    [InlineData(WitnessDialect.V1_0_0, HttpStatusCode.Conflict)]
    internal async Task A_second_tree_of_one_size_is_answered_in_the_dialect_asked_for(WitnessDialect dialect,
        HttpStatusCode status)
    {
        using var ledgers = new Ledgers();
        using var witness = Witness.Open(ledgers.At("witness"), "w", [ledgers.Signer.Key], TimeProvider.System);
        var told = new List<string>();
        await using var host = await WitnessHost.Start(witness, IPAddress.Loopback, 0, dialect, TimeProvider.System,
            told.Add);
        using var http = new HttpClient { BaseAddress = host.Address };
        string Note(string leaf) =>
            ledgers.Signer.Sign(new Checkpoint(Ledgers.Origin, 1, Merkle.Leaf(Encoding.UTF8.GetBytes(leaf))).Text)
                .ToString();

        Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync($"{Hex}/checkpoint", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await Post(http, "add-checkpoint", "old 0\n\n" + Note("a"))).Status);
        var fork = await Post(http, "add-checkpoint", "old 1\n\n" + Note("b"));
        Assert.Equal((status, ProblemDocument.MediaType), (fork.Status, fork.Type));
        Assert.Contains("fork", fork.Body, StringComparison.Ordinal);
        Assert.Contains("fork", Assert.Single(told), StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.Conflict, "text/x.tlog.size", "1\n"),
            await Post(http, "add-checkpoint", "old 0\n\n" + Note("b")));

        using var latest = await http.GetAsync($"{Hex}/checkpoint", Stop);
        Assert.Equal("text/plain; charset=utf-8", latest.Content.Headers.ContentType!.ToString());
        Assert.Equal(NoteTrust.Verified, Stele.Proof.Note.Parse(await latest.Content.ReadAsStringAsync(Stop))
            .Verify([ledgers.Signer.Key, .. witness.Keys], out var verified));
        Assert.Equal(2, verified.Length);
    }

    [Fact]
    public async Task What_it_does_not_take_costs_it_nothing()
    {
        using var ledgers = new Ledgers();
        using var witness = Witness.Open(ledgers.At("witness"), "w", [ledgers.Signer.Key], TimeProvider.System);
        await using var host = await WitnessHost.Start(witness, IPAddress.Loopback, 0, WitnessDialect.Main,
            TimeProvider.System, _ => { });
        using var http = new HttpClient { BaseAddress = host.Address };
        using (var patient = new HttpClient(new SocketsHttpHandler { Expect100ContinueTimeout =
            TimeSpan.FromMinutes(1) }) { BaseAddress = host.Address })
        {
            // Refused by its length alone: nothing of it is sent.
            using var request = new HttpRequestMessage(HttpMethod.Post,
                "add-checkpoint") { Content = new StringContent(new string('x', WitnessRequest.MaxBytes + 1)) };
            request.Headers.ExpectContinue = true;
            Assert.Equal(HttpStatusCode.RequestEntityTooLarge, (await patient.SendAsync(request, Stop)).StatusCode);
        }
        Assert.Equal(HttpStatusCode.BadRequest, (await Post(http, "add-checkpoint", "")).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await http.GetAsync("add-checkpoint", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await Post(http, "other", "")).Status);
        foreach (var path in (string[])["", "checkpoint", $"{Hex.ToUpperInvariant()}/checkpoint", $"{Hex}/checkpoint/",
            "../key", $"logs/{Hex}/checkpoint"])
            Assert.Equal(HttpStatusCode.NotFound, (await http.GetAsync(path, Stop)).StatusCode);
        Assert.Empty(Directory.GetFiles(ledgers.At("witness"), "checkpoint", SearchOption.AllDirectories));
    }
}
